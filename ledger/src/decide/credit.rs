//! Credit in: top-ups with or without a bonus, and a new wallet's initial credit (SEMANTICS §6).

use smallvec::{SmallVec, smallvec};

use super::{Context, Ids, check_quantity, limit_reached, open_wallet, purchase};
use crate::amount::wide::ExactMoney;
use crate::amount::{Credits, Money};
use crate::catalog::tenant::DefaultPriorities;
use crate::command::{Bonus, CreditReason, Quantity, TopUp};
use crate::customer::Customer;
use crate::fact::{CreditRow, Effect, Posting};
use crate::ids::TrancheId;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::time::Timestamp;
use crate::tranche::{Source, Terms, Tranche};
use crate::wallet::{Wallet, WalletHead};

/// A top-up: a live tranche now, or a scheduled one; a bonus makes a second one beside it. Invoiced, it waits for its payment.
pub(super) fn top_up(customer: &Customer, request: &TopUp, context: &Context<'_>) -> Result<Effect, Refusal> {
    check_request(request, context.now)?;
    let wallet = open_wallet(customer, request.wallet)?;
    let purchase = asked_for(request, &wallet.head, context)?;
    let bonus =
        request.bonus.as_ref().map(|bonus| self::bonus(bonus, request, &wallet.head, context)).transpose()?;
    check_room(customer, 1 + usize::from(bonus.is_some()), context)?;
    let bonus_credits = bonus.as_ref().map_or(Credits::ZERO, |bonus| bonus.terms.original);
    let pending = customer.recharges.pending(wallet.head.id);
    check_total(wallet, pending + purchase.terms.original + bonus_credits)?;
    if request.reason == CreditReason::PurchasedCreditInvoiced {
        let credits = std::iter::once(purchase).chain(bonus).collect();
        return purchase::buy(customer, wallet, credits, context);
    }

    let mut ids = Ids::of(customer, context.now);
    let mut head = wallet.head.clone();
    let mut rows: SmallVec<[Box<CreditRow>; 1]> = smallvec![];
    for credit in std::iter::once(purchase).chain(bonus) {
        rows.push(Box::new(enter(&mut head, TrancheId(ids.next()), credit, context.now)));
    }
    Ok(Effect::ToppedUp { rows, wallet: Box::new(head) })
}

/// Credit on its way into a wallet: a row without its balance.
pub(super) struct Credit {
    reason: CreditReason,
    terms: Terms,
    amount: Money,
    charged: Option<Money>,
}

impl Credit {
    pub(super) const fn reason(&self) -> CreditReason {
        self.reason
    }

    /// As it was written down when it was bought.
    pub(super) fn of_row(row: &CreditRow) -> Self {
        Self { reason: row.reason, terms: row.terms.clone(), amount: row.amount, charged: row.charged }
    }

    /// The same, ending at `at` if its end was before.
    pub(super) fn ending_no_earlier_than(mut self, at: Timestamp) -> Self {
        self.terms.expires_at = self.terms.expires_at.map(|end| end.max(at));
        self
    }
}

/// A purchase of so many credits, as nobody asked for more than that; `None` = it leaves the digits that amounts have.
pub(super) fn bought(
    reason: CreditReason,
    credits: Credits,
    head: &WalletHead,
    context: &Context<'_>,
) -> Option<Credit> {
    let (rate, source) = (head.topup_conversion_rate, reason.source());
    let charged = ExactMoney::of_credits(credits, rate).to_minor_half_up(head.unit.currency)?;
    let terms = Terms {
        source,
        priority: default_priority(source, &context.settings.default_priorities),
        scope: default_scope(source),
        original: credits,
        paid: charged,
        effective_at: context.now,
        expires_at: None,
    };
    let amount = Money::of_credits_half_even(credits, rate)?;
    Some(Credit { reason, terms, amount, charged: Some(charged) })
}

/// A row outside the balance chain: its credit waits for its payment.
pub(super) fn wait(id: TrancheId, credit: Credit) -> CreditRow {
    let Credit { reason, terms, amount, charged } = credit;
    CreditRow { reason, tranche: id, terms, amount, charged, repaid: Credits::ZERO, posting: None }
}

