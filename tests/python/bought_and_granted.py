"""Purchases in every way that they can go, and grants whose periods are over: made over HTTP, and then looked for in the exported lines.

What must be there is written down from what was asked for (SEMANTICS §6, §11, §13; docs/EXPORTS.md), not read back from the server.
"""

import urllib.error
from datetime import datetime, timedelta, timezone
from decimal import Decimal

BUYING = Decimal("1.7")
SPENDING = Decimal("0.37")
HOUR = timedelta(hours=1)
# Texts of purchases: what some format must escape or guard.
WORDS = {"description": "=SUM(1;2)", "metadata": {"p,o": 'say "so"', "é": "line\r\nend"}, "reference_type": "@order", "reference_id": "-7"}


def instant(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Wrong(Exception):
    pass


def same(what, found, expected):
    if found != expected:
        raise Wrong(f"{what}: {found!r}, and it must be {expected!r}")


class Asked:
    """What was asked for."""

    def __init__(self, server):
        self.server = server
        # Of each purchase: how it went, its pending row where it has one, the wallet, credits.
        self.purchases = []
        # Of each grant: its id, the wallet's customer, the instants of its periods, credits, and what of each goes on.
        self.grants = []
        # Reports of payments are expected, also of what was paid at once.
        server.ask("PUT", "/settings", {"payment_result": True})
        self.buy()
        self.grant()

    def wallet(self, customer, **more):
        body = {"customer_id": customer, "currency": "usd", "conversion_rate": str(SPENDING), "topup_conversion_rate": str(BUYING)}
        return self.server.ask("POST", "/wallets", body | more)["id"]

    def invoiced(self, wallet, credits, **more):
        body = {"transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": credits, **WORDS, **more}
        made = self.server.ask("POST", f"/wallets/{wallet}/top-up", body)
        return made["wallet_transaction"]["id"], made["recharge_id"]

    def end(self, recharge, how):
        return self.server.ask("POST", f"/recharges/{recharge}/{how}", {})

    def debit(self, customer, credits):
        return self.server.ask("POST", f"/customers/{customer}/debits", {"credits": credits})

    def note(self, went, row, wallet, credits, **more):
        self.purchases.append({"went": went, "row": row, "wallet": wallet, "credits": credits, **more})

    def status_now(self, line):
        """How far a row is that pends or is scheduled in its line."""
        of_row = [purchase for purchase in self.purchases if purchase["wallet"] == line["wallet_id"]]
        if line["transaction_status"] == "scheduled":
            return "scheduled"
        [purchase] = [purchase for purchase in of_row if purchase["credits"] == line["credit_amount"]]
        return purchase["now"]

    def buy(self):
        wallet = self.wallet("buyer-by-invoice")
        ends = [("complete", "completed"), ("fail", "failed"), ("cancel", "cancelled"), (None, "pending"), ("complete", "completed")]
        for number, (how, now) in enumerate(ends):
            credits = f"1{number}.000000000000001"
            row, recharge = self.invoiced(wallet, credits)
            if how:
                self.end(recharge, how)
            self.note("paid" if how == "complete" else "not paid", row, wallet, credits, words=True, now=now)
        self.debit("buyer-by-invoice", "3.5")

        later = self.wallet("buyer-for-later")
        row, recharge = self.invoiced(later, "25", effective_date=instant(datetime.now(timezone.utc) + 2 * HOUR))
        self.end(recharge, "complete")
        self.note("paid before it counts", row, later, "25", words=True, now="scheduled")

        # By themselves: at 20 or fewer, so by the first debit.
        for customer, invoicing in [("buyer-automatic", False), ("buyer-automatic-invoice", True)]:
            rule = {"enabled": True, "threshold": 20, "amount": "40", "invoicing": invoicing, "max_count": 24}
            wallet = self.wallet(customer, initial_credits_to_load=30, auto_topup=rule)
            begun = self.debit(customer, "10.25")["recharge"]
            if invoicing:
                self.end(begun["recharge_id"], "complete")
            self.note("paid" if invoicing else "at once", None, wallet, "40", now="completed")

        # Trusted, spent, and not paid after all: what is left is taken back, what was spent is owed.
        wallet = self.wallet("buyer-trusted", auto_topup={"enabled": True, "threshold": 0, "amount": "100", "invoicing": False})
        begun = self.debit("buyer-trusted", "30")["recharge"]
        self.end(begun["recharge_id"], "fail")
        self.note("at once, taken back", None, wallet, "100", owed="30")

    def grant(self):
        """Three periods that are over and one that goes on for half an hour more: what is left of one goes on by half, for good."""
        begun = datetime.now(timezone.utc).replace(microsecond=0) - HOUR / 2
        starts = [begun + hours * HOUR for hours in range(-3, 1)]
        rule = {
            "credits": "30", "cadence": "RECURRING", "period": "HOURLY", "expiration_type": "BILLING_CYCLE",
            "rollover": {"share": "0.5", "expiration_type": "NEVER"}, "start_date": instant(starts[0]), "metadata": {"of": "=2"},
        }
        wallet = self.wallet("granted-hourly")
        made = self.server.ask("POST", "/creditgrants", {"name": "=hourly", "scope": "CUSTOMER", "customer_id": "granted-hourly", **rule})
        self.grants.append({"id": made["id"], "wallet": wallet, "starts": starts, "credits": "30", "goes_on": "15", "ends": "15", "life": HOUR})
        # Rolled over is used first or the period's: either costs nothing.
        self.debit("granted-hourly", "40")
        wallet = self.wallet("granted-once")
        body = {
            "name": "once", "scope": "WALLET", "wallet_id": wallet, "credits": "7.5", "cadence": "ONETIME", "start_date": instant(starts[2]),
            "expiration_type": "DURATION", "expiration_duration": 10, "expiration_duration_unit": "HOUR",
        }
        made = self.server.ask("POST", "/creditgrants", body)
        self.grants.append({"id": made["id"], "wallet": wallet, "starts": [starts[2]], "credits": "7.5", "life": 10 * HOUR})
        self.debit("granted-once", "0.000000000000001")
        # A template, and who enrols gets it; the wallet is made by it.
        plan = {"name": "plan", "scope": "PLAN", "plan_id": "plan_export", "credits": "12", "currency": "usd", "cadence": "ONETIME"}
        made = self.server.ask("POST", "/creditgrants", plan)
        self.server.ask("POST", "/subscriptions", {"id": "sub_export", "customer_id": "granted-by-plan", "plan_id": "plan_export"})
        wallet = self.server.ask("GET", "/customers/granted-by-plan/wallets")[0]["id"]
        self.grants.append({"id": made["id"], "wallet": wallet, "starts": None, "credits": "12", "life": None})


def check_transactions(asked, lines, slices):
    """Every purchase and every period is in the lines as it was asked for."""
    by_id = {line["id"]: line for line in lines}
    completed = {}
    for line in lines:
        if line["completes_transaction_id"]:
            completed.setdefault(line["completes_transaction_id"], []).append(line)
    sliced = {line["transaction_id"] for line in slices}
    for purchase in asked.purchases:
        check_purchase(purchase, by_id, completed, sliced)
    granted = [line for line in lines if line["grant_id"]]
    for grant in asked.grants:
        check_grant(grant, lines)
    known = {grant["id"] for grant in asked.grants}
    same("the grants that lines name", {line["grant_id"] for line in granted}, known)
    reasons = {line["transaction_reason"] for line in granted}
    same("what names a grant", reasons, {"SUBSCRIPTION_CREDIT_GRANT", "ROLLOVER", "CREDIT_EXPIRED"})
    used = [line for line in slices if line["customer_id"] and line["source"] in ("plan_included", "rollover")]
    if not used or any(Decimal(line["tranche_paid"]) != 0 for line in used):
        raise Wrong(f"granted credit that was used is in no slice, or was paid for: {used}")
    return f"{len(asked.purchases)} purchases, {len(granted)} lines of {len(known)} grants"


def check_purchase(purchase, by_id, completed, sliced):
    went, credits, wallet = purchase["went"], purchase["credits"], purchase["wallet"]
    of_wallet = [line for line in by_id.values() if line["wallet_id"] == wallet]
    worth = Decimal(credits) * BUYING
    charged = f"{worth.quantize(Decimal('0.01'), 'ROUND_HALF_UP').normalize():f}"
    if went.startswith("at once"):
        [row] = [line for line in of_wallet if line["transaction_reason"] == "PURCHASED_CREDIT_DIRECT"]
        same(f"{row['id']} completes", row["completes_transaction_id"], None)
        moved(row, credits, charged)
        voids = [line for line in of_wallet if line["transaction_reason"] == "CREDIT_VOIDED"]
        if "owed" in purchase:
            [void] = voids
            same("what is taken back", (void["type"], void["credit_amount"], void["tranche_id"]), ("debit", credits, row["tranche_id"]))
            same("what is owed", void["credit_balance_after"], f"-{purchase['owed']}")
        else:
            same("what is taken back", voids, [])
        return
    pending = [line for line in of_wallet if line["transaction_status"] == "pending" and line["credit_amount"] == credits]
    [row] = [line for line in pending if purchase["row"] in (None, line["id"])]
    same(f"the reason of {row['id']}", (row["type"], row["transaction_reason"]), ("credit", "PURCHASED_CREDIT_INVOICED"))
    for column in ("sequence", "credit_balance_before", "credit_balance_after", "parent_transaction_id", "completes_transaction_id", "grant_id"):
        same(f"{column} of {row['id']}, which pends", row[column], None)
    same(f"the charge of {row['id']}", row["charged"], charged)
    asked_for = "words" in purchase
    # A record that names its wallet's rates is that of a top-up; of a payment and of what a debit set off it is not.
    rates = (f"{SPENDING}", f"{BUYING}") if asked_for else (None, None)
    same(f"the rates of {row['id']}", (row["conversion_rate"], row["topup_conversion_rate"]), rates)
    if asked_for:
        same(f"the words of {row['id']}", {column: row[column] for column in WORDS}, WORDS)
    ends = completed.get(row["id"], [])
    if went == "not paid":
        return same(f"what completes {row['id']}, which was not paid", ends, [])
    [end] = ends
    for column in ("tranche_id", "wallet_id", "credit_amount", "charged", "transaction_reason"):
        same(f"{column} of {end['id']}, which completes {row['id']}", end[column], row[column])
    if went == "paid before it counts":
        same(f"the status of {end['id']}", (end["transaction_status"], end["sequence"]), ("scheduled", None))
    else:
        moved(end, credits, charged)
    if {row["id"], end["id"]} & sliced:
        raise Wrong(f"{row['id']} takes nothing from a tranche, and has slices")


def moved(row, credits, charged):
    """A credit that counts."""
    same(f"the status of {row['id']}", (row["type"], row["transaction_status"]), ("credit", "completed"))
    same(f"the credits of {row['id']}", (row["credit_amount"], row["charged"]), (credits, charged))
    if row["sequence"] is None or row["tranche_id"] is None:
        raise Wrong(f"{row['id']} counts and has no sequence or no tranche")
    same(f"the balances of {row['id']}", Decimal(row["credit_balance_after"]) - Decimal(row["credit_balance_before"]), Decimal(credits))


def check_grant(grant, lines):
    of_grant = [line for line in lines if line["grant_id"] == grant["id"]]
    periods = [line for line in of_grant if line["transaction_reason"] == "SUBSCRIPTION_CREDIT_GRANT"]
    for line in periods:
        same(f"the credit of {line['id']}", (line["type"], line["transaction_status"], line["credit_amount"]), ("credit", "completed", grant["credits"]))
        same(f"the wallet of {line['id']}", line["wallet_id"], grant["wallet"])
        for column in ("charged", "parent_transaction_id", "completes_transaction_id"):
            same(f"{column} of {line['id']}", line[column], None)
    if grant["starts"] is None:
        same(f"periods of {grant['id']}", len(periods), 1)
        return same(f"the end of {periods[0]['id']}", periods[0]["expiry_date"], None)
    same(f"when the periods of {grant['id']} begin", [line["effective_at"] for line in periods], [instant(at) for at in grant["starts"]])
    ends = [instant(at + grant["life"]) for at in grant["starts"]]
    same(f"when the periods of {grant['id']} end", [line["expiry_date"] for line in periods], ends)
    rolled = [line for line in of_grant if line["transaction_reason"] == "ROLLOVER"]
    out, into = ([line for line in rolled if line["type"] == kind] for kind in ("debit", "credit"))
    expired = [line for line in lines if line["transaction_reason"] == "CREDIT_EXPIRED" and line["wallet_id"] == grant["wallet"]]
    over = list(zip(periods, ends))[:-1] if "goes_on" in grant else []
    same(f"rollovers of {grant['id']}", (len(out), len(into), len(expired)), (len(over),) * 3)
    for (period, end), old, new, gone in zip(over, out, into, expired):
        same(f"when {old['id']} goes on", {line["effective_at"] for line in (old, new, gone)}, {end})
        same(f"what goes on by {old['id']}", (old["credit_amount"], new["credit_amount"]), (grant["goes_on"],) * 2)
        same(f"of which tranche {old['id']} is", (old["tranche_id"], gone["tranche_id"]), (period["tranche_id"],) * 2)
        same(f"what {new['id']} comes from", new["parent_transaction_id"], old["id"])
        same(f"what of {period['id']} ends", (gone["credit_amount"], gone["grant_id"]), (grant["ends"], grant["id"]))
        if new["tranche_id"] in (None, old["tranche_id"]):
            raise Wrong(f"{new['id']} has no tranche of its own")


def check_focus(asked, lines):
    """A purchase costs money once, when it is paid; granted credit is bought by nobody and costs nothing."""
    for purchase in asked.purchases:
        of_wallet = [line for line in lines if line["x_WalletId"] == purchase["wallet"] and line["ChargeCategory"] == "Purchase"]
        bought = [line for line in of_wallet if line["PricingQuantity"] == purchase["credits"]]
        same(f"how often FOCUS has the purchase {purchase}", len(bought), 0 if purchase["went"] == "not paid" else 1)
    for grant in asked.grants:
        for line in (line for line in lines if line["x_WalletId"] == grant["wallet"]):
            same(f"what {line['x_TransactionId']} is, of granted credit", (line["ChargeCategory"], line["EffectiveCost"], line["BilledCost"]), ("Usage", "0", "0"))
