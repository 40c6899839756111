//! Fixed values whose bytes are golden: one record of every kind that version 1 does not know, and a state of each subject with
//! all that it does not. Never change one: its bytes stand in `tests/golden/codec_v2/`.

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::budget::{Budget, BudgetLimit, BudgetMove, Window};
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::{RateCardAsked, Tenant, TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::command::{
    Asked, Capture, Charge, Command, Debit, Event, HoldAsked, InvoiceLine, Memo, Metered, OverCapture,
    PlaceHold, Refund, RefundReason, Remainder, SetBudget, Settle, Transfer, TransferIn, VoidCredit,
};
use coffer_ledger::customer::{Closed, ClosedAs, Customer, Invoice};
use coffer_ledger::fact::{
    Arrived, ArrivedRow, Back, BackRow, BackTo, DebitExtra, DebitRow, Debited, Due, Effect, Facts, GivenBack,
    Giver, HoldEnd, HoldStep, HoldVerb, Lapsed, Moved, Priced, Refunded, Settled, SettledLine, SettledPart,
    Slice, TransferSent, Uncollected, Voided,
};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{
    CustomerNumber, HoldId, LogPosition, RateCardId, RowId, ThingId, TrancheId, TransferId, WalletId,
};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::transfer::{TransferOut, TransferReceived};
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use coffer_ledger::wallet::{WalletHead, WalletStatus};
use smallvec::smallvec;

use crate::samples::{
    AT, EARLIER, END, OWNER, TENANT, charge, customer, debited, facts, full_customer, head, identity, memo,
    micro, micro_money, posting, record, tenant, tenant_record_of, three_terms, tranche_id, wallet_id,
};

/// Who sends to, or gets from, the customer of all samples.
const OTHER: CustomerNumber = CustomerNumber(77);

fn hold_id() -> HoldId {
    HoldId(ThingId::new(EARLIER, OWNER, 20))
}

fn transfer_id() -> TransferId {
    TransferId(ThingId::new(EARLIER, OWNER, 30))
}

fn foreign_transfer_id() -> TransferId {
    TransferId(ThingId::new(EARLIER, OTHER, 31))
}

fn foreign_wallet_id() -> WalletId {
    WalletId(ThingId::new(EARLIER, OTHER, 1))
}

fn rate_card_id() -> RateCardId {
    RateCardId::new(EARLIER, TENANT, 4)
}

fn row_id() -> RowId {
    RowId::new(EARLIER, LogPosition(87_654_321), 1)
}

fn metered() -> Metered {
    Metered {
        meter: "tokens".into(),
        quantity: Usage(1_500_000_000_000_000_000),
        properties: vec![("model".into(), "ada's own model".into())],
    }
}

fn budget_charge() -> Charge {
    Charge { budget: Some("team-research".into()), ..charge() }
}

fn moves() -> Vec<BudgetMove> {
    let of = |budget: &str, window, ends_at| BudgetMove {
        budget: budget.into(),
        window,
        ends_at,
        credits: micro(250_000),
    };
    vec![of("team-research", Window::Day, END), of("company", Window::Lifetime, Timestamp::MAX)]
}

fn priced() -> Priced {
    Priced { card: rate_card_id(), version: 3, credits: micro(250_000) }
}

fn slice() -> Slice {
    Slice {
        wallet: wallet_id(),
        credits: micro(250_000),
        giver: Giver::Tranche { id: tranche_id(2), terms: three_terms()[0].clone() },
    }
}

fn overdraft() -> Slice {
    Slice { wallet: wallet_id(), credits: micro(500_000), giver: Giver::Overdraft }
}

fn budget_debited() -> Debited {
    Debited { extra: Some(Box::new(DebitExtra { priced: Some(priced()), budget: moves() })), ..debited(1) }
}

fn budget_debit() -> (Command, Effect) {
    let command = Command::Debit(Debit {
        asked: Asked::Metered(Box::new(metered())),
        charge: budget_charge(),
        partial: false,
        memo: memo(),
    });
    (command, Effect::Debited(budget_debited()))
}

fn hold(status: HoldStatus) -> Hold {
    Hold {
        id: hold_id(),
        status,
        wallet: wallet_id(),
        charge: budget_charge(),
        over_capture: OverCapture::Draw,
        placed_at: EARLIER,
        expires_at: END,
        credits: micro(1_000_000),
        captured: micro(250_000),
        released: Credits(0),
        pins: smallvec![slice(), overdraft()],
        budget: moves(),
    }
}

fn lapsed() -> Lapsed {
    Lapsed {
        tranche: tranche_id(2),
        credits: micro(250_000),
        terms: three_terms()[0].clone(),
        voided: true,
        posting: posting(1_046, 288_000_000, 287_750_000),
    }
}

fn step(verb: HoldVerb, status: HoldStatus) -> HoldStep {
    HoldStep {
        verb,
        hold: hold(status),
        pinned: smallvec![],
        consumed: smallvec![],
        returned: smallvec![],
        taken: None,
        lapsed: Vec::new(),
        used: Vec::new(),
        freed: Vec::new(),
    }
}

fn held(step: HoldStep) -> Effect {
    Effect::Held(Box::new(step))
}

fn place_hold() -> (Command, Effect) {
    let command = Command::PlaceHold(PlaceHold {
        asked: HoldAsked::Range { min: micro(500_000), max: micro(1_000_000) },
        charge: budget_charge(),
        expires_in_s: 3_600,
        over_capture: OverCapture::Draw,
        memo: memo(),
    });
    let placed = step(HoldVerb::Placed, HoldStatus::Open);
    (command, held(HoldStep { pinned: smallvec![slice(), overdraft()], used: moves(), ..placed }))
}

fn place_metered_hold() -> (Command, Effect) {
    let command = Command::PlaceHold(PlaceHold {
        asked: HoldAsked::Metered(Box::new(metered())),
        charge: charge(),
        expires_in_s: 1,
        over_capture: OverCapture::Reject,
        memo: Memo::default(),
    });
    (command, held(HoldStep { pinned: smallvec![slice()], ..step(HoldVerb::Placed, HoldStatus::Open) }))
}

fn capture() -> (Command, Effect) {
    let command =
        Command::Capture(Capture { hold: hold_id(), credits: micro(250_000), last: true, memo: memo() });
    let captured = HoldStep {
        consumed: smallvec![slice()],
        returned: smallvec![overdraft()],
        taken: Some(budget_debited()),
        freed: moves(),
        ..step(HoldVerb::Captured, HoldStatus::Captured)
    };
    (command, held(captured))
}

fn release() -> (Command, Effect) {
    let command = Command::Release { hold: hold_id(), memo: memo() };
    let released = HoldStep {
        returned: smallvec![slice(), overdraft()],
        lapsed: vec![lapsed()],
        freed: moves(),
        ..step(HoldVerb::Released, HoldStatus::Released)
    };
    (command, held(released))
}

fn grow() -> (Command, Effect) {
    let grown = step(HoldVerb::Grown, HoldStatus::Open);
    let command = Command::Grow { hold: hold_id(), credits: micro(250_000) };
    (command, held(HoldStep { pinned: smallvec![slice()], used: moves(), ..grown }))
}

fn extend() -> (Command, Effect) {
    let command = Command::Extend { hold: hold_id(), expires_in_s: 604_800 };
    (command, held(step(HoldVerb::Extended, HoldStatus::Open)))
}

fn hold_end() -> HoldEnd {
    HoldEnd {
        at: END,
        hold: hold(HoldStatus::Expired),
        returned: smallvec![slice(), overdraft()],
        lapsed: vec![lapsed()],
        freed: moves(),
    }
}

fn hold_expired() -> Record {
    let due = vec![Due::HoldExpired(Box::new(hold_end()))];
    Record { facts: Facts { due, ..facts(Effect::Ticked) }, ..record(Command::Tick, Effect::Ticked) }
}

fn forced_close() -> (Command, Effect) {
    let command = Command::Close { wallet: wallet_id(), remainder: Remainder::Forfeit, force: true };
    let effect = Effect::WalletClosed {
        forfeits: Vec::new(),
        posting: None,
        cancelled: Vec::new(),
        written_off: Credits(0),
        refund: Money(0),
        wallet: Box::new(WalletHead { status: WalletStatus::Closed, ..head() }),
        released: vec![hold_end()],
    };
    (command, effect)
}

fn given_back(reason: RefundReason) -> GivenBack {
    let new = BackTo::New { tranche: tranche_id(40), terms: three_terms()[1].clone() };
    let row = BackRow {
        of_row: 1,
        credits: micro(1_000_000),
        amount: micro_money(10_000),
        posting: posting(1_050, 287_000_000, 288_000_000),
    };
    GivenBack {
        reason,
        debit: LogPosition(87_654_321),
        rows: vec![row],
        slices: vec![
            Back { slice: overdraft(), to: BackTo::Debt },
            Back { slice: slice(), to: BackTo::Tranche },
            Back { slice: slice(), to: new },
        ],
        lapsed: vec![Lapsed { voided: false, ..lapsed() }],
        freed: moves(),
    }
}

fn refund() -> (Command, Effect) {
    let command = Command::Refund(Refund {
        row: row_id(),
        credits: Some(micro(1_000_000)),
        regrant_days: Some(30),
        memo: memo(),
    });
    let refunded = Refunded {
        of: row_id(),
        back: given_back(RefundReason::Refund),
        credits: micro(1_000_000),
        expired: micro(250_000),
        left: micro(2_000_000),
        mixed_units: false,
    };
    (command, Effect::Refunded(Box::new(refunded)))
}

fn void_credit() -> (Command, Effect) {
    let voided = Voided {
        of: row_id(),
        wallet: wallet_id(),
        tranche: tranche_id(2),
        terms: three_terms()[1].clone(),
        credits: micro(60_000_000),
        held: micro(30_000_000),
        spent: micro(10_000_000),
        posting: Some(posting(1_051, 288_000_000, 228_000_000)),
    };
    let bonus = Voided { posting: None, credits: Credits(0), ..voided.clone() };
    let command = Command::VoidCredit(VoidCredit { row: row_id(), memo: memo() });
    (command, Effect::CreditVoided(vec![voided, bonus]))
}

fn settle() -> (Command, Effect) {
    let ids = ["line-seats-of-ada", "line-overage-of-ada"];
    let line = |id: &str| InvoiceLine {
        id: id.into(),
        amount: micro_money(10_000),
        price_type: PriceType::Fixed,
        feature: Some("seats".into()),
    };
    let row = DebitRow {
        credits: micro(1_000_000),
        amount: micro_money(10_000),
        posting: posting(1_052, 288_000_000, 287_000_000),
    };
    let settled_line = |id: &str, parts| SettledLine {
        id: id.into(),
        amount: micro_money(10_000),
        paid: micro_money(10_000),
        shortfall: Money(0),
        parts,
    };
    let part = SettledPart { row, slices: smallvec![slice()] };
    let settled = Settled {
        invoice: "INV-2026-0042".into(),
        currency: Currency(*b"usd"),
        paid: micro_money(10_000),
        shortfall: micro_money(10_000),
        lines: vec![settled_line(ids[0], smallvec![part]), settled_line(ids[1], smallvec![])],
    };
    let command = Command::Settle(Settle {
        invoice: "INV-2026-0042".into(),
        currency: Currency(*b"usd"),
        lines: ids.into_iter().map(line).collect(),
    });
    (command, Effect::InvoiceSettled(Box::new(settled)))
}

fn void_invoice() -> (Command, Effect) {
    let back = Box::new(given_back(RefundReason::Reversal));
    let command = Command::VoidInvoice { invoice: "INV-2026-0042".into() };
    (command, Effect::InvoiceVoided { invoice: "INV-2026-0042".into(), back })
}

fn moved() -> Moved {
    Moved { credits: micro(250_000), terms: three_terms()[1].clone() }
}

fn transfer_out() -> TransferOut {
    TransferOut {
        id: transfer_id(),
        to: OTHER,
        to_wallet: foreign_wallet_id(),
        credits: micro(250_000),
        rows: debited(1).rows,
        slices: debited(1).slices,
        moved: vec![moved()],
        sent_at: AT,
        position: LogPosition(98_765_432),
    }
}

fn arrived() -> Arrived {
    let row = ArrivedRow {
        tranche: TrancheId(ThingId::new(AT, OWNER, 50)),
        terms: three_terms()[1].clone(),
        amount: micro_money(2_500),
        repaid: micro(100_000),
        posting: posting(7, 0, 250_000),
    };
    Arrived { wallet: wallet_id(), rows: vec![row], lapsed: vec![lapsed()] }
}

fn transfer_sent() -> (Command, Effect) {
    let command = Command::Transfer(Transfer {
        to_customer: "customer-bob".into(),
        from_wallet: Some(wallet_id()),
        to_wallet: Some(foreign_wallet_id()),
        credits: micro(250_000),
        memo: memo(),
    });
    let out = TransferOut { position: LogPosition(0), ..transfer_out() };
    let sent = TransferSent { out, taken: debited(1), arrived: Some(arrived()) };
    (command, Effect::TransferSent(Box::new(sent)))
}

fn transfer_received() -> (Command, Effect) {
    let command = Command::TransferIn(Box::new(TransferIn {
        transfer: foreign_transfer_id(),
        from: OTHER,
        to_wallet: wallet_id(),
        moved: vec![moved()],
    }));
    let arrived = Box::new(arrived());
    (command, Effect::TransferReceived { transfer: foreign_transfer_id(), from: OTHER, arrived })
}

fn transfer_returned() -> (Command, Effect) {
    let back = Box::new(given_back(RefundReason::TransferReturned));
    (Command::TransferBack(transfer_id()), Effect::TransferReturned { transfer: transfer_id(), back })
}

fn budget() -> Budget {
    Budget {
        id: "team-research".into(),
        parent: Some("company".into()),
        currency: Currency(*b"usd"),
        price_unit: Some(PriceUnit("gpt_tokens".into())),
        limits: vec![
            BudgetLimit {
                window: Window::Lifetime,
                credits: micro(100_000_000),
                used: micro(250_000),
                ends_at: Timestamp::MAX,
            },
            BudgetLimit { window: Window::Month, credits: micro(10_000_000), used: Credits(0), ends_at: END },
        ],
    }
}

fn set_budget() -> (Command, Effect) {
    let command = Command::SetBudget(SetBudget {
        id: Some("team-research".into()),
        create: true,
        parent: Some("company".into()),
        currency: Currency(*b"usd"),
        price_unit: Some(PriceUnit("gpt_tokens".into())),
        limits: vec![(Window::Lifetime, micro(100_000_000)), (Window::Month, micro(10_000_000))],
    });
    (command, Effect::BudgetSet(Box::new(budget())))
}

fn event() -> (Command, Effect) {
    let command = Command::Event(Box::new(Event {
        customer: "customer-ada".into(),
        source: "urn:laptop-of-ada".into(),
        id: "evt-ada-0001".into(),
        timestamp: EARLIER,
        metered: metered(),
        charge: budget_charge(),
    }));
    let effect = Effect::EventRecorded {
        customer: Some(Box::new(identity())),
        priced: Some(priced()),
        taken: Some(Box::new(debited(1))),
        uncollected: Some(Uncollected { wallet: Some(wallet_id()), credits: micro(50_000) }),
        used: moves(),
    };
    (command, effect)
}

fn batch() -> (Command, Effect) {
    let plain = crate::samples::debit(1);
    let pairs = [budget_debit(), capture(), release(), refund(), (plain.command, plain.facts.effect)];
    let (commands, effects) = pairs.into_iter().unzip();
    (Command::Atomic(commands), Effect::Atomic(effects))
}

/// One record of every kind that version 1 does not know.
pub(crate) fn customer_records() -> Vec<(&'static str, Record)> {
    let of = |(command, effect)| record(command, effect);
    let budget_id = || "team-research".into();
    let reset = (Command::ResetBudget(budget_id()), Effect::BudgetSet(Box::new(budget())));
    let forgotten = Effect::TransferForgotten(foreign_transfer_id());
    vec![
        ("debit_priced", of(budget_debit())),
        ("hold_place", of(place_hold())),
        ("hold_place_metered", of(place_metered_hold())),
        ("hold_capture", of(capture())),
        ("hold_release", of(release())),
        ("hold_extend", of(extend())),
        ("hold_grow", of(grow())),
        ("hold_expired", hold_expired()),
        ("close_forced", of(forced_close())),
        ("refund", of(refund())),
        ("void_credit", of(void_credit())),
        ("settle", of(settle())),
        ("void_invoice", of(void_invoice())),
        ("transfer", of(transfer_sent())),
        ("transfer_in", of(transfer_received())),
        ("transfer_done", of((Command::TransferDone(transfer_id()), Effect::TransferDone(transfer_id())))),
        ("transfer_back", of(transfer_returned())),
        ("transfer_forget", of((Command::TransferForget(foreign_transfer_id()), forgotten))),
        ("budget_set", of(set_budget())),
        ("budget_reset", of(reset)),
        ("budget_delete", of((Command::DeleteBudget(budget_id()), Effect::BudgetDeleted(budget_id())))),
        ("event", of(event())),
        ("batch", of(batch())),
    ]
}

/// A customer with everything that a state can have.
pub(crate) fn full_state() -> Customer {
    let mut full = full_customer();
    full.wallets[1].tranches[0].voided = true;
    full.wallets[1].held_overdraft = micro(500_000);
    full.holds.set(hold(HoldStatus::Open));
    full.holds.set(Hold { id: HoldId(ThingId::new(EARLIER, OWNER, 21)), ..hold(HoldStatus::Open) });
    full.budgets.insert("team-research".into(), budget());
    full.given_back.insert((LogPosition(87_654_321), 1), micro(1_000_000));
    let invoice = |voided| Invoice { settled: LogPosition(98_765_430), voided };
    full.invoices.insert("INV-2026-0042".into(), invoice(Some(LogPosition(98_765_431))));
    full.invoices.insert("INV-2026-0043".into(), invoice(None));
    full.transfers_out.insert(transfer_id(), transfer_out());
    full.transfers_in.insert(foreign_transfer_id(), TransferReceived { from: OTHER, at: AT });
    let closed = |id, how| Closed { id, how, position: LogPosition(98_765_400) };
    full.closed.push_back(closed(ThingId::new(EARLIER, OWNER, 19), ClosedAs::Expired));
    full.closed.push_back(closed(ThingId::new(EARLIER, OWNER, 18), ClosedAs::Completed));
    full
}

/// A customer with one open hold and nothing else that version 1 does not know.
pub(crate) fn state_with_a_hold() -> Customer {
    let mut with_a_hold = customer();
    with_a_hold.holds.set(hold(HoldStatus::Open));
    with_a_hold
}

fn filters() -> Vec<(Box<str>, Box<str>)> {
    vec![("tier".into(), "friends-of-ada".into())]
}

fn tiers() -> Vec<Tier> {
    vec![
        Tier { up_to: Some(Usage(1_000_000_000_000_000_000)), credits_per_unit: Rate(2_000_000_000_000) },
        Tier { up_to: None, credits_per_unit: Rate(1_000_000_000_000) },
    ]
}

fn rate_card() -> RateCard {
    RateCard {
        id: rate_card_id(),
        version: 3,
        meter: "tokens".into(),
        quantity_property: Some("total_tokens".into()),
        valid_from: EARLIER,
        valid_to: Some(END),
        filters: filters(),
        tiers: tiers(),
        minimum: micro(10),
    }
}

/// One record of every kind of a tenant's that version 1 does not know.
pub(crate) fn tenant_records() -> Vec<(&'static str, TenantRecord)> {
    let name = || "Difference Engines".into();
    let asked = RateCardAsked {
        meter: "tokens".into(),
        quantity_property: Some("total_tokens".into()),
        valid_from: Some(EARLIER),
        valid_to: Some(END),
        filters: filters(),
        tiers: tiers(),
        minimum: micro(10),
    };
    let create = TenantCommand::Create { name: name(), test_mode: true };
    let set = TenantCommand::SetRateCard { id: Some(rate_card_id()), card: asked };
    let delete = TenantCommand::DeleteRateCard(rate_card_id());
    vec![
        (
            "tenant_create_for_tests",
            tenant_record_of(create, TenantEffect::Created { name: name(), test_mode: true }),
        ),
        ("tenant_set_rate_card", tenant_record_of(set, TenantEffect::RateCardSet(Box::new(rate_card())))),
        ("tenant_delete_rate_card", tenant_record_of(delete, TenantEffect::RateCardDeleted(rate_card_id()))),
        ("tenant_move_clock", tenant_record_of(TenantCommand::MoveClock(END), TenantEffect::ClockMoved(END))),
    ]
}

/// A tenant with everything that a state can have.
pub(crate) fn full_tenant() -> Tenant {
    Tenant {
        rate_cards: vec![rate_card(), RateCard { quantity_property: None, valid_to: None, ..rate_card() }],
        rate_cards_made: 5,
        test_mode: true,
        test_clock: Some(END),
        ..tenant()
    }
}
