"""Exports read back by pyarrow: CSV, JSON Lines and Parquet of one range say the same, digit by digit, as each other and as the API.

`just exports` runs it: python exports.py COFFER [ROWS]. It starts a real server on a directory of its own, makes a ledger over HTTP
with everything that is hard to write down (quotes, line ends, formulas, empty texts, 15 digits) and with purchases and grants of every
kind (bought_and_granted.py), asks for each export over HTTP and by the command line, and checks FOCUS rows against the rules of FOCUS
1.2. Exits with 1 at the first thing that is wrong.
"""

import csv
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import urllib.error
from datetime import datetime, timezone
from decimal import Decimal, getcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

import bought_and_granted
from bought_and_granted import Asked, Wrong
from server import Server

getcontext().prec = 60
KINDS = ["transactions", "slices", "moves", "journal", "focus"]
# Texts that some format must escape, guard or keep apart from nothing.
TEXTS = ["plain", "=1+1", "+1", "-1", "@sum", "\ttab", "'quoted'", 'say "so"', "a,b;c", "line\r\nend", "é ∑ 😀", " ", "null", "0010"]


def check(holds, what):
    if not holds:
        sys.exit(f"exports: {what}")


def live(server, rows):
    """A ledger in which every kind of row is."""
    chance = random.Random(17)
    print("seed 17")
    wallets = {}
    for number in range(8):
        customer = f"customer-{number}"
        body = {"customer_id": customer, "currency": "usd", "conversion_rate": 0.37, "topup_conversion_rate": 1.7}
        if number % 2:
            body["price_unit"] = "gpu_h100"
        wallets[customer] = server.ask("POST", "/wallets", body)["id"]
    for customer, wallet in wallets.items():
        for reason, credits in [("PURCHASED_CREDIT_DIRECT", "1000.123456789012345"), ("FREE_CREDIT_GRANT", "33.3")]:
            server.ask("POST", f"/wallets/{wallet}/top-up", {"transaction_reason": reason, "credits_to_add": credits})
    done = 0
    while done < rows:
        customer, wallet = chance.choice(list(wallets.items()))
        text = chance.choice(TEXTS)
        words = {"reference_type": text, "reference_id": text + "!", "description": text, "metadata": {"team": text, 'k"ey': ""}}
        words = words if chance.random() < 0.5 else {}
        credits = f"0.{chance.randrange(1, 10**15):015d}"
        try:
            what = chance.randrange(12)
            if what < 7:
                feature = {"feature": chance.choice(["chat", "images"])} if what % 2 else {}
                made = server.ask("POST", f"/customers/{customer}/debits", {"credits": credits, **feature, **words})
                if what == 0:
                    server.ask("POST", f"/customers/{customer}/refunds", {"transaction_id": made["transaction_id"]})
            elif what < 9:
                hold = server.ask("POST", f"/customers/{customer}/holds", {"credits": "2.5", "expires_in": 60, **words})
                server.ask("POST", f"/customers/{customer}/holds/{hold['hold_id']}/capture", {"credits": credits})
            elif what == 9:
                line = {"id": "l", "amount": "0.07", "price_type": "USAGE"}
                server.ask("POST", f"/customers/{customer}/invoices/settle", {"invoice_id": f"=inv-{done}", "currency": "usd", "lines": [line]})
            elif what == 10:
                server.ask("POST", f"/wallets/{wallet}/top-up", {"transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": credits})
            else:
                receiver = f"customer-{(int(customer[-1]) + 2) % 8}"
                server.ask("POST", "/transfers", {"from_customer_id": customer, "to_customer_id": receiver, "credits": credits})
            done += 1
        except urllib.error.HTTPError as error:
            check(error.code in (400, 402, 409, 422), f"{error.code} {error.read()}")


def text_of(kind, value):
    """A value of Parquet as the text formats write it."""
    if value is None:
        return None
    if kind == "decimal(38,15)":
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text
    if kind == "integer":
        return str(value)
    if kind == "timestamp":
        seconds, ns = divmod(value, 10**9)
        text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        for digits in (3, 6, 9):
            if ns and ns % 10 ** (9 - digits) == 0:
                return f"{text}.{ns // 10 ** (9 - digits):0{digits}d}Z"
        return text + "Z"
    if kind == "json":
        return json.loads(value)
    return value


