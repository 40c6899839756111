//! Grants given, changed and taken; plans entered, followed and left (SEMANTICS §13).
//!
//! What is due of a new grant is minted in the record that gives it. Deliberately absent: minting itself ([`crate::granting`]). Tested in
//! `decide/tests/grant.rs`.

use super::customer::to_make;
use super::{Context, Ids, after, existing, limit_reached, open_wallet, set_off};
use crate::amount::Credits;
use crate::apply;
use crate::calendar::Zone;
use crate::catalog::grant::{PlanGrant, Plans, changed_rule, check_rule};
use crate::command::{CreateGrant, GrantFor, Metadata, Subscribe, UpdateGrant};
use crate::customer::Customer;
use crate::expiry::{self, Room};
use crate::fact::{
    Due, Effect, Facts, GrantRemoved, GrantSet, PlansFollowed, Subscribed, Unsubscribed, Voided,
};
use crate::grant::{self, Beginning, Cadence, Grant, GrantKey, MintedTranche, Rule, Subscription, Upcoming};
use crate::granting;
use crate::ids::{GrantId, LogPosition, RowId, SubscriptionId};
use crate::letting_go::Balances;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::Currency;

/// The currency of a wallet that nobody named one for.
const FALLBACK_CURRENCY: Currency = Currency(*b"usd");

/// Enrols in a plan, and makes the customer too if nobody named it before.
pub(super) fn subscribe(
    customer: &Customer,
    request: &Subscribe,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_zone(request.zone.as_deref())?;
    let made = to_make(customer, &request.customer, context.now)?;
    if request.id.as_ref().is_some_and(|id| customer.grants.subscription(id).is_some()) {
        return Err(Refusal::AlreadyExists("subscription"));
    }
    let max = context.limits.subscriptions_max;
    if customer.grants.subscriptions.len() >= max {
        return Err(limit_reached("subscriptions_max", max));
    }
    let id = SubscriptionId(Ids::of(customer, context.now).next());
    let subscription = Subscription {
        id,
        name: request.id.clone().unwrap_or_else(|| id.to_string().into()),
        plan: request.plan.clone(),
        start: request.start,
        zone: request.zone.clone(),
        created_at: context.now,
    };
    let of_plan = context.plans.grants.iter().filter(|grant| !grant.deleted && grant.plan == request.plan);
    let grants: Vec<Grant> =
        of_plan.map(|template| enrolled(customer, template, &subscription, context)).collect();
    check_room(customer, grants.len(), context)?;
    grants.iter().try_for_each(|grant| check_past(customer, grant, context))?;
    let plans_seen = context.plans.version;
    let customer_made = made.clone();
    let begun = Subscribed { customer: made, subscription, grants, plans_seen, minted: Vec::new() };
    check_wallets(customer, &begun.grants, context)?;
    let minted = due_after(customer, &Effect::Subscribed(Box::new(begun.clone())), context)?;
    Ok(Effect::Subscribed(Box::new(Subscribed { customer: customer_made, minted, ..begun })))
}

fn check_zone(zone: Option<&str>) -> Result<(), Refusal> {
    if zone.is_none_or(|zone| Zone::named(zone).is_some()) {
        Ok(())
    } else {
        Err(Refusal::Invalid { field: "time_zone", problem: "is no zone of the IANA table" })
    }
}

fn check_room(customer: &Customer, more: usize, context: &Context<'_>) -> Result<(), Refusal> {
    let max = context.limits.grants_max;
    if customer.grants.len() + more > max { Err(limit_reached("grants_max", max)) } else { Ok(()) }
}

