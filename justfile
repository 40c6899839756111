# One gate for everybody: `just verify` reads and judges, `just fix` changes files.

# What CI runs, after installing what a bare machine lacks.
verify: fmt lint test sdks books webhooks stripe postgres loom shuttle doc deny

# Everything that can be mended by a tool.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo clippy --all-features --test history_postgres -- -D warnings

# The README's test command. Among the tests: planted panics, and every fault of docs/WAL_FORMAT.md done to a real server.
test:
    cargo test --workspace

# The binary as the tests build it, so that nothing is built twice.
binary:
    cargo test --quiet --no-run --test cli

# A ledger of so many rows through the real engine, recharges and grants among them, and its books, journals, statements, FOCUS rows and
# periods of grants computed anew in Python: they agree to the last digit. `just books 1000000 release` is the long form.
books rows="20000" profile="dev":
    rm -rf target/books && mkdir -p target/books
    COFFER_BOOKS_ROWS={{rows}} COFFER_BOOKS_DIR="$PWD/target/books/data" \
        cargo test --profile {{ if profile == "dev" { "test" } else { profile } }} --test books -- --ignored --nocapture
    python3 tests/python/books target/{{ if profile == "dev" { "debug" } else { profile } }}/coffer target/books/data target/books

# The history in a real PostgreSQL server, which the tests start and crash; they fail where it is not installed. COFFER_TEST_LONG=1: 200 crashes,
# 200 kills, and every filter over a million rows (fewer: COFFER_TEST_ROWS=400000): 9 minutes on two cores that others use too, in a build with
# CARGO_PROFILE_DEV_OPT_LEVEL=1 and a CARGO_TARGET_DIR of its own.
postgres:
    cargo test --test history_postgres

# The hand-off from appenders to the writer, over every interleaving within the bound.
loom:
    CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg loom" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo test -p coffer-wal --release --test loom_handoff

# The slot protocol, admission and shutdown on the real router, under schedules that shuttle chooses; COFFER_TEST_LONG=1 for many.
shuttle:
    CARGO_TARGET_DIR=target/shuttle RUSTFLAGS="--cfg shuttle" CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test --lib --no-default-features engine::model

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, sources and duplicates. Advisories need the network: `just advisories`.
deny:
    cargo deny --all-features check licenses bans sources

advisories:
    cargo deny --all-features check advisories

# Debits beside PostgreSQL with a function and Redis with a script, in one run; needs those two and wrk.
compare *args:
    cargo build --release
    python3 benches/compare/compare.py target/release/coffer {{args}}

# The proofs in their long form: hours instead of minutes.
prove:
    COFFER_TEST_LONG=1 cargo test --workspace --release

bench:
    cargo run --release -- bench
    cargo bench --workspace

# Coverage-guided fuzzing; no sanitizer, so that a stable toolchain is enough. CONTRIBUTING.md, "Fuzzing".
fuzz_targets := "amount archive codec frames http http_texts snapshot store"

# Each target for some seconds: what CI runs after `verify`. Hardly optimised, since building takes longer than this runs.
fuzz-short seconds="15":
    cargo fuzz build --dev --sanitizer none
    for target in {{fuzz_targets}}; do just fuzz $target {{seconds}} --dev || exit 1; done

# One target for as long as wanted. What it learns is in fuzz/work, what it finds in fuzz/artifacts.
fuzz target seconds="3600" *build:
    mkdir -p fuzz/work/{{target}}
    cargo fuzz run {{build}} --sanitizer none {{target}} fuzz/work/{{target}} fuzz/seeds/{{target}} fuzz/corpus/{{target}} -- \
        -max_total_time={{seconds}} -timeout=20 -rss_limit_mb=2048 -print_final_stats=1

# Adds to the corpus what a long run learnt, as far as it reaches something new.
fuzz-keep target:
    cargo fuzz run --sanitizer none {{target}} fuzz/corpus/{{target}} fuzz/seeds/{{target}} fuzz/work/{{target}} -- -set_cover_merge=1 -use_counters=0

# CSV, JSON Lines and Parquet read back by pyarrow and held against each other, the API and the rules of FOCUS 1.2. Makes a virtual
# environment with pyarrow where there is none.
exports rows="1500": binary
    test -x target/exports-venv/bin/python || python3 -m venv target/exports-venv
    target/exports-venv/bin/python -c "import pyarrow" 2>/dev/null || target/exports-venv/bin/pip install --quiet "pyarrow>=18"
    target/exports-venv/bin/python tests/python/exports.py target/debug/coffer {{rows}}

# FOCUS rows before the FinOps project's own validator, by its model of FOCUS 1.2. That needs Python 3.12 and is no part of the gate. Makes a virtual
# environment with it where there is none.
focus rows="1500" python="python3.12": binary
    test -x target/focus-venv/bin/python || {{python}} -m venv target/focus-venv
    target/focus-venv/bin/python -c "import focus_validator" 2>/dev/null || target/focus-venv/bin/pip install --quiet focus-validator==2.2.1 "pyarrow>=18,<22"
    target/focus-venv/bin/python tests/python/focus.py target/debug/coffer {{rows}}

# Recharges paid through Stripe, against localstripe, a server that keeps state as Stripe does; kills and lost answers among them. Makes a
# virtual environment where there is none.
stripe: binary
    test -x target/stripe-venv/bin/python || python3 -m venv target/stripe-venv
    target/stripe-venv/bin/python -c "import localstripe" 2>/dev/null || target/stripe-venv/bin/pip install --quiet localstripe==1.15.10
    target/stripe-venv/bin/python tests/python/stripe.py target/debug/coffer

# Flexprice's official SDKs, unmodified, against a real server: each call and its effect. Needs python3 and Node.js; installs the SDKs under target/.
sdks: binary
    test -x target/sdks/python/bin/python || python3 -m venv target/sdks/python
    target/sdks/python/bin/python -c "import flexprice" 2>/dev/null || target/sdks/python/bin/pip install --quiet flexprice==2.1.43
    cp tests/sdks/typescript_sdk.mjs target/sdks/
    test -d target/sdks/node_modules/@flexprice/sdk || npm install --prefix target/sdks --no-package-lock --no-audit --no-fund --silent @flexprice/sdk@2.0.1
    target/sdks/python/bin/python tests/sdks/python_sdk.py target/debug/coffer target/sdks/typescript_sdk.mjs

# Deliveries of a real server, verified with the Standard Webhooks library for Python. Makes a virtual environment with it where there is none.
webhooks debits="200": binary
    test -x target/webhooks-venv/bin/python || python3 -m venv target/webhooks-venv
    target/webhooks-venv/bin/python -c "import standardwebhooks" 2>/dev/null || target/webhooks-venv/bin/pip install --quiet "standardwebhooks>=1.0.1"
    target/webhooks-venv/bin/python tests/python/webhooks.py target/debug/coffer {{debits}}
