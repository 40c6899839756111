#!/usr/bin/env python3
"""Computes a ledger's books anew, from its rows alone, and compares them with what Coffer says, to the last digit.

    books.py COFFER DATA_DIR WORK_DIR

COFFER is the program, DATA_DIR the data directory of a stopped server. Rows come from `coffer export transactions` and `coffer export
moves` as JSON Lines; of the latter everything is taken but the paid shares, which are computed here. Amounts are integers of 10^-15 and
fractions; nothing is rounded but where docs/BOOKS.md and SEMANTICS say so. No code, no formula and no table is shared with Coffer.
Checks, for every tranche, wallet, statement, period of books and journal entry there is:
  - each tranche's credit: never below nothing, never more than it was made with, all of it accounted for
  - each wallet's rows: numbered without a gap, each balance the one before and what its slices move
  - paid shares of each slice; books, trial balances, journals and statements of several periods
"""

import json
import subprocess
import sys
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

ONE = 10**15
QUARTER = 15 * 60

IN = {"issued", "arrived", "returned", "regranted", "rolled_in"}
OUT = {"spent", "repaid", "expired", "voided", "forfeited", "paid_out", "sent", "rolled_out"}
KINDS = ["issued", "arrived", "returned", "regranted", "rolled_in", "spent", "repaid", "expired", "voided", "forfeited", "paid_out", "sent", "rolled_out"]
# What a row's reason lets its slices do. A row of credit may also repay debt at once.
MAY = {
    "USAGE_DEBIT": {"spent"},
    "MANUAL_BALANCE_DEBIT": {"spent"},
    "HOLD_CAPTURE": {"spent"},
    "INVOICE_PAYMENT": {"spent"},
    "TRANSFER_OUT": {"sent"},
    "TRANSFER_IN": {"arrived", "repaid"},
    "REFUND": {"returned", "regranted", "regranted_from"},
    "REVERSAL": {"returned", "regranted", "regranted_from"},
    "TRANSFER_RETURNED": {"returned", "regranted", "regranted_from"},
    "CREDIT_EXPIRED": {"expired"},
    "CREDIT_VOIDED": {"voided", "cancelled"},
    "WALLET_TERMINATION": {"forfeited", "paid_out"},
    "UNCOLLECTED": {"written_off"},
    "HOLD": {"pinned"},
    "HOLD_RELEASE": {"unpinned"},
    "SCHEDULED_CREDIT": {"issued", "repaid"},
}
CREDIT = {"issued", "scheduled", "repaid"}
NAMES = {
    1000: "Cash and receivables",
    1100: "Billed elsewhere",
    2000: "Deferred revenue",
    2100: "Refunds payable",
    2200: "Credit in transit",
    4000: "Usage revenue",
    4100: "Breakage revenue",
    4200: "Promotional usage",
    4300: "Credit notes",
    5000: "Promotional expense",
}


def units(text):
    """A decimal text as an integer of 10^-15."""
    scaled = Decimal(text).scaleb(15)
    whole = int(scaled)
    assert whole == scaled, text
    return whole


