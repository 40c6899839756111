//! Records and states with grants and subscriptions, as the ledger decides them.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::apply::{apply, bind};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind, Plans};
use coffer_ledger::catalog::tenant::{
    Settings, Tenant, TenantCommand, TenantContext, TenantRecord, apply as apply_tenant, bind as bind_tenant,
    decide as decide_tenant,
};
use coffer_ledger::command::{Command, CreateGrant, GrantChange, GrantFor, Metadata, Subscribe, UpdateGrant};
use coffer_ledger::customer::Customer;
use coffer_ledger::decide::{Context, decide};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::ids::LogPosition;
use coffer_ledger::limits::{Limits, TenantLimits};
use coffer_ledger::record::Record;
use coffer_ledger::scope::Scope;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;

use crate::samples::{AT, OWNER, TENANT, origin};

fn rule() -> Rule {
    Rule {
        credits: Credits::whole(50_000),
        currency: Some(Currency(*b"usd")),
        price_unit: None,
        cadence: Cadence::Recurring(Span { unit: SpanUnit::Month, count: 1 }),
        start: None,
        end: None,
        life: Life::Period,
        rollover: Some(Rollover {
            share: Rate(500_000_000_000_000),
            cap: Some(Credits::whole(30)),
            life: Life::After(Span { unit: SpanUnit::Day, count: 7 }),
        }),
        prorated: true,
        priority: Some(1),
        scope: Some(Scope::ANYTHING),
        conversion_rate: Some(Rate::ONE),
        topup_conversion_rate: None,
    }
}

fn words() -> Metadata {
    vec![("plan-of".into(), "friends-of-ada".into())]
}

/// A tenant's records: a grant of a plan is made, changed, deleted; and the tenant after the second.
pub(crate) fn tenant_story() -> (Vec<(&'static str, TenantRecord)>, Tenant) {
    let mut tenant = Tenant::new(TENANT);
    let asked = PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: "plan_starter".into(),
        name: "Ada's monthly grant".into(),
        metadata: words(),
        rule: rule(),
    };
    let limits = TenantLimits::default();
    let log = |tenant: &mut Tenant, command: TenantCommand| {
        let facts = decide_tenant(tenant, &command, &TenantContext { now: AT, limits: &limits }).unwrap();
        apply_tenant(tenant, &facts);
        bind_tenant(tenant, &facts, LogPosition(tenant.version));
        TenantRecord { origin: origin(), command, facts }
    };
    log(&mut tenant, TenantCommand::Create { name: "Analytical Engines".into(), test_mode: false });
    let made = log(&mut tenant, TenantCommand::CreatePlanGrant(asked));
    let id = tenant.plan_grants[0].id;
    let change = GrantChange {
        name: Some("Ada's monthly grant".into()),
        credits: Some(Credits::whole(7)),
        metadata: Some(words()),
        priority: Some(3),
        end: Some(Timestamp(AT.0 + 1)),
    };
    let changed = log(&mut tenant, TenantCommand::UpdatePlanGrant { id, change });
    let kept = tenant.clone();
    let deleted = log(&mut tenant, TenantCommand::DeletePlanGrant(id));
    let records =
        vec![("plan_grant_made", made), ("plan_grant_changed", changed), ("plan_grant_deleted", deleted)];
    (records, kept)
}

/// A customer's records; and the customer with a subscription, its grants and what they minted.
pub(crate) fn customer_story() -> (Vec<(&'static str, Record)>, Customer) {
    let mut story = Story::begin();
    let subscribe = Subscribe {
        customer: "customer-ada".into(),
        id: Some("sub_0001".into()),
        plan: "plan_starter".into(),
        start: None,
        zone: Some("Asia/Singapore".into()),
    };
    story.ask("subscribed", Command::Subscribe(Box::new(subscribe)));
    let create = |of| CreateGrant {
        of,
        wallet: None,
        name: "Ada's monthly grant".into(),
        metadata: words(),
        rule: Rule { prorated: false, ..rule() },
        zone: None,
    };
    let of_subscription = create(GrantFor::Subscription("sub_0001".into()));
    story.ask("grant_made", Command::CreateGrant(Box::new(of_subscription)));
    story.now = story.customer.next_due();
    story.ask("granted_and_rolled_over", Command::Tick);
    let mut template = story.tenant.plan_grants[0].clone();
    (template.version, template.changed_at) = (story.tenant.plans_version + 1, story.now);
    template.rule.credits = Credits::whole(9);
    story.tenant.plans_version = template.version;
    story.tenant.plan_grants[0] = template;
    story.ask("plans_followed", Command::FollowPlans);
    let full = story.customer.clone();
    let own = story.customer.grants.iter().find(|grant| !grant.key.grant.is_template()).unwrap().key.grant;
    let change = GrantChange { name: Some("Ada's monthly grant".into()), ..GrantChange::default() };
    story.ask("grant_changed", Command::UpdateGrant(Box::new(UpdateGrant { id: own, change })));
    let delete = Command::DeleteGrant { id: own, effective_at: None, void_remaining: true };
    story.ask("grant_removed", delete);
    let leave = Command::Unsubscribe { subscription: "sub_0001".into(), void_remaining: true };
    story.ask("unsubscribed", leave);
    (story.records, full)
}

struct Story {
    customer: Customer,
    tenant: Tenant,
    now: Timestamp,
    records: Vec<(&'static str, Record)>,
}

impl Story {
    fn begin() -> Self {
        let (_, tenant) = tenant_story();
        let mut tenant = tenant;
        tenant.plan_grants[0].rule.end = None;
        Self { customer: Customer::new(TENANT, OWNER), tenant, now: AT, records: Vec::new() }
    }

    fn ask(&mut self, name: &'static str, command: Command) {
        let (settings, limits) = (Settings::default(), Limits::default());
        let plans = Plans { version: self.tenant.plans_version, grants: &self.tenant.plan_grants };
        let context = Context {
            now: self.now,
            settings: &settings,
            cards: &[],
            plans,
            limits: &limits,
            keyed: true,
            looked_up: None,
        };
        let facts = decide(&self.customer, &command, &context).unwrap();
        apply(&mut self.customer, &facts);
        let position = LogPosition(self.customer.last_position.0 + 1_000);
        bind(&mut self.customer, &facts, position);
        self.records.push((name, Record { origin: origin(), command, facts }));
    }
}

pub(crate) fn customer_records() -> Vec<(&'static str, Record)> {
    customer_story().0
}

pub(crate) fn tenant_records() -> Vec<(&'static str, TenantRecord)> {
    tenant_story().0
}
