"""The rows of a ledger, from two exports as JSON Lines: what each tranche, wallet and hold is after each of them.

Amounts are integers of 10^-15. Of the moves everything is taken but the paid shares, which are computed.
"""

import json
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from sys import intern

ONE = 10**15

IN = {"issued", "arrived", "returned", "regranted", "rolled_in"}
OUT = {"spent", "repaid", "expired", "voided", "forfeited", "paid_out", "sent", "rolled_out"}
# In the order in which docs/BOOKS.md has them.
KINDS = "issued arrived returned regranted spent repaid expired voided forfeited paid_out sent rolled_out rolled_in".split()
# What a row's reason lets its slices do. A row of credit may also repay debt at once.
MAY = {
    "USAGE_DEBIT": {"spent"},
    "MANUAL_BALANCE_DEBIT": {"spent"},
    "HOLD_CAPTURE": {"spent"},
    "INVOICE_PAYMENT": {"spent"},
    "TRANSFER_OUT": {"sent"},
    "TRANSFER_IN": {"arrived", "repaid"},
    # What comes back of credit that was never paid is voided, and a debt becomes less.
    "REFUND": {"returned", "regranted", "regranted_from", "voided", "repaid"},
    "REVERSAL": {"returned", "regranted", "regranted_from", "voided", "repaid"},
    "TRANSFER_RETURNED": {"returned", "regranted", "regranted_from", "voided", "repaid"},
    "CREDIT_EXPIRED": {"expired"},
    # A recharge that turns out not to be paid takes what is left, and makes a debt of the rest.
    "CREDIT_VOIDED": {"voided", "cancelled", "spent"},
    "ROLLOVER": {"rolled_out", "rolled_in"},
    "WALLET_TERMINATION": {"forfeited", "paid_out"},
    "UNCOLLECTED": {"written_off"},
    "HOLD": {"pinned"},
    "HOLD_RELEASE": {"unpinned"},
    "SCHEDULED_CREDIT": {"issued", "repaid"},
}
CREDIT = {"issued", "scheduled", "repaid"}

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
    """One block of credit. `gone` has what left it, by kind; `pins` what each open hold keeps of it."""

    __slots__ = ("id", "wallet", "source", "original", "paid", "expires", "remaining", "gone", "pins", "made_by")

    def __init__(self, move, row):
        self.id = move["tranche_id"]
        self.wallet = intern(move["wallet_id"])
        self.source = intern(move["source"])
        self.original = units(move["tranche_original"])
        self.paid = units(move["tranche_paid"])
        self.expires = move["tranche_expires_at"]
        self.remaining = 0
        self.gone = defaultdict(int)
        self.pins = {}
        self.made_by = row

    def released(self):
        """paid x (original - remaining) / original, rounded down."""
        return self.paid * (self.original - self.remaining) // self.original

    def unpinned(self):
        return self.remaining - sum(self.pins.values())

    def pin(self, kind, hold, credits):
        if kind == "pinned":
            self.pins[hold] = self.pins.get(hold, 0) + credits
        elif hold in self.pins:
            # A capture takes what its hold pins first; what it draws beyond that was pinned by nobody.
            self.pins[hold] -= min(credits, self.pins[hold])
            if not self.pins[hold]:
                del self.pins[hold]


class Move:
    """What a row did to one tranche, or to a debt. `left` is what of its tranche was unpinned before it."""

    __slots__ = ("row", "kind", "credits", "source", "tranche", "share", "free", "debt", "left")


# What is kept of a row, under the names of its columns.
KEPT = """id log_position customer_id external_customer_id wallet_id sequence type transaction_reason transaction_status credit_amount amount
    charged credit_balance_before credit_balance_after repaid tranche_id parent_transaction_id completes_transaction_id
    topup_conversion_rate source_id hold_id transfer_id grant_id reference_type reference_id description slices effective_at
    recorded_at""".split()
SHARED = {"customer_id", "external_customer_id", "wallet_id", "type", "transaction_reason", "transaction_status", "grant_id", "effective_at"}


class Row:
    __slots__ = (*KEPT, "at", "moves", "order")

    def __init__(self, order, data):
        for name in KEPT:
            value = data[name]
            setattr(self, name, intern(value) if value and name in SHARED else value)
        self.at, self.moves, self.order = ns(self.effective_at), [], order


