//! Unit tests of what is shown.

use std::collections::BTreeMap;

use crate::amount::Credits;
use crate::command::{Bonus, Command, CreditReason, Memo, Origin};
use crate::ids::{KeyId, LogPosition, RowId, TenantNumber, TrancheId, WalletId};
use crate::record::Record;
use crate::scope::PriceTypes;
use crate::testing::{Book, credits, money, second};
use crate::tranche::Source;
use crate::unit::Currency;
use crate::view::{self, Move, Moved, Reference, RowReason, RowStatus, RowType, RowView};

impl Book {
    /// Every record has the rows that its facts number, each with the posting of its facts, of its type, and made of its slices.
    pub(crate) fn check_rows(&self) {
        for (record, position) in self.log.iter().zip(1..) {
            let (facts, rows) = (&record.facts, view::rows(record, LogPosition(position)));
            assert_eq!(rows.len(), usize::try_from(facts.row_count()).unwrap());
            for (row, number) in rows.iter().zip(0..) {
                assert_eq!(row.id, RowId::new(facts.at, LogPosition(position), number), "{row:?}");
                check_row(row);
            }
            let mut posted = rows.iter().filter(|row| row.sequence.is_some());
            facts.each_posting(|posting| {
                let row = posted.next().expect("a row for every posting");
                assert_eq!((row.wallet, row.sequence), (posting.wallet, Some(posting.sequence)));
                assert_eq!(row.balance_before.zip(row.balance_after), Some((posting.before, posting.after)));
            });
            assert!(posted.next().is_none(), "a posting for every row");
        }
        self.check_moves();
    }

    /// What a row adds to posted is what its moves do; the moves of all records leave each tranche and each debt as the state has it.
    fn check_moves(&self) {
        let (mut remaining, mut debts) = (BTreeMap::new(), BTreeMap::new());
        for (record, position) in self.log.iter().zip(1..) {
            let (rows, moves) = view::rows_and_moves(record, LogPosition(position));
            for (row, number) in rows.iter().zip(0..) {
                let of_row = moves.iter().filter(|one| one.row == Some(number));
                let posted: Credits = of_row.clone().map(Move::posted).sum();
                let change = row.balance_before.zip(row.balance_after).map(|(before, after)| after - before);
                let silent = row.status != RowStatus::Completed || row.row_type == RowType::Memo;
                assert!(change.map_or(silent || posted.is_zero(), |change| change == posted), "{row:?}");
                assert!(of_row.clone().all(|one| one.wallet == row.wallet && one.credits.is_positive()));
            }
            for one in &moves {
                match one.of {
                    Moved::Tranche { id, .. } => {
                        *remaining.entry(id).or_insert(Credits::ZERO) += one.change()
                    }
                    Moved::Debt => *debts.entry(one.wallet).or_insert(Credits::ZERO) += one.change(),
                }
            }
        }
        self.check_what_moves_left(remaining, &debts);
    }

    fn check_what_moves_left(
        &self,
        mut remaining: BTreeMap<TrancheId, Credits>,
        debts: &BTreeMap<WalletId, Credits>,
    ) {
        for wallet in &self.customer.wallets {
            let debt = debts.get(&wallet.head.id).copied().unwrap_or_default();
            assert_eq!(debt, wallet.head.debt, "{:?}", wallet.head);
            for tranche in wallet.tranches.iter().filter(|tranche| !tranche.scheduled) {
                assert_eq!(remaining.remove(&tranche.id), Some(tranche.remaining), "{tranche:?}");
            }
        }
        assert!(remaining.values().all(|left| left.is_zero()), "{remaining:?}");
    }
}

