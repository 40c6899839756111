//! Commands from their public shapes and their words.

use coffer_ledger::command::{Capture, Command, Event, PlaceHold, Refund, SetBudget, VoidCredit};

use super::charge::{debit_again, hold_asked_again, metered_again, usage_words};
use super::invoice::settle_again;
use super::leaves::shapes_of;
use super::request::{command_from_v1, memo_again};
use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::texts::RequestText as TextV1;
use crate::engine::codec::v2::request as shapes;
use crate::engine::codec::v2::request::{Command as Shape, Commands};
use crate::engine::codec::v2::texts::{EventText, RequestText as Text, RequestTexts};

mirror_struct! {
    SetBudget = SetBudget<'a> { id, create, parent, currency, price_unit, limits }
}

/// A command from its public shape and its words, or a batch from those of each.
pub(in crate::engine::codec) fn commands_from_shape(
    shape: Commands<'_>,
    texts: RequestTexts<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    match (shape, texts) {
        (Commands::One(shape), RequestTexts::One(text)) => command_from_shape(shape, text, owner),
        (Commands::All(shapes), RequestTexts::All(texts)) => {
            let (shapes, texts) = (shapes_of(shapes), shapes_of(texts));
            if shapes.len() != texts.len() {
                return Err(DecodeError::PartsDisagree { about: "the number of commands" });
            }
            let pairs = shapes.into_iter().zip(texts);
            let commands = pairs.map(|(shape, text)| command_from_shape(shape, text, owner));
            commands.collect::<Result<_, _>>().map(Command::Atomic)
        }
        (Commands::One(_), RequestTexts::All(_)) | (Commands::All(_), RequestTexts::One(_)) => {
            Err(DecodeError::PartsDisagree { about: "whether it is a batch" })
        }
    }
}

pub(super) fn command_from_shape(
    shape: Shape<'_>,
    text: Text<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    Ok(match (shape, text) {
        (Shape::V1(shape), Text::V1(text)) => command_from_v1(shape, text, owner)?,
        (Shape::Debit(shape), text) => Command::Debit(debit_again(shape, text, owner)?),
        (Shape::PlaceHold(shape), text) => Command::PlaceHold(place_hold_again(shape, text, owner)?),
        (Shape::Settle(shape), Text::Settle(text)) => Command::Settle(settle_again(shape, text, owner)?),
        (Shape::VoidInvoice(()), Text::Invoice(invoice)) => Command::VoidInvoice { invoice: invoice.into() },
        (Shape::Transfer(shape), Text::Transfer(text)) => {
            Command::Transfer(Mirror::from_shape((shape, text), owner)?)
        }
        (Shape::Event(shape), Text::Event(text)) => {
            Command::Event(Box::new(event_again(shape, text, owner)?))
        }
        (shape, Text::V1(text)) => with_a_memo_or_less(shape, text, owner)?,
        // Only pairs that fit are named above; whatever else stands together was never written together.
        (_, _) => return Err(DISAGREE),
    })
}

const DISAGREE: DecodeError = DecodeError::PartsDisagree { about: "the command" };

fn with_a_memo_or_less(shape: Shape<'_>, text: TextV1<'_>, owner: Owner) -> Result<Command, DecodeError> {
    Ok(match (shape, text) {
        (Shape::Capture(shapes::Capture { hold, credits, last }), text) => Command::Capture(Capture {
            hold: Mirror::from_shape(hold, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
            last,
            memo: memo_again(text)?,
        }),
        (Shape::Release(hold), text) => {
            Command::Release { hold: Mirror::from_shape(hold, owner)?, memo: memo_again(text)? }
        }
        (Shape::Refund(shapes::Refund { row, credits, regrant_days }), text) => Command::Refund(Refund {
            row: Mirror::from_shape(row, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
            regrant_days,
            memo: memo_again(text)?,
        }),
        (Shape::VoidCredit(row), text) => {
            Command::VoidCredit(VoidCredit { row: Mirror::from_shape(row, owner)?, memo: memo_again(text)? })
        }
        (shape, TextV1::Nothing(())) => without_words(shape, owner)?,
        (_, _) => return Err(DISAGREE),
    })
}

fn without_words(shape: Shape<'_>, owner: Owner) -> Result<Command, DecodeError> {
    Ok(match shape {
        Shape::ForceClose(close) => Command::Close {
            wallet: Mirror::from_shape(close.wallet, owner)?,
            remainder: Mirror::from_shape(close.remainder, owner)?,
            force: true,
        },
        Shape::Extend(shapes::Extend { hold, expires_in_s }) => {
            Command::Extend { hold: Mirror::from_shape(hold, owner)?, expires_in_s }
        }
        Shape::Grow(shapes::Grow { hold, credits }) => Command::Grow {
            hold: Mirror::from_shape(hold, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
        },
        Shape::TransferIn(shape) => Command::TransferIn(Mirror::from_shape(shape, owner)?),
        Shape::TransferDone(transfer) => Command::TransferDone(Mirror::from_shape(transfer, owner)?),
        Shape::TransferBack(transfer) => Command::TransferBack(Mirror::from_shape(transfer, owner)?),
        Shape::TransferForget(transfer) => Command::TransferForget(Mirror::from_shape(transfer, owner)?),
        Shape::SetBudget(shape) => Command::SetBudget(Mirror::from_shape(shape, owner)?),
        Shape::DeleteBudget(budget) => Command::DeleteBudget(budget.into()),
        Shape::ResetBudget(budget) => Command::ResetBudget(budget.into()),
        Shape::V1(_)
        | Shape::Debit(_)
        | Shape::PlaceHold(_)
        | Shape::Capture(_)
        | Shape::Release(_)
        | Shape::Refund(_)
        | Shape::VoidCredit(_)
        | Shape::Settle(_)
        | Shape::VoidInvoice(())
        | Shape::Transfer(_)
        | Shape::Event(_) => return Err(DISAGREE),
    })
}

fn place_hold_again(
    shape: shapes::PlaceHold<'_>,
    text: Text<'_>,
    owner: Owner,
) -> Result<PlaceHold, DecodeError> {
    let shapes::PlaceHold { asked, charge, expires_in_s, over_capture } = shape;
    let (properties, memo) = usage_words(text)?;
    Ok(PlaceHold {
        asked: hold_asked_again(asked, properties, owner)?,
        charge: Mirror::from_shape(charge, owner)?,
        expires_in_s,
        over_capture: Mirror::from_shape(over_capture, owner)?,
        memo,
    })
}

fn event_again(shape: shapes::Event<'_>, text: EventText<'_>, owner: Owner) -> Result<Event, DecodeError> {
    let shapes::Event { timestamp, metered, charge } = shape;
    let EventText { customer, source, id, properties } = text;
    Ok(Event {
        customer: customer.into(),
        source: source.into(),
        id: id.into(),
        timestamp: Mirror::from_shape(timestamp, owner)?,
        metered: metered_again(metered, Mirror::from_shape(properties, owner)?, owner)?,
        charge: Mirror::from_shape(charge, owner)?,
    })
}
