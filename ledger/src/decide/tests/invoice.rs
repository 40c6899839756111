//! Invoices: settled once by all wallets, put back whole (SEMANTICS §14).

use super::undoing::{came_back, invoice, last, line, refund, settle, void_invoice};
use crate::amount::Rate;
use crate::command::{Command, CreditReason, Remainder, Settle};
use crate::fact::{Settled, SettledLine};
use crate::ids::{RowId, WalletId};
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::scope::PriceTypes;
use crate::testing::{Book, credits, money};
use crate::unit::{Currency, PriceType, PriceUnit};
use crate::view;

use PriceType::{Fixed, Usage};

/// A line's payments as text: `wallet index:credits=money`.
fn paid(book: &Book, line: &SettledLine) -> Vec<String> {
    let index = |id: WalletId| book.customer.wallets.iter().position(|wallet| wallet.head.id == id).unwrap();
    let parts = line.parts.iter();
    parts
        .map(|part| format!("{}:{}={}", index(part.row.posting.wallet), part.row.credits, part.row.amount))
        .collect()
}

fn totals(settled: &Settled) -> (String, String) {
    (settled.paid.to_string(), settled.shortfall.to_string())
}

/// The wallets of E10: U (USAGE, 40), F (FIXED, 250), A (ALL, 30).
fn usage_fixed_all() -> Book {
    let mut book = Book::empty();
    for (types, amount) in [(PriceTypes::USAGE, 40), (PriceTypes::FIXED, 250), (PriceTypes::ALL, 30)] {
        let wallet = book.wallet(|request| request.allowed_price_types = types);
        book.credit(wallet, amount, |_| {});
    }
    book
}

fn rate(text: &str) -> Rate {
    Rate::parse_json(text).unwrap()
}

#[test]
fn e10_wallets_of_the_lines_price_type_pay_before_those_for_all() {
    let mut book = usage_fixed_all();
    let lines = vec![line("u", "100", Usage), line("f", "200", Fixed)];
    let settled = settle(&mut book, invoice("inv-1", lines)).unwrap();
    assert_eq!(paid(&book, &settled.lines[0]), ["0:40=40", "2:30=30"]);
    assert_eq!(paid(&book, &settled.lines[1]), ["1:200=200"]);
    assert_eq!((settled.lines[0].shortfall, settled.lines[1].shortfall), (money("30"), money("0")));
    assert_eq!(totals(&settled), ("270".into(), "30".into()));
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["INVOICE_PAYMENT"; 3]);
    assert_eq!(rows[1].reference, Some(view::Reference::Invoice("inv-1")));
    assert_eq!((rows[0].parent, rows[2].parent), (None, Some(rows[0].id)));
    book.replay();
}

#[test]
fn lines_see_what_those_before_them_left() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 5, |request| request.reason = CreditReason::FreeCreditGrant);
    book.credit(wallet, 10, |_| {});
    let lines = vec![line("a", "8", Usage), line("b", "4", Fixed), line("c", "6", Usage)];
    let settled = settle(&mut book, invoice("inv-1", lines)).unwrap();
    let all: Vec<_> = settled.lines.iter().flat_map(|line| paid(&book, line)).collect();
    assert_eq!(all, ["0:8=8", "0:4=4", "0:3=3"]);
    assert_eq!((settled.lines[0].parts[0].slices.len(), book.posted(wallet).as_str()), (2, "0"));
    book.replay();
}

#[test]
fn a_wallet_pays_whole_minor_units_and_the_next_one_the_rest() {
    let mut book = Book::empty();
    let third = book.wallet(|request| request.conversion_rate = rate("0.333333333333333"));
    book.credit(third, 10, |_| {});
    let thrice = book.wallet(|request| {
        request.conversion_rate = rate("3");
        request.price_unit = Some(PriceUnit::parse("gpu_hours").unwrap());
    });
    book.credit(thrice, 10, |_| {});
    let settled = settle(&mut book, invoice("inv-1", vec![line("a", "10", Usage)])).unwrap();
    // 10 credits are worth 3.33333333333333: 3.33 of it pays, which takes 9.99000000000000999 credits, rounded up.
    let shown = paid(&book, &settled.lines[0]);
    assert_eq!(shown, ["0:9.99000000000001=3.33", "1:2.223333333333334=6.67"]);
    assert_eq!(totals(&settled), ("10".into(), "0".into()));
    book.replay();
}

