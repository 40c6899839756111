"""Statements of a customer's wallets, from its rows: docs/BOOKS.md."""

from collections import defaultdict

from ledger import IN, OUT, ns, pair, posted, text


def statement(ledger, rules, rows, start, end):
    """The wallets of a customer's statement, as Coffer shows them."""
    wallets = defaultdict(list)
    for row in rows:
        wallets[row.wallet_id] += [row] if row.at < end else []
    shown = []
    for wallet in sorted(wallets):
        recharges, alerts = rules.shown(wallet, start, end)
        if wallets[wallet] or recharges or alerts:
            shown.append(wallet_statement(ledger, wallet, wallets[wallet], start, end))
            shown[-1].update(recharges=recharges, alerts=alerts)
    return shown


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
            hold = row.hold_id
            if hold and move.kind in ("pinned", "unpinned", "spent"):
                placed, held = holds.get(hold, (row.effective_at, 0))
                holds[hold] = (placed, held + (move.credits if move.kind == "pinned" else -move.credits))
        if row.sequence is None and not change:
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
        total = totals.setdefault(row.transaction_reason, [0, 0, 0, 0])
        total[0] += 1
        total[1 if change >= 0 else 2] += abs(change)
        total[3] += paid
        entries.append(
            {
                "transaction_id": row.id,
                "effective_at": row.effective_at,
                "recorded_at": row.recorded_at,
                "transaction_reason": row.transaction_reason,
                "credits_in": text(max(change, 0)),
                "credits_out": text(max(-change, 0)),
                "balance": text(balance),
                "paid": text(paid),
                "amount": row.amount,
                "charged": row.charged,
                "belongs_to": row.source_id or row.hold_id or row.transfer_id or row.grant_id,
                "reference_type": row.reference_type,
                "reference_id": row.reference_id,
                "description": row.description,
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
