"""FOCUS rows of a real ledger before the validator of those who write FOCUS (focus-validator, from PyPI), by its model of FOCUS 1.2.

`just focus` runs it: python focus.py COFFER [ROWS]. It makes the ledger of exports.py over HTTP, and beside it a tenant in test mode whose
credit repays debt and whose debits are refunded in a later month; it writes CSV and Parquet and hands both over. A rule that fails is one
of those below or ends this with 1, and so does one of those below that does not fail any more.
"""

import os
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import focus_validator

import exports
from bought_and_granted import Asked
from server import Server

MODEL = "1.2.0.1"
# What of FOCUS's conditions holds of a Coffer (docs/EXPORTS.md): rules of all others are not asked.
HOLDS = """ACCOUNT_NAMING_SUPPORTED MULTIPLE_PRICING_CATEGORIES_SUPPORTED NEGOTIATED_PRICING_SUPPORTED
    PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED PUBLIC_PRICE_LIST_SUPPORTED RESOURCE_TYPE_ASSIGNMENT_SUPPORTED SUB_ACCOUNT_SUPPORTED
    TAGGING_SUPPORTED UNIT_PRICING_SUPPORTED USAGE_MEASUREMENT_SUPPORTED VIRTUAL_CURRENCY_SUPPORTED""".split()
# Rules that fail, and why the rows are right all the same.
FAILING = {
    "it takes only codes of ISO 4217, and FOCUS's CurrencyFormat has names of virtual currencies too":
        "PricingCurrency-C-000-C PricingCurrency-C-003-M",
    "it asks that InvoiceId is null in every row or in none, and FOCUS that it is null in rows of no invoice":
        "InvoiceId-C-000-O InvoiceId-C-003-C InvoiceId-C-004-C InvoiceId-C-005-C",
    "it looks into CommitmentDiscountStatus, which is there only where there are commitment discounts": """ConsumedQuantity-C-000-C
        ConsumedQuantity-C-003-C ConsumedQuantity-C-004-C ConsumedQuantity-C-005-C ConsumedQuantity-C-006-C""",
}
# It takes texts of ASCII only, which FOCUS does not ask for.
exports.TEXTS = [text for text in exports.TEXTS if text.isascii()]
CHECKED_MIN = 250


def corrected(server):
    """Usage that is refunded in a later month, and credit that repays debt."""
    key = server.ask("POST", "/tenants", {"name": "tests", "test_mode": True})["key"]["key"]

    def ask(method, path, body):
        return server.ask(method, path, body, key)

    wallet = ask("POST", "/wallets", {"customer_id": "late", "currency": "eur", "conversion_rate": "2", "overdraft_limit": "50"})["id"]
    bought = {"transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": "10"}
    ask("POST", f"/wallets/{wallet}/top-up", bought)
    debits = [ask("POST", "/customers/late/debits", {"credits": credits, "feature": "chat"}) for credits in ("3", "4", "9.5")]
    later = datetime.now(timezone.utc) + timedelta(days=40)
    ask("POST", "/test-clock", {"now": later.strftime("%Y-%m-%dT%H:%M:%SZ")})
    for debit in debits[:2]:
        ask("POST", "/customers/late/refunds", {"transaction_id": debit["transaction_id"]})
    ask("POST", "/customers/late/debits", {"credits": "20", "feature": "chat"})
    ask("POST", f"/wallets/{wallet}/top-up", bought)


def validated(path):
    """How each rule went: what the validator prints. It finds its own files only from where it stands."""
    command = [
        Path(sys.executable).parent / "focus-validator", "--data-file", path, "--focus-dataset", "CostAndUsage", "--validate-version", MODEL,
        "--block-download", "--applicability-criteria", ",".join(HOLDS),
    ]
    place = Path(focus_validator.__file__).parent.parent
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    went = re.findall(r"^\S+ (\S+): (PASS|FAIL|SKIPPED) +\((.*)$", ran.stdout, re.MULTILINE)
    exports.check(ran.returncode == 0 and went, f"the validator says: {ran.stdout[-2000:]} {ran.stderr[-2000:]}")
    return {rule: (how, why) for rule, how, why in went}


def main():
    coffer, rows = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    expected = {rule for rules in FAILING.values() for rule in rules.split()}
    with tempfile.TemporaryDirectory() as place:
        data, out = os.path.join(place, "data"), Path(place)
        with Server(coffer, data) as server:
            Asked(server)
            exports.live(server, rows)
            corrected(server)
            exports.check(server.stop(), "the server did not end in good order")
        for form in ("csv", "parquet"):
            path = out / f"focus.{form}"
            subprocess.run([coffer, "export", "focus", "--format", form, "--out", path, "--data-dir", data], check=True, capture_output=True)
            path = path / "000001.parquet" if form == "parquet" else path
            if form == "csv":
                text = path.read_text()
                for word in (",Correction,", ",Adjustment,", ",Purchase,", ",Usage,"):
                    exports.check(word in text, f"no row with {word} in it")
            went = validated(path)
            failed = {rule for rule, (how, _) in went.items() if how == "FAIL"}
            for rule in sorted(failed - expected):
                print(f"{form}: {rule}: {went[rule][1]}")
            exports.check(failed <= expected, f"rows of {form} break rules of FOCUS {MODEL}")
            exports.check(failed == expected, f"{form}: these hold now, and are among those that fail: {sorted(expected - failed)}")
            passed = sum(how == "PASS" for how, _ in went.values())
            exports.check(passed >= CHECKED_MIN, f"{form}: only {passed} rules were looked at")
            print(f"{form}: of {len(went)} rules {passed} hold, {len(went) - passed - len(failed)} cannot be asked of rows or are of other things")
    for why, rules in FAILING.items():
        print(f"not held against the rows: {why}: {', '.join(rules.split())}")
    print("focus: the rows obey FOCUS 1.2")


if __name__ == "__main__":
    main()
