//! Invoices: lines paid by all wallets of their currency, once per invoice, and put back whole (SEMANTICS §14).
//!
//! For charges that were not debited when they happened; which were, nobody here can know. Each wallet pays a line in whole minor
//! units of the money, so that what is left for the card is money too. No overdraft. Tested in `decide/tests/invoice.rs`.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::refund::{asked_of, old_debit};
use super::taking::Taking;
use super::{Context, Ids, check_quantity, existing, giving_back, limit_reached};
use crate::amount::wide::ExactMoney;
use crate::amount::{Credits, Money};
use crate::apply;
use crate::burn_order::{self, Purpose, WalletIndices};
use crate::command::{InvoiceLine, Quantity, RefundReason, Settle};
use crate::customer::Customer;
use crate::fact::{DebitRow, Effect, Settled, SettledLine, SettledPart};
use crate::limits::Limits;
use crate::looked_up::OldDebit;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::Wallet;

/// Pays what there is of each line, in their order. A settlement that finds nothing to take is one too.
pub(super) fn settle(
    customer: &Customer,
    request: &Settle,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_request(request, context.limits)?;
    existing(customer)?;
    if customer.invoices.contains_key(&request.invoice) {
        return Err(Refusal::AlreadyExists("invoice"));
    }
    let mut ahead = wallets_only(customer);
    let mut lines = Vec::with_capacity(request.lines.len());
    for line in &request.lines {
        lines.push(pay(&mut ahead, line, request, context)?);
    }
    check_limits(customer, &lines, context.limits)?;
    Ok(Effect::InvoiceSettled(Box::new(Settled {
        invoice: request.invoice.clone(),
        currency: request.currency,
        paid: lines.iter().map(|line| line.paid).sum(),
        shortfall: lines.iter().map(|line| line.shortfall).sum(),
        lines,
    })))
}

/// What can be judged without state.
fn check_request(request: &Settle, limits: &Limits) -> Result<(), Refusal> {
    if request.lines.is_empty() {
        return Err(Refusal::Invalid { field: "lines", problem: "an invoice has at least one line" });
    }
    if request.lines.len() > limits.invoice_lines_max {
        return Err(limit_reached("invoice_lines_max", limits.invoice_lines_max));
    }
    let mut ids = BTreeSet::new();
    for line in &request.lines {
        check_quantity(Quantity::Amount(line.amount), "a line must be more than 0")?;
        if !line.amount.is_in_minor_units(request.currency) {
            return Err(Refusal::Invalid {
                field: "lines.amount",
                problem: "is not in whole minor units of the currency",
            });
        }
        if !ids.insert(&line.id) {
            return Err(Refusal::Invalid { field: "lines.id", problem: "two lines have the same id" });
        }
    }
    let total: Money = request.lines.iter().map(|line| line.amount).sum();
    if total.is_in_range() { Ok(()) } else { Err(Refusal::AmountOverflow("the invoice")) }
}

fn check_limits(customer: &Customer, lines: &[SettledLine], limits: &Limits) -> Result<(), Refusal> {
    if customer.invoices.len() >= limits.invoices_max {
        return Err(limit_reached("invoices_max", limits.invoices_max));
    }
    let slices: usize = lines.iter().flat_map(|line| &line.parts).map(|part| part.slices.len()).sum();
    if slices > limits.slices_max { Err(limit_reached("slices_max", limits.slices_max)) } else { Ok(()) }
}

/// The customer as far as it can pay: each line is decided on what those before it left.
fn wallets_only(customer: &Customer) -> Customer {
    Customer { wallets: customer.wallets.clone(), ..Customer::new(customer.tenant, customer.number) }
}

