//! Holds: at rest, and their steps and ends.

use coffer_ledger::command::OverCapture;
use coffer_ledger::fact::{HoldEnd, HoldStep, HoldVerb, Lapsed};
use coffer_ledger::hold::{Hold, HoldStatus};

use super::{mirror_enum, mirror_struct};
use crate::engine::codec::v2::hold as shapes;

mirror_enum! {
    HoldStatus { Open, Captured, Released, Expired }
    OverCapture { Reject, Draw, Overdraft }
    HoldVerb { Placed, Grown, Extended, Captured, Released }
}

mirror_struct! {
    Hold = Hold<'a> {
        id, status, wallet, charge, priced, over_capture, placed_at, expires_at, credits, captured, released, pins, budget,
    }
    Lapsed = Lapsed<'a> { tranche, credits, terms, voided, posting }
    HoldStep = HoldStep<'a> { verb, hold, pinned, consumed, returned, taken, lapsed, used, freed }
    HoldEnd = HoldEnd<'a> { at, hold, returned, lapsed, freed }
}
