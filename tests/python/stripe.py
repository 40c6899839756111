"""Recharges paid through Stripe, against a server that keeps state as Stripe does (localstripe; see stripe_server.py).

`just stripe` runs it: python stripe.py COFFER. It starts both on ports of their own and checks each payment on both sides: at Coffer how
the recharge ended and what the balance is, at Stripe how many payments there are and of what. Exits with 1 at the first thing that is wrong.
"""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

from server import ADMIN_KEY, Server

SECRET = "whsec_of_the_test"
SETTINGS = {"STRIPE_API_KEY": "sk_test_of_the_test", "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_RETRY_FIRST_MS": 50, "STRIPE_TIMEOUT_S": 5,
            "STRIPE_LOOK_EVERY_S": 86_400}
GOOD, DECLINED, CONFIRMED = "4242424242424242", "4000000000000341", "4000002500003155"
PATIENCE_S = 20


def check(holds, what):
    if not holds:
        sys.exit(f"stripe: {what}")


class Stripe:
    """localstripe on a free port."""

    def __init__(self):
        program = Path(__file__).with_name("stripe_server.py")
        self.process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.until_up()

    def until_up(self):
        for _ in range(100):
            try:
                return self.ask("GET", "/v1/balance")
            except urllib.error.URLError:
                time.sleep(0.05)
        sys.exit("stripe: localstripe did not start")

    def ask(self, method, path, body=None, form=None):
        headers = {"Authorization": "Bearer sk_test_of_the_test"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode() if body is not None else urllib.parse.urlencode(form).encode() if form is not None else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers, method=method)) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def customer(self, number=None, iban=None):
        """A customer with a payment method that is its default: their ids."""
        customer = self.ask("POST", "/v1/customers", form={"description": "of the test"})["id"]
        if iban:
            form = {"type": "sepa_debit", "sepa_debit[iban]": iban, "billing_details[name]": "N", "billing_details[email]": "n@example.com"}
        else:
            form = {"type": "card", "card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2035", "card[cvc]": "123"}
        method = self.ask("POST", "/v1/payment_methods", form=form)["id"]
        self.ask("POST", f"/v1/payment_methods/{method}/attach", form={"customer": customer})
        self.ask("POST", f"/v1/customers/{customer}", form={"invoice_settings[default_payment_method]": method})
        return customer, method

    def intents(self, customer):
        return [one for one in self.ask("GET", "/v1/payment_intents?limit=1000")["data"] if one["customer"] == customer]

    def invoices(self, customer):
        return self.ask("GET", f"/v1/invoices?customer={customer}&limit=1000")["data"]

    def next(self, **told):
        self.ask("POST", "/_test/next", body=told)

    def send_to(self, server):
        form = {"url": server.url + "/v1/connectors/stripe/webhook", "secret": SECRET}
        self.ask("POST", "/_config/webhooks/coffer", form=form)

    def requests(self, path):
        return [one for one in self.ask("GET", "/_test/requests") if fnmatch(one["path"], path)]