/// Pays one line, and takes what pays it off `ahead`.
fn pay(
    ahead: &mut Customer,
    line: &InvoiceLine,
    request: &Settle,
    context: &Context<'_>,
) -> Result<SettledLine, Refusal> {
    let purpose = Purpose::Charge { price_type: line.price_type, feature: line.feature.as_deref() };
    let (mut lacks, mut parts) = (line.amount, SmallVec::new());
    for payer in payers(ahead, line, request) {
        let money = part(&ahead.wallets[payer], purpose, lacks, request, context.now);
        if money.is_positive() {
            parts.push(take(ahead, payer, purpose, money, context)?);
            lacks -= money;
        }
    }
    Ok(SettledLine {
        id: line.id.clone(),
        amount: line.amount,
        paid: line.amount - lacks,
        shortfall: lacks,
        parts,
    })
}

fn payers(customer: &Customer, line: &InvoiceLine, request: &Settle) -> WalletIndices {
    let wallets = customer.wallets.iter().enumerate();
    let candidates = wallets.filter(|(_, wallet)| wallet.head.unit.currency == request.currency);
    burn_order::wallets(customer, candidates.map(|(index, _)| index).collect(), line.price_type)
}

/// What the wallet pays: the worth of its eligible credit, down to the minor unit, at most what is lacking.
fn part(wallet: &Wallet, purpose: Purpose<'_>, lacks: Money, request: &Settle, now: Timestamp) -> Money {
    let eligible = wallet.tranches.iter().filter(|tranche| purpose.admits(tranche, now));
    let credits = eligible.map(|tranche| tranche.unpinned()).sum::<Credits>().min(wallet.head.available());
    let worth = ExactMoney::of_credits(credits, wallet.head.unit.conversion_rate);
    if worth >= ExactMoney::of(lacks) {
        return lacks;
    }
    worth.to_minor_down(request.currency).expect("it is less than a line")
}

fn take(
    ahead: &mut Customer,
    payer: usize,
    purpose: Purpose<'_>,
    money: Money,
    context: &Context<'_>,
) -> Result<SettledPart, Refusal> {
    let head = &ahead.wallets[payer].head;
    let credits = Credits::for_amount_up(money, head.unit.conversion_rate);
    let quantity = Quantity::Credits(credits.ok_or(Refusal::AmountOverflow("credits"))?);
    let mut taking = Taking::new(ahead, quantity);
    taking.take_tranches(payer, purpose, head.available(), context.now);
    let debited = taking.finish(quantity, false, context)?;
    let row = DebitRow { amount: money, ..debited.rows[0] };
    let slices = debited.slices.clone();
    apply::apply_effect(ahead, &Effect::Debited(debited), 0, context.now);
    Ok(SettledPart { row, slices })
}

/// Puts a settlement back to the original tranches: all that was not refunded before. The invoice's id stays used. A wallet that is closed is
/// final: what it paid stays where it is, and stands in the way of no other's.
pub(super) fn void(customer: &Customer, invoice: &str, context: &Context<'_>) -> Result<Effect, Refusal> {
    existing(customer)?;
    let settled = customer.invoices.get(invoice).ok_or(Refusal::NotFound("invoice"))?;
    if settled.voided.is_some() {
        return Err(Refusal::InvalidOperation("the invoice is voided already"));
    }
    let old = old_debit(context).filter(|old| old.position == settled.settled);
    let old = old.ok_or(Refusal::NotFound("invoice"))?;
    let old = of_open_wallets(customer, old);
    let asked = asked_of(&old, RefundReason::Reversal, None, None);
    let back = giving_back::give_back(customer, &asked, &mut Ids::of(customer, context.now), context)?;
    Ok(Effect::InvoiceVoided { invoice: invoice.into(), back: Box::new(back) })
}

/// What a settlement took of wallets that can take it back.
fn of_open_wallets(customer: &Customer, old: &OldDebit) -> OldDebit {
    let is_open = |wallet| customer.wallet(wallet).is_some_and(Wallet::is_open);
    let mut old = old.clone();
    old.rows.retain(|(_, row)| is_open(row.posting.wallet));
    old.slices.retain(|(_, slice)| is_open(slice.wallet));
    old
}