fn check_row(row: &RowView<'_>) {
    let change = row.balance_before.zip(row.balance_after).map(|(before, after)| after - before);
    let expected = match row.row_type {
        RowType::Credit if row.status != RowStatus::Completed => None,
        RowType::Credit => Some(row.credits),
        RowType::Debit => Some(-row.credits),
        RowType::Hold | RowType::Release | RowType::Memo => None,
    };
    assert_eq!(change, expected, "{row:?}");
    let slices: Credits = row.slices.iter().map(|slice| slice.credits).sum();
    assert!(row.slices.is_empty() || slices == row.credits, "{row:?}");
    assert!(row.slices.iter().all(|slice| slice.wallet == row.wallet), "{row:?}");
}

#[test]
fn a_balance_shows_each_figure_and_nothing_expired() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    book.credit(wallet, 40, |request| {
        (request.reason, request.expires_at) = (CreditReason::FreeCreditGrant, Some(second(60)));
    });
    book.credit(wallet, 30, |_| {});
    book.credit(wallet, 7, |request| request.effective_at = Some(second(90)));
    let before = book.customer.clone();
    let figures = view::figures_at(&book.customer, book.state(wallet), second(59));
    assert_eq!(
        (figures.posted, figures.available, figures.scheduled),
        (credits("70"), credits("90"), credits("7"))
    );
    assert_eq!((figures.by_price_type.usage, figures.by_price_type.fixed), (credits("90"), credits("30")));
    assert_eq!(figures.by_source.of(Source::Promotional), credits("40"));
    let late = view::balance(&book.customer, second(60));
    assert_eq!(late.wallets[0].figures.posted, credits("30"));
    assert_eq!(late.wallets[0].tranches.len(), 2, "the ended one is gone, the scheduled one is listed");
    assert_eq!(late.wallets[0].head.sequence, 2, "nothing was written");
    let started = view::balance(&book.customer, second(90)).wallets[0].figures;
    assert_eq!((started.posted, started.scheduled), (credits("37"), Credits::ZERO));
    assert_eq!(before, book.customer);
}

#[test]
fn wallets_add_up_by_unit_and_frozen_ones_are_not_available() {
    let mut book = Book::empty();
    let first = book.wallet(|_| {});
    let frozen = book.wallet(|request| request.allowed_price_types = PriceTypes::USAGE);
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    let closed = book.wallet(|_| {});
    for wallet in [first, frozen, euros, closed] {
        book.credit(wallet, 10, |_| {});
    }
    book.ask(Command::Freeze(frozen)).unwrap();
    book.close(closed, crate::command::Remainder::Forfeit).unwrap();
    let balance = view::balance(&book.customer, book.now);
    assert_eq!((balance.wallets.len(), balance.units.len()), (3, 2));
    let dollars = &balance.units[0].figures;
    assert_eq!((dollars.posted, dollars.available), (credits("20"), credits("10")));
    assert_eq!((dollars.by_price_type.usage, dollars.by_price_type.fixed), (credits("10"), credits("10")));
    assert_eq!(balance.units[1].figures.posted, credits("10"));
    assert_eq!(balance.wallets[1].figures.available, credits("10"), "of a wallet: whatever its status");
}

#[test]
fn the_rows_of_a_debit_name_their_first_as_parent() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|_| {});
    for wallet in [first, other] {
        book.credit(wallet, 10, |_| {});
    }
    book.debit("15").unwrap();
    let by = Some(KeyId::new(book.now, TenantNumber(1), 0));
    let origin = Origin { by, idempotency_key: Some("k-1".into()) };
    let record = Record { origin, ..book.log[4].clone() };
    let rows = view::rows(&record, LogPosition(5));
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].id, RowId::new(book.now, LogPosition(5), 0));
    assert_eq!((rows[0].parent, rows[1].parent), (None, Some(rows[0].id)));
    assert_eq!((rows[1].wallet, rows[1].credits, rows[1].amount), (other, credits("5"), Some(money("5"))));
    assert_eq!((rows[1].slices.len(), rows[1].slices[0].wallet), (1, other));
    assert_eq!((rows[1].sequence, rows[1].by, rows[1].idempotency_key), (Some(2), by, Some("k-1")));
    assert_eq!((rows[0].row_type, rows[0].reason.as_str()), (RowType::Debit, "USAGE_DEBIT"));
}

