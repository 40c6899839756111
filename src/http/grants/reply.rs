//! Grants and their periods as replies show them: the SDK's models, every key present, and ours behind them.

use coffer_ledger::calendar::SpanUnit;
use coffer_ledger::catalog::grant::{PlanGrant, PlanKind};
use coffer_ledger::grant::{Cadence, Grant, GrantKey, Life, Rollover, Rule};
use coffer_ledger::ids::{ApplicationId, CustomerNumber, TenantNumber, ThingId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::wallets::reply::TenantId;
use crate::wire::{Absent, Dec, Id, Pairs, Time};

/// A credit grant.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditGrant)]
pub(crate) struct GrantReply<'a> {
    /// Null for a dry run that would make one.
    pub(super) id: Option<Id>,
    name: &'a str,
    /// PLAN, ADDON, SUBSCRIPTION, CUSTOMER or WALLET.
    scope: &'static str,
    plan_id: Option<&'a str>,
    addon_id: Option<&'a str>,
    /// The subscription; of a grant of a customer or a wallet, that one's id.
    subscription_id: Option<String>,
    customer_id: Option<&'a str>,
    wallet_id: Option<Id>,
    credits: Dec,
    currency: Option<String>,
    price_unit: Option<String>,
    /// ONETIME or RECURRING.
    cadence: &'static str,
    period: Option<&'static str>,
    period_count: Option<u32>,
    /// NEVER, DURATION or BILLING_CYCLE.
    expiration_type: &'static str,
    expiration_duration: Option<u32>,
    expiration_duration_unit: Option<&'static str>,
    priority: Option<u32>,
    start_date: Option<Time>,
    end_date: Option<Time>,
    /// The instant from which periods are counted; null of a template without a start.
    credit_grant_anchor: Option<Time>,
    conversion_rate: Option<Dec>,
    topup_conversion_rate: Option<Dec>,
    /// create_prorations or none.
    proration_behavior: &'static str,
    rollover: Option<RolloverReply>,
    credit_scope: Option<CreditScope<'a>>,
    /// IANA zone, where the grant has one of its own.
    time_zone: Option<&'a str>,
    /// When the next period is minted; null of a template, and of one that is over.
    next_period_at: Option<Time>,
    #[schema(value_type = Pairs)]
    metadata: Pairs<'a>,
    /// published, or archived.
    status: &'static str,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    created_at: Time,
    updated_at: Time,
    created_by: Absent,
    updated_by: Absent,
}

/// What goes on into the next period.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollover)]
pub(crate) struct RolloverReply {
    share: Dec,
    cap: Option<Dec>,
    expiration_type: &'static str,
    expiration_duration: Option<u32>,
    expiration_duration_unit: Option<&'static str>,
}

/// What the credit may pay for.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditScope)]
pub(crate) struct CreditScope<'a> {
    price_types: Vec<&'static str>,
    features: Vec<&'a str>,
}

/// Whose a grant is.
struct Owner<'a> {
    scope: &'static str,
    plan: Option<&'a str>,
    addon: Option<&'a str>,
    subscription: Option<String>,
    customer: Option<&'a str>,
}

impl<'a> GrantReply<'a> {
    /// A template.
    pub(super) fn template(tenant: TenantNumber, grant: &'a PlanGrant) -> Self {
        let (scope, plan, addon) = match grant.kind {
            PlanKind::Plan => ("PLAN", Some(&*grant.plan), None),
            PlanKind::Addon => ("ADDON", None, Some(&*grant.plan)),
        };
        let owner = Owner { scope, plan, addon, subscription: None, customer: None };
        Self {
            id: Some(grant.id.into()),
            name: &grant.name,
            metadata: Pairs(&grant.metadata),
            status: if grant.deleted { "archived" } else { "published" },
            created_at: Time(grant.created_at),
            updated_at: Time(grant.changed_at),
            ..Self::of_rule(tenant, &grant.rule, owner)
        }
    }