def text(amount):
    """The normalised text of an integer of 10^-15."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, fraction = divmod(amount, ONE)
    shown = f"{fraction:015d}".rstrip("0")
    return f"{sign}{whole}.{shown}" if shown else f"{sign}{whole}"


def half_even(exact):
    """A fraction of 10^-15 as an integer."""
    return round(exact)


def ns(instant):
    """RFC 3339 in UTC as nanoseconds since 1970."""
    whole, _, fraction = instant.rstrip("Z").partition(".")
    seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 10**9 + int((fraction + "0" * 9)[:9])


def lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


class Failed(Exception):
    """What Coffer says is not what comes out here."""


def same(what, said, computed):
    if said != computed:
        raise Failed(f"{what}: Coffer says {said}, computed {computed}")


class Tranche:
    __slots__ = ("id", "wallet", "source", "original", "paid", "expires", "remaining", "gone", "credit")

    def __init__(self, move):
        self.id = move["tranche_id"]
        self.wallet = move["wallet_id"]
        self.source = move["source"]
        self.original = units(move["tranche_original"])
        self.paid = units(move["tranche_paid"])
        self.expires = move["tranche_expires_at"]
        self.remaining = 0
        self.gone = defaultdict(int)

    def released(self):
        """paid x (original - remaining) / original, rounded down."""
        return self.paid * (self.original - self.remaining) // self.original


class Move:
    __slots__ = ("row", "kind", "credits", "source", "tranche", "share", "free", "debt")


class Row:
    __slots__ = ("id", "key", "at", "recorded", "wallet", "customer", "reason", "data", "moves", "order")


class Ledger:
    def __init__(self, transactions, moves):
        self.rows = {}
        self.in_order = []
        self.tranches = {}
        self.wallets = {}
        for order, data in enumerate(lines(transactions)):
            row = Row()
            row.id, row.order, row.data, row.moves = data["id"], order, data, []
            row.at, row.recorded = ns(data["effective_at"]), data["recorded_at"]
            row.wallet, row.customer, row.reason = data["wallet_id"], data["customer_id"], data["transaction_reason"]
            self.rows[row.id] = row
            self.in_order.append(row)
        self.shares = 0
        last = (-1, -1)
        for move in lines(moves):
            row = self.rows[move["transaction_id"]]
            if (row.order, move["move"]) <= last:
                raise Failed(f"the moves of {row.id} are not in order")
            last = (row.order, move["move"])
            self.move(row, move)
        self.check_tranches()
        self.check_wallets()

    def unit(self, move):
        unit = (move["currency"], move["price_unit"] or "", units(move["conversion_rate"]))
        known = self.wallets.setdefault(move["wallet_id"], unit)
        same(f"the unit of {move['wallet_id']}", unit, known)
        return unit

    def move(self, row, data):
        unit = self.unit(data)
        allowed = MAY.get(row.reason, CREDIT)
        if data["kind"] not in allowed:
            raise Failed(f"{row.id} is {row.reason} and has a slice that is {data['kind']}")
        move = Move()
        move.row, move.kind, move.credits, move.source = row, data["kind"], units(data["credits"]), data["source"]
        move.debt = data["tranche_id"] is None
        move.share = move.free = 0
        move.tranche = None
        if not move.debt:
            tranche = self.tranches.get(data["tranche_id"])
            if tranche is None:
                tranche = self.tranches[data["tranche_id"]] = Tranche(data)
            move.tranche = tranche
            for field, value in (("source", tranche.source), ("tranche_expires_at", tranche.expires)):
                same(f"{field} of {tranche.id}", data[field], value)
            same(f"the paid money of {tranche.id}", units(data["tranche_paid"]), tranche.paid)
            self.enter(row, move, tranche, unit)
            if move.kind in IN | OUT:
                same(f"the paid share of {row.id}, {data['move']}", data["paid_share"], text(move.share))
                self.shares += 1
        row.moves.append(move)

    def enter(self, row, move, tranche, unit):
        if move.kind not in IN | OUT:
            return
        before = tranche.released()
        tranche.remaining += move.credits if move.kind in IN else -move.credits
        if not 0 <= tranche.remaining <= tranche.original:
            raise Failed(f"{row.id} leaves {text(tranche.remaining)} of {text(tranche.original)} in {tranche.id}")
        if move.kind in OUT:
            tranche.gone[move.kind] += move.credits
        elif move.kind == "returned":
            tranche.gone["sent" if row.reason == "TRANSFER_RETURNED" else "spent"] -= move.credits
        move.share = abs(tranche.released() - before)
        if tranche.paid == 0:
            move.free = half_even(Fraction(move.credits * unit[2], ONE))
        if move.kind == "expired" and row.reason == "CREDIT_EXPIRED" and ns(tranche.expires) > row.at:
            raise Failed(f"{row.id} expires {tranche.id} before its end")

    def check_tranches(self):
        for tranche in self.tranches.values():
            gone = sum(tranche.gone.values())
            if any(part < 0 for part in tranche.gone.values()):
                raise Failed(f"{tranche.id}: {dict(tranche.gone)}")
            if tranche.remaining + gone not in (0, tranche.original):
                raise Failed(f"{tranche.id}: {text(tranche.original)} were made, {text(tranche.remaining + gone)} are known of")

    def check_wallets(self):
        """I4, and that a row's slices are all that it moves."""
        state = {}
        for row in self.in_order:
            sequence, balance = state.get(row.wallet, (0, 0))
            if row.data["sequence"] is None:
                # Debt that is written off stands outside the chain: it is the end of the wallet.
                off = sum(move.credits for move in row.moves if move.kind == "written_off")
                same(f"what {row.id} moves", text(off), text(sum(map(posted, row.moves))))
                state[row.wallet] = (sequence, balance + off)
                continue
            same(f"the number of {row.id}", row.data["sequence"], sequence + 1)
            same(f"the balance before {row.id}", row.data["credit_balance_before"], text(balance))
            balance += sum(map(posted, row.moves))
            same(f"the balance after {row.id}", row.data["credit_balance_after"], text(balance))
            state[row.wallet] = (sequence + 1, balance)
        self.balances = {wallet: balance for wallet, (_, balance) in state.items()}


