//! Holds, and the steps and ends of one.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{Capture, Command, HoldAsked, Memo, OverCapture, PlaceHold, Remainder};
use coffer_ledger::fact::{Due, Effect, Facts, HoldEnd, HoldStep, HoldVerb, Lapsed};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{HoldId, ThingId};
use coffer_ledger::record::Record;
use coffer_ledger::wallet::{WalletHead, WalletStatus};
use smallvec::smallvec;

use super::{budget_charge, budget_debited, metered, moves, overdraft, priced, slice};
use crate::samples::{
    EARLIER, END, OWNER, charge, facts, head, memo, micro, posting, record, three_terms, tranche_id,
    wallet_id,
};

fn hold_id() -> HoldId {
    HoldId(ThingId::new(EARLIER, OWNER, 20))
}

pub(super) fn hold(status: HoldStatus) -> Hold {
    Hold {
        id: hold_id(),
        status,
        wallet: wallet_id(),
        charge: budget_charge(),
        priced: Some(priced()),
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

pub(super) fn lapsed() -> Lapsed {
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

pub(super) fn place_hold() -> (Command, Effect) {
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

pub(super) fn place_metered_hold() -> (Command, Effect) {
    let command = Command::PlaceHold(PlaceHold {
        asked: HoldAsked::Metered(Box::new(metered())),
        charge: charge(),
        expires_in_s: 1,
        over_capture: OverCapture::Reject,
        memo: Memo::default(),
    });
    (command, held(HoldStep { pinned: smallvec![slice()], ..step(HoldVerb::Placed, HoldStatus::Open) }))
}

pub(super) fn capture() -> (Command, Effect) {
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

pub(super) fn release() -> (Command, Effect) {
    let command = Command::Release { hold: hold_id(), memo: memo() };
    let released = HoldStep {
        returned: smallvec![slice(), overdraft()],
        lapsed: vec![lapsed()],
        freed: moves(),
        ..step(HoldVerb::Released, HoldStatus::Released)
    };
    (command, held(released))
}

pub(super) fn grow() -> (Command, Effect) {
    let grown = step(HoldVerb::Grown, HoldStatus::Open);
    let command = Command::Grow { hold: hold_id(), credits: micro(250_000) };
    (command, held(HoldStep { pinned: smallvec![slice()], used: moves(), ..grown }))
}

pub(super) fn extend() -> (Command, Effect) {
    let command = Command::Extend { hold: hold_id(), expires_in_s: 604_800 };
    (command, held(step(HoldVerb::Extended, HoldStatus::Open)))
}

pub(super) fn hold_end() -> HoldEnd {
    HoldEnd {
        at: END,
        hold: hold(HoldStatus::Expired),
        returned: smallvec![slice(), overdraft()],
        lapsed: vec![lapsed()],
        freed: moves(),
    }
}

pub(super) fn hold_expired() -> Record {
    let due = vec![Due::HoldExpired(Box::new(hold_end()))];
    Record { facts: Facts { due, ..facts(Effect::Ticked) }, ..record(Command::Tick, Effect::Ticked) }
}

pub(super) fn forced_close() -> (Command, Effect) {
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
