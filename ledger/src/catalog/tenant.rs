//! A tenant: an isolated workspace with settings and API keys.

use crate::amount::Credits;
use crate::catalog::api_key::{ApiKey, KeyScopes};
use crate::catalog::grant::{self, PlanGrant, PlanGrantAsked};
use crate::catalog::rate_card::{self, RateCard, Tier};
use crate::catalog::settings::SettingsChange;
use crate::catalog::webhook::{
    self, CreateWebhookEndpoint, UpdateWebhookEndpoint, WebhookDisabled, WebhookEndpoint, WebhookSecret,
};
use crate::command::{GrantChange, Metadata, Origin};
use crate::ids::{CustomerNumber, GrantId, KeyId, LogPosition, RateCardId, TenantNumber, WebhookEndpointId};
use crate::limits::TenantLimits;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::Currency;

/// Burn priority that a new tranche gets by its source when the request names none (SEMANTICS §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultPriorities {
    /// `purchased`.
    pub purchased: u32,
    /// `promotional`.
    pub promotional: u32,
    /// `plan_included`.
    pub plan_included: u32,
    /// `refund`.
    pub refund: u32,
    /// `adjustment`.
    pub adjustment: u32,
}

impl Default for DefaultPriorities {
    fn default() -> Self {
        Self { purchased: 50, promotional: 50, plan_included: 10, refund: 50, adjustment: 50 }
    }
}

/// Settings of a tenant (API §3 `/settings`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// See [`DefaultPriorities`].
    pub default_priorities: DefaultPriorities,
    /// Currency of a new wallet that names none; `None` = the request must.
    pub default_currency: Option<Currency>,
    /// IANA zone for calendar rules of customers without one; `None` = UTC.
    pub time_zone: Option<Box<str>>,
    /// Whether the credit of invoiced purchases is there at once, as if they were paid (SEMANTICS §11).
    pub auto_complete: bool,
    /// Whether results of payments are reported: then a direct recharge is in flight until its is.
    pub payment_result: bool,
}

/// Everything live about a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub number: TenantNumber,
    /// Its name; `None` before its first record.
    pub name: Option<Box<str>>,
    /// Its settings.
    pub settings: Settings,
    /// Every key it ever had, oldest first (revoked ones are kept, so that rows can name them); limited by `keys_per_tenant_max`.
    pub keys: Vec<ApiKey>,
    /// Rate cards, oldest first; limited by `rate_cards_max`.
    pub rate_cards: Vec<RateCard>,
    /// How many rate cards were ever made: the counter part of the next one's id.
    pub rate_cards_made: u64,
    /// Grants of plans, oldest first, deleted ones included; limited by `plan_grants_max`.
    pub plan_grants: Vec<PlanGrant>,
    /// Counts changes of `plan_grants`: the number of the last one.
    pub plans_version: u64,
    /// Webhook endpoints, oldest first; limited by `webhook_endpoints_max`.
    pub webhooks: Vec<WebhookEndpoint>,
    /// How many webhook endpoints were ever made: the counter part of the next one's id.
    pub webhooks_made: u64,
    /// Whether it was made for tests: then it may have a clock of its own.
    pub test_mode: bool,
    /// Its own clock, once it was set; it moves forward only, and only when it is told to (SEMANTICS §10).
    pub test_clock: Option<Timestamp>,
    /// Counts records; the version of the published view.
    pub version: u64,
    /// Time of its last record.
    pub last_at: Timestamp,
    /// Position of its last record.
    pub last_position: LogPosition,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be asked of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantCommand {
    /// Make it.
    Create {
        /// Its name, unique.
        name: Box<str>,
        /// Whether it may have a clock of its own.
        test_mode: bool,
    },
    /// Replace the settings.
    SetSettings(Settings),
    /// Change the settings that are given.
    ChangeSettings(SettingsChange),
    /// Add a key. The secret itself never gets here.
    CreateKey {
        /// SHA-256 of the secret.
        secret_sha256: [u8; 32],
        /// Name for people.
        name: Box<str>,
        /// What it may do.
        scopes: KeyScopes,
        /// The only customer that it sees.
        customer: Option<(CustomerNumber, Box<str>)>,
    },
    /// End a key; it is refused from the moment that the reply leaves.
    RevokeKey(KeyId),
    /// Make a rate card, or replace one.
    SetRateCard {
        /// Which one; `None` = a new one.
        id: Option<RateCardId>,
        /// What it says.
        card: RateCardAsked,
    },
    /// Remove a rate card. Rows that it priced keep its id and version.
    DeleteRateCard(RateCardId),
    /// Make a grant of a plan.
    CreatePlanGrant(PlanGrantAsked),
    /// Change a grant of a plan, for all who are enrolled, from their next period.
    UpdatePlanGrant {
        /// Which one.
        id: GrantId,
        /// What changes.
        change: GrantChange,
    },
    /// End a grant of a plan: no period begins any more.
    DeletePlanGrant(GrantId),
    /// Move the clock of a tenant in test mode forward, to this instant.
    MoveClock(Timestamp),
    /// Make a webhook endpoint.
    CreateWebhookEndpoint(CreateWebhookEndpoint),
    /// Change a webhook endpoint.
    UpdateWebhookEndpoint(UpdateWebhookEndpoint),
    /// Exchange what signs.
    RotateWebhookSecret {
        /// Of which endpoint.
        id: WebhookEndpointId,
        /// What signs from now on; made by the edge.
        secret: WebhookSecret,
        /// Seconds for which what signed until now goes on beside it.
        overlap_s: u32,
    },
    /// Send nothing to a webhook endpoint any more; sent by whoever delivers.
    DisableWebhookEndpoint {
        /// Which one.
        id: WebhookEndpointId,
        /// Why.
        why: WebhookDisabled,
    },
    /// Remove a webhook endpoint.
    DeleteWebhookEndpoint(WebhookEndpointId),
}

