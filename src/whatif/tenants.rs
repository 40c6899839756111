//! What customers were decided under: the tenants' settings, rate cards and plans' grants, as the log has them and under the other rules.
//!
//! A tenant's change is published when it is durable, which is after records that stand behind it in the log were decided. So for
//! a while after a change both views are possible, and the record itself tells which: the one under which deciding gives what the
//! log says ([`super::run`]).

use std::sync::Arc;

use coffer_ledger::catalog::grant::{PlanGrant, Plans};
use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::catalog::tenant::{self, Settings, Tenant, TenantFacts};
use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use hashbrown::HashMap;

use super::rules::Rules;

/// Records after a change among which some may have been decided before it was published: more than an engine has in flight by
/// default, twice.
const UNPUBLISHED_RECORDS_MAX: u64 = 32_768;

/// Settings and rate cards, as they were and as they would have been.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) settings: Settings,
    pub(super) cards: Vec<RateCard>,
    pub(super) other_settings: Settings,
    pub(super) other_cards: Vec<RateCard>,
    /// Grants of plans, and the number of their last change. No rule changes them.
    pub(super) plans: (u64, Vec<PlanGrant>),
}

impl View {
    fn of(tenant: &Tenant, rules: &Rules) -> Self {
        Self {
            settings: tenant.settings.clone(),
            cards: tenant.rate_cards.clone(),
            other_settings: rules.settings(&tenant.settings),
            other_cards: rules.cards(&tenant.rate_cards),
            plans: (tenant.plans_version, tenant.plan_grants.clone()),
        }
    }

    /// The catalog of grants.
    pub(super) fn plans(&self) -> Plans<'_> {
        Plans { version: self.plans.0, grants: &self.plans.1 }
    }
}

/// One tenant over the log.
struct Known {
    tenant: Tenant,
    view: Arc<View>,
    /// Views that may still be in use, the newest last, each with the record that replaced it.
    before: Vec<(LogPosition, Arc<View>)>,
}

/// All tenants, as of the record that was seen last.
pub(super) struct Tenants {
    known: HashMap<TenantNumber, Known>,
}

impl Tenants {
    /// As they were before the first record.
    pub(super) fn new(tenants: &HashMap<TenantNumber, Tenant>, rules: &Rules) -> Self {
        let known = tenants.iter().map(|(number, tenant)| {
            let view = Arc::new(View::of(tenant, rules));
            (*number, Known { tenant: tenant.clone(), view, before: Vec::new() })
        });
        Self { known: known.collect() }
    }

    /// Folds a tenant's record.
    pub(super) fn take(
        &mut self,
        number: TenantNumber,
        facts: &TenantFacts,
        position: LogPosition,
        rules: &Rules,
    ) {
        let known = self.known.entry(number).or_insert_with(|| {
            let tenant = Tenant::new(number);
            Known { view: Arc::new(View::of(&tenant, rules)), tenant, before: Vec::new() }
        });
        if position <= known.tenant.last_position {
            return;
        }
        tenant::apply(&mut known.tenant, facts);
        tenant::bind(&mut known.tenant, facts, position);
        if known.tenant.settings != known.view.settings
            || known.tenant.rate_cards != known.view.cards
            || known.tenant.plans_version != known.view.plans.0
        {
            let view = Arc::new(View::of(&known.tenant, rules));
            known.before.push((position, std::mem::replace(&mut known.view, view)));
        }
    }

    /// The views under which a record may have been decided, the newest first.
    pub(super) fn views(&mut self, number: TenantNumber, at: LogPosition) -> Option<Views<'_>> {
        let known = self.known.get_mut(&number)?;
        if !known.before.is_empty() {
            known.before.retain(|(replaced, _)| at.0 - replaced.0 <= UNPUBLISHED_RECORDS_MAX);
        }
        Some(Views { newest: &known.view, before: &known.before })
    }

    /// The name of a tenant.
    pub(super) fn name(&self, number: TenantNumber) -> Option<&str> {
        self.known.get(&number)?.tenant.name.as_deref()
    }

    /// Whether there is a tenant of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known.values().any(|known| known.tenant.name.as_deref() == Some(name))
    }

    /// The tenant's own clock, if it has one.
    pub(super) fn test_clock(&self, number: TenantNumber) -> Option<Timestamp> {
        self.known.get(&number)?.tenant.test_clock
    }
}

/// See [`Tenants::views`].
pub(super) struct Views<'a> {
    pub(super) newest: &'a Arc<View>,
    before: &'a [(LogPosition, Arc<View>)],
}

impl<'a> Views<'a> {
    /// Whether only one is possible.
    pub(super) fn is_clear(&self) -> bool {
        self.before.is_empty()
    }

    /// All that are possible, the newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Arc<View>> + use<'a> {
        std::iter::once(self.newest).chain(self.before.iter().rev().map(|(_, view)| view))
    }
}
