//! Transfers: what leaves, what arrives, what comes back (SEMANTICS §15).

use crate::amount::{Credits, Money, Rate};
use crate::command::{Command, CreditReason, Memo, Remainder, Transfer, TransferIn};
use crate::customer::{ClosedAs, Customer};
use crate::fact::{Arrived, Effect, TransferSent};
use crate::ids::{CustomerNumber, LogPosition, TenantNumber, ThingId, TransferId, WalletId};
use crate::looked_up::{LookedUp, Receiver};
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, credits, money, second};
use crate::time::Timestamp;
use crate::tranche::Source;
use crate::unit::Currency;
use crate::wallet::WalletStatus;

/// Another customer than the sender.
fn receiver_book() -> (Book, WalletId) {
    let mut book = Book::empty();
    book.customer = Customer::new(TenantNumber(1), CustomerNumber(8));
    let wallet = book.wallet(|request| request.customer = "globex".into());
    (book, wallet)
}

fn seen(book: &Book) -> Receiver {
    let heads = book.customer.wallets.iter().map(|wallet| &wallet.head);
    let wallets = heads.map(|head| (head.id, head.unit.clone(), head.status)).collect();
    Receiver { customer: book.customer.number, wallets }
}

fn transfer(amount: &str) -> Transfer {
    Transfer {
        to_customer: "globex".into(),
        from_wallet: None,
        to_wallet: None,
        credits: credits(amount),
        memo: Memo::default(),
    }
}

fn send(book: &mut Book, to: Receiver, request: Transfer) -> Result<TransferSent, Refusal> {
    book.looked_up = Some(LookedUp::Receiver(to));
    let effect = book.ask(Command::Transfer(request))?.effect;
    let Effect::TransferSent(sent) = effect else { panic!("{effect:?}") };
    Ok(*sent)
}

/// What the engine carries to the receiver.
fn carried(sent: &TransferSent, from: &Book) -> TransferIn {
    TransferIn {
        transfer: sent.out.id,
        from: from.customer.number,
        to_wallet: sent.out.to_wallet,
        moved: sent.out.moved.clone(),
    }
}

fn receive(book: &mut Book, transfer: TransferIn) -> Result<Arrived, Refusal> {
    let effect = book.ask(Command::TransferIn(Box::new(transfer)))?.effect;
    let Effect::TransferReceived { arrived, .. } = effect else { panic!("{effect:?}") };
    Ok(*arrived)
}

const FRIDAY: u64 = 4 * 24 * 3_600;

/// 40 promotional credits that pay usage until Friday, and 20 that were paid.
fn promo_and_paid() -> (Book, WalletId) {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 40, |request| {
        request.reason = CreditReason::FreeCreditGrant;
        request.expires_at = Some(second(FRIDAY));
    });
    book.credit(wallet, 20, |_| {});
    (book, wallet)
}

/// Source, remaining and paid money of each live tranche, in burn order.
fn tranches(book: &Book, wallet: WalletId) -> Vec<(Source, String, String)> {
    let tranches = book.state(wallet).tranches.iter();
    tranches.map(|one| (one.terms.source, one.remaining.to_string(), one.terms.paid.to_string())).collect()
}

fn live(source: Source, remaining: &str, paid: &str) -> (Source, String, String) {
    (source, remaining.into(), paid.into())
}

#[test]
fn e17_promo_and_paid_arrive_as_what_they_were() {
    let (mut sender, from) = promo_and_paid();
    let (mut receiver, to) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    assert_eq!((sender.posted(from), sent.taken.credits), ("10".into(), credits("50")));
    receive(&mut receiver, carried(&sent, &sender)).unwrap();
    assert_eq!(receiver.posted(to), "50");
    let got = tranches(&receiver, to);
    assert_eq!(got, [live(Source::Promotional, "40", "0"), live(Source::Purchased, "10", "10")]);
    let promo = &receiver.state(to).tranches[0].terms;
    let usage = Scope { price_types: PriceTypes::USAGE, features: None };
    assert_eq!((promo.expires_at, &promo.scope), (Some(second(FRIDAY)), &usage));
    sender.replay();
    receiver.replay();
}

#[test]
fn a_transfer_does_not_make_paid_credit_of_free_credit() {
    let (mut sender, from) = promo_and_paid();
    let (mut receiver, to) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("45")).unwrap();
    receive(&mut receiver, carried(&sent, &sender)).unwrap();
    // All of what is there, paid out: only what was paid, here and there, is worth anything.
    let paid_out = |book: &mut Book, wallet| {
        let effect = book.close(wallet, Remainder::Refund).unwrap();
        let Effect::WalletClosed { refund, .. } = effect else { panic!("{effect:?}") };
        refund
    };
    sender.ask(Command::TransferDone(sent.out.id)).unwrap();
    assert_eq!(paid_out(&mut receiver, to), money("5"));
    assert_eq!(paid_out(&mut sender, from), money("15"));
}