#[test]
fn the_rows_of_a_top_up_show_the_purchase_and_its_bonus() {
    let (mut book, wallet) = Book::new();
    book.now = second(100);
    book.credit(wallet, 10, |request| {
        request.effective_at = Some(second(50));
        request.bonus = Some(Bonus { credits: credits("2"), expires_at: None });
        request.memo.description = Some("first".into());
    });
    let rows = view::rows(&book.log[1], LogPosition(2));
    assert_eq!((rows[0].charged, rows[1].charged), (Some(money("10")), None));
    assert_eq!(rows[1].reason, RowReason::Credit(CreditReason::PurchasedCreditBonus));
    assert_eq!((rows[1].parent, rows[1].status), (Some(rows[0].id), RowStatus::Completed));
    assert_eq!((rows[1].balance_before, rows[1].balance_after), (Some(credits("10")), Some(credits("12"))));
    assert_eq!(rows[0].effective_at, second(100), "the past only orders");
    assert_eq!(rows[0].memo.and_then(|memo| memo.description.as_deref()), Some("first"));
    let tranche = &book.state(wallet).tranches[0];
    assert_eq!(tranche.credit_row_id(), Some(rows[1].id), "the free one burns first");
}

#[test]
fn the_rows_of_a_hold_tell_what_was_reserved_spent_and_let_go() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("6");
    book.capture(hold, "2", false).unwrap();
    book.capture(hold, "1", true).unwrap();
    let short = book.hold("7");
    book.capture(short, "9", true).unwrap();
    let shown = |record: usize| {
        let rows = view::rows(&book.log[record], LogPosition(1));
        assert!(rows.iter().all(|row| row.reference.is_some()), "{rows:?}");
        rows.iter()
            .map(|row| format!("{:?} {} {}", row.row_type, row.reason.as_str(), row.credits))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(2), ["Hold HOLD 6"]);
    assert_eq!(shown(3), ["Debit HOLD_CAPTURE 2"]);
    assert_eq!(shown(4), ["Debit HOLD_CAPTURE 1", "Release HOLD_RELEASE 3"]);
    assert_eq!(shown(6), ["Debit HOLD_CAPTURE 7", "Memo UNCOLLECTED 2"]);
    book.replay();
}

#[test]
fn what_a_deadline_lets_go_is_nobodys_request_and_counts_at_the_deadline() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("6");
    book.now = second(700);
    book.by_hand(wallet, "1").unwrap();
    let origin = Origin { by: None, idempotency_key: Some("k-1".into()) };
    let record = Record { origin, ..book.log.last().unwrap().clone() };
    let rows = view::rows(&record, LogPosition(4));
    assert_eq!((rows[0].row_type, rows[0].reason.as_str()), (RowType::Release, "HOLD_RELEASE"));
    assert_eq!((rows[0].effective_at, rows[0].recorded_at), (second(600), second(700)));
    assert_eq!((rows[0].reference, rows[0].idempotency_key), (Some(Reference::Hold(hold)), None));
    assert!(rows[0].memo.is_none());
    assert_eq!((rows[1].reference, rows[1].idempotency_key), (None, Some("k-1")));
    assert_eq!((rows[1].effective_at, rows[1].memo), (second(700), Some(&Memo::default())));
    book.replay();
}

#[test]
fn the_rows_of_a_closing_begin_with_what_its_holds_let_go() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("6");
    let remainder = crate::command::Remainder::Forfeit;
    book.ask(Command::Close { wallet, remainder, force: true }).unwrap();
    let rows = view::rows(book.log.last().unwrap(), LogPosition(4));
    let shown: Vec<_> = rows.iter().map(|row| (row.reason.as_str(), row.reference)).collect();
    assert_eq!(shown, [("HOLD_RELEASE", Some(Reference::Hold(hold))), ("WALLET_TERMINATION", None)]);
    book.replay();
}