def from_parquet(table, columns):
    kinds = {
        "decimal(38,15)": pa.decimal128(38, 15), "integer": pa.int64(), "timestamp": pa.timestamp("ns", "UTC"),
        "json": pa.string(), "word": pa.string(), "text": pa.string(),
    }
    lists = []
    for column in columns:
        field = table.schema.field(column["name"])
        check(field.type == kinds[column["type"]], f"{column['name']} is {field.type} in Parquet")
        check(field.nullable == column["nullable"], f"{column['name']}: nullable in Parquet")
        values = table[column["name"]]
        values = values.cast(pa.int64()) if column["type"] == "timestamp" else values
        lists.append([text_of(column["type"], value) for value in values.to_pylist()])
    return list(zip(*lists))


def from_csv(data, columns):
    """By Python's own reader; pyarrow's must find the same fields."""
    text = data.decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    names = [column["name"] for column in columns]
    check(rows[0] == names, "the header of the CSV")
    options = pacsv.ConvertOptions(column_types={name: pa.string() for name in names}, strings_can_be_null=False)
    parsed = pacsv.read_csv(io.BytesIO(data), parse_options=pacsv.ParseOptions(newlines_in_values=True), convert_options=options)
    check([list(row.values()) for row in parsed.to_pylist()] == rows[1:], "pyarrow reads other fields in the CSV")
    lines = []
    for row in rows[1:]:
        line = []
        for column, field in zip(columns, row):
            if column["type"] == "text":
                guarded = field.startswith("'")
                check(guarded or not field.startswith(("=", "+", "-", "@", "\t", "\r")), f"{field!r} is not guarded")
                line.append(field[1:] if guarded else (field or None))
            elif field == "":
                line.append(None)
            else:
                line.append(json.loads(field) if column["type"] == "json" else field)
        lines.append(tuple(line))
    return lines


def from_jsonl(data, columns):
    names = [column["name"] for column in columns]
    lines = []
    for text in data.decode("utf-8").split("\n")[:-1]:
        line = json.loads(text)
        check(list(line) == names, f"the keys of {text}")
        for column in columns:
            value = line[column["name"]]
            check(value is not None or column["nullable"], f"{column['name']} is null in {text}")
            if column["type"] == "integer" and value is not None:
                line[column["name"]] = str(value)
        lines.append(tuple(line.values()))
    return lines


def over_http(server, kind):
    """The three formats of one range, as the running server streams them."""
    last = server.raw("GET", f"/exports/{kind}?format=jsonl")[0]["x-log-to"]
    found = {}
    for form in ("csv", "jsonl", "parquet"):
        headers, body = server.raw("GET", f"/exports/{kind}?format={form}&to={last}")
        check((headers["x-log-from"], headers["x-log-to"]) == ("1", last), f"the range of {kind} {form}")
        check(f"{kind}-1-{last}.{form}" in headers["content-disposition"], "the file's name")
        found[form] = body
    return last, found


