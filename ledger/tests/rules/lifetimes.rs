//! Exact starts and ends of tranches: `SEMANTICS` §6 and §8.

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Command, CreateWallet, TopUp};
use coffer_ledger::fact::Due;
use coffer_ledger::limits::Limits;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;

use crate::asks::{DAY, day, lacking, partly, purchase, taken, usage, wallet_of_usd, whole, with_one_wallet};
use crate::harness::World;

#[test]
fn credit_is_there_one_nanosecond_before_its_end_and_not_at_it() {
    for (offset, there) in [(-1, 10), (0, 0), (1, 0)] {
        let (mut world, wallet) = with_one_wallet();
        let end = world.now.0 + DAY;
        world.top_up(TopUp { expires_at: Some(Timestamp(end)), ..purchase(wallet, whole(10)) });
        world.now = Timestamp(end.checked_add_signed(offset).unwrap());

        let shown = view::balance(&world.customer, world.now).wallets[0].figures.posted;
        let all = partly(usage(whole(11)));
        let got = world.ask(Command::Debit(all)).map_or(Credits::ZERO, |facts| taken(&facts).credits);

        assert_eq!((shown, got), (whole(there), whole(there)), "{offset} ns after the end");
    }
}

#[test]
fn a_refusal_and_a_read_write_no_expiry_and_the_next_accepted_operation_writes_it_at_its_instant() {
    let (mut world, wallet) = with_one_wallet();
    let end = day(1);
    world.top_up(TopUp { expires_at: end, ..purchase(wallet, whole(10)) });
    world.wait(3 * DAY);
    let before = world.customer.clone();

    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), lacking(1, 0));
    assert_eq!(world.customer, before);

    let facts = world.ask(Command::TopUp(purchase(wallet, whole(5)))).unwrap();
    let [Due::Expired { credits, terms, posting, .. }] = &facts.due[..] else { panic!("{facts:#?}") };
    assert_eq!((*credits, terms.expires_at), (whole(10), end));
    assert_eq!((posting.before, posting.after), (whole(10), Credits::ZERO));
    let (record, position) = world.log.last().unwrap();
    let rows = view::rows(record, *position);
    assert_eq!((Some(rows[0].effective_at), rows[0].recorded_at), (end, world.now));
}

#[test]
fn a_scheduled_credit_is_in_no_balance_until_its_start() {
    let (mut world, wallet) = with_one_wallet();
    let start = world.now.0 + DAY;
    world.top_up(TopUp { effective_at: Some(Timestamp(start)), ..purchase(wallet, whole(10)) });
    assert_eq!(world.posted(wallet), Credits::ZERO);
    world.now = Timestamp(start - 1);
    let shown = view::balance(&world.customer, world.now).wallets[0].figures;
    assert_eq!((shown.posted, shown.scheduled), (Credits::ZERO, whole(10)));
    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), lacking(1, 0));

    world.now = Timestamp(start);
    let facts = world.ask(Command::Debit(usage(whole(4)))).unwrap();

    let [Due::Started { credits, posting, row, .. }] = &facts.due[..] else { panic!("{facts:#?}") };
    assert_eq!((*credits, posting.sequence, posting.after), (whole(10), 1, whole(10)));
    assert_eq!(*row, (world.log[1].1, 0));
    assert_eq!(world.posted(wallet), whole(6));
}

#[test]
fn a_scheduled_credit_repays_at_its_start_the_debt_that_is_there_then() {
    let mut world = World::new();
    let wallet = world.open(CreateWallet { overdraft_limit: whole(5), ..wallet_of_usd() });
    world.top_up(TopUp { effective_at: day(1), ..purchase(wallet, whole(10)) });
    world.debit(usage(whole(5)));
    world.wait(DAY);

    let facts = world.ask(Command::Tick).unwrap();

    let [Due::Started { repaid, posting, .. }] = &facts.due[..] else { panic!("{facts:#?}") };
    assert_eq!((*repaid, posting.before, posting.after), (whole(5), whole(-5), whole(5)));
}

#[test]
fn what_does_not_fit_one_record_becomes_several_in_the_order_of_the_instants() {
    let mut world = World::with_limits(Limits { due_per_record_max: 2, ..Limits::default() });
    let wallet = world.open(wallet_of_usd());
    for end in [5, 3, 1, 4, 2] {
        world.top_up(TopUp { expires_at: day(end), ..purchase(wallet, whole(1)) });
    }
    world.top_up(purchase(wallet, whole(1)));
    world.wait(6 * DAY);

    world.debit(usage(whole(1)));

    let ends: Vec<Vec<_>> =
        world.log[7..].iter().map(|(record, _)| record.facts.due.iter().map(end_of).collect()).collect();
    assert_eq!(ends, [vec![day(1), day(2)], vec![day(3), day(4)], vec![day(5)]]);
    world.check_replay();
}

fn end_of(due: &Due) -> Option<Timestamp> {
    match due {
        Due::Expired { terms, .. } => terms.expires_at,
        Due::HoldExpired(end) => Some(end.at),
        Due::Started { effective_at, .. } => Some(*effective_at),
        Due::RolledOver(rolled) => Some(rolled.at),
        Due::Granted(granted) => Some(granted.at),
        Due::RechargeExpired(end) => end.recharge.ended_at,
    }
}
