//! Webhook endpoints: where a tenant's events are sent, and what signs them (docs/EVENTS.md).
//!
//! What was sent is no part of the ledger. Which events there are is the edge's to know: here a filter is only words.

use std::fmt;

use crate::catalog::tenant::{Tenant, TenantContext, limit_reached};
use crate::ids::{LogPosition, WebhookEndpointId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// Nanoseconds in a second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// What signs. Never printed by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WebhookSecret(pub [u8; SECRET_BYTES]);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(not shown)")
    }
}

/// Why nothing is sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookDisabled {
    /// Somebody asked for it.
    ByRequest,
    /// It answered 410: it is gone.
    Gone,
    /// It has failed for too long.
    Failing,
}

impl WebhookDisabled {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByRequest => "by_request",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// Where events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where to.
    pub url: Box<str>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// Kinds of events, and prefixes with `.*`; none = all.
    pub events: Vec<Box<str>>,
    /// What signs.
    pub secret: WebhookSecret,
    /// What signs beside it, until then.
    pub previous: Option<(WebhookSecret, Timestamp)>,
    /// Since when and why nothing is sent; `None` = it is.
    pub disabled: Option<(Timestamp, WebhookDisabled)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The record that made it: events after it are sent. Known once that record has a position.
    pub position: LogPosition,
}

/// A new endpoint, as a request gives it; see [`WebhookEndpoint`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateWebhookEndpoint {
    /// Where to.
    pub url: Box<str>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// Kinds of events.
    pub events: Vec<Box<str>>,
    /// What signs; made by the edge.
    pub secret: WebhookSecret,
}

/// A changed endpoint: what is `Some` changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateWebhookEndpoint {
    /// Which one.
    pub id: WebhookEndpointId,
    /// Where to.
    pub url: Option<Box<str>>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// Kinds of events.
    pub events: Option<Vec<Box<str>>>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

pub(super) fn create(
    tenant: &Tenant,
    asked: &CreateWebhookEndpoint,
    context: &TenantContext<'_>,
) -> Result<WebhookEndpoint, Refusal> {
    let max = context.limits.webhook_endpoints_max;
    if tenant.webhooks.len() >= max {
        return Err(limit_reached("webhook_endpoints_max", max));
    }
    let CreateWebhookEndpoint { url, description, events, secret } = asked.clone();
    Ok(WebhookEndpoint {
        id: WebhookEndpointId::new(context.now, tenant.number, tenant.webhooks_made),
        url,
        description,
        events,
        secret,
        previous: None,
        disabled: None,
        created_at: context.now,
        updated_at: context.now,
        position: LogPosition(0),
    })
}

pub(super) fn update(
    tenant: &Tenant,
    asked: &UpdateWebhookEndpoint,
    now: Timestamp,
) -> Result<WebhookEndpoint, Refusal> {
    let UpdateWebhookEndpoint { id, url, description, events, enabled } = asked.clone();
    let known = known(tenant, id)?.clone();
    let disabled = match enabled {
        Some(true) => None,
        Some(false) => known.disabled.or(Some((now, WebhookDisabled::ByRequest))),
        None => known.disabled,
    };
    Ok(WebhookEndpoint {
        url: url.unwrap_or(known.url),
        description: description.or(known.description),
        events: events.unwrap_or(known.events),
        disabled,
        updated_at: now,
        ..known
    })
}

/// From now on `secret` signs, and what signed until now beside it for `overlap_s` seconds more. There is room for one beside: while another
/// still has its time, only an exchange without overlap takes that away.
pub(super) fn rotate(
    tenant: &Tenant,
    (id, secret, overlap_s): (WebhookEndpointId, WebhookSecret, u32),
    now: Timestamp,
) -> Result<WebhookEndpoint, Refusal> {
    let known = known(tenant, id)?;
    if overlap_s > 0 && known.previous.is_some_and(|(_, until)| now < until) {
        return Err(Refusal::InvalidOperation(
            "the secret of before still signs; overlap_s 0 ends that, and nothing signs beside the new one",
        ));
    }
    let until = Timestamp(now.0.saturating_add(u64::from(overlap_s) * NS_PER_SECOND));
    let previous = (overlap_s > 0).then_some((known.secret, until));
    Ok(WebhookEndpoint { secret, previous, updated_at: now, ..known.clone() })
}

/// Nothing is sent any more.
pub(super) fn disable(
    tenant: &Tenant,
    (id, why): (WebhookEndpointId, WebhookDisabled),
    now: Timestamp,
) -> Result<WebhookEndpoint, Refusal> {
    let known = known(tenant, id)?;
    if known.disabled.is_some() {
        return Err(Refusal::InvalidOperation("the webhook endpoint is disabled already"));
    }
    Ok(WebhookEndpoint { disabled: Some((now, why)), updated_at: now, ..known.clone() })
}

/// An endpoint that the tenant has.
pub(super) fn known(tenant: &Tenant, id: WebhookEndpointId) -> Result<&WebhookEndpoint, Refusal> {
    let found = tenant.webhooks.iter().find(|endpoint| endpoint.id == id);
    found.ok_or(Refusal::NotFound("webhook endpoint"))
}

/// Folds an endpoint in.
pub(super) fn set(tenant: &mut Tenant, endpoint: &WebhookEndpoint) {
    match tenant.webhooks.iter_mut().find(|known| known.id == endpoint.id) {
        Some(known) => *known = endpoint.clone(),
        None => {
            tenant.webhooks.push(endpoint.clone());
            tenant.webhooks_made += 1;
        }
    }
}

impl WebhookEndpoint {
    /// What signs at this instant, newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.secret).chain(previous)
    }
}
