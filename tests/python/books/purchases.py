"""Purchases: pending credit comes in once, money is charged and paid as SEMANTICS §6 and §11 say, and what is not paid is taken back."""

from collections import Counter, defaultdict
from fractions import Fraction

from ledger import IN, ONE, OUT, Failed, half_even, same, text, units

CENT = ONE // 100
BOUGHT = ("PURCHASED_CREDIT_DIRECT", "PURCHASED_CREDIT_INVOICED")
FREE = ("PURCHASED_CREDIT_BONUS",)
# Given for money that is not charged now: worth what it would cost.
GIVEN_BACK = ("CREDIT_NOTE", "INVOICE_VOID_REFUND")
# How credit ends unspent.
ENDS = {"expired", "voided", "forfeited", "paid_out"}


def half_up(exact, to):
    """A positive fraction, at the nearest multiple of `to`; the upper one of two."""
    return int((exact / to + Fraction(1, 2)) // 1) * to


def check_purchases(ledger):
    done = Counter()
    waiting = {}
    left, ended = defaultdict(int), defaultdict(int)
    for row in ledger.in_order:
        if row.completes_transaction_id:
            complete(waiting, row, done)
        elif row.transaction_status != "completed":
            if row.sequence is not None or any(move.kind != "scheduled" for move in row.moves):
                raise Failed(f"{row.id} is {row.transaction_status} and moves something")
            waiting[row.id] = (row, row.transaction_status)
            done[f"were {row.transaction_status}"] += 1
        if row.transaction_reason in (*BOUGHT, *FREE, *GIVEN_BACK):
            price(ledger, row)
        unpaid = row.transaction_reason == "CREDIT_VOIDED" and any(move.debt for move in row.moves)
        if unpaid:
            id = row.tranche_id
            take_back(ledger.tranches[id], row, ended[id], left[id])
            done["were not paid after all"] += 1
        for move in row.moves:
            if move.kind in IN | OUT and move.tranche:
                left[move.tranche.id] += move.credits if move.kind in IN else -move.credits
                ended[move.tranche.id] += move.credits if move.kind in ENDS else 0
    came_in = Counter(move.tranche.id for row in ledger.in_order for move in row.moves if move.kind == "issued")
    for tranche, times in came_in.items():
        same(f"how often {tranche} comes in", times, 1)
    for row, _ in waiting.values():
        if row.tranche_id in came_in:
            raise Failed(f"{row.tranche_id} is in, and {row.id} was never completed")
    return f"{len(came_in)} credits came in, once each; of them and others {', '.join(f'{count} {what}' for what, count in sorted(done.items()))}"


def complete(waiting, row, done):
    """What a row completes is as it was asked for. Paid and not begun, it waits again, under the name of its first row."""
    if row.completes_transaction_id not in waiting:
        raise Failed(f"{row.id} completes {row.completes_transaction_id}, which is none that waits")
    asked, status = waiting.pop(row.completes_transaction_id)
    for field in ("wallet_id", "tranche_id", "credit_amount"):
        same(f"{field} of {row.id}", getattr(row, field), getattr(asked, field))
    if status == "pending":
        for field in ("charged", "transaction_reason"):
            same(f"{field} of {row.id}", getattr(row, field), getattr(asked, field))
        done["were paid"] += 1
    else:
        same(f"the reason of {row.id}", row.transaction_reason, "SCHEDULED_CREDIT")
        done["began"] += 1
    if row.transaction_status == "scheduled":
        waiting[asked.id] = (row, "scheduled")
    elif row.sequence is None:
        raise Failed(f"{row.id} completes {asked.id} and moves nothing")


def price(ledger, row):
    """Money charged half-up to the cent; paid is what was charged, of what is given back what it is worth, of a bonus nothing."""
    rate = ledger.buying_rates.get(row.wallet_id)
    tranche = ledger.tranches.get(row.tranche_id)
    worth = rate and Fraction(units(row.credit_amount) * rate, ONE)
    if rate:
        same(f"the money of {row.id}", row.amount, text(half_even(worth)))
    if row.transaction_reason in BOUGHT:
        if rate:
            same(f"the charge of {row.id}", row.charged, text(half_up(worth, CENT)))
        paid = units(row.charged)
    else:
        same(f"the charge of {row.id}", row.charged, None)
        paid = half_even(worth) if row.transaction_reason in GIVEN_BACK and rate else 0
    if tranche and (rate or row.transaction_reason not in GIVEN_BACK):
        same(f"the credits of {tranche.id}", text(tranche.original), row.credit_amount)
        same(f"the paid money of {tranche.id}", text(tranche.paid), text(paid))


def take_back(tranche, row, ended, left):
    """Of credit that is not paid what is unpinned goes, and what of it did not end unspent is owed. What holds keep of it is not spent yet:
    it goes when they let it go, and what they capture of it is overdraft."""
    taken = [move for move in row.moves if move.kind == "voided"]
    for move in taken:
        same(f"what {row.id} takes of {move.tranche.id}", text(move.credits), text(move.left))
    credits = sum(move.credits for move in taken)
    owed = sum(move.credits for move in row.moves if move.debt)
    same(f"what {row.id} makes a debt", text(owed), text(tranche.original - ended - left))
    same(f"what {row.id} is about", row.credit_amount, text(credits + owed))