/// What can be judged without state.
fn check_request(request: &TopUp, now: Timestamp) -> Result<(), Refusal> {
    check_quantity(request.quantity, "a top-up must be more than 0")?;
    match request.reason {
        CreditReason::PurchasedCreditDirect | CreditReason::PurchasedCreditInvoiced => {}
        CreditReason::PurchasedCreditBonus => {
            return Err(Refusal::Invalid {
                field: "transaction_reason",
                problem: "a bonus comes with its purchase",
            });
        }
        CreditReason::FreeCreditGrant
        | CreditReason::SubscriptionCreditGrant
        | CreditReason::CreditNote
        | CreditReason::InvoiceVoidRefund
        | CreditReason::CreditAdjustment => {
            if request.bonus.is_some() {
                return Err(Refusal::Invalid { field: "bonus", problem: "only a purchase has a bonus" });
            }
        }
    }
    check_paid(request)?;
    check_life_span(request.effective_at, request.expires_at, "expires_at", now)?;
    request.bonus.as_ref().map_or(Ok(()), |bonus| check_bonus(bonus, request.effective_at, now))
}

fn check_paid(request: &TopUp) -> Result<(), Refusal> {
    let Some(paid) = request.paid else { return Ok(()) };
    if paid.is_negative() {
        return Err(Refusal::AmountInvalid("paid must be 0 or more"));
    }
    if !paid.is_in_range() {
        return Err(Refusal::AmountOverflow("paid"));
    }
    match request.reason.source() {
        Source::Purchased | Source::Refund => {
            Err(Refusal::Invalid { field: "paid", problem: "follows from the reason and cannot be given" })
        }
        Source::Promotional | Source::PlanIncluded | Source::Adjustment | Source::Rollover => Ok(()),
    }
}

fn check_bonus(bonus: &Bonus, effective_at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    check_quantity(Quantity::Credits(bonus.credits), "a bonus must be more than 0")?;
    check_life_span(effective_at, bonus.expires_at, "bonus.expires_at", now)
}

/// Credit that has ended already, or ends before it starts, would be taken and never be there.
fn check_life_span(
    effective_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    field: &'static str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(expires_at) = expires_at else { return Ok(()) };
    if expires_at <= now {
        return Err(Refusal::Invalid { field, problem: "is not in the future" });
    }
    if effective_at.is_some_and(|start| expires_at <= start) {
        return Err(Refusal::Invalid { field, problem: "is not after effective_at" });
    }
    Ok(())
}

fn asked_for(request: &TopUp, head: &WalletHead, context: &Context<'_>) -> Result<Credit, Refusal> {
    let rate = head.topup_conversion_rate;
    let credits = match request.quantity {
        Quantity::Credits(credits) => credits,
        Quantity::Amount(money) => {
            Credits::for_amount_down(money, rate).ok_or(Refusal::AmountOverflow("credits"))?
        }
    };
    if !credits.is_positive() {
        return Err(Refusal::AmountInvalid("the amount buys no credit"));
    }
    let amount = Money::of_credits_half_even(credits, rate).ok_or(Refusal::AmountOverflow("amount"))?;
    let source = request.reason.source();
    // What is charged is rounded once: from the exact product, not from the recorded amount.
    let asked = match request.quantity {
        Quantity::Credits(_) => ExactMoney::of_credits(credits, rate),
        Quantity::Amount(money) => ExactMoney::of(money),
    };
    let charged = (source == Source::Purchased)
        .then(|| asked.to_minor_half_up(head.unit.currency).ok_or(Refusal::AmountOverflow("amount")))
        .transpose()?;
    let terms = Terms {
        source,
        priority: request
            .priority
            .unwrap_or_else(|| default_priority(source, &context.settings.default_priorities)),
        scope: request.scope.clone().unwrap_or_else(|| default_scope(source)),
        original: credits,
        paid: paid(request, amount, charged),
        effective_at: request.effective_at.unwrap_or(context.now),
        expires_at: request.expires_at,
    };
    Ok(Credit { reason: request.reason, terms, amount, charged })
}

/// The money that stands behind the credit (SEMANTICS §6 "paid").
fn paid(request: &TopUp, amount: Money, charged: Option<Money>) -> Money {
    match request.reason.source() {
        Source::Purchased => charged.expect("a purchase is charged"),
        Source::Refund => amount,
        Source::Promotional | Source::PlanIncluded | Source::Adjustment | Source::Rollover => {
            request.paid.unwrap_or(Money::ZERO)
        }
    }
}