/// A rate card as a request gives it; see [`RateCard`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateCardAsked {
    /// Which meter.
    pub meter: Box<str>,
    /// The property of an event that says how much was used.
    pub quantity_property: Option<Box<str>>,
    /// First instant at which it counts; `None` = now.
    pub valid_from: Option<Timestamp>,
    /// First instant at which it does not any more.
    pub valid_to: Option<Timestamp>,
    /// Properties that the usage must have.
    pub filters: Metadata,
    /// At least one.
    pub tiers: Vec<Tier>,
    /// At least so much for any usage.
    pub minimum: Credits,
}

/// What was decided about a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantFacts {
    /// The instant of the turn.
    pub at: Timestamp,
    /// What changed.
    pub effect: TenantEffect,
}

/// What changed about a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantEffect {
    /// It was made.
    Created {
        /// Its name.
        name: Box<str>,
        /// Whether it may have a clock of its own.
        test_mode: bool,
    },
    /// Its settings are these now.
    SettingsSet(Settings),
    /// A key is this now: made or revoked.
    KeySet(ApiKey),
    /// A rate card is this now.
    RateCardSet(Box<RateCard>),
    /// A rate card is gone.
    RateCardDeleted(RateCardId),
    /// A grant of a plan is this now: made, changed or deleted.
    PlanGrantSet(Box<PlanGrant>),
    /// The clock stands here now.
    ClockMoved(Timestamp),
    /// A webhook endpoint is this now.
    WebhookEndpointSet(Box<WebhookEndpoint>),
    /// A webhook endpoint is gone.
    WebhookEndpointDeleted(WebhookEndpointId),
}

/// One record of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// Who asked.
    pub origin: Origin,
    /// What was asked.
    pub command: TenantCommand,
    /// What was decided.
    pub facts: TenantFacts,
}

/// What a tenant's decision needs beside the tenant and the command.
#[derive(Clone, Copy, Debug)]
pub struct TenantContext<'a> {
    /// The instant of the turn; never before the tenant's last record.
    pub now: Timestamp,
    /// The engine's limits.
    pub limits: &'a TenantLimits,
}

impl Tenant {
    /// A tenant that no record has touched yet.
    #[must_use]
    pub fn new(number: TenantNumber) -> Self {
        Self {
            number,
            name: None,
            settings: Settings::default(),
            keys: Vec::new(),
            rate_cards: Vec::new(),
            rate_cards_made: 0,
            plan_grants: Vec::new(),
            plans_version: 0,
            webhooks: Vec::new(),
            webhooks_made: 0,
            test_mode: false,
            test_clock: None,
            version: 0,
            last_at: Timestamp(0),
            last_position: LogPosition(0),
            created_at: Timestamp(0),
        }
    }

