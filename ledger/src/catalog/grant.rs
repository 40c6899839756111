//! Grants of plans: templates, live for everybody who is enrolled (SEMANTICS §13).
//!
//! Each change has a number, by which customers tell what they have not followed yet, and the instant from which it counts, by the tenant's
//! own clock. A deleted one stays as a trace, for whoever follows late. Customers' copies: [`crate::grant`]. Tested in
//! `catalog/tests/grant.rs`.

use crate::catalog::tenant::{Tenant, TenantContext, limit_reached};
use crate::command::{GrantChange, Metadata};
use crate::grant::{Cadence, Life, Rule};
use crate::ids::GrantId;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What a template belongs to. Subscriptions name either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanKind {
    /// A plan.
    Plan,
    /// An add-on.
    Addon,
}

/// A grant of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGrant {
    /// Its id.
    pub id: GrantId,
    /// Whether it is a plan's or an add-on's.
    pub kind: PlanKind,
    /// The plan's or add-on's id in the caller's system.
    pub plan: Box<str>,
    /// Name for people.
    pub name: Box<str>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// What it says.
    pub rule: Rule,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when the last change counts.
    pub changed_at: Timestamp,
    /// Whether it is deleted: a trace, for those who have not followed.
    pub deleted: bool,
    /// The number of the last change, of all changes of the tenant's grants.
    pub version: u64,
}

/// `POST /creditgrants` for a plan or an add-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGrantAsked {
    /// Whether it is a plan's or an add-on's.
    pub kind: PlanKind,
    /// The plan's or add-on's id in the caller's system.
    pub plan: Box<str>,
    /// Name for people.
    pub name: Box<str>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// What it says.
    pub rule: Rule,
}

/// The catalog of grants, as published.
#[derive(Clone, Copy, Debug)]
pub struct Plans<'a> {
    /// The number of the last change.
    pub version: u64,
    /// All of them, deleted ones included, oldest first.
    pub grants: &'a [PlanGrant],
}

impl Plans<'_> {
    /// No grants.
    pub const NONE: Self = Self { version: 0, grants: &[] };
}

/// What cannot be in a rule, whoever it is for.
///
/// # Errors
/// [`Refusal::AmountInvalid`], [`Refusal::AmountOverflow`], [`Refusal::Invalid`] with the SDK's name of the field.
pub fn check_rule(rule: &Rule) -> Result<(), Refusal> {
    if !rule.credits.is_positive() {
        return Err(Refusal::AmountInvalid("credits must be more than 0"));
    }
    if !rule.credits.is_in_range() {
        return Err(Refusal::AmountOverflow("credits"));
    }
    let rates = [rule.conversion_rate, rule.topup_conversion_rate];
    if rates.iter().flatten().any(|rate| !rate.is_positive()) {
        return Err(Refusal::AmountInvalid("a conversion rate must be more than 0"));
    }
    if rates.iter().flatten().any(|rate| !rate.is_in_range()) {
        return Err(Refusal::AmountOverflow("a conversion rate"));
    }
    if rule.cadence == Cadence::OneTime && rule.life == Life::Period {
        return invalid("expiration_type", "a grant for once has no period");
    }
    if rule.start.zip(rule.end).is_some_and(|(start, end)| end <= start) {
        return invalid("end_date", "is not after start_date");
    }
    check_rollover(rule)
}

fn check_rollover(rule: &Rule) -> Result<(), Refusal> {
    let Some(rollover) = rule.rollover else { return Ok(()) };
    if rule.life != Life::Period {
        return invalid("rollover", "what does not end with its period does not roll over");
    }
    if rollover.share.is_negative() || rollover.share > crate::amount::Rate::ONE {
        return invalid("rollover.share", "is from 0 to 1");
    }
    match rollover.cap {
        Some(cap) if cap.is_negative() => Err(Refusal::AmountInvalid("rollover.cap must be 0 or more")),
        Some(cap) if !cap.is_in_range() => Err(Refusal::AmountOverflow("rollover.cap")),
        Some(_) | None => Ok(()),
    }
}

fn invalid(field: &'static str, problem: &'static str) -> Result<(), Refusal> {
    Err(Refusal::Invalid { field, problem })
}

/// The rule after a change.
///
/// # Errors
/// As [`check_rule`].
pub fn changed_rule(rule: &Rule, change: &GrantChange) -> Result<Rule, Refusal> {
    let changed = Rule {
        credits: change.credits.unwrap_or(rule.credits),
        priority: change.priority.or(rule.priority),
        end: change.end.or(rule.end),
        ..rule.clone()
    };
    check_rule(&changed)?;
    Ok(changed)
}

/// Decides a new template.
pub(super) fn create(
    tenant: &Tenant,
    asked: &PlanGrantAsked,
    context: &TenantContext<'_>,
) -> Result<PlanGrant, Refusal> {
    check_rule(&asked.rule)?;
    let max = context.limits.plan_grants_max;
    if tenant.plan_grants.len() >= max {
        return Err(limit_reached("plan_grants_max", max));
    }
    let now = tenant.test_clock.unwrap_or(context.now);
    // Templates are never forgotten, so their number is the counter.
    let counter = u64::try_from(tenant.plan_grants.len()).expect("a usize fits");
    Ok(PlanGrant {
        id: GrantId::of_tenant(context.now, tenant.number, counter),
        kind: asked.kind,
        plan: asked.plan.clone(),
        name: asked.name.clone(),
        metadata: asked.metadata.clone(),
        rule: asked.rule.clone(),
        created_at: now,
        changed_at: now,
        deleted: false,
        version: tenant.plans_version + 1,
    })
}

/// Decides a change of a template.
pub(super) fn update(
    tenant: &Tenant,
    id: GrantId,
    change: &GrantChange,
    context: &TenantContext<'_>,
) -> Result<PlanGrant, Refusal> {
    let known = known(tenant, id)?;
    Ok(PlanGrant {
        name: change.name.clone().unwrap_or_else(|| known.name.clone()),
        metadata: change.metadata.clone().unwrap_or_else(|| known.metadata.clone()),
        rule: changed_rule(&known.rule, change)?,
        ..touched(tenant, known, context)
    })
}

/// Decides the end of a template. What was minted stays.
pub(super) fn delete(
    tenant: &Tenant,
    id: GrantId,
    context: &TenantContext<'_>,
) -> Result<PlanGrant, Refusal> {
    let known = known(tenant, id)?;
    Ok(PlanGrant { deleted: true, metadata: Metadata::new(), ..touched(tenant, known, context) })
}

fn touched(tenant: &Tenant, known: &PlanGrant, context: &TenantContext<'_>) -> PlanGrant {
    PlanGrant {
        changed_at: tenant.test_clock.unwrap_or(context.now),
        version: tenant.plans_version + 1,
        ..known.clone()
    }
}

/// A template that is there and not deleted.
fn known(tenant: &Tenant, id: GrantId) -> Result<&PlanGrant, Refusal> {
    let found = tenant.plan_grants.iter().find(|grant| grant.id == id && !grant.deleted);
    found.ok_or(Refusal::NotFound("credit grant"))
}
