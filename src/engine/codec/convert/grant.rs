//! Grants and subscriptions. A grant is two shapes: numbers, and words that stand in a record's personal part.

use coffer_ledger::calendar::{Anchor, LocalTime, Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrant, PlanGrantAsked, PlanKind};
use coffer_ledger::command::{CreateGrant, GrantChange, GrantFor, Metadata, Subscribe};
use coffer_ledger::fact::{
    GrantRemoved, GrantSet, Granted, Landed, MadeWallet, PlansFollowed, RolledOver, Skipped, Subscribed,
    Unsubscribed,
};
use coffer_ledger::grant::{
    Cadence, Grant, GrantKey, Grants, Life, MintedTranche, Rollover, Rule, Subscription, Upcoming,
};
use coffer_ledger::ids::{GrantId, SubscriptionId};
use coffer_ledger::time::Timestamp;

use super::leaves::shapes_of;
use super::state_v2::{walk, walked};
use super::words::Words;
use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::wire::{List, Stamp, Thing};
use crate::engine::codec::v3::grant as shapes;

mirror_enum! {
    SpanUnit { Hour, Day, Week, Month, Quarter, HalfYear, Year }
    PlanKind { Plan, Addon }
    Skipped { Overflow, Nothing }
}

mirror_struct! {
    Span = Span { unit, count }
    Rollover = Rollover { share, cap, life }
    Rule = Rule<'a> {
        credits, currency, price_unit, cadence, start, end, life, rollover, prorated, priority, scope, conversion_rate,
        topup_conversion_rate,
    }
    GrantKey = GrantKey { grant, subscription }
    Upcoming = Upcoming { period, at }
    MintedTranche = MintedTranche { tranche, wallet, period, rolled_over }
    Anchor = Anchor { local, at }
    Subscription = Subscription<'a> { id, name, plan, start, zone, created_at }
    MadeWallet = MadeWallet<'a> { id, unit, topup_conversion_rate }
    Granted = Granted<'a> { key, period, at, ends_at, next, landed }
    RolledOver = RolledOver<'a> {
        key, period, at, from, from_terms, out, tranche, terms, amount, currency, posting,
    }
    Unsubscribed = Unsubscribed<'a> { subscription, voided }
    GrantRemoved = GrantRemoved<'a> { key, voided }
    PlansFollowed = PlansFollowed<'a> { seen, set, removed }
}

impl Mirror<'_, Stamp> for LocalTime {
    fn to_shape(&self, owner: Owner) -> Stamp {
        Timestamp(self.0).to_shape(owner)
    }

    fn from_shape(shape: Stamp, owner: Owner) -> Result<Self, DecodeError> {
        let at: Timestamp = Mirror::from_shape(shape, owner)?;
        Ok(Self(at.0))
    }
}

impl Mirror<'_, shapes::Cadence> for Cadence {
    fn to_shape(&self, owner: Owner) -> shapes::Cadence {
        match self {
            Self::OneTime => shapes::Cadence::OneTime(()),
            Self::Recurring(span) => shapes::Cadence::Recurring(span.to_shape(owner)),
        }
    }

    fn from_shape(shape: shapes::Cadence, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Cadence::OneTime(()) => Self::OneTime,
            shapes::Cadence::Recurring(span) => Self::Recurring(Mirror::from_shape(span, owner)?),
        })
    }
}

impl Mirror<'_, shapes::Life> for Life {
    fn to_shape(&self, owner: Owner) -> shapes::Life {
        match self {
            Self::Never => shapes::Life::Never(()),
            Self::After(span) => shapes::Life::After(span.to_shape(owner)),
            Self::Period => shapes::Life::Period(()),
        }
    }

    fn from_shape(shape: shapes::Life, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Life::Never(()) => Self::Never,
            shapes::Life::After(span) => Self::After(Mirror::from_shape(span, owner)?),
            shapes::Life::Period(()) => Self::Period,
        })
    }
}

