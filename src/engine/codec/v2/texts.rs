//! The personal part of a customer's record.

use bincode::{BorrowDecode, Encode};

use super::wire::tagged;
use crate::engine::codec::v1::texts as v1;
use crate::engine::codec::v1::texts::{HeadText, IdentityText, Memo, Metadata};
use crate::engine::codec::v1::wire::List;

/// First in the personal part: what a replay needs of it.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Of what was done.
    pub effects: EffectTexts<'a>,
}

/// Words of what an effect set.
#[derive(Encode, BorrowDecode)]
pub struct SetText<'a> {
    /// Of its identity.
    pub identity: Option<IdentityText<'a>>,
    /// Of its wallet head.
    pub head: Option<HeadText<'a>>,
}

/// Names in an invoice.
#[derive(Encode, BorrowDecode)]
pub struct InvoiceText<'a> {
    /// The invoice's id.
    pub invoice: &'a str,
    /// The lines' ids, in their order.
    pub lines: List<'a, &'a str>,
}

tagged! {
    /// Words of one effect.
    pub enum EffectText<'a> {
        0 = Nothing(()),
        1 = Set(SetText<'a>),
        2 = Settled(InvoiceText<'a>),
        3 = Invoice(&'a str),
    }
    /// Words of one effect, or of each effect of a batch.
    pub enum EffectTexts<'a> { 0 = One(EffectText<'a>), 1 = All(List<'a, EffectText<'a>>) }
}

/// Words of a charge by usage.
#[derive(Encode, BorrowDecode)]
pub struct UsageText<'a> {
    /// What the cards' filters look at.
    pub properties: Metadata<'a>,
    /// Words for the rows.
    pub memo: Memo<'a>,
}

/// Words of a transfer.
#[derive(Encode, BorrowDecode)]
pub struct TransferText<'a> {
    /// The receiver as the request named it.
    pub to_customer: &'a str,
    /// Words for the rows.
    pub memo: Memo<'a>,
}

/// Words of an event.
#[derive(Encode, BorrowDecode)]
pub struct EventText<'a> {
    /// The customer as the request named it.
    pub customer: &'a str,
    /// Where it comes from.
    pub source: &'a str,
    /// Its id there.
    pub id: &'a str,
    /// What the cards' filters look at.
    pub properties: Metadata<'a>,
}

tagged! {
    /// Words of one command.
    pub enum RequestText<'a> {
        0 = V1(v1::RequestText<'a>),
        1 = Usage(UsageText<'a>),
        2 = Settle(InvoiceText<'a>),
        3 = Invoice(&'a str),
        4 = Transfer(TransferText<'a>),
        5 = Event(EventText<'a>),
    }
    /// Last in the personal part: words of one command, or of each command of a batch.
    pub enum RequestTexts<'a> { 0 = One(RequestText<'a>), 1 = All(List<'a, RequestText<'a>>) }
}