class World:
    """Both sides."""

    def __init__(self, coffer, data):
        self.coffer, self.data, self.stripe, self.made = coffer, data, Stripe(), 0
        self.start()

    def start(self):
        self.server = Server(self.coffer, self.data, STRIPE_BASE_URL=self.stripe.url, **SETTINGS)
        self.stripe.send_to(self.server)

    def wallet(self, payer, method=None, invoicing=False, currency="usd", **rule):
        """A customer with 20 credits, and a rule that buys 50 at 10."""
        self.made += 1
        name = f"customer-{self.made}"
        metadata = {"stripe_customer": payer} if payer else {}
        metadata |= {"stripe_payment_method": method} if method else {}
        self.server.ask("POST", "/customers", {"external_id": name, "metadata": metadata})
        rule = {"enabled": True, "amount": "50", "threshold": "10", "invoicing": invoicing} | rule
        body = {"customer_id": name, "currency": currency, "conversion_rate": 1, "initial_credits_to_load": "20", "auto_topup": rule}
        return name, self.server.ask("POST", "/wallets", body)["id"]

    def debit(self, name, credits="15"):
        return self.server.ask("POST", f"/customers/{name}/debits", {"credits": credits})

    def recharges(self, wallet):
        return self.server.ask("GET", f"/recharges?wallet_id={wallet}")["items"]

    def ended(self, wallet):
        """The only recharge of a wallet, once it is not pending any more."""
        for _ in range(PATIENCE_S * 20):
            found = self.recharges(wallet)
            if found and found[0]["status"] != "pending":
                check(len(found) == 1, f"one recharge and not {len(found)}")
                return found[0]
            time.sleep(0.05)
        sys.exit(f"stripe: a recharge is pending after {PATIENCE_S} s: {found}")

    def waiting(self, payer):
        """The payment at Stripe that waits for its payer, once there is one."""
        for _ in range(PATIENCE_S * 20):
            intents = self.stripe.intents(payer)
            if intents:
                check([one["status"] for one in intents] == ["requires_action"], intents)
                return intents[0]
            time.sleep(0.05)
        sys.exit("stripe: there is no payment that waits")

    def until(self, holds, what):
        for _ in range(PATIENCE_S * 20):
            if holds():
                return
            time.sleep(0.05)
        sys.exit(f"stripe: not in {PATIENCE_S} s: {what}")

    def balance(self, name):
        return self.server.ask("GET", f"/customers/{name}/balance")["posted"]

    def metric(self, name):
        request = urllib.request.Request(self.server.url + "/metrics", headers={"x-api-key": ADMIN_KEY})
        with urllib.request.urlopen(request) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), None)

    def deliver(self, body, at=None, secret=SECRET, signed=None):
        """A message as Stripe would send it: the status, and what Coffer made of it."""
        at = int(time.time()) if at is None else at
        signature = hmac.new(secret.encode(), f"{at}.".encode() + (signed or body), hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": "application/json; charset=utf-8"}
        request = urllib.request.Request(self.server.url + "/v1/connectors/stripe/webhook", body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())["outcome"]
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["code"]


def a_good_card_is_charged_once(world):
    payer, method = world.stripe.customer(GOOD)
    name, wallet = world.wallet(payer, method)
    debited = world.debit(name)
    check(debited["recharge"]["status"] == "pending", f"a direct recharge is pending until its result: {debited}")
    check(world.balance(name) == "55", "its credit is there at once")
    recharge = world.ended(wallet)
    check((recharge["status"], recharge["reason"]) == ("completed", None), recharge)
    intents = world.stripe.intents(payer)
    check(len(intents) == 1, f"{len(intents)} payments")
    [intent] = intents
    check((intent["amount"], intent["currency"], intent["payment_method"], intent["status"]) == (5000, "usd", method, "succeeded"), intent)
    about = {"recharge_id": recharge["recharge_id"], "wallet_id": wallet, "customer_id": name}
    check(intent["metadata"] == about, intent["metadata"])
    asked = [one for one in world.stripe.requests("/v1/payment_intents") if recharge["recharge_id"] in one["body"]]
    check([one["key"] for one in asked] == [recharge["recharge_id"]], asked)
    check(asked[0]["version"] == "2024-06-20", asked)


def without_a_method_the_default_at_stripe_is_charged_and_yen_have_no_minor_unit(world):
    payer, method = world.stripe.customer(GOOD)
    name, wallet = world.wallet(payer, currency="jpy")
    world.debit(name)
    check(world.ended(wallet)["status"] == "completed", "it is paid")
    [intent] = world.stripe.intents(payer)
    check((intent["amount"], intent["currency"], intent["payment_method"]) == (50, "jpy", method), intent)


def a_declined_card_fails_with_its_reason_and_backs_off(world):
    payer, method = world.stripe.customer(DECLINED)
    name, wallet = world.wallet(payer, method)
    world.debit(name)
    recharge = world.ended(wallet)
    check((recharge["status"], recharge["reason"]) == ("failed", "card_declined"), recharge)
    check(recharge["next_attempt_at"] is not None, "it says when it tries again")
    check(world.balance(name) == "5", "the credit that was trusted is gone")
    world.debit(name, "1")
    check(len(world.recharges(wallet)) == 1, "it backs off")
    check(len(world.stripe.intents(payer)) == 1, "one attempt")


def an_invoiced_recharge_is_an_invoice_at_stripe(world):
    payer, method = world.stripe.customer(GOOD)
    # What waits for another invoice stays there.
    world.stripe.ask("POST", "/v1/invoiceitems", form={"customer": payer, "amount": "7700", "currency": "usd"})
    name, wallet = world.wallet(payer, method, invoicing=True)
    world.debit(name)
    recharge = world.ended(wallet)
    check((recharge["status"], recharge["reason"]) == ("completed", None), recharge)
    check(world.balance(name) == "55", "its credit is there when it is paid")
    [invoice] = world.stripe.invoices(payer)
    check((invoice["status"], invoice["total"], invoice["currency"]) == ("paid", 5000, "usd"), invoice)
    check(invoice["metadata"]["recharge_id"] == recharge["recharge_id"], invoice["metadata"])
    check(invoice["metadata"]["invoice_id"] == recharge["invoice_id"], invoice["metadata"])
    check([one["status"] for one in world.stripe.intents(payer)] == ["succeeded"], "one payment")


def an_invoiced_recharge_that_is_declined_leaves_no_invoice_open(world):
    payer, method = world.stripe.customer(DECLINED)
    name, wallet = world.wallet(payer, method, invoicing=True)
    world.debit(name)
    recharge = world.ended(wallet)
    check((recharge["status"], recharge["reason"]) == ("failed", "card_declined"), recharge)
    check(world.balance(name) == "5", "there never was any credit")
    for _ in range(PATIENCE_S * 20):
        [invoice] = world.stripe.invoices(payer)
        if invoice["status"] == "void":
            return
        time.sleep(0.05)
    sys.exit(f"stripe: the invoice is {invoice['status']}")


def an_invoiced_purchase_is_paid_the_same_way(world):
    payer, method = world.stripe.customer(GOOD)
    name, wallet = world.wallet(payer, method, enabled=False)
    body = {"credits_to_add": "123.45", "transaction_reason": "PURCHASED_CREDIT_INVOICED"}
    world.server.ask("POST", f"/wallets/{wallet}/top-up", body)
    recharge = world.ended(wallet)
    check((recharge["origin"], recharge["status"]) == ("top_up", "completed"), recharge)
    check(world.balance(name) == "143.45", world.balance(name))
    [invoice] = world.stripe.invoices(payer)
    check((invoice["status"], invoice["total"]) == ("paid", 12345), invoice)


def without_a_payer_it_fails_and_says_so(world):
    for payer, method in [(None, None), ("cus_unknown", "pm_card_visa")]:
        name, wallet = world.wallet(payer, method)
        world.debit(name)
        recharge = world.ended(wallet)
        reason = "payment_refused" if payer else "no_payment_method"
        check((recharge["status"], recharge["reason"]) == ("failed", reason), recharge)


def what_stripe_works_on_is_told_by_a_message(world):
    # Payments are looked at once a day here: only a message can have said so.
    for invoicing in False, True:
        payer, method = world.stripe.customer(CONFIRMED)
        name, wallet = world.wallet(payer, method, invoicing=invoicing)
        world.debit(name)
        intent = world.waiting(payer)
        check(world.recharges(wallet)[0]["status"] == "pending", "it is waited for")
        form = {"client_secret": intent["client_secret"], "success": "true"}
        world.stripe.ask("POST", f"/v1/payment_intents/{intent['id']}/_authenticate", form=form)
        check(world.ended(wallet)["status"] == "completed", "it is paid")
        check(world.balance(name) == "55", world.balance(name))
        check(len(world.stripe.intents(payer)) == 1, "one payment")
    payer, method = world.stripe.customer(iban="DE62370400440532013001")
    name, wallet = world.wallet(payer, method)
    world.debit(name)
    check(world.ended(wallet)["reason"] == "card_declined", "it failed later")


def what_fails_on_the_way_is_asked_again_and_paid_once(world):
    faults = [{"before": 500}, {"after": 500}, {"after": 502}, {"before": 429, "retry_after": 1}, {"before": 401}, {"delay": 6, "after": 504}]
    for invoicing, path in [(False, "/v1/payment_intents"), (True, "/v1/invoices"), (True, "/v1/invoiceitems")]:
        for fault in faults if not invoicing else faults[:2]:
            payer, method = world.stripe.customer(GOOD)
            world.stripe.next(path=path, **fault)
            name, wallet = world.wallet(payer, method, invoicing=invoicing)
            begun = time.monotonic()
            world.debit(name)
            check(time.monotonic() - begun < 1, "a debit waits for no payment")
            recharge = world.ended(wallet)
            check(recharge["status"] == "completed", f"{path} {fault}: {recharge}")
            if "retry_after" in fault:
                check(time.monotonic() - begun >= fault["retry_after"], "Retry-After is honoured")
            paid = [one for one in world.stripe.intents(payer) if one["status"] == "succeeded"]
            check(len(paid) == 1, f"{path} {fault}: {len(paid)} payments")
            check(sum(one["status"] == "paid" for one in world.stripe.invoices(payer)) == int(invoicing), "one paid invoice")


def a_kill_between_asking_and_the_answer_pays_once(world):
    for invoicing, path in [(False, "/v1/payment_intents"), (True, "/v1/invoices"), (True, "/v1/invoiceitems")]:
        payer, method = world.stripe.customer(GOOD)
        name, wallet = world.wallet(payer, method, invoicing=invoicing)
        # Longer than all that comes: the answer never arrives, and no message either.
        world.stripe.ask("POST", "/_config/webhooks/coffer", form={"url": "http://127.0.0.1:9/", "secret": SECRET})
        asked = len(world.stripe.requests(path))
        world.stripe.next(path=path, delay=30)
        world.debit(name)
        for _ in range(PATIENCE_S * 20):
            if len(world.stripe.requests(path)) > asked:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        check(world.recharges(wallet)[0]["status"] == "pending", "it is not known yet")
        os.kill(world.server.process.pid, signal.SIGKILL)
        world.server.process.wait()
        world.start()
        recharge = world.ended(wallet)
        check(recharge["status"] == "completed", recharge)
        check([one["status"] for one in world.stripe.intents(payer)] == ["succeeded"], "one payment, at Stripe too")
        check(len(world.stripe.invoices(payer)) == int(invoicing), "one invoice")
        check(world.balance(name) == "55", world.balance(name))


def only_stripes_messages_count_each_once(world):
    payer, method = world.stripe.customer(CONFIRMED)
    name, wallet = world.wallet(payer, method, invoicing=False)
    world.debit(name)
    intent = world.waiting(payer)

    def message(kind):
        return json.dumps(world.stripe.ask("POST", f"/_test/event/{intent['id']}", body={"type": kind})).encode()

    paid, failed = message("payment_intent.succeeded"), message("payment_intent.payment_failed")
    position = world.server.raw("GET", f"/customers/{name}/balance")[0]["X-Log-Position"]
    now = int(time.time())
    for what, told in {
        "with another secret": world.deliver(paid, secret="whsec_other"),
        "for another body": world.deliver(paid, signed=failed),
        "six minutes old": world.deliver(paid, at=now - 360),
        "six minutes ahead": world.deliver(paid, at=now + 360),
    }.items():
        check(told == (400, "validation_error"), f"signed {what}: {told}")
    check(world.recharges(wallet)[0]["status"] == "pending", "nothing has changed")
    check(world.server.raw("GET", f"/customers/{name}/balance")[0]["X-Log-Position"] == position, "nothing was recorded")
    contrary = world.metric('coffer_payment_messages_total{outcome="contrary"}')
    check(world.deliver(paid) == (200, "applied"), "it is paid")
    check(world.ended(wallet)["status"] == "completed", "it is paid")
    check(world.deliver(paid) == (200, "repeated"), "once")
    check(world.deliver(failed) == (200, "contrary"), "it stays paid")
    check(world.ended(wallet)["status"] == "completed", "it stays paid")
    check(world.balance(name) == "55", "the credit stays")
    check(world.metric('coffer_payment_messages_total{outcome="contrary"}') == contrary + 1, "somebody can see it")
    check(world.deliver(b'{"type": "charge.succeeded", "data": {"object": {}}}') == (200, "ignored"), "others are passed over")


def what_is_called_off_is_cancelled_at_stripe(world):
    payer, method = world.stripe.customer(CONFIRMED)
    name, wallet = world.wallet(payer, method, invoicing=False, enabled=False)
    world.server.ask("POST", f"/wallets/{wallet}/top-up", {"credits_to_add": "9", "transaction_reason": "PURCHASED_CREDIT_INVOICED"})
    world.waiting(payer)
    # The answer that says so is on its way.
    for _ in range(PATIENCE_S * 20):
        if world.metric("coffer_payments_in_flight") == 0:
            break
        time.sleep(0.05)
    [recharge] = world.recharges(wallet)
    world.server.ask("POST", f"/recharges/{recharge['recharge_id']}/cancel")
    for _ in range(PATIENCE_S * 20):
        [invoice] = world.stripe.invoices(payer)
        if invoice["status"] == "void":
            return
        time.sleep(0.05)
    sys.exit(f"stripe: the invoice is {invoice['status']}")


def what_ends_while_nobody_knows_of_its_payment_is_looked_for(world):
    # Its messages do not arrive either.
    world.stripe.ask("POST", "/_config/webhooks/coffer", form={"url": "http://127.0.0.1:9/", "secret": SECRET})
    counted = 'coffer_payment_messages_total{outcome="contrary"}'
    for path, fault, invoicing, left in [
        ("/v1/invoices/*/pay", {"delay": 30}, True, ["paid"]),
        ("/v1/payment_intents", {"delay": 30}, False, ["succeeded"]),
        # Stripe gets to it when nobody listens any more.
        ("/v1/payment_intents", {"hold": 7}, False, ["succeeded"]),
        # A draft, and nobody knows whether it has its line.
        ("/v1/invoiceitems", {"delay": 30}, True, []),
    ]:
        payer, method = world.stripe.customer(GOOD)
        name, wallet = world.wallet(payer, method, invoicing=invoicing)
        contrary = world.metric(counted)
        asked = len(world.stripe.requests(path))
        # Its answer comes too late, and meanwhile the recharge ends: credit that is there already cannot be called off.
        world.stripe.next(path=path, **fault)
        world.debit(name)
        world.until(lambda: len(world.stripe.requests(path)) > asked, f"{path} is asked for")
        [recharge] = world.recharges(wallet)
        world.server.ask("POST", f"/recharges/{recharge['recharge_id']}/{'cancel' if invoicing else 'fail'}")
        world.until(lambda: world.metric("coffer_payments_open") == 0, f"{path}: it is known what became of it")
        made = world.stripe.invoices(payer) if invoicing else world.stripe.intents(payer)
        check([one["status"] for one in made] == left, f"{path}: {made}")
        check(world.metric(counted) == contrary + len(left), f"{path}: a payment that nobody waited for is counted, once")
        check(world.ended(wallet)["status"] == ("cancelled" if invoicing else "failed"), "it stays so")
        check(world.balance(name) == "5", "no credit came of it")
    world.stripe.send_to(world.server)


def what_is_seen_from_outside(world):
    check(world.metric("coffer_payments_open") == 0, "nothing is open")
    check(world.metric("coffer_payments_following") == 1, "the log is followed")
    settings = world.server.ask("GET", "/settings")
    check(settings["payment_result"] is True, settings)
    try:
        world.server.ask("PUT", "/settings", {"payment_result": False})
        sys.exit("stripe: payment_result was switched off")
    except urllib.error.HTTPError as error:
        check(error.code == 409, f"{error.code} for switching payment_result off")
    env = {"COFFER_STRIPE_API_KEY": "sk_hunter2", "COFFER_STRIPE_WEBHOOK_SECRET": "whsec_hunter2", "PATH": os.environ["PATH"]}
    shown = subprocess.run([world.coffer, "config", "show"], env=env, capture_output=True, text=True, check=True).stdout
    check("hunter2" not in shown and "(not shown)" in shown, "secrets are not shown")


TESTS = [
    a_good_card_is_charged_once,
    without_a_method_the_default_at_stripe_is_charged_and_yen_have_no_minor_unit,
    a_declined_card_fails_with_its_reason_and_backs_off,
    an_invoiced_recharge_is_an_invoice_at_stripe,
    an_invoiced_recharge_that_is_declined_leaves_no_invoice_open,
    an_invoiced_purchase_is_paid_the_same_way,
    without_a_payer_it_fails_and_says_so,
    what_stripe_works_on_is_told_by_a_message,
    what_fails_on_the_way_is_asked_again_and_paid_once,
    only_stripes_messages_count_each_once,
    what_is_called_off_is_cancelled_at_stripe,
    what_ends_while_nobody_knows_of_its_payment_is_looked_for,
    what_is_seen_from_outside,
    a_kill_between_asking_and_the_answer_pays_once,
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        world = World(sys.argv[1], f"{folder}/data")
        try:
            for test in TESTS:
                begun = time.monotonic()
                test(world)
                print(f"{test.__name__.replace('_', ' ')}: {time.monotonic() - begun:.1f} s", flush=True)
            check(world.server.stop(), "the server ended in good order")
        finally:
            world.server.process.kill()
            world.stripe.process.kill()


main()