impl<'a> Mirror<'a, shapes::Landed<'a>> for Landed {
    fn to_shape(&'a self, owner: Owner) -> shapes::Landed<'a> {
        match self {
            Self::Minted { wallet, made, currency, row } => shapes::Landed::Minted(shapes::Minted {
                wallet: wallet.to_shape(owner),
                made: made.to_shape(owner),
                currency: currency.to_shape(owner),
                row: row.to_shape(owner),
            }),
            Self::Skipped(why) => shapes::Landed::Skipped(why.to_shape(owner)),
        }
    }

    fn from_shape(shape: shapes::Landed<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Landed::Minted(shapes::Minted { wallet, made, currency, row }) => Self::Minted {
                wallet: Mirror::from_shape(wallet, owner)?,
                made: Mirror::from_shape(made, owner)?,
                currency: Mirror::from_shape(currency, owner)?,
                row: Mirror::from_shape(row, owner)?,
            },
            shapes::Landed::Skipped(why) => Self::Skipped(Mirror::from_shape(why, owner)?),
        })
    }
}

/// A grant without words: that of a plan has none.
impl<'a> Mirror<'a, shapes::Grant<'a>> for Grant {
    fn to_shape(&'a self, owner: Owner) -> shapes::Grant<'a> {
        let Self {
            key,
            name: _,
            metadata: _,
            rule,
            wallet,
            priority,
            fallback_currency,
            zone,
            fallback_zone,
            anchor,
            enrolled_at,
            created_at,
            updated_at,
            next,
            minted,
        } = self;
        shapes::Grant {
            key: key.to_shape(owner),
            rule: rule.to_shape(owner),
            wallet: wallet.to_shape(owner),
            priority: *priority,
            fallback_currency: fallback_currency.to_shape(owner),
            zone: zone.to_shape(owner),
            fallback_zone: fallback_zone.to_shape(owner),
            anchor: anchor.to_shape(owner),
            enrolled_at: enrolled_at.to_shape(owner),
            created_at: created_at.to_shape(owner),
            updated_at: updated_at.to_shape(owner),
            next: next.to_shape(owner),
            minted: minted.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Grant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Grant {
            key,
            rule,
            wallet,
            priority,
            fallback_currency,
            zone,
            fallback_zone,
            anchor,
            enrolled_at,
            created_at,
            updated_at,
            next,
            minted,
        } = shape;
        Ok(Self {
            key: Mirror::from_shape(key, owner)?,
            name: Box::default(),
            metadata: Metadata::new(),
            rule: Mirror::from_shape(rule, owner)?,
            wallet: Mirror::from_shape(wallet, owner)?,
            priority,
            fallback_currency: Mirror::from_shape(fallback_currency, owner)?,
            zone: Mirror::from_shape(zone, owner)?,
            fallback_zone: Mirror::from_shape(fallback_zone, owner)?,
            anchor: Mirror::from_shape(anchor, owner)?,
            enrolled_at: Mirror::from_shape(enrolled_at, owner)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            updated_at: Mirror::from_shape(updated_at, owner)?,
            next: Mirror::from_shape(next, owner)?,
            minted: Mirror::from_shape(minted, owner)?,
        })
    }
}

/// The words of a grant.
pub(super) fn grant_text<'a>(name: &'a str, metadata: &'a Metadata) -> shapes::GrantText<'a> {
    shapes::GrantText { name, metadata: metadata.to_shape(Owner::NOBODY) }
}

/// The words of a change.
pub(super) fn change_text(change: &GrantChange) -> shapes::GrantChangeText<'_> {
    shapes::GrantChangeText {
        name: change.name.as_deref(),
        metadata: change.metadata.to_shape(Owner::NOBODY),
    }
}

