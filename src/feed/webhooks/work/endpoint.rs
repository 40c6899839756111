//! An endpoint as the thread sees it.

use std::collections::HashSet;

use axum::http::Uri;
use coffer_ledger::catalog::webhook::WebhookEndpoint;
use coffer_ledger::ids::TenantNumber;

use crate::feed::events::{Event, EventFilter};
use crate::feed::webhooks::client::Connection;
use crate::feed::webhooks::store::Health;
use crate::feed::webhooks::{EndpointStatus, WebhookOptions};

/// An endpoint as the thread sees it.
pub(in crate::feed::webhooks) struct Endpoint {
    pub(in crate::feed::webhooks) tenant: TenantNumber,
    pub(in crate::feed::webhooks) filter: EventFilter,
    pub(in crate::feed::webhooks) health: Health,
    pub(super) config: WebhookEndpoint,
    pub(super) url: Option<Uri>,
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
