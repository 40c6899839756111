//! The public part of a customer's record: what was decided, then who asked for what.

use bincode::{BorrowDecode, Encode};

use super::request::Command;
use super::shared::{CreditReason, Identity, Terms, WalletHead};
use super::wire::{Amount, List, Stamp, Thing, tagged};

/// First in the public part: what a replay needs of it.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The customer whose things the record names (see [`Thing`]).
    pub owner: u64,
    /// The instant of the turn.
    pub at: Stamp,
    /// What had become due.
    pub due: List<'a, Due<'a>>,
    /// What the command did.
    pub effect: Effect<'a>,
}

/// Last in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown. Keys have no owner: nothing is taken out of the id.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}

/// The balance of a wallet around a row.
#[derive(Encode, BorrowDecode)]
pub struct Posting {
    /// Which wallet.
    pub wallet: Thing,
    /// Number of the row in it.
    pub sequence: u64,
    /// Posted before.
    pub before: Amount,
    /// Posted after.
    pub after: Amount,
}

/// A tranche reached its end.
#[derive(Encode, BorrowDecode)]
pub struct Expired<'a> {
    /// Which tranche.
    pub tranche: Thing,
    /// What is gone.
    pub credits: Amount,
    /// Its terms.
    pub terms: Terms<'a>,
    /// The balance around it.
    pub posting: Posting,
}

/// A scheduled tranche reached its start.
#[derive(Encode, BorrowDecode)]
pub struct Started {
    /// Which tranche.
    pub tranche: Thing,
    /// Its credit.
    pub credits: Amount,
    /// How much repaid debt.
    pub repaid: Amount,
    /// The start.
    pub effective_at: Stamp,
    /// The record that scheduled it.
    pub position: u64,
    /// Row of that record.
    pub row: u32,
    /// The balance around it.
    pub posting: Posting,
}

tagged! {
    /// Something that happened by itself.
    pub enum Due<'a> { 0 = Expired(Expired<'a>), 1 = Started(Started) }
}

/// A tranche that gave a slice.
#[derive(Encode, BorrowDecode)]
pub struct TrancheGiver<'a> {
    /// Which tranche.
    pub id: Thing,
    /// Its terms.
    pub terms: Terms<'a>,
}

tagged! {
    /// What gave a slice.
    pub enum Giver<'a> { 0 = Overdraft(()), 1 = Tranche(TrancheGiver<'a>) }
}

/// A part of a debit.
#[derive(Encode, BorrowDecode)]
pub struct Slice<'a> {
    /// The wallet that it left.
    pub wallet: Thing,
    /// How much.
    pub credits: Amount,
    /// What gave it.
    pub giver: Giver<'a>,
}

/// The row of one wallet.
#[derive(Encode, BorrowDecode)]
pub struct DebitRow {
    /// Credits that left it.
    pub credits: Amount,
    /// The same in money.
    pub amount: Amount,
    /// The balance around it.
    pub posting: Posting,
}

/// A debit.
#[derive(Encode, BorrowDecode)]
pub struct Debited<'a> {
    /// One per wallet.
    pub rows: List<'a, DebitRow>,
    /// In the order taken.
    pub slices: List<'a, Slice<'a>>,
    /// Credits in all.
    pub credits: Amount,
    /// The same in money.
    pub amount: Amount,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// Whether nothing is added up, as the wallets are of different units.
    pub mixed_units: bool,
    /// Asked for and not there.
    pub shortfall: Amount,
    /// Σ posted before.
    pub balance_before: Amount,
    /// Σ posted after.
    pub balance_after: Amount,
    /// Available after, over the unit.
    pub available: Amount,
}

/// The row of a credit.
#[derive(Encode, BorrowDecode)]
pub struct CreditRow<'a> {
    /// Why.
    pub reason: CreditReason,
    /// The tranche that it minted.
    pub tranche: Thing,
    /// Its terms.
    pub terms: Terms<'a>,
    /// The same in money.
    pub amount: Amount,
    /// Money charged.
    pub charged: Option<Amount>,
    /// How much repaid debt.
    pub repaid: Amount,
    /// The balance around it; absent while scheduled.
    pub posting: Option<Posting>,
}

/// What a closing wallet gave up of a tranche.
#[derive(Encode, BorrowDecode)]
pub struct Forfeit<'a> {
    /// Which tranche.
    pub tranche: Thing,
    /// What was left.
    pub credits: Amount,
    /// Its terms.
    pub terms: Terms<'a>,
    /// Money marked for paying out.
    pub refundable: Amount,
}

/// A wallet was made.
#[derive(Encode, BorrowDecode)]
pub struct WalletCreated<'a> {
    /// The customer, if the wallet made it.
    pub customer: Option<Identity>,
    /// The wallet after it.
    pub wallet: WalletHead<'a>,
    /// The initial credit.
    pub initial: Option<CreditRow<'a>>,
}

/// Credit came in.
#[derive(Encode, BorrowDecode)]
pub struct ToppedUp<'a> {
    /// The credit, then its bonus.
    pub rows: List<'a, CreditRow<'a>>,
    /// The wallet after it.
    pub wallet: WalletHead<'a>,
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
    /// What it gave up.
    pub forfeits: List<'a, Forfeit<'a>>,
    /// The balance around it.
    pub posting: Option<Posting>,
    /// Scheduled tranches that never started.
    pub cancelled: List<'a, Thing>,
    /// Debt written off.
    pub written_off: Amount,
    /// Σ refundable.
    pub refund: Amount,
    /// The wallet after it.
    pub wallet: WalletHead<'a>,
}

tagged! {
    /// What the command did.
    pub enum Effect<'a> {
        0 = Ticked(()),
        1 = CustomerSet(Identity),
        2 = WalletCreated(WalletCreated<'a>),
        3 = WalletSet(WalletHead<'a>),
        4 = ToppedUp(ToppedUp<'a>),
        5 = Debited(Debited<'a>),
        6 = ManuallyDebited(ManuallyDebited<'a>),
        7 = WalletClosed(WalletClosed<'a>),
    }
}
