"""Rows of FOCUS, from ledger rows: docs/EXPORTS.md."""

from collections import Counter
from datetime import datetime, timezone

from ledger import ONE, Failed, lines, same, text, units

USED = ("USAGE_DEBIT", "HOLD_CAPTURE", "MANUAL_BALANCE_DEBIT", "INVOICE_PAYMENT")
GIVEN_BACK = ("REFUND", "REVERSAL")
RELEASES = {"spent": 1, "repaid": 1, "returned": -1, "regranted": -1}


def month(instant):
    return instant[:7]


def computed(ledger):
    """Each row, its category, figures and class, in the order of the log."""
    settled = {}
    for row in ledger.in_order:
        if row.transaction_reason == "INVOICE_PAYMENT":
            settled[row.customer_id, row.source_id] = row
        unit = ledger.wallets.get(row.wallet_id)
        credits, amount = units(row.credit_amount), units(row.amount or "0")
        share = sum(RELEASES.get(move.kind, 0) * move.share for move in row.moves)
        if row.transaction_reason in USED + GIVEN_BACK:
            sign = 1 if row.transaction_reason in USED else -1
            debit = ledger.rows.get(row.parent_transaction_id) or settled.get((row.customer_id, row.source_id))
            corrects = sign < 0 and month(debit.recorded_at) != month(row.recorded_at)
            yield row, "Usage", {
                "BilledCost": 0, "ListCost": sign * amount, "ContractedCost": sign * amount, "EffectiveCost": share,
                "PricingQuantity": sign * credits, "PricingCurrencyEffectiveCost": sign * credits, "ListUnitPrice": unit[2],
                "PricingCurrencyListUnitPrice": ONE,
            }, "Correction" if corrects else None
            continue
        if row.charged and row.charged != "0" and row.transaction_status != "pending":
            rate = ledger.buying_rates.get(row.wallet_id)
            rates = {"ListUnitPrice": rate, "PricingCurrencyListUnitPrice": rate} if rate else {}
            yield row, "Purchase", {
                "BilledCost": units(row.charged), "ListCost": amount, "ContractedCost": amount, "EffectiveCost": 0,
                "PricingQuantity": credits, "PricingCurrencyEffectiveCost": 0, **rates,
            }, None
        repaid = sum(move.share for move in row.moves if move.kind == "repaid")
        if repaid:
            yield row, "Adjustment", {
                "BilledCost": 0, "ListCost": 0, "ContractedCost": 0, "EffectiveCost": repaid, "PricingQuantity": None,
                "PricingCurrencyEffectiveCost": 0,
            }, None


def compare_focus(ledger, path):
    said, ledger.used, counted = lines(path), 0, Counter()
    for row, category, figures, corrects in computed(ledger):
        line = next(said, None)
        if line is None:
            raise Failed(f"FOCUS has no {category} of {row.id}")
        what = f"FOCUS of {row.id}"
        same(what, (line["x_TransactionId"], line["ChargeCategory"], line["ChargeClass"]), (row.id, category, corrects))
        for column, value in figures.items():
            same(f"{what}, {column}", line[column], value if value is None else text(value))
        begins = datetime.fromtimestamp(row.at // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        same(f"{what}, ChargePeriodStart", line["ChargePeriodStart"], begins)
        same(f"{what}, BillingPeriodStart", line["BillingPeriodStart"], f"{month(row.recorded_at)}-01T00:00:00Z")
        for column, field in (("x_WalletId", "wallet_id"), ("SubAccountId", "customer_id"), ("SubAccountName", "external_customer_id")):
            same(f"{what}, {column}", line[column], getattr(row, field))
        same(f"{what}, BillingCurrency", line["BillingCurrency"], ledger.wallets[row.wallet_id][0].upper())
        ledger.used += figures["EffectiveCost"]
        counted[corrects or category] += 1
    if next(said, None) is not None:
        raise Failed("FOCUS has more rows")
    return f"FOCUS: {', '.join(f'{count} {kind}' for kind, count in sorted(counted.items()))} agree"
