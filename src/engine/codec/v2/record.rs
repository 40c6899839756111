//! First in the public part of a customer's record: what was decided.

use bincode::{BorrowDecode, Encode};

use super::back::{GivenBack, Refunded, Voided};
use super::charge::{Budget, BudgetMove, Debited, Priced, Uncollected};
use super::hold::{HoldEnd, HoldStep};
use super::invoice::Settled;
use super::transfer::{TransferReceived, TransferSent};
use super::wire::tagged;
use crate::engine::codec::v1::record as v1;
use crate::engine::codec::v1::shared::{Identity, WalletHead};
use crate::engine::codec::v1::wire::{List, Stamp, Thing};

/// What a replay needs of the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The customer whose things the record names (see [`Thing`]).
    pub owner: u64,
    /// The instant of the turn.
    pub at: Stamp,
    /// What had become due.
    pub due: List<'a, Due<'a>>,
    /// What was done.
    pub effects: Effects<'a>,
}

tagged! {
    /// Something that happened by itself.
    pub enum Due<'a> { 0 = V1(v1::Due<'a>), 1 = HoldExpired(HoldEnd<'a>) }
    /// What one command did, or each command of a batch.
    pub enum Effects<'a> { 0 = One(Effect<'a>), 1 = All(List<'a, Effect<'a>>) }
}

/// Credit left by hand.
#[derive(Encode, BorrowDecode)]
pub struct ManuallyDebited<'a> {
    /// As any debit.
    pub debited: Debited<'a>,
    /// The wallet after it.
    pub wallet: WalletHead<'a>,
}

/// A wallet ended.
#[derive(Encode, BorrowDecode)]
pub struct WalletClosed<'a> {
    /// What it gave up, and its end.
    pub plain: v1::WalletClosed<'a>,
    /// The holds that were released before.
    pub released: List<'a, HoldEnd<'a>>,
}

/// A transfer came back.
#[derive(Encode, BorrowDecode)]
pub struct TransferReturned<'a> {
    /// Which one.
    pub transfer: Thing,
    /// What came back.
    pub back: GivenBack<'a>,
}

/// Usage was recorded.
#[derive(Encode, BorrowDecode)]
pub struct EventRecorded<'a> {
    /// The customer, if the event made it.
    pub customer: Option<Identity>,
    /// How it was priced.
    pub priced: Option<Priced>,
    /// What left.
    pub taken: Option<Debited<'a>>,
    /// What was not there.
    pub uncollected: Option<Uncollected>,
    /// What counts in budgets now.
    pub used: List<'a, BudgetMove<'a>>,
}

tagged! {
    /// What one command did.
    pub enum Effect<'a> {
        0 = V1(v1::Effect<'a>),
        1 = Debited(Debited<'a>),
        2 = ManuallyDebited(ManuallyDebited<'a>),
        3 = WalletClosed(WalletClosed<'a>),
        4 = Held(HoldStep<'a>),
        5 = Refunded(Refunded<'a>),
        6 = CreditVoided(List<'a, Voided<'a>>),
        7 = InvoiceSettled(Settled<'a>),
        8 = InvoiceVoided(GivenBack<'a>),
        9 = TransferSent(TransferSent<'a>),
        10 = TransferReceived(TransferReceived<'a>),
        11 = TransferDone(Thing),
        12 = TransferReturned(TransferReturned<'a>),
        13 = TransferForgotten(Thing),
        14 = BudgetSet(Budget<'a>),
        15 = BudgetDeleted(&'a str),
        16 = EventRecorded(EventRecorded<'a>),
    }
}