/// The numbers of a change.
pub(super) fn change_numbers(change: &GrantChange, owner: Owner) -> shapes::GrantChange {
    let GrantChange { name: _, metadata: _, credits, priority, end } = change;
    shapes::GrantChange { credits: credits.to_shape(owner), priority: *priority, end: end.to_shape(owner) }
}

/// A change again.
pub(super) fn change_again(
    numbers: shapes::GrantChange,
    text: shapes::GrantChangeText<'_>,
    owner: Owner,
) -> Result<GrantChange, DecodeError> {
    Ok(GrantChange {
        name: Mirror::from_shape(text.name, owner)?,
        metadata: Mirror::from_shape(text.metadata, owner)?,
        credits: Mirror::from_shape(numbers.credits, owner)?,
        priority: numbers.priority,
        end: Mirror::from_shape(numbers.end, owner)?,
    })
}

impl<'a> Mirror<'a, shapes::WholeGrant<'a>> for Grant {
    fn to_shape(&'a self, owner: Owner) -> shapes::WholeGrant<'a> {
        shapes::WholeGrant { grant: self.to_shape(owner), text: grant_text(&self.name, &self.metadata) }
    }

    fn from_shape(shape: shapes::WholeGrant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        grant_again(shape.grant, shape.text, owner)
    }
}

fn grant_again<'a>(
    numbers: shapes::Grant<'a>,
    text: shapes::GrantText<'a>,
    owner: Owner,
) -> Result<Grant, DecodeError> {
    let grant: Grant = Mirror::from_shape(numbers, owner)?;
    let shapes::GrantText { name, metadata } = text;
    Ok(Grant { name: name.into(), metadata: Mirror::from_shape(metadata, owner)?, ..grant })
}

/// An enrolment without the words of the customer that it made.
pub(super) fn subscribed(subscribed: &Subscribed, owner: Owner) -> shapes::Subscribed<'_> {
    let Subscribed { customer, subscription, grants, plans_seen, minted } = subscribed;
    shapes::Subscribed {
        customer: customer.as_ref().map(|identity| super::words::identity_numbers(identity, owner)),
        subscription: subscription.to_shape(owner),
        grants: grants.to_shape(owner),
        plans_seen: *plans_seen,
        minted: minted.to_shape(owner),
    }
}

/// An enrolment again.
pub(super) fn subscribed_again<'a>(
    shape: shapes::Subscribed<'a>,
    words: &mut Words<'a>,
) -> Result<Subscribed, DecodeError> {
    let owner = words.owner();
    let shapes::Subscribed { customer, subscription, grants, plans_seen, minted } = shape;
    Ok(Subscribed {
        customer: customer.map(|identity| words.identity(identity)).transpose()?,
        subscription: Mirror::from_shape(subscription, owner)?,
        grants: Mirror::from_shape(grants, owner)?,
        plans_seen,
        minted: Mirror::from_shape(minted, owner)?,
    })
}

/// A grant that was set, without its words.
pub(super) fn grant_set(set: &GrantSet, owner: Owner) -> shapes::GrantSet<'_> {
    let GrantSet { grant, subscription, minted } = set;
    shapes::GrantSet {
        grant: grant.to_shape(owner),
        subscription: subscription.to_shape(owner),
        minted: minted.to_shape(owner),
    }
}

/// A grant that was set, again.
pub(super) fn grant_set_again<'a>(
    shape: shapes::GrantSet<'a>,
    text: shapes::GrantText<'a>,
    owner: Owner,
) -> Result<GrantSet, DecodeError> {
    let shapes::GrantSet { grant, subscription, minted } = shape;
    Ok(GrantSet {
        grant: grant_again(grant, text, owner)?,
        subscription: Mirror::from_shape(subscription, owner)?,
        minted: Mirror::from_shape(minted, owner)?,
    })
}