#[test]
fn minor_units_are_those_of_the_currency() {
    let mut book = Book::empty();
    let yen = Currency(*b"jpy");
    let wallet =
        book.wallet(|request| (request.currency, request.conversion_rate) = (Some(yen), rate("1.5")));
    book.credit(wallet, 1, |_| {});
    let request = Settle { currency: yen, ..invoice("inv-1", vec![line("a", "7", Fixed)]) };
    let settled = settle(&mut book, request.clone()).unwrap();
    assert_eq!(paid(&book, &settled.lines[0]), ["0:0.666666666666667=1"]);
    let broken = Settle { lines: vec![line("a", "7.5", Fixed)], ..request };
    let refused = settle(&mut book, broken).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { field: "lines.amount", .. }), "{refused:?}");
    book.replay();
}

#[test]
fn no_overdraft_no_frozen_wallet_and_no_other_currency_pays() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("50"));
    book.credit(wallet, 3, |_| {});
    let frozen = book.wallet(|_| {});
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    for wallet in [frozen, euros] {
        book.credit(wallet, 100, |_| {});
    }
    book.ask(Command::Freeze(frozen)).unwrap();
    let settled = settle(&mut book, invoice("inv-1", vec![line("a", "10", Usage)])).unwrap();
    assert_eq!((paid(&book, &settled.lines[0]), totals(&settled).1), (vec!["0:3=3".into()], "7".into()));
    book.replay();
}

#[test]
fn credit_bound_to_a_feature_pays_its_lines_only() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| {
        let features = Some(["gpt".into()].into());
        request.scope = Some(crate::scope::Scope { price_types: PriceTypes::ALL, features });
    });
    let mut bound = line("b", "4", Usage);
    bound.feature = Some("gpt".into());
    let settled = settle(&mut book, invoice("inv-1", vec![line("a", "4", Usage), bound])).unwrap();
    let paid: Vec<_> = settled.lines.iter().map(|line| line.paid).collect();
    assert_eq!(paid, [money("0"), money("4")]);
    book.replay();
}

#[test]
fn an_invoice_is_settled_once_even_if_nothing_was_there() {
    let (mut book, wallet) = Book::new();
    let request = invoice("inv-1", vec![line("a", "1", Usage)]);
    let settled = settle(&mut book, request.clone()).unwrap();
    assert_eq!((totals(&settled), settled.lines[0].parts.len()), (("0".into(), "1".into()), 0));
    book.credit(wallet, 10, |_| {});
    assert_eq!(settle(&mut book, request.clone()), Err(Refusal::AlreadyExists("invoice")));
    let back = void_invoice(&mut book, "inv-1").unwrap();
    assert!(back.rows.is_empty());
    assert_eq!(settle(&mut book, request), Err(Refusal::AlreadyExists("invoice")), "its id stays used");
    book.replay();
}

#[test]
fn a_void_puts_all_back_to_the_original_tranches() {
    let mut book = usage_fixed_all();
    let before: Vec<_> = book.customer.wallets.iter().map(|wallet| wallet.head.posted).collect();
    let lines = vec![line("u", "50", Usage), line("f", "200", Fixed), line("v", "10", Usage)];
    settle(&mut book, invoice("inv-1", lines)).unwrap();
    let back = void_invoice(&mut book, "inv-1").unwrap();
    let after: Vec<_> = book.customer.wallets.iter().map(|wallet| wallet.head.posted).collect();
    assert_eq!((before, back.rows.len()), (after, 4));
    assert_eq!(came_back(&back), ["purchased=10", "purchased=200", "purchased=10", "purchased=40"]);
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    let shown: Vec<_> = rows.iter().map(|row| (row.reason.as_str(), row.slices.len())).collect();
    assert_eq!(shown, [("REVERSAL", 1); 4]);
    let again = void_invoice(&mut book, "inv-1");
    assert!(matches!(again, Err(Refusal::InvalidOperation(_))), "{again:?}");
    assert_eq!(void_invoice(&mut book, "inv-2"), Err(Refusal::NotFound("invoice")));
    book.replay();
}