class Ledger:
    """Rows in the order of the log, tranches and wallets as they are in the end."""

    def __init__(self, transactions, moves):
        self.rows = {}
        self.in_order = []
        self.tranches = {}
        self.wallets = {}
        self.buying_rates = {}
        for order, data in enumerate(lines(transactions)):
            row = Row(order, data)
            self.rows[row.id] = row
            self.in_order.append(row)
            if row.topup_conversion_rate is not None:
                rate = self.buying_rates.setdefault(row.wallet_id, units(row.topup_conversion_rate))
                same(f"the rate of buying of {row.wallet_id}", units(row.topup_conversion_rate), rate)
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
        return known

    def move(self, row, data):
        unit = self.unit(data)
        allowed = MAY.get(row.transaction_reason, CREDIT)
        if data["kind"] not in allowed:
            raise Failed(f"{row.id} is {row.transaction_reason} and has a slice that is {data['kind']}")
        move = Move()
        move.row, move.kind, move.credits = row, intern(data["kind"]), units(data["credits"])
        move.source = intern(data["source"])
        move.debt = data["tranche_id"] is None
        move.share = move.free = move.left = 0
        move.tranche = None
        if not move.debt:
            tranche = self.tranches.get(data["tranche_id"])
            if tranche is None:
                tranche = self.tranches[data["tranche_id"]] = Tranche(data, row)
            move.tranche = tranche
            move.left = tranche.unpinned()
            for field, value in (("source", tranche.source), ("tranche_expires_at", tranche.expires), ("wallet_id", tranche.wallet)):
                same(f"{field} of {tranche.id}", data[field], value)
            for field, value in (("tranche_paid", tranche.paid), ("tranche_original", tranche.original)):
                same(f"{field} of {tranche.id}", units(data[field]), value)
            if row.hold_id and move.kind in ("pinned", "unpinned", "spent"):
                tranche.pin(move.kind, row.hold_id, move.credits)
            self.enter(row, move, tranche, unit)
            if move.kind in IN | OUT:
                same(f"the paid share of {row.id}, {data['move']}", data["paid_share"], text(move.share))
                self.shares += 1
        row.moves.append(move)

    def enter(self, row, move, tranche, unit):
        if move.kind in IN | OUT:
            before = tranche.released()
            tranche.remaining += move.credits if move.kind in IN else -move.credits
            move.share = abs(tranche.released() - before)
        if not 0 <= tranche.unpinned() <= tranche.remaining <= tranche.original:
            raise Failed(f"{row.id} leaves {text(tranche.remaining)} of {text(tranche.original)} in {tranche.id}, pinned {tranche.pins}")
        if move.kind in OUT:
            tranche.gone[move.kind] += move.credits
        elif move.kind == "returned":
            tranche.gone["sent" if row.transaction_reason == "TRANSFER_RETURNED" else "spent"] -= move.credits
        if tranche.paid == 0 and move.kind in IN | OUT:
            move.free = half_even(Fraction(move.credits * unit[2], ONE))
        if move.kind in ("expired", "voided"):
            same(f"what {row.id} leaves to no hold in {tranche.id}", text(tranche.unpinned()), "0")
        if move.kind == "expired" and ns(tranche.expires) > row.at:
            raise Failed(f"{row.id} expires {tranche.id} before its end")
        if move.kind in OUT and row.at < tranche.made_by.at:
            raise Failed(f"{row.id} counts before {tranche.id} came in")

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
            sequence, balance = state.get(row.wallet_id, (0, 0))
            if row.sequence is None:
                # Debt that is written off stands outside the chain: it is the end of the wallet.
                off = sum(move.credits for move in row.moves if move.kind == "written_off")
                same(f"what {row.id} moves", text(off), text(sum(map(posted, row.moves))))
                state[row.wallet_id] = (sequence, balance + off)
                continue
            same(f"the number of {row.id}", row.sequence, sequence + 1)
            same(f"the balance before {row.id}", row.credit_balance_before, text(balance))
            balance += sum(map(posted, row.moves))
            same(f"the balance after {row.id}", row.credit_balance_after, text(balance))
            state[row.wallet_id] = (sequence + 1, balance)
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


def pair(credits, paid):
    return {"credits": text(credits), "paid": text(paid)}


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


