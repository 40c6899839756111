//! The worked examples of `SEMANTICS` §20 about holds, refunds, invoices and transfers, under their numbers; and amounts that are
//! none, for every command that takes one.

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::budget::Window;
use coffer_ledger::command::{
    Asked, Command, CreateWallet, Debit, HoldAsked, InvoiceLine, Memo, Metered, PlaceHold, SetBudget, Settle,
    TopUp, Transfer,
};
use coffer_ledger::fact::{Effect, HoldStep};
use coffer_ledger::ids::WalletId;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::view;

use crate::asks::{
    Charged, DAY, any_usage, capture, close, day, free, hold, lacking, money, purchase, refund, usage,
    wallet_of_usd, whole, with_one_wallet,
};
use crate::harness::World;
use crate::harness::look_up::MYSELF;
use crate::harness::pair::Pair;
use crate::model::number::Q;

impl World {
    /// A step of a hold, which must be accepted.
    fn step_of(&mut self, command: Command) -> HoldStep {
        let facts = self.ask(command).expect("a step of a hold");
        let Effect::Held(step) = facts.effect else { panic!("not a hold: {facts:#?}") };
        *step
    }

    /// posted, held, available of its first wallet.
    fn figures(&self) -> (Credits, Credits, Credits) {
        let figures = view::balance(&self.customer, self.now).wallets[0].figures;
        (figures.posted, figures.held, figures.available)
    }
}

#[test]
fn e05_what_is_held_cannot_be_debited_and_a_final_capture_lets_the_rest_go() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(100)));
    let placed = world.step_of(hold(whole(60)));

    assert_eq!(world.refused(Command::Debit(usage(whole(50)))), lacking(50, 40));
    let step = world.step_of(capture(placed.hold.id, whole(45)));

    assert_eq!(world.figures(), (whole(55), Credits::ZERO, whole(55)));
    assert_eq!(step.taken.expect("taken").available, whole(55));
}

#[test]
fn e06_credit_that_ends_while_it_is_pinned_is_usable_for_that_hold_only() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(TopUp { expires_at: day(1), ..free(wallet, 50) });
    world.top_up(purchase(wallet, whole(10)));
    let place = PlaceHold { expires_in_s: 172_800, ..place(whole(60)) };
    let placed = world.step_of(Command::PlaceHold(place));
    world.wait(DAY);

    assert_eq!(world.figures(), (whole(60), whole(60), Credits::ZERO));
    let step = world.step_of(capture(placed.hold.id, whole(20)));

    let consumed: Vec<Credits> = step.consumed.iter().map(|slice| slice.credits).collect();
    assert_eq!(consumed, [whole(20)]);
    assert_eq!(step.lapsed.iter().map(|lapsed| lapsed.credits).collect::<Vec<_>>(), [whole(30)]);
    assert_eq!(world.posted(wallet), whole(10));
}

#[test]
fn e07_a_refund_of_promo_and_paid_comes_back_as_promo_and_paid() {
    for waits in [0, DAY] {
        let (mut world, wallet) = with_one_wallet();
        world.top_up(TopUp { expires_at: day(1), ..free(wallet, 40) });
        world.top_up(purchase(wallet, whole(20)));
        world.debit(usage(whole(60)));
        let row = world.rows_of_debits()[0];
        world.wait(waits);

        let facts = world.ask(refund(row, Some(whole(30)))).expect("a refund");

        let Effect::Refunded(refunded) = facts.effect else { panic!("{facts:#?}") };
        let back: Vec<Credits> = refunded.back.slices.iter().map(|back| back.slice.credits).collect();
        assert_eq!(back, [whole(20), whole(10)]);
        let expired = if waits > 0 { 10 } else { 0 };
        assert_eq!((refunded.expired, refunded.left), (whole(expired), whole(30)));
        assert_eq!(world.posted(wallet), whole(30 - expired));
    }
}

#[test]
fn e10_wallets_that_list_the_price_type_pay_a_line_before_those_for_all() {
    let mut world = World::new();
    let mut open = |types, amount| {
        let wallet = world.open(CreateWallet { allowed_price_types: types, ..wallet_of_usd() });
        world.top_up(purchase(wallet, whole(amount)));
        wallet
    };
    let u = open(PriceTypes::USAGE, 40);
    let f = open(PriceTypes::FIXED, 250);
    let a = open(PriceTypes::ALL, 30);
    let ask = settle(vec![
        line("usage", whole(100), PriceType::Usage),
        line("fixed", whole(200), PriceType::Fixed),
    ]);

    let facts = world.ask(Command::Settle(ask)).expect("a settlement");

    let Effect::InvoiceSettled(settled) = facts.effect else { panic!("{facts:#?}") };
    let paid = |line: usize| -> Vec<(WalletId, Credits)> {
        settled.lines[line].parts.iter().map(|part| (part.row.posting.wallet, part.row.credits)).collect()
    };
    assert_eq!(paid(0), [(u, whole(40)), (a, whole(30))]);
    assert_eq!(paid(1), [(f, whole(200))]);
    assert_eq!((settled.lines[0].shortfall, settled.shortfall), (money("30"), money("30")));
}

