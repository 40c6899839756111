//! What the rules cost: decide, apply, and amounts as text. A debit's rules have about a microsecond in all (DESIGN §4).

#![expect(missing_docs, reason = "criterion's macros make public functions without docs")]

use std::hint::black_box;

use coffer_ledger::amount::Credits;
use coffer_ledger::apply::{apply, bind};
use coffer_ledger::catalog::grant::Plans;
use coffer_ledger::catalog::tenant::Settings;
use coffer_ledger::command::{Asked, Charge, Command, CreateWallet, CreditReason, Debit, Quantity, TopUp};
use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, decide};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber, WalletId};
use coffer_ledger::invariants::check_touched;
use coffer_ledger::limits::Limits;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const NOW: Timestamp = Timestamp(1_764_000_000_000_000_000);

fn context<'a>(settings: &'a Settings, limits: &'a Limits) -> Context<'a> {
    Context { now: NOW, settings, cards: &[], plans: Plans::NONE, limits, keyed: true, looked_up: None }
}

fn ask(customer: &mut Customer, command: &Command) {
    let (settings, limits) = (Settings::default(), Limits::default());
    let facts =
        decide(customer, command, &context(&settings, &limits)).expect("benches ask for what is allowed");
    apply(customer, &facts);
    bind(customer, &facts, LogPosition(customer.last_position.0 + 1));
}

fn create_wallet() -> Command {
    Command::CreateWallet(CreateWallet {
        allowed_price_types: PriceTypes::ALL,
        ..CreateWallet::new("acme", Currency(*b"usd"))
    })
}

fn top_up(wallet: WalletId, days: u64) -> Command {
    Command::TopUp(TopUp {
        expires_at: Some(Timestamp(NOW.0 + days * 86_400_000_000_000)),
        ..TopUp::new(wallet, Quantity::Credits(Credits::whole(1_000)), CreditReason::PurchasedCreditDirect)
    })
}

fn debit(asked: Asked) -> Command {
    Command::Debit(Debit {
        charge: Charge { currency: Some(Currency(*b"usd")), ..Charge::usage() },
        ..Debit::new(asked)
    })
}

/// A customer with one wallet of so many tranches of 1,000, the soonest to end last to come.
fn customer(tranches: u64) -> (Customer, WalletId) {
    let mut customer = Customer::new(TenantNumber(1), CustomerNumber(7));
    ask(&mut customer, &create_wallet());
    let wallet = customer.wallets[0].head.id;
    for days in (1..=tranches).rev() {
        ask(&mut customer, &top_up(wallet, days));
    }
    (customer, wallet)
}

fn debits(criterion: &mut Criterion) {
    let (settings, limits) = (Settings::default(), Limits::default());
    let context = context(&settings, &limits);
    let small = debit(Asked::Credits(Credits(123_456_789)));
    for tranches in [1, 3, 100] {
        let (mut customer, _) = customer(tranches);
        criterion.bench_function(&format!("debit/decide/{tranches}"), |bencher| {
            bencher.iter(|| decide(black_box(&customer), black_box(&small), &context));
        });
        criterion.bench_function(&format!("debit/turn/{tranches}"), |bencher| {
            bencher.iter(|| {
                let facts = decide(&customer, black_box(&small), &context).expect("there is enough");
                apply(&mut customer, &facts);
                check_touched(&customer, &facts).expect("holds");
                bind(&mut customer, &facts, LogPosition(1));
                facts
            });
        });
    }
    let (customer, _) = customer(100);
    let across = debit(Asked::Credits(Credits::whole(99_999)));
    criterion.bench_function("debit/decide/across 100", |bencher| {
        bencher.iter(|| decide(black_box(&customer), black_box(&across), &context));
    });
    let facts = decide(&customer, &across, &context).expect("there is enough");
    criterion.bench_function("debit/apply/across 100", |bencher| {
        bencher.iter_batched(
            || customer.clone(),
            |mut customer| apply(&mut customer, &facts),
            BatchSize::SmallInput,
        );
    });
}

fn credits(criterion: &mut Criterion) {
    let (settings, limits) = (Settings::default(), Limits::default());
    let context = context(&settings, &limits);
    let (customer, wallet) = customer(3);
    let request = top_up(wallet, 30);
    criterion.bench_function("top-up/decide", |bencher| {
        bencher.iter(|| decide(black_box(&customer), black_box(&request), &context));
    });
    let facts = decide(&customer, &request, &context).expect("allowed");
    criterion.bench_function("top-up/apply", |bencher| {
        bencher.iter_batched(
            || customer.clone(),
            |mut customer| apply(&mut customer, &facts),
            BatchSize::SmallInput,
        );
    });
}

fn amounts(criterion: &mut Criterion) {
    criterion.bench_function("amount/parse", |bencher| {
        bencher.iter(|| Credits::parse_json(black_box("7954.136132619662")));
    });
    let mut text = String::with_capacity(64);
    let credits = Credits(7_954_136_132_619_662_000);
    criterion.bench_function("amount/write", |bencher| {
        bencher.iter(|| {
            text.clear();
            black_box(credits).write_to(&mut text);
        });
    });
    let (customer, wallet) = customer(1);
    criterion.bench_function("id/write", |bencher| {
        bencher.iter(|| {
            text.clear();
            black_box(wallet).write_to(&mut text);
        });
    });
    drop(customer);
}

criterion_group!(benches, debits, credits, amounts);
criterion_main!(benches);
