//! Freezing, closing and deleting: `SEMANTICS` §15.

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::command::{Command, CreateWallet, Remainder, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::WalletId;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;
use coffer_ledger::wallet::WalletStatus;

use crate::asks::{
    Charged, DAY, by_hand, close, day, free, lacking, money, purchase, update, usage, wallet_of_usd, whole,
    with_one_wallet,
};
use crate::harness::World;

#[test]
fn a_frozen_wallet_takes_credit_and_expires_but_pays_nothing() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(TopUp { expires_at: day(1), ..purchase(wallet, whole(10)) });
    world.ask(Command::Freeze(wallet)).unwrap();

    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), lacking(1, 0));
    let named = usage(whole(1)).from(wallet);
    assert_eq!(world.refused(Command::Debit(named)), Refusal::WalletFrozen(wallet));
    assert_eq!(world.refused(by_hand(wallet, whole(1))), Refusal::WalletFrozen(wallet));
    world.wait(DAY);
    let facts = world.ask(Command::TopUp(purchase(wallet, whole(3)))).unwrap();
    assert_eq!(facts.due.len(), 1);

    world.ask(Command::Unfreeze(wallet)).unwrap();
    assert_eq!(world.debit(usage(whole(3))).balance_after, Credits::ZERO);
}

/// 3 credits for $10 of which 1 is spent, 5 free ones, and 2 that start tomorrow, at $3.33… each.
fn a_wallet_to_close() -> (World, WalletId) {
    let mut world = World::new();
    let topup_conversion_rate = Rate::parse_json("3.333333333333333").expect("a rate");
    let wallet = world.open(CreateWallet { topup_conversion_rate, ..wallet_of_usd() });
    world.top_up(TopUp { expires_at: day(9), ..purchase(wallet, whole(3)) });
    world.top_up(free(wallet, 5));
    world.top_up(TopUp { effective_at: day(1), ..purchase(wallet, whole(2)) });
    world.debit(usage(whole(1)));
    (world, wallet)
}

#[test]
fn closing_with_forfeit_pays_nothing_out() {
    let (mut world, wallet) = a_wallet_to_close();
    let facts = world.ask(close(wallet, Remainder::Forfeit)).unwrap();
    let Effect::WalletClosed { forfeits, posting, cancelled, refund, wallet: head, .. } = &facts.effect
    else {
        panic!("{facts:#?}")
    };
    assert_eq!(forfeits.iter().map(|forfeit| forfeit.credits).collect::<Vec<_>>(), [whole(2), whole(5)]);
    let moved = posting.as_ref().map(|posting| (posting.before, posting.after));
    assert_eq!(moved, Some((whole(7), Credits::ZERO)));
    assert_eq!((cancelled.len(), *refund), (1, Money::ZERO));
    assert_eq!((head.status, head.posted), (WalletStatus::Closed, Credits::ZERO));
    assert_eq!(world.customer.next_due(), Timestamp::MAX);
}

#[test]
fn closing_with_refund_pays_out_the_unspent_share_of_what_was_paid_and_nothing_for_free_credit() {
    let (mut world, wallet) = a_wallet_to_close();
    let facts = world.ask(close(wallet, Remainder::Refund)).unwrap();
    let Effect::WalletClosed { forfeits, refund, .. } = &facts.effect else { panic!("{facts:#?}") };
    // $10.00 of which one third, rounded down, was earned; and $6.67 for credit that never started.
    let shares: Vec<_> = forfeits.iter().map(|forfeit| forfeit.refundable).collect();
    assert_eq!(shares, [money("6.666666666666667"), Money::ZERO]);
    assert_eq!(*refund, money("13.34"));
}

#[test]
fn closing_writes_debt_off_as_uncollected_without_moving_a_balance() {
    let mut world = World::new();
    let wallet = world.open(CreateWallet { overdraft_limit: whole(20), ..wallet_of_usd() });
    world.debit(usage(whole(8)));
    let for_fees = Scope { price_types: PriceTypes::FIXED, features: None };
    world.top_up(TopUp { scope: Some(for_fees), ..purchase(wallet, whole(3)) });

    let facts = world.ask(close(wallet, Remainder::Forfeit)).unwrap();

    let Effect::WalletClosed { posting, written_off, wallet: head, .. } = &facts.effect else {
        panic!("{facts:#?}")
    };
    let moved = posting.as_ref().map(|posting| (posting.before, posting.after));
    assert_eq!((moved, *written_off), (Some((whole(-5), whole(-8))), whole(8)));
    assert_eq!((head.posted, head.debt), (Credits::ZERO, Credits::ZERO));
    let (record, position) = world.log.last().unwrap();
    let reasons: Vec<_> = view::rows(record, *position).iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["WALLET_TERMINATION", "UNCOLLECTED"]);
}

#[test]
fn a_closed_wallet_takes_and_gives_nothing_any_more() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(3)));
    let close = || close(wallet, Remainder::Forfeit);
    world.ask(close()).unwrap();

    let named = usage(whole(1)).from(wallet);
    let closed = [
        Command::TopUp(purchase(wallet, whole(1))),
        Command::Debit(named),
        by_hand(wallet, whole(1)),
        Command::UpdateWallet(update(wallet)),
        Command::Freeze(wallet),
        Command::Unfreeze(wallet),
        close(),
    ];
    for command in closed {
        assert_eq!(world.refused(command), Refusal::WalletClosed(wallet));
    }
    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), lacking(1, 0));
}

#[test]
fn a_deleted_customer_refuses_everything() {
    let (mut world, wallet) = with_one_wallet();
    assert!(matches!(world.refused(Command::DeleteCustomer), Refusal::InvalidOperation(_)));
    world.ask(close(wallet, Remainder::Forfeit)).unwrap();
    world.ask(Command::DeleteCustomer).unwrap();
    let refused = [
        Command::DeleteCustomer,
        Command::UpdateCustomer { profile: coffer_ledger::customer::Profile::default() },
        Command::CreateWallet(wallet_of_usd()),
        Command::TopUp(purchase(wallet, whole(1))),
        Command::Debit(usage(whole(1))),
        Command::Freeze(wallet),
    ];
    for command in refused {
        assert_eq!(world.refused(command), Refusal::CustomerNotFound);
    }
}