def posted(move):
    """What it adds to its wallet's balance."""
    if move.debt:
        if move.kind in ("pinned", "unpinned", "regranted_from"):
            return 0
        return -move.credits if move.kind == "spent" else move.credits
    if move.kind in IN:
        return move.credits
    return -move.credits if move.kind in OUT else 0


def postings(move):
    """Debit account, credit account, money: docs/BOOKS.md, "Journal"."""
    if move.debt:
        return
    back = move.row.reason == "TRANSFER_RETURNED"
    came_from = {"purchased": 1000, "refund": 4300}.get(move.source, 1100)
    used = move.kind in ("spent", "repaid")
    given_back = move.kind in ("returned", "regranted") and not back
    if move.share:
        if move.kind == "issued":
            yield came_from, 2000, move.share
        elif move.kind == "arrived" or (back and move.kind in ("returned", "regranted")):
            yield 2200, 2000, move.share
        elif given_back:
            yield 4000, 2000, move.share
        elif used:
            yield 2000, 4000, move.share
        elif move.kind in ("expired", "forfeited"):
            yield 2000, 4100, move.share
        elif move.kind == "voided":
            yield 2000, 2100 if came_from == 1000 else came_from, move.share
        elif move.kind == "paid_out":
            yield 2000, 2100, move.share
        elif move.kind == "sent":
            yield 2000, 2200, move.share
    if move.free:
        if used:
            yield 5000, 4200, move.free
        elif given_back:
            yield 4200, 5000, move.free


def pair(credits, paid):
    return {"credits": text(credits), "paid": text(paid)}


def books(ledger, start, end):
    """The units of a tenant's books, as Coffer shows them."""
    per_unit = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    before_unit = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    accounts = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for row in ledger.in_order:
        if row.at >= end:
            continue
        within = row.at >= start
        for move in row.moves:
            if move.kind not in IN | OUT and move.kind != "written_off" and not (move.debt and move.kind == "spent"):
                continue
            unit = ledger.wallets[row.wallet]
            line = (per_unit if within else before_unit)[unit][(move.source, move.kind, row.reason)]
            line[0] += 1
            line[1] += move.credits
            line[2] += move.share
            line[3] += move.free
            for debit, credit, money in postings(move):
                if within:
                    accounts[unit][debit][1] += money
                    accounts[unit][credit][2] += money
                else:
                    accounts[unit][debit][0] += money
                    accounts[unit][credit][0] -= money
    order = [kind for kind in ("issued", "scheduled", "cancelled", *KINDS[1:], "written_off")]
    return [
        unit_books(unit, before_unit[unit], per_unit[unit], accounts[unit], order)
        for unit in sorted(set(per_unit) | set(before_unit))
    ]