/// A start long ago is caught up period by period: there are not too many of them.
fn check_past(customer: &Customer, grant: &Grant, context: &Context<'_>) -> Result<(), Refusal> {
    let (zone, max) = (grant::zone_of(customer, grant), context.limits.grant_periods_past_max);
    let now = grant.rule.end.map_or(context.now, |end| end.min(context.now));
    let behind = grant::index_at(&grant.rule, zone, grant.anchor, now).saturating_sub(grant.next.period);
    if usize::try_from(behind).is_ok_and(|behind| behind <= max) {
        Ok(())
    } else {
        Err(limit_reached("grant_periods_past_max", max))
    }
}

/// What is due at once of what the effect begins: all that is known yet of what it brings keeps to the limits. Periods that begin later are
/// not refused (SEMANTICS §13).
fn due_after(customer: &Customer, effect: &Effect, context: &Context<'_>) -> Result<Vec<Due>, Refusal> {
    let mut ahead = customer.clone();
    apply::apply_effect(&mut ahead, effect, 0, context.now);
    let due = expiry::due(&ahead, context.now, context.limits.due_per_record_max);
    let landed = after(&ahead, &due);
    let (wallets_max, tranches_max) = (context.limits.wallets_max, context.limits.tranches_max);
    if landed.wallets.len() > customer.wallets.len().max(wallets_max) {
        return Err(limit_reached("wallets_max", wallets_max));
    }
    if landed.tranche_count() > customer.tranche_count().max(tranches_max) {
        return Err(limit_reached("tranches_max", tranches_max));
    }
    Ok(due)
}

/// No grant begins that needs one more wallet than there may be, whenever that is.
fn check_wallets(customer: &Customer, grants: &[Grant], context: &Context<'_>) -> Result<(), Refusal> {
    let max = context.limits.wallets_max;
    let is_full = customer.wallets.len() >= max;
    if is_full && grants.iter().any(|grant| granting::needs_wallet(customer, grant)) {
        return Err(limit_reached("wallets_max", max));
    }
    Ok(())
}

/// A customer's copy of a template at the beginning of a subscription.
fn enrolled(
    customer: &Customer,
    template: &PlanGrant,
    subscription: &Subscription,
    context: &Context<'_>,
) -> Grant {
    let enrolled_at = subscription.start.unwrap_or(context.now);
    copy(customer, template, subscription, enrolled_at, context)
}

fn copy(
    customer: &Customer,
    template: &PlanGrant,
    subscription: &Subscription,
    enrolled_at: Timestamp,
    context: &Context<'_>,
) -> Grant {
    let key = GrantKey { grant: template.id, subscription: Some(subscription.id) };
    let blank = Blank {
        key,
        rule: &template.rule,
        zone: subscription.zone.as_deref(),
        start: subscription.start,
        enrolled_at,
    };
    begin(customer, &blank, context)
}

/// What a grant begins from.
struct Blank<'a> {
    key: GrantKey,
    rule: &'a Rule,
    zone: Option<&'a str>,
    /// The subscription's.
    start: Option<Timestamp>,
    enrolled_at: Timestamp,
}

fn begin(customer: &Customer, blank: &Blank<'_>, context: &Context<'_>) -> Grant {
    let Blank { key, rule, zone, start, enrolled_at } = *blank;
    let settings = context.settings;
    let fallback_zone = settings.time_zone.clone();
    let named = zone.and_then(Zone::named);
    let counts = named.unwrap_or_else(|| Zone::of(customer, fallback_zone.as_deref()));
    let Beginning { anchor, first } = grant::beginning(rule, counts, start, enrolled_at);
    Grant {
        key,
        name: Box::default(),
        metadata: Metadata::new(),
        rule: rule.clone(),
        wallet: None,
        priority: rule.priority.unwrap_or(settings.default_priorities.plan_included),
        fallback_currency: settings.default_currency.unwrap_or(FALLBACK_CURRENCY),
        zone: zone.map(Box::from),
        fallback_zone,
        anchor,
        enrolled_at,
        created_at: context.now,
        updated_at: context.now,
        next: first,
        minted: Vec::new(),
    }
}

