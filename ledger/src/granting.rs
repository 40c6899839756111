//! What grants mint and carry over by themselves (SEMANTICS §13).
//!
//! Each period is minted at its own instant, in the state as of then: [`crate::expiry`] asks for one at a time, and lets everything that
//! is due before it happen first. So a period that is over long ago mints and expires on paper, with its rows and its dates. What happens by
//! itself is not refused, since each period has its tranche: a wallet that has to be made, and a tranche, may be more than the limits for
//! requests. What is known when a grant begins is refused then (`decide/grant`).
//! Tested in `decide/tests/grant.rs` and `tests/rules`.

use crate::amount::{Credits, Money, Rate};
use crate::calendar::Zone;
use crate::command::{CreditReason, DEFAULT_WALLET_PRIORITY};
use crate::customer::Customer;
use crate::decide::{Ids, default_name};
use crate::fact::{CreditRow, Granted, Landed, MadeWallet, Posting, Skipped};
use crate::grant::{self, Cadence, Grant, Life, Rollover, Rule, Upcoming};
use crate::ids::{TrancheId, WalletId};
use crate::scope::{PriceTypes, Scope};
use crate::time::Timestamp;
use crate::tranche::{Source, Terms, Tranche};
use crate::unit::Unit;
use crate::wallet::{Wallet, WalletHead, WalletStatus, WalletType};

/// The next period of a grant, which is due. `now` is the instant of the record, which ids carry.
pub(crate) fn mint(customer: &Customer, grant: &Grant, now: Timestamp) -> Granted {
    let zone = grant::zone_of(customer, grant);
    let Upcoming { period, at } = grant.next;
    let after = grant::next_period(grant, zone);
    let ends_at = matches!(grant.rule.cadence, Cadence::Recurring(_)).then_some(after.at);
    let begins_at = nominal_beginning(grant, zone);
    let credits = prorated(grant, zone, begins_at, ends_at);
    let expires_at = end_of_life(grant, zone, begins_at, ends_at);
    let mut ids = Ids::of(customer, now);
    Granted {
        key: grant.key,
        period,
        at,
        ends_at,
        next: grant::ending(&grant.rule, after),
        landed: land(customer, grant, (credits, expires_at), &mut ids),
    }
}

/// Where the period begins by the calendar: before the customer has it, if it was enrolled within it.
fn nominal_beginning(grant: &Grant, zone: Zone) -> Timestamp {
    let Upcoming { period, at } = grant.next;
    match grant.rule.cadence {
        Cadence::Recurring(span) if at == grant.enrolled_at => {
            zone.boundary(grant.anchor, span, u64::from(period)).min(at)
        }
        Cadence::Recurring(_) => at,
        Cadence::OneTime if grant.rule.start.is_none() => grant.anchor.at.min(at),
        Cadence::OneTime => at,
    }
}

/// credits × days left / days of the period, by local dates, today counted, rounded down.
fn prorated(grant: &Grant, zone: Zone, begins_at: Timestamp, ends_at: Option<Timestamp>) -> Credits {
    let at = grant.next.at;
    let Some(ends_at) = ends_at.filter(|end| grant.rule.prorated && begins_at < at && *end < Timestamp::MAX)
    else {
        return grant.rule.credits;
    };
    let last = zone.day_number(ends_at);
    let days = u32::try_from(last - zone.day_number(begins_at)).unwrap_or(0);
    let left = u32::try_from(last - zone.day_number(at)).unwrap_or(0);
    // An hour is not made of days.
    if days == 0 { grant.rule.credits } else { grant.rule.credits.parts_down(left.min(days), days) }
}

/// When the period's credit ends. A life that is over before enrolment counts from enrolment.
fn end_of_life(
    grant: &Grant,
    zone: Zone,
    begins_at: Timestamp,
    ends_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let at = grant.next.at;
    let from = if grant.rule.start.is_none() { begins_at } else { at };
    let end = match grant.rule.life {
        Life::Never => None,
        Life::Period => ends_at,
        Life::After(span) => {
            Some(zone.plus(from, span)).filter(|end| *end > at).or(Some(zone.plus(at, span)))
        }
    };
    end.filter(|end| *end < Timestamp::MAX)
}

/// Puts it into a wallet, if that can hold it.
fn land(
    customer: &Customer,
    grant: &Grant,
    (credits, expires_at): (Credits, Option<Timestamp>),
    ids: &mut Ids,
) -> Landed {
    if !credits.is_positive() {
        return Landed::Skipped(Skipped::Nothing);
    }
    let at = grant.next.at;
    let found = target(customer, grant);
    let made = found.is_none().then(|| made_wallet(grant, WalletId(ids.next())));
    let new_head = made.as_ref().map(|made| head_of(made, at));
    let head = found.map(|wallet| &wallet.head).or(new_head.as_ref()).expect("found or made");
    let amount = Money::of_credits_half_even(credits, head.topup_conversion_rate);
    let (true, Some(amount)) = (found.is_none_or(|wallet| takes(wallet, credits)), amount) else {
        return Landed::Skipped(Skipped::Overflow);
    };
    let terms = Terms {
        source: Source::PlanIncluded,
        priority: grant.priority,
        scope: grant.rule.scope.clone().unwrap_or(Scope::ANYTHING),
        original: credits,
        paid: Money::ZERO,
        effective_at: at,
        expires_at,
    };
    let repaid = if terms.scope.price_types.usage { head.debt.min(credits) } else { Credits::ZERO };
    let (sequence, before) = (head.sequence + 1, head.posted);
    let posting = Posting { wallet: head.id, sequence, before, after: before + credits };
    let (wallet, currency) = (head.id, head.unit.currency);
    let tranche = TrancheId(ids.next());
    let reason = CreditReason::SubscriptionCreditGrant;
    let row = CreditRow { reason, tranche, terms, amount, charged: None, repaid, posting: Some(posting) };
    Landed::Minted { wallet, made, currency, row: Box::new(row) }
}