def by_command(coffer, data, kind, last, out):
    manifests = {}
    for form in ("csv", "jsonl", "parquet"):
        path = out / f"{kind}.{form}"
        command = [coffer, "export", kind, "--format", form, "--out", path, "--to", last, "--data-dir", data, "--json", "--resume"]
        if form == "parquet":
            command += ["--file-rows", "500"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        check(made.returncode == 0, made.stderr)
        manifest = json.loads(made.stdout)
        check(manifest == json.loads(Path(f"{path}.manifest.json").read_text()), "the manifest that is printed is the one that is kept")
        check(manifest["complete"] and (manifest["log_from"], manifest["log_to"]) == (1, int(last)), "the manifest's range")
        for file in manifest["files"]:
            content = (path / file["name"] if form == "parquet" else path).read_bytes()
            check(hashlib.sha256(content).hexdigest() == file["sha256"], f"the hash of {file['name']}")
        manifests[form] = manifest
    return manifests


def against_the_api(server, data, asked):
    """Every transaction's line says what the API says of it; of one that waited, the API says how it went since."""
    own = {"log_position", "external_customer_id", "rate_card_id", "rate_card_version", "slices", "overdraft"}
    lines = [json.loads(text) for text in data.decode("utf-8").split("\n")[:-1]]
    came_in = {line["completes_transaction_id"]: line for line in lines if line["transaction_status"] == "completed"}
    for line in lines:
        shown = server.ask("GET", f"/transactions/{line['id']}")
        now = dict(line)
        if line["transaction_status"] in ("pending", "scheduled"):
            now["transaction_status"] = asked.status_now(line)
            for name in ("credit_balance_before", "credit_balance_after", "repaid"):
                now[name] = came_in.get(line["id"], line)[name]
        for name, value in now.items():
            if name not in own:
                check(value == shown[name], f"{name} of {line['id']}: {value!r}, and the API says {shown[name]!r}")
        check(line["slices"] == len(shown["slices"]), f"slices of {line['id']}")


def focus_rules(lines, columns):
    """FOCUS 1.2, column by column, as the specification's pages say it."""
    names = [column["name"] for column in columns]
    mandatory = """BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory
        ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost
        PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName""".split()
    check(not [name for name in mandatory if name not in names], "a mandatory column of FOCUS is not there")
    not_null = [name for name in mandatory if name not in ("BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit")]
    focus = [name for name in names if not name.startswith("x_")]
    check(focus == names[: len(focus)] and focus == sorted(focus), "FOCUS columns come first, in order")
    earned = Decimal(0)
    for line in lines:
        line = dict(zip(names, line))
        check(not [name for name in not_null if line[name] is None], f"null where FOCUS allows none: {line}")
        check(all(value != "" for name, value in line.items() if not name.startswith("x_")), f"an empty text instead of null: {line}")
        category, correction = line["ChargeCategory"], line["ChargeClass"] == "Correction"
        check(category in ("Usage", "Purchase", "Tax", "Credit", "Adjustment"), category)
        number = {name: Decimal(line[name]) for name in names if line[name] is not None and name.endswith(("Cost", "Quantity", "Price"))}
        if category in ("Usage", "Purchase") and not correction:
            for cost, price in [("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")]:
                product = number[price] * number["PricingQuantity"]
                # An invoice's part is whole minor units, and its credits were rounded up for it.
                check(abs(product - number[cost]) <= Decimal("1e-14"), f"{price} x PricingQuantity is not {cost}: {line}")
                check(number[price] >= 0, f"{price} of {line}")
        check(category != "Purchase" or number["EffectiveCost"] == 0, f"a prepaid purchase has an effective cost: {line}")
        check((line["ConsumedQuantity"] is not None) == (category == "Usage"), f"ConsumedQuantity of {line}")
        earned += number["EffectiveCost"]
    check(earned > 0, "nothing was earned")
    return earned


def main():
    coffer, rows = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as place:
        data, out = os.path.join(place, "data"), Path(place)
        with Server(coffer, data, SEGMENT_BYTES=2 << 20) as server:
            asked = Asked(server)
            live(server, rows)
            streamed = {kind: over_http(server, kind) for kind in KINDS}
            apart = server.raw("GET", "/exports/transactions?format=csv&customer_id=customer-3")[1]
            check(0 < apart.count(b"customer-3") and b"customer-2," not in apart, "a customer's export has another's rows")
            against_the_api(server, streamed["transactions"][1]["jsonl"], asked)
            check(server.stop(), "the server did not end in good order")
        found = {}
        for kind in KINDS:
            last, bodies = streamed[kind]
            manifests = by_command(coffer, data, kind, last, out)
            columns = manifests["jsonl"]["columns"]
            for form in ("csv", "jsonl"):
                check((out / f"{kind}.{form}").read_bytes() == bodies[form], f"{kind} {form}: the file is not what HTTP gave")
            parsed = {
                "csv": from_csv(bodies["csv"], columns),
                "jsonl": from_jsonl(bodies["jsonl"], columns),
                "parquet over HTTP": from_parquet(pq.read_table(io.BytesIO(bodies["parquet"])), columns),
                "parquet": from_parquet(pq.read_table(out / f"{kind}.parquet"), columns),
            }
            for form, lines in parsed.items():
                check(len(lines) == manifests["jsonl"]["rows"], f"{kind}: {len(lines)} lines of {form}")
                for one, other in zip(lines, parsed["jsonl"]):
                    check(one == other, f"{kind}: {form} says {one}, and JSON Lines {other}")
            file = pq.ParquetFile(io.BytesIO(bodies["parquet"])).metadata.metadata
            check(file[b"coffer.log_to"] == last.encode(), f"the metadata of {kind}: {file}")
            names = [column["name"] for column in columns]
            found[kind] = [dict(zip(names, line)) for line in parsed["jsonl"]]
            told = f", {focus_rules(parsed['jsonl'], columns)} earned" if kind == "focus" else ""
            files = len(manifests["parquet"]["files"])
            print(f"{kind}: {len(parsed['jsonl'])} lines, {len(columns)} columns, the same in CSV, JSON Lines and Parquet ({files} files){told}")
        try:
            print(bought_and_granted.check_transactions(asked, found["transactions"], found["slices"]))
            bought_and_granted.check_focus(asked, found["focus"])
        except Wrong as wrong:
            check(False, wrong)
    print("exports: everything agrees")


if __name__ == "__main__":
    main()