def unit_books(unit, before, within, accounts, order):
    def total(lines, field, kinds, source=None, back=None):
        return sum(
            line[field]
            for (of, kind, reason), line in lines.items()
            if kind in kinds
            and (of == source if source else of != "overdraft")
            and (back is None or back == (reason == "TRANSFER_RETURNED"))
        )

    def left(lines, field, source):
        return total(lines, field, IN, source) - total(lines, field, OUT, source)

    shown = []
    for source in sorted({of for of, _, _ in [*before, *within]} - {"overdraft"}):
        entry = {"source": source, "opening": pair(left(before, 1, source), left(before, 2, source))}
        for kind in KINDS:
            entry[kind] = pair(total(within, 1, {kind}, source), total(within, 2, {kind}, source))
        closing = [left(before, field, source) + left(within, field, source) for field in (1, 2)]
        entry["closing"] = pair(*closing)
        details = sorted(
            ((kind, reason, line) for (of, kind, reason), line in within.items() if of == source),
            key=lambda one: (order.index(one[0]), one[1]),
        )
        entry["details"] = [
            {"kind": kind, "reason": reason, "moves": line[0], "credits": text(line[1]), "paid": text(line[2]), "free_value": text(line[3])}
            for kind, reason, line in details
        ]
        shown.append(entry)

    def debt(lines, kind):
        return total(lines, 1, {kind}, "overdraft")

    def owed(lines):
        return debt(lines, "spent") - debt(lines, "repaid") - debt(lines, "returned") - debt(lines, "written_off")

    def transit(lines, field):
        arrived = total(lines, field, {"arrived"})
        returned = total(lines, field, {"returned", "regranted"}, back=True)
        return total(lines, field, {"sent"}), arrived, returned

    def on_its_way(lines, field):
        sent, arrived, returned = transit(lines, field)
        return sent - arrived - returned

    moved = [transit(within, field) for field in (1, 2)]
    used = total(within, 2, {"spent", "repaid"})
    back = total(within, 2, {"returned", "regranted"}, back=False)
    promotional = total(within, 3, {"spent", "repaid"}) - total(within, 3, {"returned", "regranted"}, back=False)
    opening = total(before, 2, IN) - total(before, 2, OUT)
    closing = opening + total(within, 2, IN) - total(within, 2, OUT)
    return {
        "currency": unit[0],
        "price_unit": unit[1] or None,
        "conversion_rate": text(unit[2]),
        "sources": shown,
        "debt": {
            "opening": text(owed(before)),
            "taken": text(debt(within, "spent")),
            "repaid": text(debt(within, "repaid")),
            "returned": text(debt(within, "returned")),
            "written_off": text(debt(within, "written_off")),
            "closing": text(owed(before) + owed(within)),
        },
        "in_transit": {
            "opening": pair(*(on_its_way(before, field) for field in (1, 2))),
            "sent": pair(*(of[0] for of in moved)),
            "arrived": pair(*(of[1] for of in moved)),
            "returned": pair(*(of[2] for of in moved)),
            "closing": pair(*(on_its_way(before, field) + on_its_way(within, field) for field in (1, 2))),
        },
        "revenue": {
            "used": text(used),
            "reversed": text(back),
            "earned": text(used - back),
            "breakage": text(total(within, 2, {"expired", "forfeited"})),
            "deferred_opening": text(opening),
            "deferred_closing": text(closing),
            "promotional_expense": text(promotional),
            "voided": text(total(within, 2, {"voided"})),
            "paid_out": text(total(within, 2, {"paid_out"})),
        },
        "accounts": [
            {
                "account": number,
                "name": NAMES[number],
                "opening": text(opening),
                "debits": text(debits),
                "credits": text(credits),
                "closing": text(opening + debits - credits),
            }
            for number, (opening, debits, credits) in sorted(accounts.items())
        ],
    }


def journal(ledger, start, end):
    """The lines of every entry of a period, by row: account, source, debit, credit."""
    entries = {}
    for row in ledger.in_order:
        if not start <= row.at < end:
            continue
        sums = defaultdict(int)
        for move in row.moves:
            for debit, credit, money in postings(move):
                sums[(debit, move.source, "debit")] += money
                sums[(credit, move.source, "credit")] += money
        if sums:
            entries[row.id] = sums
    return entries


def compare_journal(ledger, path, start, end):
    computed = journal(ledger, start, end)
    said = defaultdict(dict)
    last = -1
    for line in lines(path):
        row = ledger.rows[line["entry_id"]]
        if row.order < last:
            raise Failed(f"the journal is not in the order of the log at {row.id}")
        last = row.order
        side = "debit" if line["debit"] != "0" else "credit"
        key = (line["account"], line["source"], side)
        same(f"the name of account {line['account']}", line["account_name"], NAMES[line["account"]])
        if key in said[row.id]:
            raise Failed(f"{row.id} has two lines of {key}")
        said[row.id][key] = units(line[side])
        same(f"the other side of {row.id}", line["credit" if side == "debit" else "debit"], "0")
        unit = (line["currency"], line["price_unit"] or "", units(line["conversion_rate"]))
        same(f"the unit of {row.id}", unit, ledger.wallets[row.wallet])
        for field in ("customer_id", "wallet_id", "transaction_reason", "effective_at", "recorded_at", "log_position"):
            same(f"{field} of {row.id}", line[field], row.data[field])
    same("entries", len(said), len(computed))
    for row, sums in computed.items():
        same(f"the entry of {row}", said.get(row), dict(sums))
        debits = sum(money for (_, _, side), money in sums.items() if side == "debit")
        same(f"the debits of {row}", debits, sum(sums.values()) - debits)
    return len(computed)


