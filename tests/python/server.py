"""A real server on a directory of its own, for programs that speak HTTP to it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

ADMIN_KEY = "an-admin-key-for-tests"


class Server:
    """Starts `coffer serve` on a free port; `settings` are environment variables without their COFFER_."""

    def __init__(self, coffer, data, **settings):
        env = {name: value for name, value in os.environ.items() if not name.startswith("COFFER_")}
        env |= {"COFFER_BOOTSTRAP_KEY": ADMIN_KEY} | {f"COFFER_{name}": str(value) for name, value in settings.items()}
        self.process = subprocess.Popen(
            [coffer, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"],
            env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )
        for line in self.process.stderr:
            if "serving http://" in line:
                self.url = "http://" + line.split("serving http://")[1].split(",")[0].strip()
                return
        sys.exit("the server did not start")

    def raw(self, method, path, body=None, key=ADMIN_KEY):
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": key, "content-type": "application/json"}
        request = urllib.request.Request(self.url + "/v1" + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.headers, answer.read()

    def ask(self, method, path, body=None, key=ADMIN_KEY):
        return json.loads(self.raw(method, path, body, key)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing of it is left, whatever happened."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it in good order, and says whether it did."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait() == 0