/// Leaves a plan: no period begins any more, and what is left goes too if that is asked for.
pub(super) fn unsubscribe(customer: &Customer, name: &str, void_remaining: bool) -> Result<Effect, Refusal> {
    existing(customer)?;
    let found = customer.grants.subscription(name).ok_or(Refusal::NotFound("subscription"))?;
    let subscription = found.clone();
    let of_it = customer.grants.iter().filter(|grant| grant.key.subscription == Some(subscription.id));
    let voided = if void_remaining { take_back(customer, of_it) } else { Vec::new() };
    Ok(Effect::Unsubscribed(Box::new(Unsubscribed { subscription, voided })))
}

/// What is left of the tranches of grants. What is pinned goes when its hold lets it go.
fn take_back<'a>(customer: &Customer, grants: impl Iterator<Item = &'a Grant>) -> Vec<Voided> {
    let mut balances = Balances::default();
    let minted = grants.flat_map(|grant| &grant.minted);
    minted.filter_map(|minted| take_back_one(customer, minted, &mut balances)).collect()
}

fn take_back_one(customer: &Customer, minted: &MintedTranche, balances: &mut Balances) -> Option<Voided> {
    let wallet = customer.wallet(minted.wallet).filter(|wallet| wallet.is_open())?;
    let tranche = wallet.tranches.iter().find(|tranche| tranche.id == minted.tranche && !tranche.voided)?;
    let credits = tranche.unpinned();
    // One that a refund made anew does not know its row.
    let unknown = RowId::at_ms(tranche.id.0.ms(), LogPosition(0), 0);
    Some(Voided {
        of: tranche.credit_row_id().unwrap_or(unknown),
        wallet: wallet.head.id,
        tranche: tranche.id,
        terms: tranche.terms.clone(),
        credits,
        held: tranche.pinned,
        spent: tranche.terms.original - tranche.remaining,
        posting: credits.is_positive().then(|| balances.post(wallet, Credits::ZERO - credits)),
    })
}

/// Gives a grant to the customer, to one of its wallets, or to one of its subscriptions.
pub(super) fn create(
    customer: &Customer,
    request: &CreateGrant,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_rule(&request.rule)?;
    check_zone(request.zone.as_deref())?;
    existing(customer)?;
    let (wallet, subscription) = parties(customer, request)?;
    let wallet = wallet.or(request.wallet);
    if let Some(id) = wallet
        && !granting::names(&request.rule, &open_wallet(customer, id)?.head.unit)
    {
        return Err(Refusal::UnitMismatch);
    }
    check_room(customer, 1, context)?;
    let key = GrantKey {
        grant: GrantId(Ids::of(customer, context.now).next()),
        subscription: subscription.map(|subscription| subscription.id),
    };
    let own_zone = request.zone.as_deref().or(subscription.and_then(|of| of.zone.as_deref()));
    let enrolled_at = request.rule.start.unwrap_or(context.now);
    let blank = Blank { key, rule: &request.rule, zone: own_zone, start: None, enrolled_at };
    let grant = Grant {
        name: request.name.clone(),
        metadata: request.metadata.clone(),
        wallet,
        ..begin(customer, &blank, context)
    };
    check_past(customer, &grant, context)?;
    check_wallets(customer, std::slice::from_ref(&grant), context)?;
    let name = subscription.map(|of| of.name.clone());
    with_due(customer, (grant, name), context)
}

fn with_due(
    customer: &Customer,
    (grant, subscription): (Grant, Option<Box<str>>),
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let begun = GrantSet { grant, subscription, minted: Vec::new() };
    let minted = due_after(customer, &Effect::GrantSet(Box::new(begun.clone())), context)?;
    Ok(Effect::GrantSet(Box::new(GrantSet { minted, ..begun })))
}