    /// A grant of a customer's.
    pub(super) fn own(
        tenant: TenantNumber,
        customer: &'a str,
        grant: &'a Grant,
        subscription: Option<&str>,
    ) -> Self {
        let (scope, of) = match (subscription, grant.wallet) {
            (Some(name), _) => ("SUBSCRIPTION", name.to_owned()),
            (None, Some(wallet)) => ("WALLET", wallet.to_string()),
            (None, None) => ("CUSTOMER", customer.to_owned()),
        };
        let owner =
            Owner { scope, plan: None, addon: None, subscription: Some(of), customer: Some(customer) };
        Self {
            id: Some(grant.key.grant.into()),
            name: &grant.name,
            wallet_id: grant.wallet.map(Id::from),
            priority: Some(grant.priority),
            credit_grant_anchor: Some(Time(grant.anchor.at)),
            time_zone: grant.zone.as_deref(),
            next_period_at: known(grant.next.at).map(Time),
            metadata: Pairs(&grant.metadata),
            created_at: Time(grant.created_at),
            updated_at: Time(grant.updated_at),
            ..Self::of_rule(tenant, &grant.rule, owner)
        }
    }

    fn of_rule(tenant: TenantNumber, rule: &'a Rule, owner: Owner<'a>) -> Self {
        let (cadence, period, period_count) = match rule.cadence {
            Cadence::OneTime => ("ONETIME", None, None),
            Cadence::Recurring(span) => ("RECURRING", Some(period_word(span.unit)), Some(span.count)),
        };
        let (expiration_type, expiration_duration, expiration_duration_unit) = life_words(rule.life);
        Self {
            id: None,
            name: "",
            scope: owner.scope,
            plan_id: owner.plan,
            addon_id: owner.addon,
            subscription_id: owner.subscription,
            customer_id: owner.customer,
            wallet_id: None,
            credits: rule.credits.into(),
            currency: rule.currency.map(|currency| currency.to_string()),
            price_unit: rule.price_unit.as_ref().map(|unit| unit.to_string()),
            cadence,
            period,
            period_count,
            expiration_type,
            expiration_duration,
            expiration_duration_unit,
            priority: rule.priority,
            start_date: rule.start.map(Time),
            end_date: rule.end.map(Time),
            credit_grant_anchor: rule.start.map(Time),
            conversion_rate: rule.conversion_rate.map(Dec::from),
            topup_conversion_rate: rule.topup_conversion_rate.map(Dec::from),
            proration_behavior: if rule.prorated { "create_prorations" } else { "none" },
            rollover: rule.rollover.as_ref().map(RolloverReply::of),
            credit_scope: rule.scope.as_ref().map(|scope| CreditScope {
                price_types: price_type_words(scope.price_types),
                features: scope.features.iter().flat_map(|names| names.iter()).map(|name| &**name).collect(),
            }),
            time_zone: None,
            next_period_at: None,
            metadata: Pairs(&[]),
            status: "published",
            tenant_id: TenantId(tenant),
            environment_id: Absent,
            created_at: Time(Timestamp(0)),
            updated_at: Time(Timestamp(0)),
            created_by: Absent,
            updated_by: Absent,
        }
    }
}

impl RolloverReply {
    fn of(rollover: &Rollover) -> Self {
        let (expiration_type, expiration_duration, expiration_duration_unit) = life_words(rollover.life);
        Self {
            share: rollover.share.into(),
            cap: rollover.cap.map(Dec::from),
            expiration_type,
            expiration_duration,
            expiration_duration_unit,
        }
    }
}

/// The instant, unless it never comes.
fn known(at: Timestamp) -> Option<Timestamp> {
    (at < Timestamp::MAX).then_some(at)
}

const fn life_words(life: Life) -> (&'static str, Option<u32>, Option<&'static str>) {
    match life {
        Life::Never => ("NEVER", None, None),
        Life::Period => ("BILLING_CYCLE", None, None),
        Life::After(span) => ("DURATION", Some(span.count), Some(duration_word(span.unit))),
    }
}