    /// The key of this id, revoked or not.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&ApiKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The key with this secret, if it is not revoked. Linear: the edge keeps a map of its own.
    #[must_use]
    pub fn key_by_secret(&self, secret_sha256: &[u8; 32]) -> Option<&ApiKey> {
        self.keys.iter().find(|key| key.secret_sha256 == *secret_sha256 && key.revoked_at.is_none())
    }
}

/// Decides a tenant's command. Pure.
///
/// # Errors
/// [`Refusal::NotFound`], [`Refusal::AlreadyExists`], [`Refusal::InvalidOperation`], [`Refusal::LimitReached`].
pub fn decide(
    tenant: &Tenant,
    command: &TenantCommand,
    context: &TenantContext<'_>,
) -> Result<TenantFacts, Refusal> {
    let now = context.now;
    debug_assert!(now >= tenant.last_at, "the shell never lets time run back");
    let effect = match command {
        TenantCommand::Create { name, test_mode } if tenant.name.is_none() => {
            TenantEffect::Created { name: name.clone(), test_mode: *test_mode }
        }
        TenantCommand::Create { .. } => return Err(Refusal::AlreadyExists("tenant")),
        TenantCommand::SetSettings(_)
        | TenantCommand::ChangeSettings(_)
        | TenantCommand::CreateKey { .. }
        | TenantCommand::RevokeKey(_)
        | TenantCommand::SetRateCard { .. }
        | TenantCommand::DeleteRateCard(_)
        | TenantCommand::CreatePlanGrant(_)
        | TenantCommand::UpdatePlanGrant { .. }
        | TenantCommand::DeletePlanGrant(_)
        | TenantCommand::MoveClock(_)
        | TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. }
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_)
            if tenant.name.is_none() =>
        {
            return Err(Refusal::NotFound("tenant"));
        }
        TenantCommand::SetSettings(settings) => TenantEffect::SettingsSet(settings.clone()),
        TenantCommand::ChangeSettings(change) => TenantEffect::SettingsSet(change.over(&tenant.settings)),
        TenantCommand::CreateKey { secret_sha256, name, scopes, customer } => TenantEffect::KeySet(ApiKey {
            id: next_key_id(tenant, secret_sha256, context)?,
            secret_sha256: *secret_sha256,
            name: name.clone(),
            scopes: *scopes,
            customer: customer.clone(),
            created_at: now,
            revoked_at: None,
        }),
        TenantCommand::RevokeKey(id) => TenantEffect::KeySet(revoked(tenant, *id, now)?),
        TenantCommand::SetRateCard { id, card } => {
            TenantEffect::RateCardSet(Box::new(rate_card::set(tenant, *id, card, context)?))
        }
        TenantCommand::DeleteRateCard(id) => TenantEffect::RateCardDeleted(rate_card::known(tenant, *id)?.id),
        TenantCommand::CreatePlanGrant(asked) => {
            TenantEffect::PlanGrantSet(Box::new(grant::create(tenant, asked, context)?))
        }
        TenantCommand::UpdatePlanGrant { id, change } => {
            TenantEffect::PlanGrantSet(Box::new(grant::update(tenant, *id, change, context)?))
        }
        TenantCommand::DeletePlanGrant(id) => {
            TenantEffect::PlanGrantSet(Box::new(grant::delete(tenant, *id, context)?))
        }
        TenantCommand::MoveClock(to) => TenantEffect::ClockMoved(moved_clock(tenant, *to, now)?),
        TenantCommand::CreateWebhookEndpoint(asked) => endpoint_set(webhook::create(tenant, asked, context)?),
        TenantCommand::UpdateWebhookEndpoint(asked) => endpoint_set(webhook::update(tenant, asked, now)?),
        TenantCommand::RotateWebhookSecret { id, secret, overlap_s } => {
            endpoint_set(webhook::rotate(tenant, (*id, *secret, *overlap_s), now)?)
        }
        TenantCommand::DisableWebhookEndpoint { id, why } => {
            endpoint_set(webhook::disable(tenant, (*id, *why), now)?)
        }
        TenantCommand::DeleteWebhookEndpoint(id) => {
            TenantEffect::WebhookEndpointDeleted(webhook::known(tenant, *id)?.id)
        }
    };
    Ok(TenantFacts { at: now, effect })
}

