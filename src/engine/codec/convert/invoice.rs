//! Invoices: what was asked and what was paid, each without its ids, which are words.

use coffer_ledger::command::{InvoiceLine, Settle};
use coffer_ledger::fact::{Settled, SettledLine, SettledPart};

use super::leaves::shapes_of;
use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::wire::List;
use crate::engine::codec::v2::invoice as shapes;
use crate::engine::codec::v2::request as v2;
use crate::engine::codec::v2::texts::InvoiceText;

mirror_struct! {
    SettledPart = SettledPart<'a> { row, slices }
}

pub(super) fn settled_to_shape(settled: &Settled, owner: Owner) -> shapes::Settled<'_> {
    let Settled { invoice: _, currency, paid, shortfall, lines } = settled;
    let lines = lines.iter().map(|line| {
        let SettledLine { id: _, amount, paid, shortfall, parts } = line;
        shapes::SettledLine {
            amount: amount.to_shape(owner),
            paid: paid.to_shape(owner),
            shortfall: shortfall.to_shape(owner),
            parts: parts.to_shape(owner),
        }
    });
    shapes::Settled {
        currency: currency.to_shape(owner),
        paid: paid.to_shape(owner),
        shortfall: shortfall.to_shape(owner),
        lines: List::Read(lines.collect()),
    }
}

pub(super) fn settled_again(
    shape: shapes::Settled<'_>,
    invoice: Box<str>,
    ids: Vec<&str>,
    owner: Owner,
) -> Result<Settled, DecodeError> {
    let shapes::Settled { currency, paid, shortfall, lines } = shape;
    let lines = named(shapes_of(lines), ids)?.map(|(line, id)| {
        let shapes::SettledLine { amount, paid, shortfall, parts } = line;
        Ok(SettledLine {
            id: id.into(),
            amount: Mirror::from_shape(amount, owner)?,
            paid: Mirror::from_shape(paid, owner)?,
            shortfall: Mirror::from_shape(shortfall, owner)?,
            parts: Mirror::from_shape(parts, owner)?,
        })
    });
    Ok(Settled {
        invoice,
        currency: Mirror::from_shape(currency, owner)?,
        paid: Mirror::from_shape(paid, owner)?,
        shortfall: Mirror::from_shape(shortfall, owner)?,
        lines: lines.collect::<Result<_, DecodeError>>()?,
    })
}

pub(super) fn settle_to_shape(settle: &Settle, owner: Owner) -> v2::Settle<'_> {
    let Settle { invoice: _, currency, lines } = settle;
    let lines = lines.iter().map(|line| {
        let InvoiceLine { id: _, amount, price_type, feature } = line;
        v2::InvoiceLine {
            amount: amount.to_shape(owner),
            price_type: price_type.to_shape(owner),
            feature: feature.to_shape(owner),
        }
    });
    v2::Settle { currency: currency.to_shape(owner), lines: List::Read(lines.collect()) }
}

pub(super) fn settle_text(settle: &Settle) -> InvoiceText<'_> {
    let lines = List::Read(settle.lines.iter().map(|line| &*line.id).collect());
    InvoiceText { invoice: &settle.invoice, lines }
}

pub(super) fn settle_again(
    shape: v2::Settle<'_>,
    text: InvoiceText<'_>,
    owner: Owner,
) -> Result<Settle, DecodeError> {
    let v2::Settle { currency, lines } = shape;
    let lines = named(shapes_of(lines), shapes_of(text.lines))?.map(|(line, id)| {
        let v2::InvoiceLine { amount, price_type, feature } = line;
        Ok(InvoiceLine {
            id: id.into(),
            amount: Mirror::from_shape(amount, owner)?,
            price_type: Mirror::from_shape(price_type, owner)?,
            feature: Mirror::from_shape(feature, owner)?,
        })
    });
    Ok(Settle {
        invoice: text.invoice.into(),
        currency: Mirror::from_shape(currency, owner)?,
        lines: lines.collect::<Result<_, DecodeError>>()?,
    })
}

/// Lines with their ids.
fn named<T>(lines: Vec<T>, ids: Vec<&str>) -> Result<impl Iterator<Item = (T, &str)>, DecodeError> {
    if lines.len() != ids.len() {
        return Err(DecodeError::PartsDisagree { about: "the number of lines" });
    }
    Ok(lines.into_iter().zip(ids))
}
