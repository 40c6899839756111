//! Short ways to ask for what undoes, with what the shell would look up for it.

use crate::command::{Command, InvoiceLine, Memo, Refund, Settle, VoidCredit};
use crate::fact::{BackTo, Effect, GivenBack, Giver, Refunded, Settled, Voided};
use crate::ids::{LogPosition, RowId};
use crate::looked_up::{LookedUp, OldDebit, old_credits, old_debit, old_settlement};
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, money};
use crate::unit::PriceType;

/// A row of the record that was written last.
pub(super) fn last(book: &Book, row: u32) -> RowId {
    let position = LogPosition(u64::try_from(book.log.len()).unwrap());
    RowId::new(book.log.last().unwrap().facts.at, position, row)
}

/// What the shell finds for a refund.
pub(super) fn debit_of(book: &Book, row: RowId) -> Result<OldDebit, Refusal> {
    let index = usize::try_from(row.position().0).unwrap() - 1;
    old_debit(&book.log[index], row.position(), row.row())
}

/// Asks for so much of a debit, or for all that is left.
pub(super) fn asked(row: RowId, amount: Option<&str>) -> Refund {
    Refund { row, credits: amount.map(credits), regrant_days: None, memo: Memo::default() }
}

/// Refunds so much of a debit, or all that is left.
pub(super) fn refund(book: &mut Book, row: RowId, amount: Option<&str>) -> Result<Refunded, Refusal> {
    refund_with(book, asked(row, amount))
}

pub(super) fn refund_with(book: &mut Book, request: Refund) -> Result<Refunded, Refusal> {
    book.looked_up = Some(LookedUp::Debit(debit_of(book, request.row)?));
    let effect = book.ask(Command::Refund(request))?.effect;
    let Effect::Refunded(refunded) = effect else { panic!("{effect:?}") };
    Ok(*refunded)
}

/// Voids a credit.
pub(super) fn void(book: &mut Book, row: RowId) -> Result<Vec<Voided>, Refusal> {
    let index = usize::try_from(row.position().0).unwrap() - 1;
    let found = old_credits(&book.log[index], row.position(), row.row())?;
    book.looked_up = Some(LookedUp::Credits(found));
    let effect = book.ask(Command::VoidCredit(VoidCredit { row, memo: Memo::default() }))?.effect;
    let Effect::CreditVoided(voids) = effect else { panic!("{effect:?}") };
    Ok(voids)
}

/// A line of an invoice.
pub(super) fn line(id: &str, amount: &str, price_type: PriceType) -> InvoiceLine {
    InvoiceLine { id: id.into(), amount: money(amount), price_type, feature: None }
}

/// An invoice in dollars.
pub(super) fn invoice(id: &str, lines: Vec<InvoiceLine>) -> Settle {
    Settle { invoice: id.into(), currency: USD, lines }
}

pub(super) fn settle(book: &mut Book, request: Settle) -> Result<Settled, Refusal> {
    let effect = book.ask(Command::Settle(request))?.effect;
    let Effect::InvoiceSettled(settled) = effect else { panic!("{effect:?}") };
    Ok(*settled)
}

/// Voids an invoice.
pub(super) fn void_invoice(book: &mut Book, id: &str) -> Result<GivenBack, Refusal> {
    book.looked_up = book.customer.invoices.get(id).map(|invoice| {
        let index = usize::try_from(invoice.settled.0).unwrap() - 1;
        LookedUp::Debit(old_settlement(&book.log[index], invoice.settled).unwrap())
    });
    let effect = book.ask(Command::VoidInvoice { invoice: id.into() })?.effect;
    let Effect::InvoiceVoided { back, .. } = effect else { panic!("{effect:?}") };
    Ok(*back)
}

/// What came back as text: the source, `=` to its tranche, `-` to debt, `+` as a new tranche, the credits.
pub(super) fn came_back(back: &GivenBack) -> Vec<String> {
    let show = |back: &crate::fact::Back| {
        let source = match &back.slice.giver {
            Giver::Tranche { terms, .. } => terms.source.as_str(),
            Giver::Overdraft => "overdraft",
        };
        let to = match &back.to {
            BackTo::Tranche => "=",
            BackTo::Debt => "-",
            BackTo::New { .. } => "+",
        };
        format!("{source}{to}{}", back.slice.credits)
    };
    back.slices.iter().map(show).collect()
}