fn bonus(
    bonus: &Bonus,
    request: &TopUp,
    head: &WalletHead,
    context: &Context<'_>,
) -> Result<Credit, Refusal> {
    let effective_at = request.effective_at.unwrap_or(context.now);
    free(CreditReason::PurchasedCreditBonus, bonus.credits, effective_at, bonus.expires_at, head, context)
}

/// Promotional credit for nothing.
fn free(
    reason: CreditReason,
    credits: Credits,
    effective_at: Timestamp,
    expires_at: Option<Timestamp>,
    head: &WalletHead,
    context: &Context<'_>,
) -> Result<Credit, Refusal> {
    let source = reason.source();
    let amount = Money::of_credits_half_even(credits, head.topup_conversion_rate)
        .ok_or(Refusal::AmountOverflow("amount"))?;
    let terms = Terms {
        source,
        priority: default_priority(source, &context.settings.default_priorities),
        scope: default_scope(source),
        original: credits,
        paid: Money::ZERO,
        effective_at,
        expires_at,
    };
    Ok(Credit { reason, terms, amount, charged: None })
}

/// The initial credit of a new wallet: a free grant that starts now.
pub(super) fn initial(
    credits: Credits,
    expires_at: Option<Timestamp>,
    head: &WalletHead,
    context: &Context<'_>,
) -> Result<Credit, Refusal> {
    check_life_span(None, expires_at, "expires_at", context.now)?;
    free(CreditReason::FreeCreditGrant, credits, context.now, expires_at, head, context)
}

/// Promotional credit never pays a subscription fee unless the request says so.
const fn default_scope(source: Source) -> Scope {
    match source {
        Source::Promotional => Scope { price_types: PriceTypes::USAGE, features: None },
        Source::Purchased | Source::PlanIncluded | Source::Refund | Source::Adjustment | Source::Rollover => {
            Scope::ANYTHING
        }
    }
}

const fn default_priority(source: Source, defaults: &DefaultPriorities) -> u32 {
    match source {
        Source::Purchased | Source::Rollover => defaults.purchased,
        Source::Promotional => defaults.promotional,
        Source::PlanIncluded => defaults.plan_included,
        Source::Refund => defaults.refund,
        Source::Adjustment => defaults.adjustment,
    }
}

/// Room for more live tranches at the customer.
pub(super) fn check_room(customer: &Customer, more: usize, context: &Context<'_>) -> Result<(), Refusal> {
    let max = context.limits.tranches_max;
    if customer.tranche_count() + more > max { Err(limit_reached("tranches_max", max)) } else { Ok(()) }
}

/// A wallet's total, scheduled credit included, keeps to 12 integer digits: so does posted, whatever starts later.
pub(super) fn check_total(wallet: &Wallet, more: Credits) -> Result<(), Refusal> {
    let usable = wallet.head.posted + wallet.head.debt;
    let scheduled =
        wallet.tranches.iter().filter(|tranche| tranche.scheduled).map(|tranche: &Tranche| tranche.remaining);
    let total = usable + scheduled.sum() + more;
    if total.is_in_range() { Ok(()) } else { Err(Refusal::AmountOverflow("the wallet's credit")) }
}

/// Enters credit into the wallet: repays debt first, where its scope lets it. What starts later stays outside the balance.
pub(super) fn enter(head: &mut WalletHead, id: TrancheId, credit: Credit, now: Timestamp) -> CreditRow {
    let Credit { reason, terms, amount, charged } = credit;
    if terms.effective_at > now {
        return CreditRow {
            reason,
            tranche: id,
            terms,
            amount,
            charged,
            repaid: Credits::ZERO,
            posting: None,
        };
    }
    let repaid = if terms.scope.price_types.usage { head.debt.min(terms.original) } else { Credits::ZERO };
    let before = head.posted;
    head.debt -= repaid;
    head.posted += terms.original;
    head.sequence += 1;
    let posting = Posting { wallet: head.id, sequence: head.sequence, before, after: head.posted };
    CreditRow { reason, tranche: id, terms, amount, charged, repaid, posting: Some(posting) }
}
