//! The store's tranches, wallets and sums are what the engine's live state is, and every credit that ever was is accounted for.

use std::collections::{BTreeMap, BTreeSet};

use coffer::books::{Account, Books, Period, Statement, StatementOf, entry};
use coffer::engine::{Committed, Engine, Operation, Target};
use coffer::feed::history::{
    FullRow, History, HistoryError, Look, RowsAsked, SliceKind, TrancheLife, WalletLife,
};
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::command::{
    Command, CreateWallet, CreditReason, ManualDebit, Memo, Quantity, Refund, TopUp,
};
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{RowId, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::MoveKind;

use crate::kept::Kept;
use crate::program::{Random, grant, make, plain, recharging, run, wallets};
use crate::support::{TENANT, all, close, engine, follow};

/// Everything in the store.
struct Stored {
    rows: Vec<FullRow>,
    tranches: BTreeMap<TrancheId, TrancheLife>,
    wallets: BTreeMap<WalletId, WalletLife>,
    books: Books,
}

fn look(look: &dyn Look) -> Result<Stored, HistoryError> {
    let asked = RowsAsked {
        tenant: TENANT,
        customer: None,
        from: Timestamp(0),
        to: Timestamp(u64::MAX),
        after: None,
        last: look.position()?,
        limit: usize::MAX,
    };
    let rows = look.rows(&asked)?;
    let (mut tranches, mut wallets) = (BTreeMap::new(), BTreeMap::new());
    for full in &rows {
        wallets.insert(full.row.wallet, look.wallet(full.row.wallet)?.unwrap());
        for of in full.slices.iter().filter_map(|slice| slice.tranche.as_ref()) {
            tranches.insert(of.id, look.tranche(of.id)?.unwrap());
        }
    }
    let ever = Period::new(Timestamp(0), Timestamp(9_000_000_000_000_000_000)).unwrap();
    Ok(Stored { rows, tranches, wallets, books: Books::of(look, TENANT, ever, None)? })
}

/// Each wallet's posted, debt and tranches with what is left and whether they are still to start.
type Live = BTreeMap<WalletId, (Credits, Credits, BTreeMap<TrancheId, (Credits, bool)>)>;

fn live(customer: &Customer) -> Live {
    let of = |wallet: &coffer_ledger::wallet::Wallet| {
        let tranches = wallet.tranches.iter().map(|one| (one.id, (one.remaining, one.scheduled))).collect();
        (wallet.head.id, (wallet.head.posted, wallet.head.debt, tranches))
    };
    customer.wallets.iter().map(of).collect()
}

/// As the engine is while the store is as far as it: what comes due meanwhile is waited for.
async fn both(engine: &Engine, history: &History, customers: &BTreeSet<&'static str>) -> (Stored, Live) {
    loop {
        all(engine, history, "agree").await;
        let before = engine.stats().appended;
        let mut state = Live::new();
        for customer in customers {
            let seen = engine.read(TENANT, Target::Customer(customer), |customer, _| live(customer)).await;
            state.extend(seen.unwrap().value);
        }
        let stored = history.look(look).await.unwrap();
        if engine.stats().appended == before && stored.books.position == before.0 {
            return (stored, state);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tranches_debts_and_sums_are_those_of_the_engine_and_nothing_is_lost() {
    let (mut kinds, mut recharges) = (BTreeSet::new(), BTreeSet::new());
    for seed in [41, 42, 43, 44] {
        println!("seed {seed}");
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        let kept = Kept::new();
        let feed = follow(&engine, kept.place());
        let wallets = wallets(&engine).await;
        for (customer, _) in wallets.iter().step_by(2) {
            grant(&engine, customer).await;
        }
        recharging(&engine, &wallets).await;
        let accepted = run(&engine, &wallets, &mut Random::new(seed), 1_500).await;
        assert!(accepted > 400, "{accepted}");
        let customers = wallets.iter().map(|(customer, _)| *customer).collect();
        let (mut stored, mut live) = both(&engine, &feed.history(), &customers).await;
        tranches_agree(&stored, &live);
        nothing_is_lost(&stored);
        shares_add_up(&stored);
        books_agree(&stored, &live);
        journal_agrees(&stored);
        while !statements_agree(&engine, &feed.history(), &stored, &customers).await {
            // Something came due between two looks: once more, all as of one record.
            (stored, live) = both(&engine, &feed.history(), &customers).await;
        }
        tranches_agree(&stored, &live);
        recharges.extend(stored.rows.iter().filter_map(of_recharge));
        kinds.extend(stored.rows.iter().flat_map(|full| full.slices.iter().map(|slice| slice.kind.as_str())));
        close(engine, feed).await;
    }
    // Every kind that there is happened at least once.
    let missing: Vec<_> =
        MoveKind::ALL.iter().map(|kind| kind.as_str()).filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(recharges.len(), 4, "{recharges:?}");
}

/// What a row says of a recharge.
fn of_recharge(full: &FullRow) -> Option<&'static str> {
    let row = &full.row;
    let owed = || {
        let moved = full.slices.iter().map(|slice| (slice.kind, slice.tranche.is_none()));
        moved.into_iter().any(|one| one == (SliceKind::Moved(MoveKind::Spent), true))
    };
    match (&*row.reason, &*row.status) {
        ("PURCHASED_CREDIT_INVOICED", "pending") => Some("it pends"),
        ("PURCHASED_CREDIT_INVOICED", _) if row.completes.is_some() => Some("it came in"),
        ("PURCHASED_CREDIT_DIRECT", _) if row.idempotency_key.is_none() => Some("it was set off"),
        ("CREDIT_VOIDED", _) if owed() => Some("it was trusted, spent and not paid"),
        _ => None,
    }
}

fn tranches_agree(stored: &Stored, live: &Live) {
    for (wallet, (posted, debt, tranches)) in live {
        let life = &stored.wallets[wallet];
        assert_eq!(life.debt, *debt, "{wallet}");
        let of_wallet = || stored.tranches.values().filter(|tranche| tranche.wallet == *wallet);
        let left: Credits = of_wallet().map(|tranche| tranche.remaining).sum();
        assert_eq!(left - life.debt, *posted, "{wallet}");
        let in_store: BTreeMap<_, _> = of_wallet()
            .filter(|tranche| tranche.remaining.is_positive())
            .map(|tranche| (tranche.id, (tranche.remaining, false)))
            .collect();
        let in_engine: BTreeMap<_, _> =
            tranches.iter().filter(|(_, (_, scheduled))| !scheduled).map(|(id, of)| (*id, *of)).collect();
        assert_eq!(in_store, in_engine, "{wallet}");
        let waiting = |tranche: &&TrancheLife| tranche.status.as_str() == "scheduled";
        let to_start: BTreeSet<_> = of_wallet().filter(waiting).map(|tranche| tranche.id).collect();
        let scheduled: BTreeSet<_> =
            tranches.iter().filter(|(_, (_, scheduled))| *scheduled).map(|(id, _)| *id).collect();
        assert_eq!(to_start, scheduled, "{wallet}");
    }
}

/// I2 for history.
fn nothing_is_lost(stored: &Stored) {
    for life in stored.tranches.values() {
        let gone = life.spent
            + life.repaid
            + life.expired
            + life.voided
            + life.forfeited
            + life.paid_out
            + life.sent
            + life.rolled_over;
        let started = life.status.as_str() == "started";
        let expected = if started { life.original } else { Credits::ZERO };
        assert_eq!(life.remaining + gone, expected, "{}", life.id);
        for part in
            [life.remaining, life.spent, life.repaid, life.expired, life.voided, life.forfeited, life.sent]
        {
            assert!(!part.is_negative(), "{life:?}");
        }
    }
}

/// What was shared out of a tranche's paid money and what is left of it is all of it, to the last digit.
fn shares_add_up(stored: &Stored) {
    let mut shares: BTreeMap<TrancheId, Money> = BTreeMap::new();
    for slice in stored.rows.iter().flat_map(|full| &full.slices) {
        let (SliceKind::Moved(kind), Some(of), Some(share)) = (slice.kind, &slice.tranche, slice.share)
        else {
            continue;
        };
        let brings = coffer::books::SourceBooks::brings(kind);
        *shares.entry(of.id).or_default() += if brings { share } else { -share };
    }
    for (id, life) in &stored.tranches {
        let unspent = Money::unspent_share(life.paid, life.remaining, life.original);
        assert_eq!(shares.get(id).copied().unwrap_or_default(), unspent, "{life:?}");
    }
}

fn books_agree(stored: &Stored, live: &Live) {
    let closing =
        stored.books.units.iter().flat_map(|unit| &unit.sources).map(|source| source.closing.credits);
    let debt: Credits = stored.books.units.iter().map(|unit| unit.debt.closing).sum();
    let posted: Credits = live.values().map(|(posted, ..)| *posted).sum();
    assert_eq!(closing.sum::<Credits>() - debt, posted);
    let deferred: Money = stored.books.units.iter().map(|unit| unit.revenue.deferred_closing).sum();
    let unspent = |life: &TrancheLife| Money::unspent_share(life.paid, life.remaining, life.original);
    assert_eq!(deferred, stored.tranches.values().map(unspent).sum::<Money>());
    for account in stored.books.units.iter().map(|unit| &unit.accounts) {
        let debits: Money = account.iter().map(|total| total.debits).sum();
        let credits: Money = account.iter().map(|total| total.credits).sum();
        assert_eq!(debits, credits);
    }
}

/// The trial balance of the journal is that of the books, and every entry balances.
fn journal_agrees(stored: &Stored) {
    let mut totals: BTreeMap<Account, (Money, Money)> = BTreeMap::new();
    let mut entries = 0;
    for full in &stored.rows {
        let Some(entry) = entry(full, &stored.wallets[&full.row.wallet].unit) else { continue };
        entries += 1;
        let (debits, credits): (Vec<_>, Vec<_>) =
            entry.lines.iter().map(|line| (line.debit, line.credit)).unzip();
        assert_eq!(debits.into_iter().sum::<Money>(), credits.into_iter().sum::<Money>(), "{entry:?}");
        for line in &entry.lines {
            assert!(line.debit.is_positive() != line.credit.is_positive(), "{entry:?}");
            let total = totals.entry(line.account).or_default();
            (total.0, total.1) = (total.0 + line.debit, total.1 + line.credit);
        }
    }
    assert!(entries > 300, "{entries}");
    let [unit] = &stored.books.units[..] else { panic!("one unit") };
    let of_books: BTreeMap<_, _> =
        unit.accounts.iter().map(|total| (total.account, (total.debits, total.credits))).collect();
    assert_eq!(totals, of_books);
    let balance = |account| totals.get(&account).map_or(Money::ZERO, |(debits, credits)| *debits - *credits);
    assert_eq!(-balance(Account::DeferredRevenue), unit.revenue.deferred_closing);
    assert_eq!(-balance(Account::UsageRevenue), unit.revenue.earned);
    assert_eq!(-balance(Account::BreakageRevenue), unit.revenue.breakage);
    assert_eq!(balance(Account::PromotionalExpense), unit.revenue.promotional_expense);
    assert_eq!(-balance(Account::CreditInTransit), unit.in_transit.closing.paid);
}

/// Statements of periods that follow each other join, and the last one ends where the engine is; `false` if the store went on meanwhile.
async fn statements_agree(
    engine: &Engine,
    history: &History,
    stored: &Stored,
    customers: &BTreeSet<&'static str>,
) -> bool {
    let mut times: Vec<_> = stored.rows.iter().map(|full| full.row.effective_at).collect();
    times.sort_unstable();
    let cuts = [
        Timestamp(0),
        times[times.len() / 3],
        times[times.len() / 3 * 2],
        Timestamp(i64::MAX.cast_unsigned()),
    ];
    for customer in customers {
        let read = |customer: &Customer, _| {
            let held = customer.wallets.iter().map(|wallet| (wallet.head.id, wallet.head.held)).collect();
            (customer.number, live(customer), held)
        };
        let seen = engine.read(TENANT, Target::Customer(customer), read).await.unwrap();
        // A hold may have ended by itself meanwhile, which the store does not have yet.
        if engine.stats().appended.0 != stored.books.position {
            return false;
        }
        let (number, live, held): (_, Live, BTreeMap<WalletId, Credits>) = seen.value;
        let mut closings: BTreeMap<WalletId, coffer::books::Amounts> = BTreeMap::new();
        let mut lines = 0;
        for cut in cuts.windows(2) {
            let period = Period::new(cut[0], cut[1]).unwrap();
            let of = StatementOf { tenant: TENANT, customer: number, period, lines_max: usize::MAX };
            let statement = history.look(move |look| Statement::of(look, of)).await.unwrap().unwrap();
            if statement.position != stored.books.position {
                return false;
            }
            for wallet in &statement.wallets {
                assert_eq!(wallet.opening, closings.get(&wallet.wallet).copied().unwrap_or_default());
                let left: Credits = wallet.tranches.iter().map(|tranche| tranche.left.credits).sum();
                assert_eq!(left - wallet.debt, wallet.closing.credits);
                let paid: Money = wallet.tranches.iter().map(|tranche| tranche.left.paid).sum();
                assert_eq!(paid, wallet.closing.paid);
                assert_eq!(
                    wallet.lines.last().map_or(wallet.opening.credits, |line| line.balance),
                    wallet.closing.credits
                );
                assert!(wallet.lines.is_sorted_by_key(|line| line.effective_at));
                closings.insert(wallet.wallet, wallet.closing);
                lines += wallet.lines.len();
            }
            if cut[1] == cuts[3] {
                for wallet in &statement.wallets {
                    let kept: Credits = wallet.holds.iter().map(|hold| hold.held).sum();
                    assert_eq!(kept, held[&wallet.wallet], "{}", wallet.wallet);
                    assert_eq!(wallet.closing.credits, live[&wallet.wallet].0);
                }
            }
        }
        let written_off = |full: &FullRow| {
            full.slices.iter().any(|slice| slice.kind == SliceKind::Moved(MoveKind::WrittenOff))
        };
        let moving = |full: &&FullRow| {
            full.row.customer == number && (full.row.sequence.is_some() || written_off(full))
        };
        assert_eq!(lines, stored.rows.iter().filter(moving).count());
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e14_three_credits_for_ten_dollars_earn_all_of_it_and_the_last_one_takes_its_share_back() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    let kept = Kept::new();
    let feed = follow(&engine, kept.place());
    e14(&engine).await;
    all(&engine, &feed.history(), "e14").await;
    let stored = feed.history().look(look).await.unwrap();
    let shares = |kind: MoveKind| -> Vec<String> {
        let slices = stored.rows.iter().flat_map(|full| &full.slices);
        let of_kind = slices.filter(|slice| slice.kind == SliceKind::Moved(kind));
        of_kind.map(|slice| slice.share.unwrap().to_string()).collect()
    };
    assert_eq!(shares(MoveKind::Issued), ["10"]);
    let earned = ["3.333333333333333", "3.333333333333333", "3.333333333333334"];
    assert_eq!(shares(MoveKind::Spent), earned);
    assert_eq!(shares(MoveKind::Returned), ["3.333333333333334"]);
    let [unit] = &stored.books.units[..] else { panic!("one unit") };
    assert_eq!(unit.revenue.used, Money::whole(10));
    assert_eq!(unit.revenue.earned.to_string(), "6.666666666666666");
    assert_eq!(unit.revenue.deferred_closing.to_string(), "3.333333333333334");
    close(engine, feed).await;
}

async fn e14(engine: &Engine) {
    let rate = Rate::parse_json("3.3333").unwrap();
    let request = CreateWallet { topup_conversion_rate: rate, ..plain("e14") };
    let wallet = make(engine, "e14", request, "e14").await;
    let bought =
        TopUp::new(wallet, Quantity::Credits(Credits::whole(3)), CreditReason::PurchasedCreditDirect);
    submit(engine, Command::TopUp(bought)).await;
    let debit = ManualDebit { wallet, credits: Credits::ONE, memo: Memo::default() };
    submit(engine, Command::ManualDebit(debit.clone())).await;
    submit(engine, Command::ManualDebit(debit.clone())).await;
    let last = submit(engine, Command::ManualDebit(debit)).await;
    let facts = &last.record.facts;
    let row = RowId::new(facts.at, last.position, facts.first_row());
    submit(engine, Command::Refund(Refund { row, credits: None, regrant_days: None, memo: Memo::default() }))
        .await;
}

async fn submit(engine: &Engine, command: Command) -> Committed {
    engine.submit(TENANT, Target::Customer("e14"), Operation::new(command)).await.unwrap()
}