#[test]
fn e14_the_shares_of_what_was_paid_add_up_to_it_and_a_refund_takes_its_own_back() {
    let mut world = World::new();
    let topup_conversion_rate = Rate::parse_json("3.333333333333333").expect("a rate");
    let wallet = world.open(CreateWallet { topup_conversion_rate, ..wallet_of_usd() });
    let tranche = world.top_up(purchase(wallet, whole(3)));
    let minted = world.books.minted.iter().find(|minted| minted.id == tranche).expect("minted");
    let terms = minted.terms.clone();
    assert_eq!(terms.paid, money("10"));

    let earned = |left: i128| money("10").0 - terms.unspent_share(whole(left)).0;
    let shares = [earned(2) - earned(3), earned(1) - earned(2), earned(0) - earned(1)];
    let expected = ["3.333333333333333", "3.333333333333333", "3.333333333333334"];
    assert_eq!(shares.map(Money), expected.map(money));
    // The model's share of the last credit, before and after it comes back, is the same.
    let block = world.model.tranches[0].clone();
    let two = Q::whole(2);
    let last = &block.released(&Q::whole(3)) - &block.released(&two);
    assert_eq!(last, Q::raw(money("3.333333333333334").0));
}

#[test]
fn e17_a_transfer_launders_no_promo_into_paid() {
    let mut pair = Pair::with_limits(coffer_ledger::limits::Limits::default());
    let give = pair.worlds[0].open(wallet_of_usd());
    let take = pair.worlds[1].open(wallet_of_usd());
    let friday = day(5);
    pair.worlds[0].top_up(TopUp { expires_at: friday, ..free(give, 40) });
    pair.worlds[0].top_up(purchase(give, whole(20)));

    pair.ask(0, Command::Transfer(transfer(give, whole(50))), true).expect("a transfer");
    pair.deliver_all();

    let there = &pair.worlds[1].customer.wallets[0].tranches;
    let arrived: Vec<_> = there
        .iter()
        .map(|t| {
            (
                t.remaining,
                t.terms.source.as_str(),
                t.terms.scope.price_types,
                t.terms.expires_at,
                t.terms.paid,
            )
        })
        .collect();
    let promo = (whole(40), "promotional", PriceTypes::USAGE, friday, Money::ZERO);
    let paid = (whole(10), "purchased", PriceTypes::ALL, None, money("10"));
    assert_eq!(arrived, [promo, paid]);
    assert_eq!((pair.worlds[0].posted(give), pair.worlds[1].posted(take)), (whole(10), whole(50)));
}

#[test]
fn e18_a_capture_above_its_hold_leaves_other_holds_whole() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(100)));
    world.step_of(hold(whole(60)));
    let y = world.step_of(hold(whole(30))).hold.id;

    let step = world.step_of(capture(y, whole(50)));

    assert_eq!(step.taken.expect("taken").shortfall, whole(10));
    assert_eq!(world.figures(), (whole(60), whole(60), Credits::ZERO));
}

#[test]
fn a_receiver_that_closed_meanwhile_sends_the_credit_back_to_its_tranches() {
    let mut pair = Pair::with_limits(coffer_ledger::limits::Limits::default());
    let give = pair.worlds[0].open(wallet_of_usd());
    let take = pair.worlds[1].open(wallet_of_usd());
    let tranche = pair.worlds[0].top_up(TopUp { expires_at: day(5), ..free(give, 40) });

    pair.ask(0, Command::Transfer(transfer(give, whole(40))), true).expect("a transfer");
    assert!(pair.worlds[0].customer.wallets[0].tranches.is_empty());
    let in_the_way = pair.ask(0, close(give, coffer_ledger::command::Remainder::Forfeit), true);
    assert!(matches!(in_the_way, Err(Refusal::InvalidOperation(_))), "{in_the_way:?}");
    pair.ask(1, close(take, coffer_ledger::command::Remainder::Forfeit), true).expect("closed");
    pair.deliver_all();

    let back = &pair.worlds[0].customer.wallets[0].tranches[0];
    assert_eq!((back.id, back.remaining, back.terms.expires_at), (tranche, whole(40), day(5)));
    pair.check_replay();
}