def statement(ledger, rows, start, end):
    """The wallets of a customer's statement, as Coffer shows them."""
    wallets = {}
    for row in rows:
        if row.at < end:
            wallets.setdefault(row.wallet, []).append(row)
    return [wallet_statement(ledger, wallet, wallets[wallet], start, end) for wallet in sorted(wallets)]


def wallet_statement(ledger, wallet, rows, start, end):
    unit = ledger.wallets[wallet]
    opening = [0, 0]
    debt = 0
    left = defaultdict(lambda: [0, 0])
    holds = {}
    shown = []
    for row in rows:
        change, paid = 0, 0
        for move in row.moves:
            change += posted(move)
            if move.debt:
                debt -= posted(move)
            elif move.kind in IN | OUT:
                sign = 1 if move.kind in IN else -1
                paid += sign * move.share
                left[move.tranche.id][0] += sign * move.credits
                left[move.tranche.id][1] += sign * move.share
            hold = row.data["hold_id"]
            if hold and move.kind in ("pinned", "unpinned", "spent"):
                placed, held = holds.get(hold, (row.data["effective_at"], 0))
                holds[hold] = (placed, held + (move.credits if move.kind == "pinned" else -move.credits))
        if row.data["sequence"] is None and not change:
            continue
        if row.at < start:
            opening = [opening[0] + change, opening[1] + paid]
        else:
            shown.append((row, change, paid))
    shown.sort(key=lambda one: one[0].at)
    balance, worth = opening
    entries, totals = [], {}
    for row, change, paid in shown:
        balance, worth = balance + change, worth + paid
        total = totals.setdefault(row.reason, [0, 0, 0, 0])
        total[0] += 1
        total[1 if change >= 0 else 2] += abs(change)
        total[3] += paid
        data = row.data
        entries.append(
            {
                "transaction_id": row.id,
                "effective_at": data["effective_at"],
                "recorded_at": data["recorded_at"],
                "transaction_reason": row.reason,
                "credits_in": text(max(change, 0)),
                "credits_out": text(max(-change, 0)),
                "balance": text(balance),
                "paid": text(paid),
                "amount": data["amount"],
                "charged": data["charged"],
                "belongs_to": data["source_id"] or data["hold_id"] or data["transfer_id"],
                "reference_type": data["reference_type"],
                "reference_id": data["reference_id"],
                "description": data["description"],
            }
        )
    tranches = [ledger.tranches[id] for id, (credits, _) in left.items() if credits]
    tranches.sort(key=lambda tranche: (ns(tranche.expires) if tranche.expires else 2**64, tranche.id))
    return {
        "wallet_id": wallet,
        "currency": unit[0],
        "price_unit": unit[1] or None,
        "conversion_rate": text(unit[2]),
        "opening": pair(*opening),
        "lines": entries,
        "totals": [
            {
                "transaction_reason": reason,
                "rows": total[0],
                "credits_in": text(total[1]),
                "credits_out": text(total[2]),
                "paid": text(total[3]),
            }
            for reason, total in sorted(totals.items())
        ],
        "closing": pair(balance, worth),
        "debt": text(debt),
        "tranches": [
            {
                "tranche_id": tranche.id,
                "source": tranche.source,
                "original": text(tranche.original),
                "remaining": text(left[tranche.id][0]),
                "paid": text(left[tranche.id][1]),
                "expires_at": tranche.expires,
            }
            for tranche in tranches
        ],
        "holds": [
            {"hold_id": hold, "placed_at": placed, "held": text(held)}
            for hold, (placed, held) in sorted(holds.items(), key=lambda one: (ns(one[1][0]), one[0]))
            if held > 0
        ],
    }


