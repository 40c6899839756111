//! What is published of tenants: immutable, swapped whole, read without a lock (DESIGN decision 8).
//!
//! The edge authenticates and customer actors decide on published views only. A view is published when its record is durable
//! and before the reply leaves: whoever has seen a key revoked never sees it work again.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::grant::{PlanGrant, Plans};
use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::catalog::tenant::{Settings, Tenant};
use coffer_ledger::catalog::webhook::WebhookEndpoint;
use coffer_ledger::ids::{CustomerNumber, KeyId, TenantNumber};
use coffer_ledger::time::Timestamp;
use hashbrown::HashMap;

/// A tenant as of its last durable record.
#[derive(Clone, Debug)]
pub struct TenantView {
    /// Its number.
    pub number: TenantNumber,
    /// Its name.
    pub name: Box<str>,
    /// Its settings.
    pub settings: Settings,
    /// Every key, revoked ones included, oldest first.
    pub keys: Vec<ApiKey>,
    /// Every rate card, oldest first.
    pub rate_cards: Vec<RateCard>,
    /// Every grant of a plan, deleted ones included, oldest first.
    pub plan_grants: Vec<PlanGrant>,
    /// The number of the last change of `plan_grants`.
    pub plans_version: u64,
    /// Every webhook endpoint, oldest first.
    pub webhooks: Vec<WebhookEndpoint>,
    /// Whether it was made for tests.
    pub test_mode: bool,
    /// Its own clock, once it was set.
    pub test_clock: Option<Timestamp>,
    /// Counts the tenant's records.
    pub version: u64,
}

impl TenantView {
    /// The catalog of grants.
    #[must_use]
    pub fn plans(&self) -> Plans<'_> {
        Plans { version: self.plans_version, grants: &self.plan_grants }
    }
}

/// Who showed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The tenant that everything is looked up in.
    pub tenant: TenantNumber,
    /// The key.
    pub key: KeyId,
    /// What it may do.
    pub scopes: KeyScopes,
    /// The only customer that it sees.
    pub customer: Option<CustomerNumber>,
}

/// A customer's own look at its tenant's view. It changes only when it is asked to: all that one turn does goes by one view.
pub(crate) struct PinnedView {
    tenant: TenantNumber,
    published: Cache<Arc<ArcSwap<Published>>, Arc<Published>>,
    /// [`Published::count`] of what `view` was taken from.
    count: u64,
    view: Option<Arc<TenantView>>,
}

impl PinnedView {
    /// Looks at what is published now. Costs one pointer and one number compared, unless something was.
    pub(crate) fn refresh(&mut self) {
        let published = self.published.load();
        if published.count != self.count {
            self.count = published.count;
            self.view = published.views.get(&self.tenant).cloned();
        }
    }

    /// The view as of the last refresh; `None` = the tenant has no record yet.
    pub(crate) fn get(&self) -> Option<&Arc<TenantView>> {
        self.view.as_ref()
    }
}

/// All views, and the way from a key's hash to its tenant.
#[derive(Default)]
pub(crate) struct TenantViews {
    published: Arc<ArcSwap<Published>>,
}

#[derive(Clone, Default)]
pub(crate) struct Published {
    views: HashMap<TenantNumber, Arc<TenantView>>,
    by_secret: HashMap<[u8; 32], Authenticated>,
    /// How often something was published.
    count: u64,
}

impl TenantViews {
    /// Publishes one tenant's state, unless a newer one is published already.
    pub(crate) fn publish(&self, tenant: &Tenant) {
        let Some(name) = tenant.name.clone() else { return };
        let view = Arc::new(TenantView {
            number: tenant.number,
            name,
            settings: tenant.settings.clone(),
            keys: tenant.keys.clone(),
            rate_cards: tenant.rate_cards.clone(),
            plan_grants: tenant.plan_grants.clone(),
            plans_version: tenant.plans_version,
            webhooks: tenant.webhooks.clone(),
            test_mode: tenant.test_mode,
            test_clock: tenant.test_clock,
            version: tenant.version,
        });
        self.published.rcu(|current| {
            // Completions of one batch may meet on two threads; what is published never goes back.
            if current.views.get(&view.number).is_some_and(|known| known.version >= view.version) {
                return Arc::clone(current);
            }
            let mut next = Published::clone(current);
            next.by_secret.retain(|_, who| who.tenant != view.number);
            next.by_secret.extend(view.keys.iter().filter_map(|key| entry(view.number, key)));
            next.count += 1;
            next.views.insert(view.number, Arc::clone(&view));
            Arc::new(next)
        });
    }

    /// A look of one's own at this tenant, as it is published now.
    pub(crate) fn pin(&self, tenant: TenantNumber) -> PinnedView {
        let published = Cache::new(Arc::clone(&self.published));
        let mut pinned = PinnedView { tenant, published, count: 0, view: None };
        pinned.refresh();
        pinned
    }

    /// The view of a tenant.
    pub(crate) fn get(&self, tenant: TenantNumber) -> Option<Arc<TenantView>> {
        self.published.load().views.get(&tenant).cloned()
    }

    /// How often something was published: whoever has seen this much has nothing to look at.
    #[cfg(feature = "server")]
    pub(crate) fn published(&self) -> u64 {
        self.published.load().count
    }

    /// The views of tenants that have webhook endpoints.
    #[cfg(feature = "server")]
    pub(crate) fn with_webhooks(&self) -> Vec<Arc<TenantView>> {
        let published = self.published.load();
        published.views.values().filter(|view| !view.webhooks.is_empty()).cloned().collect()
    }

    /// Every view, by number.
    pub(crate) fn all(&self) -> Vec<Arc<TenantView>> {
        let mut views: Vec<_> = self.published.load().views.values().cloned().collect();
        views.sort_by_key(|view| view.number);
        views
    }

    /// Who a secret with this SHA-256 is; `None` if unknown or revoked.
    pub(crate) fn authenticate(&self, secret_sha256: &[u8; 32]) -> Option<Authenticated> {
        self.published.load().by_secret.get(secret_sha256).copied()
    }
}

fn entry(tenant: TenantNumber, key: &ApiKey) -> Option<([u8; 32], Authenticated)> {
    if key.revoked_at.is_some() {
        return None;
    }
    let customer = key.customer.as_ref().map(|(number, _)| *number);
    Some((key.secret_sha256, Authenticated { tenant, key: key.id, scopes: key.scopes, customer }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_never_goes_back() {
        let views = TenantViews::default();
        let mut tenant = Tenant::new(TenantNumber(1));
        tenant.name = Some("a".into());
        for (version, published) in [(2, 2), (1, 2), (3, 3)] {
            tenant.version = version;
            views.publish(&tenant);
            assert_eq!(views.get(TenantNumber(1)).unwrap().version, published);
        }
    }
}
