//! Last in the public part of a customer's record: who asked, and for what, without its words.

use bincode::{BorrowDecode, Encode};

use super::charge::{Charge, Metered, Window};
use super::hold::OverCapture;
use super::transfer::Moved;
use super::wire::{Row, tagged};
use crate::engine::codec::v1::request as v1;
use crate::engine::codec::v1::shared::PriceType;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

/// Who asked, and for what.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown. Keys have no owner: nothing is taken out of the id.
    pub by: Option<Thing>,
    /// What was asked.
    pub commands: Commands<'a>,
}

tagged! {
    /// One command, or a batch.
    pub enum Commands<'a> { 0 = One(Command<'a>), 1 = All(List<'a, Command<'a>>) }
    /// How much a charge is.
    pub enum Asked<'a> { 0 = Credits(Amount), 1 = Amount(Amount), 2 = Metered(Metered<'a>) }
    /// How much is to be held.
    pub enum HoldAsked<'a> { 0 = Exactly(Amount), 1 = Range(Range), 2 = Metered(Metered<'a>) }
}

/// From so much to so much.
#[derive(Encode, BorrowDecode)]
pub struct Range {
    /// Fewer are refused.
    pub min: Amount,
    /// More are not needed.
    pub max: Amount,
}

/// Credit out, for a charge.
#[derive(Encode, BorrowDecode)]
pub struct Debit<'a> {
    /// How much.
    pub asked: Asked<'a>,
    /// For what, and who pays.
    pub charge: Charge<'a>,
    /// Take what there is.
    pub partial: bool,
}

/// A hold's placing.
#[derive(Encode, BorrowDecode)]
pub struct PlaceHold<'a> {
    /// How much.
    pub asked: HoldAsked<'a>,
    /// For what, and who pays.
    pub charge: Charge<'a>,
    /// Seconds until the deadline.
    pub expires_in_s: u32,
    /// What a capture of more does.
    pub over_capture: OverCapture,
}

/// A hold's settling.
#[derive(Encode, BorrowDecode)]
pub struct Capture {
    /// Which hold.
    pub hold: Thing,
    /// How much.
    pub credits: Amount,
    /// Release the rest.
    pub last: bool,
}

/// A hold's deadline.
#[derive(Encode, BorrowDecode)]
pub struct Extend {
    /// Which hold.
    pub hold: Thing,
    /// Seconds from now.
    pub expires_in_s: u32,
}

/// More for a hold.
#[derive(Encode, BorrowDecode)]
pub struct Grow {
    /// Which hold.
    pub hold: Thing,
    /// How much more.
    pub credits: Amount,
}

/// A refund.
#[derive(Encode, BorrowDecode)]
pub struct Refund {
    /// A row of the debit.
    pub row: Row,
    /// How much; absent = all.
    pub credits: Option<Amount>,
    /// Days of what is made anew.
    pub regrant_days: Option<u16>,
}

/// One line of an invoice, without its id.
#[derive(Encode, BorrowDecode)]
pub struct InvoiceLine<'a> {
    /// Money due.
    pub amount: Amount,
    /// What it is for.
    pub price_type: PriceType,
    /// The feature.
    pub feature: Option<&'a str>,
}

/// An invoice to settle, without its id.
#[derive(Encode, BorrowDecode)]
pub struct Settle<'a> {
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// In the order of paying.
    pub lines: List<'a, InvoiceLine<'a>>,
}

/// A transfer, without the receiver's name.
#[derive(Encode, BorrowDecode)]
pub struct Transfer {
    /// Only this wallet gives.
    pub from_wallet: Option<Thing>,
    /// Which wallet receives.
    pub to_wallet: Option<Thing>,
    /// How much.
    pub credits: Amount,
}

/// The receiver's half of a transfer.
#[derive(Encode, BorrowDecode)]
pub struct TransferIn<'a> {
    /// Which transfer.
    pub transfer: Thing,
    /// Number of the customer that sent it.
    pub from: u64,
    /// Which wallet receives.
    pub to_wallet: Thing,
    /// What was sent.
    pub moved: List<'a, Moved<'a>>,
}

/// A cap that is asked for.
#[derive(Encode, BorrowDecode)]
pub struct Cap {
    /// For how long it counts.
    pub window: Window,
    /// At most so many.
    pub credits: Amount,
}

/// A budget's making or replacing.
#[derive(Encode, BorrowDecode)]
pub struct SetBudget<'a> {
    /// Its name.
    pub id: Option<&'a str>,
    /// Make it, or else replace it.
    pub create: bool,
    /// The budget above it.
    pub parent: Option<&'a str>,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// The caller's own code.
    pub price_unit: Option<&'a str>,
    /// Its caps.
    pub limits: List<'a, Cap>,
}

/// Usage that happened, without its names and properties.
#[derive(Encode, BorrowDecode)]
pub struct Event<'a> {
    /// When it happened.
    pub timestamp: Stamp,
    /// What was used.
    pub metered: Metered<'a>,
    /// For what, and who pays.
    pub charge: Charge<'a>,
}

tagged! {
    /// Everything that can be asked.
    pub enum Command<'a> {
        0 = V1(v1::Command<'a>),
        1 = Debit(Debit<'a>),
        2 = ForceClose(v1::Close),
        3 = PlaceHold(PlaceHold<'a>),
        4 = Capture(Capture),
        5 = Release(Thing),
        6 = Extend(Extend),
        7 = Grow(Grow),
        8 = Refund(Refund),
        9 = VoidCredit(Row),
        10 = Settle(Settle<'a>),
        11 = VoidInvoice(()),
        12 = Transfer(Transfer),
        13 = TransferIn(TransferIn<'a>),
        14 = TransferDone(Thing),
        15 = TransferBack(Thing),
        16 = TransferForget(Thing),
        17 = SetBudget(SetBudget<'a>),
        18 = DeleteBudget(&'a str),
        19 = ResetBudget(&'a str),
        20 = Event(Event<'a>),
    }
}