/// A request to enrol, without the customer's name.
pub(super) fn subscribe(request: &Subscribe, owner: Owner) -> shapes::Subscribe<'_> {
    let Subscribe { customer: _, id, plan, start, zone } = request;
    shapes::Subscribe {
        id: id.to_shape(owner),
        plan,
        start: start.to_shape(owner),
        zone: zone.to_shape(owner),
    }
}

/// A request to enrol, again.
pub(super) fn subscribe_again(
    shape: shapes::Subscribe<'_>,
    customer: &str,
    owner: Owner,
) -> Result<Subscribe, DecodeError> {
    let shapes::Subscribe { id, plan, start, zone } = shape;
    Ok(Subscribe {
        customer: customer.into(),
        id: Mirror::from_shape(id, owner)?,
        plan: plan.into(),
        start: Mirror::from_shape(start, owner)?,
        zone: Mirror::from_shape(zone, owner)?,
    })
}

impl<'a> Mirror<'a, shapes::GrantFor<'a>> for GrantFor {
    fn to_shape(&'a self, owner: Owner) -> shapes::GrantFor<'a> {
        match self {
            Self::Customer => shapes::GrantFor::Customer(()),
            Self::Wallet(wallet) => shapes::GrantFor::Wallet(wallet.to_shape(owner)),
            Self::Subscription(name) => shapes::GrantFor::Subscription(name),
        }
    }

    fn from_shape(shape: shapes::GrantFor<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::GrantFor::Customer(()) => Self::Customer,
            shapes::GrantFor::Wallet(wallet) => Self::Wallet(Mirror::from_shape(wallet, owner)?),
            shapes::GrantFor::Subscription(name) => Self::Subscription(name.into()),
        })
    }
}

/// A request for a grant, without its words.
pub(super) fn create_grant(request: &CreateGrant, owner: Owner) -> shapes::CreateGrant<'_> {
    let CreateGrant { of, wallet, name: _, metadata: _, rule, zone } = request;
    shapes::CreateGrant {
        of: of.to_shape(owner),
        wallet: wallet.to_shape(owner),
        rule: rule.to_shape(owner),
        zone: zone.to_shape(owner),
    }
}

/// A request for a grant, again.
pub(super) fn create_grant_again(
    shape: shapes::CreateGrant<'_>,
    text: shapes::GrantText<'_>,
    owner: Owner,
) -> Result<CreateGrant, DecodeError> {
    let shapes::CreateGrant { of, wallet, rule, zone } = shape;
    let shapes::GrantText { name, metadata } = text;
    Ok(CreateGrant {
        of: Mirror::from_shape(of, owner)?,
        wallet: Mirror::from_shape(wallet, owner)?,
        name: name.into(),
        metadata: Mirror::from_shape(metadata, owner)?,
        rule: Mirror::from_shape(rule, owner)?,
        zone: Mirror::from_shape(zone, owner)?,
    })
}

impl<'a> Mirror<'a, shapes::Grants<'a>> for Grants {
    fn to_shape(&'a self, owner: Owner) -> shapes::Grants<'a> {
        let subscriptions = &self.subscriptions;
        shapes::Grants {
            plans_seen: self.plans_seen,
            subscriptions: walk(subscriptions.len(), move || {
                subscriptions.values().map(move |subscription| subscription.to_shape(owner))
            }),
            grants: walk(self.len(), move || self.iter().map(move |grant| grant.to_shape(owner))),
        }
    }

    fn from_shape(shape: shapes::Grants<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let mut grants = Self::new();
        grants.plans_seen = shape.plans_seen;
        let mut last: Option<SubscriptionId> = None;
        for shape in walked(shape.subscriptions) {
            let subscription: Subscription = Mirror::from_shape(shape, owner)?;
            if last.is_some_and(|last| last >= subscription.id) {
                return Err(DecodeError::OutOfOrder { what: "subscriptions" });
            }
            last = Some(subscription.id);
            grants.subscriptions.insert(subscription.id, subscription);
        }
        let mut last: Option<GrantKey> = None;
        for shape in walked(shape.grants) {
            let grant: Grant = Mirror::from_shape(shape, owner)?;
            if last.is_some_and(|last| last >= grant.key) {
                return Err(DecodeError::OutOfOrder { what: "grants" });
            }
            last = Some(grant.key);
            grants.set(grant);
        }
        Ok(grants)
    }
}