#[test]
fn a_receiver_that_was_deleted_meanwhile_still_takes_a_transfer_only_once() {
    let mut pair = Pair::with_limits(coffer_ledger::limits::Limits::default());
    let give = pair.worlds[0].open(wallet_of_usd());
    let take = pair.worlds[1].open(wallet_of_usd());
    pair.worlds[0].top_up(purchase(give, whole(40)));
    pair.ask(0, Command::Transfer(transfer(give, whole(40))), true).expect("a transfer");
    pair.deliver(0, false);

    pair.ask(1, close(take, coffer_ledger::command::Remainder::Forfeit), true).expect("closed");
    pair.ask(1, Command::DeleteCustomer, true).expect("deleted");
    pair.deliver(0, true);

    assert!(matches!(pair.worlds[1].refusals.last(), Some(Refusal::AlreadyExists(_))));
    pair.deliver_all();
    assert_eq!(pair.worlds[0].posted(give), Credits::ZERO);
}

#[test]
fn no_command_moves_nothing_less_than_nothing_or_more_than_twelve_digits() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(100)));
    world.debit(usage(whole(1)));
    let row = world.rows_of_debits()[0];
    let id = world.step_of(hold(whole(10))).hold.id;
    let before = world.customer.clone();
    let beyond = whole(1_000_000_000_000);
    for amount in [Credits::ZERO, whole(-1), Credits(i128::MIN + 1), beyond, Credits(i128::MAX)] {
        let range = |min, max| {
            Command::PlaceHold(PlaceHold { asked: HoldAsked::Range { min, max }, ..place(whole(1)) })
        };
        let metered =
            Box::new(Metered { meter: "tokens".into(), quantity: Usage(amount.0), properties: vec![] });
        let commands = [
            hold(amount),
            range(amount, whole(5)),
            range(amount, amount),
            Command::PlaceHold(PlaceHold { asked: HoldAsked::Metered(metered.clone()), ..place(whole(1)) }),
            Command::Debit(Debit { asked: Asked::Metered(metered), ..usage(whole(1)) }),
            capture(id, amount),
            Command::Grow { hold: id, credits: amount },
            refund(row, Some(amount)),
            Command::Settle(settle(vec![line("one", amount, PriceType::Usage)])),
            Command::Transfer(Transfer { to_customer: MYSELF.into(), ..transfer(wallet, amount) }),
            Command::SetBudget(SetBudget { limits: vec![(Window::Day, amount)], ..budget("team") }),
        ];
        for command in commands {
            if amount == Credits::ZERO && matches!(command, Command::SetBudget(_)) {
                continue; // A cap of nothing is one.
            }
            let refusal = world.refused(command.clone());
            let fits = match amount.0 {
                ..=0 => matches!(refusal, Refusal::AmountInvalid(_)),
                _ => matches!(refusal, Refusal::AmountOverflow(_)),
            };
            let disordered = matches!(&refusal, Refusal::Invalid { .. });
            assert!(fits || disordered, "{amount:?}: {refusal:?} for {command:?}");
        }
    }
    assert_eq!(world.customer, before);
}

#[test]
fn a_hold_counts_in_its_budget_when_it_is_placed_and_no_more_when_it_is_let_go() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(100)));
    let ask = SetBudget { limits: vec![(Window::Day, whole(50))], ..budget("team") };
    world.ask(Command::SetBudget(ask)).expect("a budget");
    let placed = world.step_of(Command::PlaceHold(place(whole(40)).in_budget("team")));

    let refused = world.refused(Command::Debit(usage(whole(11)).in_budget("team")));
    assert!(matches!(refused, Refusal::BudgetExceeded { .. }), "{refused:?}");
    world.step_of(capture(placed.hold.id, whole(15)));
    world.debit(usage(whole(35)).in_budget("team"));
    world.wait(DAY);
    assert!(world.now > Timestamp(0));
    world.debit(usage(whole(50)).in_budget("team"));
}

fn place(credits: Credits) -> PlaceHold {
    PlaceHold {
        asked: HoldAsked::Exactly(credits),
        charge: any_usage(),
        expires_in_s: 600,
        over_capture: coffer_ledger::command::OverCapture::Draw,
        memo: Memo::default(),
    }
}

fn budget(name: &str) -> SetBudget {
    SetBudget {
        id: Some(name.into()),
        create: true,
        parent: None,
        currency: Currency(*b"usd"),
        price_unit: None,
        limits: Vec::new(),
    }
}

fn settle(lines: Vec<InvoiceLine>) -> Settle {
    Settle { invoice: "inv-1".into(), currency: Currency(*b"usd"), lines }
}

fn line(id: &str, amount: Credits, price_type: PriceType) -> InvoiceLine {
    InvoiceLine { id: id.into(), amount: Money(amount.0), price_type, feature: None }
}

fn transfer(from: WalletId, credits: Credits) -> Transfer {
    Transfer {
        to_customer: "other".into(),
        from_wallet: Some(from),
        to_wallet: None,
        credits,
        memo: Memo::default(),
    }
}