/// The wallet and the subscription that a grant is for.
fn parties<'a>(
    customer: &'a Customer,
    request: &CreateGrant,
) -> Result<(Option<crate::ids::WalletId>, Option<&'a Subscription>), Refusal> {
    match &request.of {
        GrantFor::Customer => Ok((None, None)),
        GrantFor::Wallet(id) => Ok((Some(*id), None)),
        GrantFor::Subscription(name) => {
            let found = customer.grants.subscription(name);
            found.map(|found| (None, Some(found))).ok_or(Refusal::NotFound("subscription"))
        }
    }
}

/// Changes a grant of the customer's own, from its next period.
pub(super) fn update(customer: &Customer, request: &UpdateGrant, now: Timestamp) -> Result<Effect, Refusal> {
    existing(customer)?;
    let known = own(customer, request.id)?;
    let rule = changed_rule(&known.rule, &request.change)?;
    let change = &request.change;
    let grant = Grant {
        name: change.name.clone().unwrap_or_else(|| known.name.clone()),
        metadata: change.metadata.clone().unwrap_or_else(|| known.metadata.clone()),
        ..changed(customer, known, rule, now)
    };
    Ok(set(customer, grant))
}

/// A grant that is there already is this now.
fn set(customer: &Customer, grant: Grant) -> Effect {
    let of = grant.key.subscription.and_then(|id| customer.grants.subscriptions.get(&id));
    let subscription = of.map(|of| of.name.clone());
    Effect::GrantSet(Box::new(GrantSet { grant, subscription, minted: Vec::new() }))
}

fn own(customer: &Customer, id: GrantId) -> Result<&Grant, Refusal> {
    customer.grants.own(id).ok_or(Refusal::NotFound("credit grant"))
}

/// A grant under another rule of the same cadence, from its next period.
fn changed(customer: &Customer, known: &Grant, rule: Rule, changed_at: Timestamp) -> Grant {
    let zone = grant::zone_of(customer, known);
    let priority = rule.priority.unwrap_or(known.priority);
    let next = match known.next.at {
        // It was over. With a later end it begins again, with the first period from now on.
        Timestamp::MAX => begun_again(customer, known, &rule, zone, changed_at),
        _ => grant::ending(&rule, known.next),
    };
    Grant { rule, priority, next, updated_at: changed_at, ..known.clone() }
}

fn begun_again(
    customer: &Customer,
    known: &Grant,
    rule: &Rule,
    zone: Zone,
    changed_at: Timestamp,
) -> Upcoming {
    let lands = known.wallet.is_none_or(|id| customer.wallet(id).is_some_and(|wallet| wallet.is_open()));
    let once = rule.cadence == Cadence::OneTime && known.next.period > 0;
    if !lands || once || rule.end == known.rule.end {
        return known.next;
    }
    let from = grant::from_change(rule, zone, (known.anchor, known.enrolled_at), changed_at);
    // What was minted is not minted again.
    if from.period >= known.next.period { from } else { Upcoming { at: Timestamp::MAX, ..known.next } }
}

/// Ends a grant of the customer's own, now or at an instant to come.
pub(super) fn delete(
    customer: &Customer,
    id: GrantId,
    (effective_at, void_remaining): (Option<Timestamp>, bool),
    now: Timestamp,
) -> Result<Effect, Refusal> {
    existing(customer)?;
    let known = own(customer, id)?;
    if let Some(end) = effective_at.filter(|end| *end > now) {
        if void_remaining {
            return Err(Refusal::Invalid {
                field: "effective_date",
                problem: "what is left is voided now only",
            });
        }
        let end = known.rule.end.map_or(end, |known| known.min(end));
        let rule = Rule { end: Some(end), ..known.rule.clone() };
        let grant = changed(customer, known, rule, now);
        return Ok(set(customer, grant));
    }
    let voided = if void_remaining { take_back(customer, std::iter::once(known)) } else { Vec::new() };
    Ok(Effect::GrantRemoved(Box::new(GrantRemoved { key: known.key, voided })))
}