/// A template without words.
pub(super) fn plan_grant(grant: &PlanGrant) -> shapes::PlanGrant<'_> {
    let PlanGrant { id, kind, plan, name: _, metadata: _, rule, created_at, changed_at, deleted, version } =
        grant;
    let owner = Owner::NOBODY;
    shapes::PlanGrant {
        id: id.to_shape(owner),
        kind: kind.to_shape(owner),
        plan,
        rule: rule.to_shape(owner),
        created_at: created_at.to_shape(owner),
        changed_at: changed_at.to_shape(owner),
        deleted: *deleted,
        version: *version,
    }
}

/// A template again.
pub(super) fn plan_grant_again(
    shape: shapes::PlanGrant<'_>,
    text: shapes::GrantText<'_>,
) -> Result<PlanGrant, DecodeError> {
    let owner = Owner::NOBODY;
    let shapes::PlanGrant { id, kind, plan, rule, created_at, changed_at, deleted, version } = shape;
    Ok(PlanGrant {
        id: Mirror::from_shape(id, owner)?,
        kind: Mirror::from_shape(kind, owner)?,
        plan: plan.into(),
        name: text.name.into(),
        metadata: Mirror::from_shape(text.metadata, owner)?,
        rule: Mirror::from_shape(rule, owner)?,
        created_at: Mirror::from_shape(created_at, owner)?,
        changed_at: Mirror::from_shape(changed_at, owner)?,
        deleted,
        version,
    })
}

/// A request for a template, without its words.
pub(super) fn create_plan_grant(asked: &PlanGrantAsked) -> shapes::CreatePlanGrant<'_> {
    let PlanGrantAsked { kind, plan, name: _, metadata: _, rule } = asked;
    let owner = Owner::NOBODY;
    shapes::CreatePlanGrant { kind: kind.to_shape(owner), plan, rule: rule.to_shape(owner) }
}

/// A request for a template, again.
pub(super) fn create_plan_grant_again(
    shape: shapes::CreatePlanGrant<'_>,
    text: shapes::GrantText<'_>,
) -> Result<PlanGrantAsked, DecodeError> {
    let owner = Owner::NOBODY;
    let shapes::CreatePlanGrant { kind, plan, rule } = shape;
    Ok(PlanGrantAsked {
        kind: Mirror::from_shape(kind, owner)?,
        plan: plan.into(),
        name: text.name.into(),
        metadata: Mirror::from_shape(text.metadata, owner)?,
        rule: Mirror::from_shape(rule, owner)?,
    })
}

/// A change of a template, or its words alone.
pub(super) fn id_again(id: Thing) -> Result<GrantId, DecodeError> {
    Mirror::from_shape(id, Owner::NOBODY)
}

/// The templates of a tenant.
pub(super) fn plan_grants(version: u64, grants: &[PlanGrant]) -> shapes::PlanGrants<'_> {
    let whole = |grant| shapes::WholePlanGrant {
        grant: plan_grant(grant),
        text: grant_text(&grant.name, &grant.metadata),
    };
    shapes::PlanGrants { version, grants: List::Read(grants.iter().map(whole).collect()) }
}

/// The templates of a tenant again.
pub(super) fn plan_grants_again(shape: shapes::PlanGrants<'_>) -> Result<(u64, Vec<PlanGrant>), DecodeError> {
    let grants = shapes_of(shape.grants).into_iter().map(|whole| plan_grant_again(whole.grant, whole.text));
    Ok((shape.version, grants.collect::<Result<_, _>>()?))
}
