//! A tenant: an isolated workspace with settings and API keys.

use crate::catalog::api_key::{ApiKey, KeyScopes};
use crate::command::Origin;
use crate::ids::{CustomerNumber, KeyId, LogPosition, TenantNumber};
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
    },
    /// Replace the settings.
    SetSettings(Settings),
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
    },
    /// Its settings are these now.
    SettingsSet(Settings),
    /// A key is this now: made or revoked.
    KeySet(ApiKey),
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
        TenantCommand::Create { name } if tenant.name.is_none() => {
            TenantEffect::Created { name: name.clone() }
        }
        TenantCommand::Create { .. } => return Err(Refusal::AlreadyExists("tenant")),
        TenantCommand::SetSettings(_) | TenantCommand::CreateKey { .. } | TenantCommand::RevokeKey(_)
            if tenant.name.is_none() =>
        {
            return Err(Refusal::NotFound("tenant"));
        }
        TenantCommand::SetSettings(settings) => TenantEffect::SettingsSet(settings.clone()),
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
    };
    Ok(TenantFacts { at: now, effect })
}

fn next_key_id(tenant: &Tenant, secret: &[u8; 32], context: &TenantContext<'_>) -> Result<KeyId, Refusal> {
    let max = context.limits.keys_per_tenant_max;
    if tenant.keys.iter().any(|key| key.secret_sha256 == *secret) {
        return Err(Refusal::AlreadyExists("key"));
    }
    if tenant.keys.len() >= max {
        let max = u64::try_from(max).expect("a usize fits");
        return Err(Refusal::LimitReached { limit: "keys_per_tenant_max", max });
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

/// Folds facts into the tenant; the same function live and on replay.
pub fn apply(tenant: &mut Tenant, facts: &TenantFacts) {
    match &facts.effect {
        TenantEffect::Created { name } => {
            tenant.name = Some(name.clone());
            tenant.created_at = facts.at;
        }
        TenantEffect::SettingsSet(settings) => tenant.settings = settings.clone(),
        TenantEffect::KeySet(key) => match tenant.keys.iter_mut().find(|known| known.id == key.id) {
            Some(known) => *known = key.clone(),
            None => tenant.keys.push(key.clone()),
        },
    }
    tenant.version += 1;
}

/// The other half of the fold, when the record has its position in the log.
pub fn bind(tenant: &mut Tenant, facts: &TenantFacts, position: LogPosition) {
    tenant.last_at = facts.at;
    tenant.last_position = position;
}