#[test]
fn a_closed_wallet_stands_in_no_other_ones_way_back() {
    let mut book = Book::empty();
    let first = book.wallet(|request| request.allowed_price_types = PriceTypes::USAGE);
    let second = book.wallet(|_| {});
    book.credit(first, 10, |_| {});
    book.credit(second, 20, |_| {});
    settle(&mut book, invoice("inv-1", vec![line("a", "12", Usage), line("b", "3", Usage)])).unwrap();
    let of_first = last(&book, 0);
    book.close(first, Remainder::Forfeit).unwrap();
    let back = void_invoice(&mut book, "inv-1").unwrap();
    assert_eq!(came_back(&back), ["purchased=3", "purchased=2"]);
    assert_eq!((book.posted(first), book.posted(second)), ("0".into(), "20".into()));
    assert!(book.customer.invoices["inv-1"].voided.is_some());
    assert_eq!(refund(&mut book, of_first, None).unwrap_err(), Refusal::WalletClosed(first));
    settle(&mut book, invoice("inv-2", vec![line("a", "5", Usage)])).unwrap();
    book.close(second, Remainder::Forfeit).unwrap();
    assert!(void_invoice(&mut book, "inv-2").unwrap().rows.is_empty(), "nobody is left to take it");
    book.replay();
}

#[test]
fn what_was_refunded_of_a_settlement_is_not_put_back_again() {
    let mut book = usage_fixed_all();
    settle(&mut book, invoice("inv-1", vec![line("u", "60", Usage), line("f", "5", Fixed)])).unwrap();
    let row = last(&book, 0);
    assert_eq!(refund(&mut book, row, Some("15")).unwrap().left, credits("50"));
    let second_row = RowId::new(book.now, row.position(), 1);
    assert_eq!(refund(&mut book, second_row, None).unwrap().credits, credits("10"));
    let back = void_invoice(&mut book, "inv-1").unwrap();
    assert_eq!(came_back(&back), ["purchased=40"]);
    let nothing = refund(&mut book, row, None).unwrap_err();
    assert!(matches!(nothing, Refusal::OverRefund { .. }), "{nothing:?}");
    book.replay();
}

#[test]
fn invoices_that_make_no_sense_are_refused() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let mut refused = |lines| settle(&mut book, invoice("inv-1", lines)).unwrap_err();
    assert!(matches!(refused(Vec::new()), Refusal::Invalid { field: "lines", .. }));
    let twice = vec![line("a", "1", Usage), line("a", "2", Fixed)];
    assert!(matches!(refused(twice), Refusal::Invalid { field: "lines.id", .. }));
    assert!(matches!(refused(vec![line("a", "0", Usage)]), Refusal::AmountInvalid(_)));
    assert!(matches!(refused(vec![line("a", "-1", Usage)]), Refusal::AmountInvalid(_)));
    assert!(matches!(
        refused(vec![line("a", "1.001", Usage)]),
        Refusal::Invalid { field: "lines.amount", .. }
    ));
    let huge = vec![line("a", "999999999999", Usage), line("b", "1", Usage)];
    assert_eq!(refused(huge), Refusal::AmountOverflow("the invoice"));
    let mut nobody = Book::empty();
    let unknown = settle(&mut nobody, invoice("inv-1", vec![line("a", "1", Usage)]));
    assert_eq!(unknown, Err(Refusal::CustomerNotFound));
    assert_eq!(void_invoice(&mut nobody, "inv-1"), Err(Refusal::CustomerNotFound));
}

#[test]
fn limits_hold_for_invoices() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 1, |_| {});
    book.credit(wallet, 1, |_| {});
    let lines = || vec![line("a", "1", Usage), line("b", "1", Usage)];
    let reached = |limit, max| Err(Refusal::LimitReached { limit, max });
    book.limits = Limits { invoice_lines_max: 1, ..Limits::default() };
    assert_eq!(settle(&mut book, invoice("inv-1", lines())), reached("invoice_lines_max", 1));
    book.limits = Limits { slices_max: 1, ..Limits::default() };
    assert_eq!(settle(&mut book, invoice("inv-1", lines())), reached("slices_max", 1));
    book.limits = Limits { invoices_max: 1, ..Limits::default() };
    settle(&mut book, invoice("inv-1", lines())).unwrap();
    assert_eq!(settle(&mut book, invoice("inv-2", lines())), reached("invoices_max", 1));
    assert_eq!(book.customer.invoices.len(), 1);
    assert_eq!(book.log.last().unwrap().facts.effect.rows(), 2);
    book.replay();
}