/// The first change of a template that the customer has not followed and that is about a plan of its.
fn unfollowed<'a>(customer: &Customer, plans: Plans<'a>) -> Option<&'a PlanGrant> {
    let seen = customer.grants.plans_seen;
    if seen >= plans.version {
        return None;
    }
    let concerns = |template: &&PlanGrant| {
        let mut subscriptions = customer.grants.subscriptions.values();
        template.version > seen && subscriptions.any(|subscription| subscription.plan == template.plan)
    };
    plans.grants.iter().filter(concerns).min_by_key(|template| template.version)
}

/// Whether a plan that the customer is enrolled in has changed since it followed last.
#[must_use]
pub fn is_behind(customer: &Customer, plans: Plans<'_>) -> bool {
    unfollowed(customer, plans).is_some()
}

/// The customer as it is once it has followed every change of its plans: what a read shows before that is written. `None` = as it is.
#[must_use]
pub fn followed_up(customer: &Customer, context: &Context<'_>) -> Option<Customer> {
    if customer.grants.subscriptions.is_empty() || !is_behind(customer, context.plans) {
        return None;
    }
    let mut ahead = customer.clone();
    while let Ok(facts) = follow(&ahead, context) {
        apply::apply(&mut ahead, &facts);
    }
    Some(ahead)
}

/// Lets copies follow the next change, on the state as of its instant: what was due before it comes first, also if that takes more records.
pub(super) fn follow(customer: &Customer, context: &Context<'_>) -> Result<Facts, Refusal> {
    let template =
        unfollowed(customer, context.plans).ok_or(Refusal::InvalidOperation("there is nothing to follow"))?;
    let until = Timestamp(template.changed_at.0.saturating_sub(1)).min(context.now);
    let room = Room::of_a_record(context.limits);
    let max = room.things;
    let mut due = expiry::due_until(customer, (until, context.now), Room { things: max + 1, ..room });
    let is_more_due = due.len() > max || due.last().is_some_and(Due::is_part);
    due.truncate(max);
    let due_done = after(customer, &due);
    let mut effect = if is_more_due {
        Effect::Ticked
    } else {
        Effect::PlansFollowed(Box::new(followed(&due_done, template, context)))
    };
    let states = set_off::States { before_due: customer, due_done: &due_done, ready: &due_done };
    let set_off = set_off::decide(&states, &due, (None, None), &mut effect, context);
    Ok(Facts { at: context.now, due, effect, set_off })
}

fn followed(customer: &Customer, template: &PlanGrant, context: &Context<'_>) -> PlansFollowed {
    let mut followed = PlansFollowed { seen: template.version, set: Vec::new(), removed: Vec::new() };
    let subscriptions = customer.grants.subscriptions.values();
    for subscription in subscriptions.filter(|subscription| subscription.plan == template.plan) {
        let key = GrantKey { grant: template.id, subscription: Some(subscription.id) };
        match customer.grants.get(key) {
            Some(_) if template.deleted => followed.removed.push(key),
            Some(known) => {
                let grant = changed(customer, known, template.rule.clone(), template.changed_at);
                let priority = context.settings.default_priorities.plan_included;
                let priority = template.rule.priority.unwrap_or(priority);
                followed.set.push(Grant { priority, ..grant });
            }
            None if template.deleted => {}
            None => followed.set.push(added(customer, template, subscription, context)),
        }
    }
    followed
}

/// A grant that came to the plan after the customer: from its next period, or now if it is for once.
fn added(
    customer: &Customer,
    template: &PlanGrant,
    subscription: &Subscription,
    context: &Context<'_>,
) -> Grant {
    let since = subscription.start.unwrap_or(subscription.created_at);
    let grant = copy(customer, template, subscription, since, context);
    let zone = grant::zone_of(customer, &grant);
    let next = grant::from_change(&grant.rule, zone, (grant.anchor, since), template.changed_at);
    Grant { next, ..grant }
}
