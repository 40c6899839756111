#!/usr/bin/env python3
"""Webhooks of a real server, checked with the Standard Webhooks specification's own library for Python.

Starts a server and a receiver, changes credit, exchanges the secret, and verifies every delivery: right secrets pass, both of them while one is
exchanged for the other; a wrong secret, a changed body and an old timestamp do not.

    webhooks.py <coffer> [debits]
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

KEY = "an-admin-key-for-a-test"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Notes what comes, and takes it."""

    protocol_version = "HTTP/1.1"
    posts = []
    more = threading.Condition()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.more:
            self.posts.append((dict(self.headers.items()), body))
            self.more.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server:
    def __init__(self, program, data):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COFFER_")}
        environment |= {
            "COFFER_BOOTSTRAP_KEY": KEY,
            "COFFER_SEGMENT_BYTES": "2097152",
            "COFFER_WEBHOOK_ALLOW_HTTP": "true",
            "COFFER_WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "true",
        }
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data-dir", data]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "serving http://" in line:
                self.url = "http://" + line.split("serving http://")[1].split(",")[0].strip()
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": KEY, "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0


def wait_for(count):
    with Receiver.more:
        enough = Receiver.more.wait_for(lambda: len(Receiver.posts) >= count, timeout=60)
        assert enough, f"{len(Receiver.posts)} of {count} posts came"
        return list(Receiver.posts)


def refused(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def main():
    program, debits = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as data:
        server = Server(program, data)
        hook = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
        made = server.ask("POST", "/v1/webhook-endpoints", {"url": hook})
        server.ask("POST", "/v1/wallets", {"customer_id": "acmé", "currency": "usd", "initial_credits_to_load": str(debits)})
        for number in range(debits):
            words = {"description": f"tea № {number} \"ok\"", "metadata": {"k": "\u0001\u20ac\U0001f600"}}
            server.ask("POST", "/v1/customers/acm%C3%A9/debits", {"credits": "1"} | words)
        posts = wait_for(debits + 3)
        for headers, body in posts:
            event = Webhook(made["secret"]).verify(body, headers)
            assert event["id"] == headers["webhook-id"] and event["type"] and event["timestamp"], event
        after = [json.loads(body)["data"].get("credit_balance_after") for _, body in posts]
        assert after[-debits:] == [str(debits - 1 - number) for number in range(debits)], after
        headers, body = posts[-1]
        assert refused("whsec_" + "A" * 43 + "=", body, headers), "another secret"
        assert refused(made["secret"], body.replace(b"evt_", b"evt-", 1), headers), "another body"
        old = headers | {"webhook-timestamp": str(int(time.time()) - 3_600)}
        assert refused(made["secret"], body, old), "another time"
        rotated = server.ask("POST", f"/v1/webhook-endpoints/{made['id']}/rotate-secret", {"overlap_s": 600})
        server.ask("POST", "/v1/wallets", {"customer_id": "other", "currency": "usd"})
        for headers, body in wait_for(debits + 5)[-2:]:
            assert len(headers["webhook-signature"].split(" ")) == 2
            for secret in (made["secret"], rotated["secret"]):
                Webhook(secret).verify(body, headers)
        server.stop()
    print(f"{len(Receiver.posts)} deliveries verified with the Standard Webhooks library")


if __name__ == "__main__":
    main()
