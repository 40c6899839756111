# One gate for everybody: `just verify` reads and judges, `just fix` changes files.

# What CI runs, after installing what a bare machine lacks.
verify: fmt lint test faults loom shuttle doc deny

# Everything that can be mended by a tool.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features --fix --allow-dirty --allow-staged

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The README's test command.
test:
    cargo test --workspace

# Planted panics, and every fault of docs/WAL_FORMAT.md done to a real server; a feature of its own, so that nothing of it is in
# the binary.
faults:
    cargo test --features failpoints --test engine_faults --test faults

# The hand-off from appenders to the writer, over every interleaving within the bound.
loom:
    CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg loom" cargo test -p coffer-wal --release --test loom_handoff

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

# The proofs in their long form: hours instead of minutes.
prove:
    COFFER_TEST_LONG=1 cargo test --workspace --release

bench:
    cargo run --release -- bench
    cargo bench --workspace