fn endpoint_set(endpoint: WebhookEndpoint) -> TenantEffect {
    TenantEffect::WebhookEndpointSet(Box::new(endpoint))
}

fn next_key_id(tenant: &Tenant, secret: &[u8; 32], context: &TenantContext<'_>) -> Result<KeyId, Refusal> {
    let max = context.limits.keys_per_tenant_max;
    if tenant.keys.iter().any(|key| key.secret_sha256 == *secret) {
        return Err(Refusal::AlreadyExists("key"));
    }
    if tenant.keys.len() >= max {
        return Err(limit_reached("keys_per_tenant_max", max));
    }
    // Keys are never forgotten, so their number is the counter.
    let counter = u64::try_from(tenant.keys.len()).expect("a usize fits");
    Ok(KeyId::new(context.now, tenant.number, counter))
}

fn revoked(tenant: &Tenant, id: KeyId, now: Timestamp) -> Result<ApiKey, Refusal> {
    let key = tenant.key(id).ok_or(Refusal::NotFound("key"))?;
    if key.revoked_at.is_some() {
        return Err(Refusal::InvalidOperation("the key is revoked already"));
    }
    Ok(ApiKey { revoked_at: Some(now), ..key.clone() })
}

/// Where the clock of a tenant in test mode stands from now on. Never before the instant at which the tenant lives.
fn moved_clock(tenant: &Tenant, to: Timestamp, now: Timestamp) -> Result<Timestamp, Refusal> {
    if !tenant.test_mode {
        return Err(Refusal::InvalidOperation("only a tenant in test mode has a clock of its own"));
    }
    if to < tenant.test_clock.unwrap_or(now).max(now) {
        return Err(Refusal::InvalidOperation("a clock moves forward only"));
    }
    Ok(to)
}

/// A limit's refusal.
pub(super) fn limit_reached(limit: &'static str, max: usize) -> Refusal {
    Refusal::LimitReached { limit, max: u64::try_from(max).expect("a usize fits") }
}

/// Folds facts into the tenant; the same function live and on replay.
pub fn apply(tenant: &mut Tenant, facts: &TenantFacts) {
    match &facts.effect {
        TenantEffect::Created { name, test_mode } => {
            tenant.name = Some(name.clone());
            tenant.test_mode = *test_mode;
            tenant.created_at = facts.at;
        }
        TenantEffect::SettingsSet(settings) => tenant.settings = settings.clone(),
        TenantEffect::KeySet(key) => match tenant.keys.iter_mut().find(|known| known.id == key.id) {
            Some(known) => *known = key.clone(),
            None => tenant.keys.push(key.clone()),
        },
        TenantEffect::RateCardSet(card) => {
            match tenant.rate_cards.iter_mut().find(|known| known.id == card.id) {
                Some(known) => *known = RateCard::clone(card),
                None => {
                    tenant.rate_cards.push(RateCard::clone(card));
                    tenant.rate_cards_made += 1;
                }
            }
        }
        TenantEffect::RateCardDeleted(id) => tenant.rate_cards.retain(|card| card.id != *id),
        TenantEffect::PlanGrantSet(grant) => {
            match tenant.plan_grants.iter_mut().find(|known| known.id == grant.id) {
                Some(known) => *known = PlanGrant::clone(grant),
                None => tenant.plan_grants.push(PlanGrant::clone(grant)),
            }
            tenant.plans_version = grant.version;
        }
        TenantEffect::ClockMoved(now) => tenant.test_clock = Some(*now),
        TenantEffect::WebhookEndpointSet(endpoint) => webhook::set(tenant, endpoint),
        TenantEffect::WebhookEndpointDeleted(id) => tenant.webhooks.retain(|known| known.id != *id),
    }
    tenant.version += 1;
}

/// The other half of the fold, when the record has its position in the log.
pub fn bind(tenant: &mut Tenant, facts: &TenantFacts, position: LogPosition) {
    tenant.last_at = facts.at;
    tenant.last_position = position;
    // The newest endpoint, if this is the record that made it.
    if let Some(endpoint) = tenant.webhooks.last_mut().filter(|newest| newest.position == LogPosition(0)) {
        endpoint.position = position;
    }
}
