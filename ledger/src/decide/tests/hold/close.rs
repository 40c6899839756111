//! Open holds and the end of their wallets.

use super::{captured, shown, sums};
use crate::command::{Command, Memo, Remainder, Transfer};
use crate::fact::Effect;
use crate::hold::HoldStatus;
use crate::ids::{CustomerNumber, ThingId, WalletId};
use crate::looked_up::{LookedUp, Receiver};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, second};
use crate::wallet::WalletStatus;

#[test]
fn closing_a_wallet_needs_force_while_holds_are_open() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("5"));
    let other = book.wallet(|_| {});
    book.credit(wallet, 10, |request| request.expires_at = Some(second(30)));
    book.credit(other, 10, |request| request.expires_at = Some(second(30)));
    let both = book.place("22", |_| {}).unwrap();
    assert_eq!(shown(&book, &both.pinned), ["0:10", "1:10", "0:o2"]);
    book.now = second(40);
    let refused = book.close(wallet, Remainder::Forfeit);
    assert_eq!(refused, Err(Refusal::InvalidOperation("the wallet has open holds")));
    book.credit(wallet, 7, |_| {});
    let close = Command::Close { wallet, remainder: Remainder::Refund, force: true };
    let effect = book.ask(close).unwrap().effect;
    let Effect::WalletClosed { released, posting, refund, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(released.len(), 1);
    assert_eq!((released[0].hold.status, released[0].at), (HoldStatus::Released, second(40)));
    assert_eq!(released[0].lapsed.len(), 2, "both tranches have ended");
    let posting = posting.unwrap();
    assert_eq!((posting.before, posting.after), (credits("7"), credits("0")), "after what lapsed");
    assert_eq!(refund, crate::testing::money("7"));
    assert_eq!(book.figures(other), ["0", "0", "0"]);
    assert_eq!(book.release(both.hold.id), Err(Refusal::HoldClosed(both.hold.id)));
    book.replay();
}

#[test]
fn an_open_hold_that_pins_nothing_stands_in_the_way_of_its_wallet_too() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("4");
    let step = book.capture(hold, "4", false).unwrap();
    assert_eq!(
        (step.hold.status, sums(&step.hold)),
        (HoldStatus::Open, ["4", "4", "0", "0"].map(Into::into))
    );
    let refused = book.close(wallet, Remainder::Forfeit);
    assert_eq!(refused, Err(Refusal::InvalidOperation("the wallet has open holds")));
    book.ask(Command::Close { wallet, remainder: Remainder::Forfeit, force: true }).unwrap();
    assert!(book.customer.holds.is_empty());
    book.ask(Command::DeleteCustomer).unwrap();
    book.replay();
}

#[test]
fn a_hold_that_outlives_its_wallets_keeps_the_customer() {
    let (mut book, home) = Book::new();
    let other = book.wallet(|_| {});
    book.credit(home, 4, |_| {});
    book.credit(other, 4, |_| {});
    let hold = book.hold("8");
    book.capture(hold, "4", false).unwrap();
    book.close(home, Remainder::Forfeit).unwrap();
    book.capture(hold, "4", false).unwrap();
    book.close(other, Remainder::Forfeit).unwrap();
    let refused = Refusal::InvalidOperation("the customer has an open hold");
    assert_eq!(book.ask(Command::DeleteCustomer), Err(refused));
    let step = book.capture(hold, "1", true).unwrap();
    assert_eq!(captured(&step).shortfall, credits("1"));
    book.ask(Command::DeleteCustomer).unwrap();
    book.replay();
}

#[test]
fn a_wallet_whose_transfer_is_on_its_way_stays_open() {
    let (mut book, wallet) = Book::new();
    let idle = book.wallet(|_| {});
    book.credit(wallet, 10, |_| {});
    let unit = book.state(wallet).head.unit.clone();
    let theirs = WalletId(ThingId::new(second(0), CustomerNumber(8), 0));
    let wallets = vec![(theirs, unit, WalletStatus::Active)];
    book.looked_up = Some(LookedUp::Receiver(Receiver { customer: CustomerNumber(8), wallets }));
    let request = Transfer {
        to_customer: "globex".into(),
        from_wallet: None,
        to_wallet: None,
        credits: credits("4"),
        memo: Memo::default(),
    };
    let effect = book.ask(Command::Transfer(request)).unwrap().effect;
    let Effect::TransferSent(sent) = effect else { panic!("{effect:?}") };
    let refused = Refusal::InvalidOperation("a transfer of the wallet is on its way");
    assert_eq!(book.close(wallet, Remainder::Forfeit), Err(refused));
    book.close(idle, Remainder::Forfeit).unwrap();
    book.ask(Command::TransferDone(sent.out.id)).unwrap();
    book.close(wallet, Remainder::Forfeit).unwrap();
    book.replay();
}
