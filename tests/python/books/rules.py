"""What wallets' rules did, from the log's own records (`coffer wal dump`): recharges as they stood at an instant, changes of alerts, and that
both are what SEMANTICS §11 and §12 make of the rows.

The log's dump says who began and ended what in which record; instants, rows and money come from the exported rows. No store is asked.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from fractions import Fraction

from ledger import ONE, Failed, half_even, lines, ns, same, text, units
from ledger import posted as moved
from purchases import CENT, half_up

WEEK = 7 * 86_400 * 10**9
KINDS = {"balance": "low_credit_balance", "runway": "low_runway"}
# Levels that `tests/history/program.rs` sets, the most severe first: posted at or below.
LEVELS = (("in_alarm", 5), ("warning", 40), ("info", 90))


class Recharge:
    """A purchase: what it began as, and how it ended. `waits`: its credit does, until it is paid."""

    def __init__(self, ledger, begun, position, rows):
        bought = begun["credits"][0]
        self.id, self.wallet, self.origin = begun["recharge"], begun["wallet"], begun["origin"]
        self.tranche, self.invoice, self.charged = bought["tranche"], begun["invoice"], begun["charged"]
        self.credits = sum(units(credit["credits"]) for credit in begun["credits"])
        first = next((row for row in rows if row.tranche_id == self.tranche), None)
        if first is None:
            raise Failed(f"record {position} begins {self.id} without a row")
        self.waits = first.transaction_status == "pending"
        self.begun_at, self.begun = first.recorded_at, ns(first.recorded_at)
        worth = Fraction(units(bought["credits"]) * ledger.buying_rates[self.wallet], ONE)
        self.amount = half_even(worth)
        same(f"what {self.id} charges", self.charged, text(half_up(worth, CENT)))
        self.rows = []
        self.ended = None

    def end(self, said):
        if self.ended:
            raise Failed(f"{self.id} ends twice")
        self.ended = (said["effective_at"], said["status"], said["reason"])
        late = self.waits and ns(self.ended[0]) - self.begun
        if late and (late > WEEK or (late == WEEK) != (said["reason"] == "expired")):
            raise Failed(f"{self.id} began at {self.begun_at} and is {self.ended[1:]} at {self.ended[0]}")

    def shown(self, start, end):
        """As it stood at the end of a period, or nothing."""
        over = self.ended if self.ended and ns(self.ended[0]) < end else None
        waits = self.waits and not over and self.begun < end
        if not (start <= self.begun < end or (over and start <= ns(over[0])) or waits):
            return None
        last = [row.id for row in self.rows if row.at < end]
        return {
            "recharge_id": self.id,
            "origin": self.origin,
            "status": over[1] if over else "pending" if self.waits else "trusted",
            "credits": text(self.credits),
            "amount": text(self.amount),
            "charged": self.charged,
            "invoice_id": self.invoice,
            "transaction_id": last[-1] if last else None,
            "reason": over[2] if over else None,
            "created_at": self.begun_at,
            "expires_at": a_week_later(self.begun_at) if self.waits else None,
            "ended_at": over[0] if over else None,
        }


def a_week_later(instant):
    whole, dot, fraction = instant.rstrip("Z").partition(".")
    moved = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S") + timedelta(days=7)
    return f"{moved.strftime('%Y-%m-%dT%H:%M:%S')}{dot}{fraction}Z"


class Rules:
    """Recharges and changes of alerts by wallet, in the order of the log. `alerting` says which wallets warn, and whether in percent."""

    def __init__(self, ledger, dump, alerting):
        self.recharges, self.alerts = defaultdict(list), defaultdict(list)
        self.by_id, self.changes = {}, defaultdict(list)
        # Where each wallet was closed: from then on it warns of nothing.
        self.closed = {}
        self.seen = Counter()
        self.rows, self.of_wallet = defaultdict(list), defaultdict(list)
        for row in ledger.in_order:
            self.rows[row.log_position].append(row)
            self.of_wallet[row.wallet_id].append(row)
        for record in lines(dump):
            self.record(ledger, record)
        of_tranche = {recharge.tranche: recharge for recharge in self.by_id.values()}
        for row in ledger.in_order:
            if row.type == "credit" and row.tranche_id in of_tranche:
                of_tranche[row.tranche_id].rows.append(row)
        self.check_bought(ledger, of_tranche)
        self.judged = sum(self.check_alerts(line["wallet"], line["percent"]) for line in lines(alerting))
        if self.changes:
            raise Failed(f"alerts of wallets that do not warn, or of records without rows: {list(self.changes)[:5]}")

    def record(self, ledger, record):
        position = record["position"]
        effect, set_off = record.get("effect") or {}, record.get("set_off") or {}
        if record["command"] == "close" and "wallet" in effect:
            self.closed[effect["wallet"]["id"]] = position
        for due in record.get("due") or ():
            self.end(due)
        self.end(effect)
        begun = [effect["recharge"]] if isinstance(effect.get("recharge"), dict) else []
        for one in [*begun, set_off.get("recharge_before"), *set_off.get("recharges", ())]:
            if one:
                recharge = Recharge(ledger, one, position, self.rows[position])
                self.by_id[recharge.id] = recharge
                self.recharges[recharge.wallet].append(recharge)
        for one in set_off.get("recharges_ended", ()):
            self.end(one)
        for change in set_off.get("alerts", ()):
            self.alert(position, change)

    def end(self, said):
        if "recharge_ended" in said:
            self.by_id[said["recharge_ended"]].end(said)

    def alert(self, position, change):
        wallet, rows = change["wallet"], self.rows[position]
        if not rows and self.closed.get(wallet) != position:
            raise Failed(f"record {position} changes {change['alert']} and has no row")
        reached = [row.id for row in rows if row.wallet_id == wallet and row.credit_balance_after == change["posted"]]
        shown = {
            "alert_id": change["alert"],
            "alert_type": KINDS[change["kind"]],
            "previous_status": change["from"],
            "alert_status": change["to"],
            "value_at_time": change["posted"],
            "runway_seconds": change["runway_s"],
            "transaction_id": reached[-1] if reached else None,
            "log_position": position,
            # A wallet that is closed empty has no row of it.
            "changed_at": rows[0].recorded_at if rows else change["at"],
        }
        self.alerts[wallet].append((ns(shown["changed_at"]), shown))
        self.changes[wallet, position].append(change)

    def check_bought(self, ledger, of_tranche):
        """Every invoiced purchase is a recharge, and what came in of those that wait is what was paid."""
        for row in ledger.in_order:
            if row.transaction_reason == "PURCHASED_CREDIT_INVOICED" and row.tranche_id not in of_tranche:
                raise Failed(f"{row.id} is of no recharge")
        for recharge in self.by_id.values():
            paid = any(row.completes_transaction_id for row in recharge.rows)
            if recharge.waits and paid != bool(recharge.ended and recharge.ended[1] == "completed"):
                raise Failed(f"{recharge.id} is {recharge.ended}, and its credit {'came' if paid else 'did not come'}")

    def check_alerts(self, wallet, percent):
        """After each record the state is what the balance makes it; in it each change goes on from the one before. How many changes."""
        state, base, posted, judged = "ok", 0, 0, 0
        records = defaultdict(list)
        for row in self.of_wallet[wallet]:
            records[row.log_position].append(row)
        closed = self.closed.get(wallet)
        for position in sorted(records.keys() | ({closed} if closed else set())):
            balances = [posted]
            for row in records.get(position, ()):
                # Debt that is written off stands outside the chain.
                posted = posted + sum(map(moved, row.moves)) if row.sequence is None else units(row.credit_balance_after)
                balances.append(posted)
                if any(move.kind == "issued" for move in row.moves):
                    base = posted
            for change in self.changes.pop((wallet, position), ()):
                same(f"what {change['alert']} changes", change["from"], state)
                state, judged = change["to"], judged + 1
                if units(change["posted"]) not in balances:
                    raise Failed(f"{change['alert']} says {change['posted']}, and record {position} has {balances}")
            expected = "ok" if closed and position >= closed else level(posted, base if percent else None)
            same(f"the alert of {wallet} after record {position}", state, expected)
        return judged

    def shown(self, wallet, start, end):
        """Recharges and alerts of a wallet's statement."""
        all_of = (recharge.shown(start, end) for recharge in self.recharges[wallet])
        recharges = [one for one in all_of if one]
        for one in recharges:
            self.seen[one["status"]] += 1
            self.seen["expired"] += one["reason"] == "expired"
            self.seen["began before"] += ns(one["created_at"]) < start and one["ended_at"] is not None
        alerts = [shown for at, shown in self.alerts[wallet] if start <= at < end]
        self.seen["changes of alerts"] += len(alerts)
        return recharges, alerts


    def customers_of_each_kind(self):
        """A customer for each way in which a recharge ended, or did not."""
        ways = {(one.ended and one.ended[1:], one.waits): one.wallet for one in self.by_id.values()}
        return {self.of_wallet[wallet][0].customer_id for wallet in ways.values()}

    def check_seen(self):
        """The statements that were compared had each kind of recharge, and some that began in one period and ended in another."""
        wanted = ("pending", "trusted", "completed", "failed", "cancelled", "expired", "began before", "changes of alerts")
        missing = [what for what in wanted if not self.seen[what]]
        if missing:
            raise Failed(f"no statement had {missing}: {dict(self.seen)}")
        print(f"statements had {', '.join(f'{self.seen[what]} {what}' for what in wanted)}")


def level(posted, base):
    """The most severe level that a balance reaches; percent are of the base, rounded down, and of less than 0 nothing."""
    for state, threshold in LEVELS:
        limit = threshold * ONE if base is None else max(base, 0) * threshold // 100
        if posted <= limit:
            return state
    return "ok"