#[test]
fn shares_of_the_paid_money_add_up_whatever_is_sent() {
    let mut sender = Book::empty();
    let from = sender.wallet(|request| request.topup_conversion_rate = Rate::parse_json("3.33").unwrap());
    sender.credit(from, 3, |_| {});
    let (receiver, _) = receiver_book();
    let mut moved = Money::ZERO;
    let whole = sender.state(from).tranches[0].terms.paid;
    for part in ["0.1", "1", "0.9", "0.333333333333333"] {
        moved += send(&mut sender, seen(&receiver), transfer(part)).unwrap().out.moved[0].terms.paid;
    }
    let tranche = &sender.state(from).tranches[0];
    assert_eq!(moved + tranche.terms.unspent_share(tranche.remaining), whole);
    moved +=
        send(&mut sender, seen(&receiver), transfer("0.666666666666667")).unwrap().out.moved[0].terms.paid;
    assert_eq!(moved, whole, "the last part takes the rest");
}

#[test]
fn a_transfer_is_open_until_the_receiver_has_it_and_both_sides_forget() {
    let (mut sender, _) = promo_and_paid();
    let (mut receiver, _) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    let id = sent.out.id;
    assert_eq!(sender.customer.transfers_out[&id].position, LogPosition(4));
    let carried = carried(&sent, &sender);
    receive(&mut receiver, carried.clone()).unwrap();
    let twice = receive(&mut receiver, carried);
    assert_eq!(twice, Err(Refusal::AlreadyExists("transfer")), "sent again after a crash");
    sender.ask(Command::TransferDone(id)).unwrap();
    assert_eq!(sender.customer.closed(id.0).unwrap().how, ClosedAs::Completed);
    assert_eq!(sender.customer.closed(id.0).unwrap().position, LogPosition(4), "the record that sent it");
    let over = Refusal::InvalidOperation("the transfer is not on its way");
    assert_eq!(sender.ask(Command::TransferDone(id)), Err(over.clone()));
    assert_eq!(sender.ask(Command::TransferBack(id)), Err(over));
    receiver.ask(Command::TransferForget(id)).unwrap();
    assert!(receiver.customer.transfers_in.is_empty() && sender.customer.transfers_out.is_empty());
    let forgotten = Refusal::InvalidOperation("the transfer is not remembered");
    assert_eq!(receiver.ask(Command::TransferForget(id)), Err(forgotten));
    sender.replay();
    receiver.replay();
}

