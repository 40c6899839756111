#!/usr/bin/env python3
"""Computes a ledger's books anew, from its rows alone, and compares them with what Coffer says, to the last digit.

    python3 tests/python/books COFFER DATA_DIR WORK_DIR

COFFER is the program, DATA_DIR the data directory of a stopped server. Rows come from `coffer export transactions` and `coffer export
moves` as JSON Lines; of the latter everything is taken but the paid shares, which are computed here. What recharges began and ended, and
which alerts changed, comes from `coffer wal dump`. WORK_DIR/grants.jsonl says who was enrolled in which grants, alerts.jsonl which wallets
warn. Amounts are integers of 10^-15 and fractions; nothing is rounded but where docs/BOOKS.md and SEMANTICS say so.
No code, no formula and no table is shared with Coffer. Checks, for every tranche, wallet, statement, period of books and journal entry:
  - `ledger`: each tranche's credit, never below nothing or what holds keep, all of it accounted for; each wallet's rows, numbered without a
    gap, each balance the one before and what its slices move; the paid share of each slice
  - `purchases`: pending credit comes in once; money charged and paid; what becomes of credit that was trusted and is not paid
  - `grants`: each period of each grant once, with its credits and dates; what rolls over, what ends
  - `rules`: alerts, which are what the balances make them; recharges, which end once, in a week at the latest
  - `accounts`, `statements`, `focus`: books, trial balances, journals and statements of several periods; rows of FOCUS
"""

import json
import subprocess
import sys
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

from accounts import books, compare_journal
from focus import compare_focus
from grants import check_grants
from ledger import Failed, Ledger, differ, same, text, units
from purchases import check_purchases
from rules import Rules
from statements import statement

QUARTER = 15 * 60


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

    def export(self, kind):
        path = self.work / f"{kind}.jsonl"
        self.run("export", kind, "--format", "jsonl", "--out", str(path))
        return path

    def dump(self):
        path = self.work / "log.jsonl"
        self.run("wal", "dump", "--json", out=path)
        return path


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def periods(ledger):
    """All of it; its second half; a day in its middle; a quarter of an hour; its first half."""
    instants = sorted(row.at for row in ledger.in_order)
    first, middle = (at // 10**9 // QUARTER * QUARTER for at in (instants[0], instants[len(instants) // 2]))
    last = (instants[-1] // 10**9 // QUARTER + 1) * QUARTER
    cuts = [(first, last), (middle, last), (middle, middle + 86_400), (middle, middle + QUARTER)]
    return cuts + ([(first, middle)] if first < middle else [])


def main(program, data, work):
    work = Path(work)
    coffer = Coffer(program, data, work)
    ledger = Ledger(coffer.export("transactions"), coffer.export("moves"))
    print(f"{len(ledger.in_order)} rows, {len(ledger.tranches)} tranches, {len(ledger.balances)} wallets, {ledger.shares} paid shares agree")
    print(check_purchases(ledger))
    print(check_grants(ledger, work / "grants.jsonl"))
    rules = Rules(ledger, coffer.dump(), work / "alerts.jsonl")
    print(f"{len(rules.by_id)} recharges and {rules.judged} changes of alerts are what the rows make them")
    print(compare_focus(ledger, coffer.export("focus")))
    of_customer = defaultdict(list)
    for row in ledger.in_order:
        of_customer[row.customer_id].append(row)
    for number, (start, end) in enumerate(periods(ledger)):
        span = ["--from", rfc3339(start), "--to", rfc3339(end)]
        said = coffer.json(f"books-{number}.json", "books", "--json", *span)
        differ(f"books {span[1]} to {span[3]}", said["units"], books(ledger, start * 10**9, end * 10**9))
        path = work / f"journal-{number}.jsonl"
        coffer.run("journal", "--format", "jsonl", "--out", str(path), *span)
        entries = compare_journal(ledger, path, start * 10**9, end * 10**9)
        rows = 0
        chosen = {*sorted(of_customer)[number::5][:8], *(rules.customers_of_each_kind() if number < 2 else ())}
        for customer in sorted(chosen):
            said = coffer.json("statement.json", "statement", customer, *span)
            computed = statement(ledger, rules, of_customer[customer], start * 10**9, end * 10**9)
            differ(f"the statement of {customer}", said["wallets"], computed)
            rows += sum(len(wallet["lines"]) for wallet in computed)
        print(f"{span[1]} to {span[3]}: books, {entries} journal entries and {rows} lines of statements agree")
    rules.check_seen()
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
    earned = sum(units(unit["revenue"]["earned"]) for unit in said["units"])
    same("what FOCUS has as used, and the books as earned", text(ledger.used), text(earned))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Failed as failed:
        sys.exit(f"books: {failed}")