def differ(what, said, computed, path=""):
    """Where two documents differ."""
    if isinstance(said, dict) and isinstance(computed, dict):
        same(f"{what}{path}: the keys", sorted(said), sorted(computed))
        for key in said:
            differ(what, said[key], computed[key], f"{path}.{key}")
    elif isinstance(said, list) and isinstance(computed, list):
        same(f"{what}{path}: how many", len(said), len(computed))
        for number, (one, other) in enumerate(zip(said, computed)):
            differ(what, one, other, f"{path}[{number}]")
    else:
        same(f"{what}{path}", said, computed)


class Coffer:
    def __init__(self, program, data, work):
        self.program, self.data, self.work = program, data, work

    def run(self, *arguments, out=None):
        command = [self.program, *arguments, "--data-dir", self.data]
        with open(out, "wb") if out else open("/dev/null", "wb") as file:
            done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.stderr.decode()}")

    def json(self, name, *arguments):
        path = self.work / name
        self.run(*arguments, out=path)
        return json.loads(path.read_text(encoding="utf-8"))


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def periods(ledger):
    """All of it; its first half; its second half; a day in its middle; a quarter of an hour."""
    first = min(row.at for row in ledger.in_order) // 10**9 // QUARTER * QUARTER
    last = (max(row.at for row in ledger.in_order) // 10**9 // QUARTER + 1) * QUARTER
    middle = (first + (last - first) // 2) // QUARTER * QUARTER
    cuts = [(first, last), (middle, last), (middle, middle + 86_400), (middle, middle + QUARTER)]
    return cuts + ([(first, middle)] if first < middle else [])


def main(program, data, work):
    work = Path(work)
    coffer = Coffer(program, data, work)
    for kind in ("transactions", "moves"):
        out = work / f"{kind}.jsonl"
        coffer.run("export", kind, "--format", "jsonl", "--out", str(out))
    ledger = Ledger(work / "transactions.jsonl", work / "moves.jsonl")
    print(f"{len(ledger.in_order)} rows, {len(ledger.tranches)} tranches, {len(ledger.balances)} wallets, {ledger.shares} paid shares agree")
    of_customer = defaultdict(list)
    for row in ledger.in_order:
        of_customer[row.customer].append(row)
    for number, (start, end) in enumerate(periods(ledger)):
        span = ["--from", rfc3339(start), "--to", rfc3339(end)]
        said = coffer.json(f"books-{number}.json", "books", "--json", *span)
        differ(f"books {span[1]} to {span[3]}", said["units"], books(ledger, start * 10**9, end * 10**9))
        path = work / f"journal-{number}.jsonl"
        coffer.run("journal", "--format", "jsonl", "--out", str(path), *span)
        entries = compare_journal(ledger, path, start * 10**9, end * 10**9)
        rows = 0
        for customer in sorted(of_customer)[number :: 5 if len(of_customer) > 40 else 1][:8]:
            said = coffer.json("statement.json", "statement", customer, *span)
            computed = statement(ledger, of_customer[customer], start * 10**9, end * 10**9)
            differ(f"the statement of {customer}", said["wallets"], computed)
            rows += sum(len(wallet["lines"]) for wallet in computed)
        print(f"{span[1]} to {span[3]}: books, {entries} journal entries and {rows} lines of statements agree")
    check_end(ledger, coffer)
    print("everything agrees to the last digit")


def check_end(ledger, coffer):
    """Closing balances are what the wallets have, and what the tranches hold."""
    said = coffer.json("books-end.json", "books", "--json", "--from", "1970-01-01T00:00:00Z", "--to", "2200-01-01T00:00:00Z")
    closing = sum(units(source["closing"]["credits"]) for unit in said["units"] for source in unit["sources"])
    debt = sum(units(unit["debt"]["closing"]) for unit in said["units"])
    same("closing less debt", text(closing - debt), text(sum(ledger.balances.values())))
    deferred = sum(units(unit["revenue"]["deferred_closing"]) for unit in said["units"])
    unspent = sum(tranche.paid - tranche.released() for tranche in ledger.tranches.values() if tranche.remaining)
    same("deferred revenue", text(deferred), text(unspent))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Failed as failed:
        sys.exit(f"books.py: {failed}")
