//! An endpoint as the thread sees it, and what it takes over from the tenants.

use std::collections::HashSet;

use axum::http::Uri;
use coffer_ledger::catalog::webhook::WebhookEndpoint;
use coffer_ledger::ids::TenantNumber;

use super::{Broken, Worker};
use crate::feed::events::{Event, EventFilter};
use crate::feed::webhooks::client::Connection;
use crate::feed::webhooks::store::{self, Health};
use crate::feed::webhooks::{EndpointStatus, WebhookOptions, plan};

/// An endpoint as the thread sees it.
pub(in crate::feed::webhooks) struct Endpoint {
    pub(in crate::feed::webhooks) tenant: TenantNumber,
    pub(in crate::feed::webhooks) filter: EventFilter,
    pub(in crate::feed::webhooks) health: Health,
    pub(super) config: WebhookEndpoint,
    pub(super) url: Option<Uri>,
    /// One more with every change: what began before it is another's.
    pub(super) generation: u64,
    pub(super) pending: u64,
    /// Lanes of which a delivery is under way.
    pub(super) busy: HashSet<i64>,
    /// Connections for the next events.
    pub(super) kept: Vec<Connection>,
    /// When the file is asked again what is due, in milliseconds.
    pub(super) look_at: u64,
    pub(super) settled: u64,
}

impl Endpoint {
    /// Whether anything is entered for it.
    pub(in crate::feed::webhooks) fn has_room(&self, pending_max: u64) -> bool {
        self.config.disabled.is_none() && self.pending < pending_max
    }

    /// Whether it is to get an event.
    pub(in crate::feed::webhooks) fn wants(&self, tenant: TenantNumber, event: &Event) -> bool {
        self.tenant == tenant && self.filter.wants(event.kind)
    }

    /// Whether what is entered will be sent soon.
    pub(in crate::feed::webhooks) fn is_prompt(&self) -> bool {
        self.health.failures == 0
    }

    pub(super) fn room(&self, options: &WebhookOptions, now: u64) -> usize {
        if self.config.disabled.is_some() || self.health.paused_until > now || self.look_at > now {
            return 0;
        }
        // One at a time shows whether it is well again.
        let most = if self.health.failures > 0 { 1 } else { options.in_flight_per_endpoint_max };
        most.saturating_sub(self.busy.len())
    }
}

/// How it is.
pub(super) fn status(endpoint: &Endpoint, durable: u64, now: u64) -> EndpointStatus {
    let health = &endpoint.health;
    EndpointStatus {
        position: health.cursor,
        lag_records: durable.saturating_sub(health.cursor),
        pending: endpoint.pending,
        failures: health.failures,
        failing_since: health.failing_since,
        paused_until: Some(health.paused_until).filter(|until| *until > now),
    }
}

impl Worker {
    /// Takes over what tenants have published since.
    pub(super) fn look_at_endpoints(&mut self) -> Result<(), Broken> {
        let published = self.engine.published();
        if published == self.seen {
            return Ok(());
        }
        self.seen = published;
        let mut there = HashSet::new();
        for view in self.engine.tenants_with_webhooks() {
            for config in &view.webhooks {
                there.insert(config.id);
                self.take_over(view.number, config)?;
            }
        }
        self.endpoints.retain(|id, _| there.contains(id));
        for id in self.store.known()? {
            if !there.contains(&id) {
                self.store.forget(id)?;
            }
        }
        Ok(())
    }

    fn take_over(&mut self, tenant: TenantNumber, config: &WebhookEndpoint) -> Result<(), Broken> {
        let filter =
            EventFilter::of(config.events.iter().map(|pattern| &**pattern)).unwrap_or(EventFilter::ALL);
        let now = self.now_ms();
        let url: Option<Uri> = config.url.parse().ok();
        if let Some(known) = self.endpoints.get_mut(&config.id) {
            if known.config == *config {
                return Ok(());
            }
            (known.filter, known.url, known.config) = (filter, url, config.clone());
            known.generation += 1;
            known.kept.clear();
            if config.disabled.is_none() {
                // Whoever changes it has put something right: it begins afresh.
                let health = Health { cursor: known.health.cursor, ..Health::default() };
                (known.health, known.look_at) = (health, 0);
                self.store.begin_afresh(config.id, &health, now)?;
            }
            return Ok(());
        }
        let (mut health, pending) = self.store.endpoint(config.id, config.position.0)?;
        let (oldest, durable) = (plan::oldest(&self.log), self.log.durable_lsn().0);
        let cursor = health.cursor.clamp(oldest.min(durable), durable);
        if cursor != health.cursor {
            // The log is an older one, or has lost its beginning.
            tracing::warn!(endpoint = %config.id, from = health.cursor, to = cursor, "a webhook endpoint's place is not in the log");
            self.store.at_once(|file| store::move_cursor(file, config.id, cursor))?;
            health.cursor = cursor;
        }
        if config.disabled.is_none() && health.failing_since.is_some() {
            // Failing for long counts while somebody tries.
            health.failing_since = Some(now);
        }
        let endpoint = Endpoint {
            tenant,
            filter,
            health,
            config: config.clone(),
            url,
            generation: 0,
            pending,
            busy: HashSet::new(),
            kept: Vec::new(),
            look_at: 0,
            settled: 0,
        };
        self.endpoints.insert(config.id, endpoint);
        Ok(())
    }
}
