"""Flexprice's official Python SDK, unmodified, against a real server: every call that Coffer speaks, and what it does.

`just sdks` runs it: python python_sdk.py COFFER [NODE_PROGRAM]. Each step makes a call, then looks at what it changed by another way.
With NODE_PROGRAM (typescript_sdk.mjs) the TypeScript SDK follows on the same server. Exits with 1 at the first thing that is wrong.
"""

import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import httpx
from flexprice import Flexprice
from flexprice.models import errors

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from server import Server  # noqa: E402

STEPS = []


def step(function):
    """A step; they run in the order in which they stand here."""
    STEPS.append(function)
    return function


def same(found, expected, what):
    if found != expected:
        sys.exit(f"python sdk: {what}: {found!r}, expected {expected!r}")


def instant_of(text):
    """RFC 3339 as an instant."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def text(instant):
    """An instant as RFC 3339."""
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def refused(status, call, what):
    """Calls and checks that it is refused with this status."""
    try:
        call()
    except errors.FlexpriceError as error:
        same(error.status_code, status, what)
        return error
    return sys.exit(f"python sdk: {what}: was not refused")


class World:
    """A tenant in test mode, so that time can be moved, and the SDK that speaks to it."""

    def __init__(self, server):
        made = server.ask("POST", "/tenants", {"name": "python-sdk", "test_mode": True})
        self.server, self.key = server, made["key"]["key"]
        self.sdk = Flexprice(server_url=server.url + "/v1", api_key_auth=self.key)

    def ask(self, method, path, body=None):
        return self.server.ask(method, path, body, self.key)

    def posted(self, wallet):
        return Decimal(self.sdk.wallets.get_wallet(id=wallet).credit_balance)

    def wallet(self, customer, **more):
        return self.sdk.wallets.create_wallet(currency="usd", external_customer_id=customer, **more)

    def now(self):
        return instant_of(self.ask("GET", "/test-clock")["now"])

    def move_to(self, instant):
        self.ask("POST", "/test-clock", {"now": text(instant)})


@step
def customers(world):
    sdk = world.sdk.customers
    made = sdk.create_customer(external_id="acme/eu 1", name="Acme", email="a@acme.example", metadata={"tier": "gold"})
    same((made.external_id, made.name, made.email, made.metadata), ("acme/eu 1", "Acme", "a@acme.example", {"tier": "gold"}), "a customer")
    same(sdk.get_customer(id=made.id).external_id, "acme/eu 1", "by its id")
    same(sdk.get_customer_by_external_id(external_id="acme/eu 1").id, made.id, "by its external id, with a slash")
    same(refused(409, lambda: sdk.create_customer(external_id="acme/eu 1", name="Again"), "a name in use").status_code, 409, "a name in use")
    sdk.update_customer(id=made.id, name="Acme Europe")
    same(sdk.get_customer(id=made.id).name, "Acme Europe", "the new name")
    sdk.update_customer(external_customer_id="acme/eu 1", email="b@acme.example")
    after = sdk.get_customer(id=made.id)
    same((after.email, after.name), ("b@acme.example", "Acme Europe"), "what a change leaves alone")
    found = sdk.query_customer(external_id="acme/eu 1")
    same([one.id for one in found.items], [made.id], "found by its external id")
    same([one.id for one in sdk.query_customer(email="b@acme.example").items], [made.id], "found by its address")
    same(sdk.query_customer(customer_ids=[made.id]).pagination.total, 1, "found by its id")
    same(sdk.delete_customer(id=made.id), None, "what deleting answers")
    refused(404, lambda: sdk.get_customer(id=made.id), "a deleted customer")


@step
def wallets(world):
    sdk = world.sdk.wallets
    made = world.wallet("bravo", initial_credits_to_load="25", metadata={"a": "b"}, description="first")
    same((made.credit_balance, made.currency, made.wallet_status, made.wallet_type), ("25", "usd", "active", "PRE_PAID"), "a wallet")
    same(sdk.get_wallet(id=made.id).metadata, {"a": "b"}, "its metadata")
    refused(409, lambda: world.wallet("bravo", initial_credits_to_load="25"), "a second wallet with initial credit and no key")
    changed = sdk.update_wallet(id=made.id, name="Main", metadata={"c": "d"}, config={"allowed_price_types": ["ALL"]})
    same((changed.name, changed.metadata, changed.config.allowed_price_types), ("Main", {"c": "d"}, ["ALL"]), "a changed wallet")
    same(sdk.get_wallet(id=made.id).name, "Main", "the change stays")
    other = world.wallet("bravo", wallet_type="POST_PAID")
    same(sorted(one.id for one in sdk.get_wallets_by_customer_id(id="bravo")), sorted([made.id, other.id]), "a customer's wallets")
    found = sdk.get_customer_wallets(lookup_key="bravo", include_real_time_balance=True, expand="credits_available_breakdown")
    figures = {one.id: (one.real_time_credit_balance, one.credits_available_breakdown.free) for one in found}
    same(figures[made.id], ("25", "25"), "the real-time balance in a list")
    same([one.id for one in sdk.query_wallet(wallet_ids=[other.id]).items], [other.id], "found by its id")
    same({one.id for one in sdk.query_wallet().items} >= {made.id, other.id}, True, "an empty search")
    closed = sdk.terminate_wallet(id=other.id)
    same(closed.wallet_status, "closed", "what terminating answers")
    same([one.id for one in sdk.get_wallets_by_customer_id(id="bravo")], [made.id], "closed wallets are not listed")
    refused(400, lambda: sdk.terminate_wallet(id=other.id), "terminating twice")
    gone = refused(404, lambda: sdk.get_wallet(id="wallet_00000000000000000000000000"), "an unknown wallet")
    same((gone.data.code, gone.data.http_status_code), ("not_found", 404), "the body of a refusal")


@step
def top_ups_and_transactions(world):
    sdk = world.sdk.wallets
    wallet = world.wallet("charlie").id
    end = text(world.now() + timedelta(days=40))
    first = sdk.top_up_wallet(id=wallet, transaction_reason="FREE_CREDIT_GRANT", credits_to_add="10", idempotency_key="t1", priority=1,
                              expiry_date_utc=end, description="welcome", metadata={"x": "y"})
    row = first.wallet_transaction
    same((row.credit_amount, row.credit_balance_before, row.credit_balance_after, row.transaction_status), ("10", "0", "10", "completed"), "a top-up's row")
    same((row.type, row.transaction_reason, row.description, row.metadata), ("credit", "FREE_CREDIT_GRANT", "welcome", {"x": "y"}), "its words")
    same(first.wallet.credit_balance, "10", "the wallet in the reply")
    again = sdk.top_up_wallet(id=wallet, transaction_reason="FREE_CREDIT_GRANT", credits_to_add="10", idempotency_key="t1", priority=1,
                              expiry_date_utc=end, description="welcome", metadata={"x": "y"})
    same((again.wallet_transaction.id, world.posted(wallet)), (row.id, Decimal(10)), "a repeat acts once")
    refused(422, lambda: sdk.top_up_wallet(id=wallet, transaction_reason="FREE_CREDIT_GRANT", credits_to_add="11", idempotency_key="t1"), "the key with another body")
    paid = sdk.top_up_wallet(id=wallet, transaction_reason="PURCHASED_CREDIT_DIRECT", amount="40", idempotency_key="t2",
                             bonus_credits_to_add="5", bonus_credits_expiry_date_utc=end)
    same(world.posted(wallet), Decimal(55), "money buys credits at the rate, and the bonus")
    debit = httpx.post(f"{world.server.url}/v1/wallets/{wallet}/debit", headers={"x-api-key": world.key},
                       json={"credits": "12", "transaction_reason": "MANUAL_BALANCE_DEBIT", "idempotency_key": "d1"})
    same((debit.status_code, world.posted(wallet)), (200, Decimal(43)), "the debit that no SDK has")
    rows = sdk.get_wallet_transactions(id_path_parameter=wallet, limit=10).items
    same([one.credit_amount for one in rows], ["12", "5", "40", "10"], "all rows, newest first")
    parts = {one.credit_transaction_id: one.credits for one in rows[0].consumption_breakdown}
    same(parts[row.id], "10", "what paid for the debit")
    same(sum(Decimal(credits) for credits in parts.values()), Decimal(12), "the parts are the debit")
    free = sdk.get_wallet_transactions(id_path_parameter=wallet, type_="credit", transaction_reason="FREE_CREDIT_GRANT", transaction_status="completed")
    same([one.id for one in free.items], [row.id], "by type, reason and status")
    left = sdk.get_wallet_transactions(id_path_parameter=wallet, credits_available_gt=39.5)
    same([one.id for one in left.items], [paid.wallet_transaction.id], "by what is left of them")
    found = sdk.query_wallet_transaction(id=wallet, filters=[{"field": "type", "operator": "eq", "data_type": "string", "value": {"string": "debit"}}],
                                         sort=[{"field": "created_at", "direction": "asc"}], limit=5)
    same([one.credit_amount for one in found.items], ["12"], "by a filter")
    same(found.pagination.total, 1, "how many there are")
    balance = sdk.get_wallet_balance(id=wallet, expand="credits_available_breakdown")
    same((balance.real_time_credit_balance, balance.credits_available_breakdown.purchased, balance.is_cached_fallback), ("43", "40", False), "the balance now")
    dated = sdk.top_up_wallet(id=wallet, transaction_reason="CREDIT_NOTE", credits_to_add="1", idempotency_key="t3", effective_date=text(world.now() - timedelta(days=1)))
    same(dated.wallet_transaction.transaction_status, "completed", "a date in the past only orders")
    refused(400, lambda: sdk.top_up_wallet(id=wallet, transaction_reason="FREE_CREDIT_GRANT", credits_to_add="-1"), "less than nothing")


@step
def invoiced_purchases(world):
    sdk = world.sdk.wallets
    wallet = world.wallet("delta").id
    bought = sdk.top_up_wallet(id=wallet, transaction_reason="PURCHASED_CREDIT_INVOICED", credits_to_add="100", idempotency_key="i1")
    same((bought.wallet_transaction.transaction_status, bool(bought.invoice_id)), ("pending", True), "an invoiced purchase waits")
    same(world.posted(wallet), Decimal(0), "what is not paid is in no balance")
    pending = world.ask("GET", f"/recharges?wallet_id={wallet}&status=pending")["items"]
    same([(one["credits"], one["invoice_id"], one["origin"]) for one in pending], [("100", bought.invoice_id, "top_up")], "its recharge")
    world.ask("POST", f"/recharges/{pending[0]['recharge_id']}/complete", {})
    same(world.posted(wallet), Decimal(100), "completing credits it")
    row = sdk.get_wallet_transactions(id_path_parameter=wallet).items[0]
    same((row.transaction_status, row.credit_balance_after), ("completed", "100"), "a completed row")


@step
def auto_top_up(world):
    sdk = world.sdk.wallets
    settings = {"enabled": True, "threshold": 10.0, "amount": 100.5, "invoicing": False, "cooldown": {"value": 10, "unit": "minute"}}
    made = world.wallet("echo", initial_credits_to_load="25", auto_topup=settings)
    same((made.auto_topup.enabled, Decimal(str(made.auto_topup.amount)), made.auto_topup.cooldown.value), (True, Decimal("100.5"), 10), "auto top-up as set")
    debit = world.ask("POST", "/customers/echo/debits", {"credits": "15"})
    same((debit["balance_after"], debit["available"], debit["recharge"]["credits"]), ("10", "110.5", "100.5"), "the debit that crosses the line recharges")
    same(world.posted(made.id), Decimal("110.5"), "the recharge is there")
    changed = sdk.update_wallet(id=made.id, auto_topup={"enabled": False})
    same((changed.auto_topup.enabled, Decimal(str(changed.auto_topup.threshold))), (False, Decimal(10)), "a part of it changes")
    world.ask("POST", "/customers/echo/debits", {"credits": "105"})
    same(world.posted(made.id), Decimal("5.5"), "switched off, nothing recharges")


@step
def alerts(world):
    level = lambda threshold: {"threshold": threshold, "condition": "below"}  # noqa: E731
    settings = {"alert_enabled": True, "info": level("50"), "warning": level("20"), "critical": level("5")}
    made = world.wallet("foxtrot", initial_credits_to_load="100", alert_settings=settings)
    same((made.alert_state, made.alert_settings.critical.threshold), ("ok", "5"), "alerts as set")
    world.ask("POST", "/customers/foxtrot/debits", {"credits": "85"})
    same(world.sdk.wallets.get_wallet(id=made.id).alert_state, "warning", "two levels crossed at once")
    world.sdk.wallets.top_up_wallet(id=made.id, transaction_reason="FREE_CREDIT_GRANT", credits_to_add="100")
    same(world.sdk.wallets.get_wallet(id=made.id).alert_state, "ok", "and back")
    found = world.sdk.alerts.query_alert_log(entity_type="wallet", entity_id=made.id)
    same([one.alert_status for one in found.items], ["ok", "warning"], "both changes, newest first")
    same(found.items[1].customer_id, made.customer_id, "whose they are")
    warned = world.sdk.alerts.query_alert_log(entity_type="wallet", entity_id=made.id, alert_status="warning")
    same(len(warned.items), 1, "by status")
    same([one.id for one in world.sdk.wallets.query_wallet(alert_enabled=True).items if one.id == made.id], [made.id], "wallets with alerts")


@step
def events(world):
    wallet = world.wallet("golf", initial_credits_to_load="100").id
    world.ask("POST", "/rate-cards", {"meter": "tokens", "quantity_property": "n", "tiers": [{"credits_per_unit": "0.5"}]})
    answer = world.sdk.events.ingest_event(event_name="tokens", external_customer_id="golf", event_id="e1", properties={"n": "10"}, source="py")
    same(answer["event_id"], "e1", "the event's id")
    same(world.posted(wallet), Decimal(95), "usage is debited at once")
    world.sdk.events.ingest_event(event_name="tokens", external_customer_id="golf", event_id="e1", properties={"n": "10"}, source="py")
    same(world.posted(wallet), Decimal(95), "an event counts once")
    many = [{"event_name": "tokens", "external_customer_id": "golf", "event_id": f"b{number}", "properties": {"n": "2"}} for number in range(5)]
    answer = world.sdk.events.ingest_events_bulk(events=many)
    same((answer["accepted"], world.posted(wallet)), ("5", Decimal(90)), "five more")


@step
def grants(world):
    sdk = world.sdk.credit_grants
    wallet = world.wallet("hotel").id
    once = sdk.create_credit_grant(name="Welcome", scope="SUBSCRIPTION", subscription_id=wallet, credits="7", cadence="ONETIME", expiration_type="NEVER", start_date=world.now())
    same((once.name, once.credits, once.cadence), ("Welcome", "7", "ONETIME"), "a grant")
    same(sdk.get_credit_grant(id=once.id).name, "Welcome", "read again")
    same(world.posted(wallet), Decimal(7), "it is there at once")
    plan = sdk.create_credit_grant(name="Monthly", scope="PLAN", plan_id="plan_pro", credits="50", cadence="RECURRING", period="MONTHLY", period_count=1,
                                   expiration_type="DURATION", expiration_duration=10, expiration_duration_unit="DAY", priority=1)
    same([one.id for one in sdk.get_plan_credit_grants(id="plan_pro").items], [plan.id], "a plan's grants")
    same(sdk.get_addon_credit_grants(id="addon_none").items, [], "an add-on's grants")
    subscription = world.ask("POST", "/subscriptions", {"customer_id": "hotel", "plan_id": "plan_pro"})["id"]
    same(world.posted(wallet), Decimal(57), "enrolling grants the first period")
    coming = world.sdk.subscriptions.get_subscription_upcoming_grants(id=subscription).items
    same((coming[0].credit_grant_id, coming[0].credits), (plan.id, "50"), "the next one")
    same([one.credit_grant_id for one in world.sdk.customers.get_customer_upcoming_grants(id="hotel").items], [plan.id], "the customer's next ones")
    world.move_to(world.now() + timedelta(days=11))
    same(world.posted(wallet), Decimal(7), "it has ended")
    world.move_to(instant_of(coming[0].scheduled_for) + timedelta(hours=1))
    same(world.posted(wallet), Decimal(57), "the next month's is there")
    same(sdk.update_credit_grant(id=plan.id, name="Each month", metadata={"m": "n"}).name, "Each month", "a new name")
    sdk.delete_credit_grant(id=plan.id)
    same(sdk.get_plan_credit_grants(id="plan_pro").items, [], "a deleted grant is not the plan's any more")
    world.move_to(world.now() + timedelta(days=62))
    same(world.posted(wallet), Decimal(7), "and grants nothing more")


@step
def refusals(world):
    other = Flexprice(server_url=world.server.url + "/v1", api_key_auth="no such key")
    refused(401, lambda: other.wallets.query_wallet(), "an unknown key")
    refused(400, lambda: world.sdk.wallets.create_wallet(currency="doubloons", external_customer_id="india"), "an unknown currency")
    refused(404, lambda: world.sdk.credit_grants.get_credit_grant(id="cg_00000000000000000000000000"), "an unknown grant")


def main():
    coffer, programs = os.path.abspath(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as data, Server(coffer, data) as server:
        world = World(server)
        for one in STEPS:
            one(world)
            print(f"python sdk: {one.__name__.replace('_', ' ')}")
        for program in programs:
            made = server.ask("POST", "/tenants", {"name": program, "test_mode": True})
            subprocess.run(["node", program, server.url, made["key"]["key"]], check=True)
        if not server.stop():
            sys.exit("the server did not end in good order")


if __name__ == "__main__":
    main()