const fn duration_word(unit: SpanUnit) -> &'static str {
    match unit {
        SpanUnit::Hour => "HOUR",
        SpanUnit::Day => "DAY",
        SpanUnit::Week => "WEEK",
        SpanUnit::Month => "MONTH",
        SpanUnit::Quarter => "QUARTER",
        SpanUnit::HalfYear => "HALF_YEAR",
        SpanUnit::Year => "YEAR",
    }
}

const fn period_word(unit: SpanUnit) -> &'static str {
    match unit {
        SpanUnit::Hour => "HOURLY",
        SpanUnit::Day => "DAILY",
        SpanUnit::Week => "WEEKLY",
        SpanUnit::Month => "MONTHLY",
        SpanUnit::Quarter => "QUARTERLY",
        SpanUnit::HalfYear => "HALF_YEARLY",
        SpanUnit::Year => "ANNUAL",
    }
}

fn price_type_words(types: PriceTypes) -> Vec<&'static str> {
    let listed = [(types.usage, "USAGE"), (types.fixed, "FIXED")];
    if types.all {
        vec!["ALL"]
    } else {
        listed.iter().filter(|(has, _)| *has).map(|(_, word)| *word).collect()
    }
}

/// A period of a grant that has not begun: the SDK's application of a grant.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditGrantApplication)]
pub(crate) struct ApplicationReply {
    id: Id,
    credit_grant_id: Id,
    /// The subscription; of a grant of a customer or a wallet, that one's id.
    subscription_id: String,
    /// pending.
    application_status: &'static str,
    /// first_time_recurring_credit_grant, recurring_credit_grant or onetime_credit_grant.
    application_reason: &'static str,
    credits: Dec,
    scheduled_for: Time,
    applied_at: Absent,
    period_start: Time,
    period_end: Option<Time>,
    subscription_status_at_application: &'static str,
    retry_count: u32,
    failure_reason: Absent,
    idempotency_key: Absent,
    #[schema(value_type = Pairs)]
    metadata: Pairs<'static>,
    status: &'static str,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    created_at: Time,
    updated_at: Time,
    created_by: Absent,
    updated_by: Absent,
}

/// What a read takes out of a customer for an upcoming period.
pub(super) struct Coming {
    pub(super) grant: Grant,
    pub(super) of: String,
    pub(super) ends_at: Option<Timestamp>,
}

impl ApplicationReply {
    pub(super) fn of(tenant: TenantNumber, customer: CustomerNumber, coming: &Coming) -> Self {
        let grant = &coming.grant;
        Self {
            id: application_id(customer, grant).into(),
            credit_grant_id: grant.key.grant.into(),
            subscription_id: coming.of.clone(),
            application_status: "pending",
            application_reason: match grant.rule.cadence {
                Cadence::OneTime => "onetime_credit_grant",
                Cadence::Recurring(_) if grant.next.at == grant.enrolled_at || grant.minted.is_empty() => {
                    "first_time_recurring_credit_grant"
                }
                Cadence::Recurring(_) => "recurring_credit_grant",
            },
            credits: grant.rule.credits.into(),
            scheduled_for: Time(grant.next.at),
            applied_at: Absent,
            period_start: Time(grant.next.at),
            period_end: coming.ends_at.and_then(known).map(Time),
            subscription_status_at_application: "active",
            retry_count: 0,
            failure_reason: Absent,
            idempotency_key: Absent,
            metadata: Pairs(&[]),
            status: "published",
            tenant_id: TenantId(tenant),
            environment_id: Absent,
            created_at: Time(grant.created_at),
            updated_at: Time(grant.updated_at),
            created_by: Absent,
            updated_by: Absent,
        }
    }
}

/// The same for the same period, whenever it is asked: its beginning, the customer, the grant and the subscription.
fn application_id(customer: CustomerNumber, grant: &Grant) -> ApplicationId {
    let GrantKey { grant: id, subscription } = grant.key;
    let subscription = subscription.map_or(0, |id| id.0.counter());
    ApplicationId(ThingId::new(grant.next.at, customer, id.0.counter() ^ subscription << 20))
}