#[test]
fn what_the_receiver_cannot_take_goes_back_to_the_original_tranches() {
    let (mut sender, from) = promo_and_paid();
    let (mut receiver, to) = receiver_book();
    let before = tranches(&sender, from);
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    receiver.close(to, Remainder::Forfeit).unwrap();
    assert_eq!(receive(&mut receiver, carried(&sent, &sender)), Err(Refusal::WalletClosed(to)));
    assert_eq!(tranches(&sender, from), [live(Source::Purchased, "10", "20")], "on the way it is not here");
    let effect = sender.ask(Command::TransferBack(sent.out.id)).unwrap().effect;
    let Effect::TransferReturned { back, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(tranches(&sender, from), before, "emptied tranches are made anew");
    assert_eq!((back.debit, back.rows[0].of_row, back.rows.len()), (LogPosition(4), 0, 1));
    assert_eq!(sender.customer.closed(sent.out.id.0).unwrap().how, ClosedAs::Returned);
    assert!(sender.customer.given_back.is_empty(), "it can come back once only");
    sender.replay();
}

#[test]
fn what_comes_back_after_its_end_expires_with_its_return() {
    let (mut sender, from) = promo_and_paid();
    let (receiver, _) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    sender.now = second(FRIDAY);
    let effect = sender.ask(Command::TransferBack(sent.out.id)).unwrap().effect;
    let Effect::TransferReturned { back, .. } = effect else { panic!("{effect:?}") };
    assert_eq!((back.rows[0].credits, back.lapsed[0].credits), (credits("50"), credits("40")));
    assert_eq!(sender.posted(from), "20");
    sender.replay();
}

#[test]
fn the_way_back_names_the_rows_behind_those_that_were_due() {
    let (mut sender, _) = promo_and_paid();
    let (receiver, _) = receiver_book();
    sender.now = second(FRIDAY);
    let sent = send(&mut sender, seen(&receiver), transfer("5")).unwrap();
    assert_eq!(sender.log.last().unwrap().facts.due.len(), 1, "the promo has ended");
    let effect = sender.ask(Command::TransferBack(sent.out.id)).unwrap().effect;
    let Effect::TransferReturned { back, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(back.rows[0].of_row, 1);
    sender.replay();
}

#[test]
fn want_of_room_keeps_no_transfer_on_its_way() {
    let (mut sender, from) = promo_and_paid();
    let (receiver, _) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("60")).unwrap();
    sender.limits.tranches_max = 0;
    sender.ask(Command::TransferBack(sent.out.id)).unwrap();
    assert_eq!(sender.posted(from), "60");
}

#[test]
fn what_ends_on_the_way_arrives_and_expires_in_one_record() {
    let (mut sender, _) = promo_and_paid();
    let mut receiver = Book::empty();
    receiver.customer = Customer::new(TenantNumber(1), CustomerNumber(8));
    let to = receiver.wallet(|request| request.overdraft_limit = credits("30"));
    receiver.debit("30").unwrap();
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    receiver.now = second(FRIDAY);
    let arrived = receive(&mut receiver, carried(&sent, &sender)).unwrap();
    let rows: Vec<_> = arrived.rows.iter().map(|row| (row.repaid, row.posting.after)).collect();
    let expected = [(credits("0"), credits("10")), (credits("10"), credits("20"))];
    assert_eq!(rows, expected, "what has ended repays nothing");
    assert_eq!(arrived.lapsed[0].posting.after, credits("-20"));
    assert_eq!(receiver.posted(to), "-20");
    receiver.replay();
}

#[test]
fn what_arrives_repays_debt_where_its_scope_admits_usage() {
    let (mut sender, from) = Book::new();
    sender.credit(from, 10, |request| {
        request.scope = Some(Scope { price_types: PriceTypes::FIXED, features: None });
    });
    sender.credit(from, 10, |_| {});
    let mut receiver = Book::empty();
    receiver.customer = Customer::new(TenantNumber(1), CustomerNumber(8));
    let to = receiver.wallet(|request| request.overdraft_limit = credits("30"));
    receiver.debit("4").unwrap();
    let sent = send(&mut sender, seen(&receiver), transfer("20")).unwrap();
    receive(&mut receiver, carried(&sent, &sender)).unwrap();
    assert_eq!(receiver.state(to).head.debt, Credits::ZERO);
    let left: Vec<_> = receiver.state(to).tranches.iter().map(|one| one.remaining.to_string()).collect();
    assert_eq!((left, receiver.posted(to)), (vec!["10".to_owned(), "6".to_owned()], "16".into()));
    receiver.replay();
}

#[test]
fn between_wallets_of_one_customer_it_arrives_in_the_same_record() {
    let (mut book, from) = promo_and_paid();
    let to = book.wallet(|_| {});
    book.ask(Command::Freeze(to)).unwrap();
    let own = seen(&book);
    let named = |target| Transfer { from_wallet: Some(from), to_wallet: Some(target), ..transfer("50") };
    let itself = Refusal::Invalid { field: "to_wallet_id", problem: "is the wallet that gives" };
    assert_eq!(send(&mut book, own.clone(), named(from)), Err(itself));
    let sent = send(&mut book, own.clone(), named(to)).unwrap();
    assert!(sent.arrived.is_some() && book.customer.transfers_out.is_empty());
    assert_eq!([book.posted(from), book.posted(to)], ["10", "50"], "a frozen wallet receives");
    assert_eq!(book.customer.closed(sent.out.id.0).unwrap().how, ClosedAs::Completed);
    assert_eq!(book.state(to).tranches[0].credit_row, 1, "the row after the one that left");
    let unnamed = Transfer { to_wallet: Some(to), ..transfer("10") };
    send(&mut book, own.clone(), unnamed).unwrap();
    assert_eq!([book.posted(from), book.posted(to)], ["0", "60"], "the one that receives does not give");
    book.replay();
}

#[test]
fn the_senders_wallets_give_by_priority_and_never_overdraw() {
    let mut sender = Book::empty();
    let last = sender.wallet(|request| request.overdraft_limit = credits("100"));
    let first = sender.wallet(|request| {
        request.priority = 10;
        request.allowed_price_types = PriceTypes::FIXED;
    });
    sender.credit(last, 10, |_| {});
    sender.credit(first, 10, |_| {});
    let (receiver, _) = receiver_book();
    let sent = send(&mut sender, seen(&receiver), transfer("15")).unwrap();
    assert_eq!(sent.taken.rows.len(), 2);
    assert_eq!([sender.posted(first), sender.posted(last)], ["0", "5"], "scopes are ignored");
    let [required, available, shortfall] = ["6", "5", "1"].map(credits);
    let refused = Refusal::InsufficientCredits { required, available, shortfall };
    assert_eq!(send(&mut sender, seen(&receiver), transfer("6")), Err(refused));
}

#[test]
fn both_wallets_must_be_there_open_and_of_one_unit() {
    let (mut sender, from) = promo_and_paid();
    let (mut receiver, to) = receiver_book();
    let euros = receiver.wallet(|request| request.currency = Some(Currency(*b"eur")));
    let to_named = |target| Transfer { to_wallet: Some(target), ..transfer("1") };
    let from_named = |wallet| Transfer { from_wallet: Some(wallet), ..transfer("1") };
    let unknown = WalletId(ThingId(0));
    assert_eq!(send(&mut sender, seen(&receiver), to_named(unknown)), Err(Refusal::WalletNotFound(unknown)));
    assert_eq!(
        send(&mut sender, seen(&receiver), from_named(unknown)),
        Err(Refusal::WalletNotFound(unknown))
    );
    let named = Transfer { from_wallet: Some(from), ..to_named(euros) };
    assert_eq!(send(&mut sender, seen(&receiver), named), Err(Refusal::UnitMismatch));
    let mut closed = seen(&receiver);
    closed.wallets[0].2 = WalletStatus::Closed;
    assert_eq!(send(&mut sender, closed.clone(), to_named(to)), Err(Refusal::WalletClosed(to)));
    assert_eq!(
        send(&mut sender, closed, transfer("1")),
        Err(Refusal::WalletClosed(to)),
        "only euros are left"
    );
    let mut frozen = seen(&receiver);
    frozen.wallets[0].2 = WalletStatus::Frozen;
    assert_eq!(send(&mut sender, frozen, transfer("1")), Err(Refusal::WalletFrozen(to)), "it must be named");
    let mut elsewhere = seen(&receiver);
    elsewhere.wallets.remove(0);
    assert_eq!(send(&mut sender, elsewhere, transfer("1")), Err(Refusal::UnitMismatch));
    let zero = Err(Refusal::AmountInvalid("a transfer must be more than 0"));
    assert_eq!(send(&mut sender, seen(&receiver), transfer("0")), zero);
    sender.ask(Command::Freeze(from)).unwrap();
    assert_eq!(send(&mut sender, seen(&receiver), from_named(from)), Err(Refusal::WalletFrozen(from)));
    let other = sender.wallet(|request| request.currency = Some(Currency(*b"eur")));
    let third = sender.wallet(|request| request.currency = Some(Currency(*b"gbp")));
    assert_eq!(send(&mut sender, seen(&receiver), transfer("1")), Err(Refusal::UnitRequired));
    sender.close(other, Remainder::Forfeit).unwrap();
    sender.close(third, Remainder::Forfeit).unwrap();
    assert_eq!(send(&mut sender, seen(&receiver), from_named(other)), Err(Refusal::WalletClosed(other)));
    sender.ask(Command::Unfreeze(from)).unwrap();
    send(&mut sender, seen(&receiver), transfer("1")).unwrap();
}

#[test]
fn transfers_on_their_way_and_tranches_at_the_receiver_have_limits() {
    let (mut sender, _) = promo_and_paid();
    let (mut receiver, _) = receiver_book();
    sender.limits.transfers_open_max = 1;
    let sent = send(&mut sender, seen(&receiver), transfer("50")).unwrap();
    let full = Refusal::LimitReached { limit: "transfers_open_max", max: 1 };
    assert_eq!(send(&mut sender, seen(&receiver), transfer("1")), Err(full));
    receiver.limits.tranches_max = 1;
    let full = Refusal::LimitReached { limit: "tranches_max", max: 1 };
    assert_eq!(receive(&mut receiver, carried(&sent, &sender)), Err(full));
    receiver.limits.tranches_max = 2;
    receive(&mut receiver, carried(&sent, &sender)).unwrap();
    sender.ask(Command::TransferDone(sent.out.id)).unwrap();
    send(&mut sender, seen(&receiver), transfer("1")).unwrap();
}

#[test]
fn an_id_that_nobody_sent_is_refused_everywhere() {
    let (mut book, _) = promo_and_paid();
    let id = TransferId(ThingId::new(Timestamp(0), book.customer.number, 99));
    for command in [Command::TransferDone(id), Command::TransferBack(id), Command::TransferForget(id)] {
        assert!(matches!(book.ask(command), Err(Refusal::InvalidOperation(_))));
    }
}