/// Whether no wallet of the customer would take what the grant mints now.
pub(crate) fn needs_wallet(customer: &Customer, grant: &Grant) -> bool {
    target(customer, grant).is_none()
}

/// The wallet that is named, else the oldest active one of the unit that admits USAGE. Older builds took grants that name a wallet of
/// another unit: they land as if they named none, since credit of one unit never lands in a wallet of another.
fn target<'a>(customer: &'a Customer, grant: &Grant) -> Option<&'a Wallet> {
    let rule = &grant.rule;
    let named = grant.wallet.and_then(|id| customer.wallet(id));
    if let Some(wallet) = named.filter(|wallet| names(rule, &wallet.head.unit)) {
        return Some(wallet).filter(|wallet| wallet.is_open());
    }
    customer.wallets.iter().find(|wallet| {
        let (head, unit) = (&wallet.head, &wallet.head.unit);
        // Who names a currency and no price unit means wallets without one.
        let of_unit = names(rule, unit) && (rule.currency.is_none() || unit.price_unit == rule.price_unit);
        head.status == WalletStatus::Active && head.allowed_price_types.usage && of_unit
    })
}

/// Whether the rule's currency and price unit, where given, are the wallet's.
pub(crate) fn names(rule: &Rule, unit: &Unit) -> bool {
    rule.currency.is_none_or(|currency| currency == unit.currency)
        && (rule.price_unit.is_none() || rule.price_unit == unit.price_unit)
}

/// A wallet's total, scheduled credit included, keeps to 12 integer digits.
fn takes(wallet: &Wallet, more: Credits) -> bool {
    let usable = wallet.head.posted + wallet.head.debt;
    let scheduled =
        wallet.tranches.iter().filter(|tranche| tranche.scheduled).map(|tranche| tranche.remaining);
    (usable + scheduled.sum() + more).is_in_range()
}

fn made_wallet(grant: &Grant, id: WalletId) -> MadeWallet {
    let rule = &grant.rule;
    let conversion_rate = rule.conversion_rate.unwrap_or(Rate::ONE);
    MadeWallet {
        id,
        unit: Unit {
            currency: rule.currency.unwrap_or(grant.fallback_currency),
            price_unit: rule.price_unit.clone(),
            conversion_rate,
        },
        topup_conversion_rate: rule.topup_conversion_rate.unwrap_or(conversion_rate),
    }
}

/// The wallet that a grant made, before its first row.
#[must_use]
pub fn head_of(made: &MadeWallet, at: Timestamp) -> WalletHead {
    WalletHead {
        id: made.id,
        unit: made.unit.clone(),
        topup_conversion_rate: made.topup_conversion_rate,
        wallet_type: WalletType::PrePaid,
        name: default_name(WalletType::PrePaid, made.unit.currency),
        description: None,
        metadata: Vec::new(),
        status: WalletStatus::Active,
        priority: DEFAULT_WALLET_PRIORITY,
        allowed_price_types: PriceTypes::USAGE,
        overdraft_limit: Credits::ZERO,
        created_at: at,
        updated_at: at,
        sequence: 0,
        posted: Credits::ZERO,
        held: Credits::ZERO,
        debt: Credits::ZERO,
        rules: None,
    }
}

/// What of `left`, the unpinned credit of an ending tranche, goes on; 0 = nothing.
pub(crate) fn carried(rollover: &Rollover, left: Credits) -> Credits {
    let share = left.part_down(rollover.share);
    rollover.cap.map_or(share, |cap| share.min(cap))
}

/// The terms of what goes on: those of its origin, with its share of the paid money, and a life of its own.
pub(crate) fn carried_terms(
    customer: &Customer,
    (grant, rollover): (&Grant, &Rollover),
    tranche: &Tranche,
    (remaining, carried): (Credits, Credits),
) -> Terms {
    let at = grant.next.at;
    let zone = grant::zone_of(customer, grant);
    let end = match rollover.life {
        Life::Never => None,
        Life::After(span) => Some(zone.plus(at, span)),
        Life::Period => Some(grant::next_period(grant, zone).at),
    };
    let terms = &tranche.terms;
    Terms {
        source: Source::Rollover,
        original: carried,
        paid: terms.unspent_share(remaining) - terms.unspent_share(remaining - carried),
        effective_at: at,
        expires_at: end.filter(|end| *end < Timestamp::MAX),
        ..terms.clone()
    }
}
