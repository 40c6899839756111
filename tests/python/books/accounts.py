"""Books and journal of a period, from the moves of its rows: docs/BOOKS.md."""

from collections import defaultdict

from ledger import IN, KINDS, OUT, Failed, lines, pair, same, text, units

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



def postings(move):
    """Debit account, credit account, money: docs/BOOKS.md, "Journal"."""
    if move.debt:
        return
    back = move.row.transaction_reason == "TRANSFER_RETURNED"
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
            unit = ledger.wallets[row.wallet_id]
            line = (per_unit if within else before_unit)[unit][(move.source, move.kind, row.transaction_reason)]
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
    order = [*KINDS, "written_off"]
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
        same(f"the unit of {row.id}", unit, ledger.wallets[row.wallet_id])
        for field in ("customer_id", "wallet_id", "transaction_reason", "effective_at", "recorded_at", "log_position"):
            same(f"{field} of {row.id}", line[field], getattr(row, field))
    same("entries", len(said), len(computed))
    for row, sums in computed.items():
        same(f"the entry of {row}", said.get(row), dict(sums))
        debits = sum(money for (_, _, side), money in sums.items() if side == "debit")
        same(f"the debits of {row}", debits, sum(sums.values()) - debits)
    return len(computed)
