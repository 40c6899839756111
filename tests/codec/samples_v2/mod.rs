//! Fixed values whose bytes are golden: one record of every kind that version 1 does not know, and a state of each subject with
//! all that it does not. Never change one: its bytes stand in `tests/golden/codec_v2/`.

mod holds;
pub(crate) mod state;
pub(crate) mod tenant;

use coffer_ledger::amount::{Credits, Money, Usage};
use coffer_ledger::budget::{Budget, BudgetLimit, BudgetMove, Window};
use coffer_ledger::command::{
    Asked, Charge, Command, Debit, Event, InvoiceLine, Metered, Refund, RefundReason, SetBudget, Settle,
    Transfer, TransferIn, VoidCredit,
};
use coffer_ledger::fact::{
    Arrived, ArrivedRow, Back, BackRow, BackTo, DebitExtra, DebitRow, Debited, Effect, GivenBack, Giver,
    Lapsed, Moved, Priced, Refunded, Settled, SettledLine, SettledPart, Slice, TransferSent, Uncollected,
    Voided,
};
use coffer_ledger::ids::{
    CustomerNumber, LogPosition, RateCardId, RowId, ThingId, TrancheId, TransferId, WalletId,
};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::transfer::TransferOut;
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use smallvec::smallvec;

use self::holds::{
    capture, extend, forced_close, grow, hold_expired, lapsed, place_hold, place_metered_hold, release,
};
use crate::samples::{
    AT, EARLIER, END, OWNER, TENANT, charge, debited, identity, memo, micro, micro_money, posting, record,
    three_terms, tranche_id, wallet_id,
};

/// Who sends to, or gets from, the customer of all samples.
const OTHER: CustomerNumber = CustomerNumber(77);

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
        first_row: 0,
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
