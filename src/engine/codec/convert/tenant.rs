//! Tenants: settings, keys, their records and their state.

use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{
    DefaultPriorities, Settings, Tenant, TenantCommand, TenantEffect, TenantFacts,
};
use coffer_ledger::ids::CustomerNumber;

use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::tenant as shapes;

const OWNER: Owner = Owner::NOBODY;
const DEBIT: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const ADMIN: u8 = 8;

impl<'a> Mirror<'a, shapes::Tenant<'a>> for Tenant {
    fn to_shape(&'a self, owner: Owner) -> shapes::Tenant<'a> {
        let Self { number, name, settings, keys, version, last_at, last_position, created_at, .. } = self;
        shapes::Tenant {
            number: number.to_shape(owner),
            name: name.to_shape(owner),
            settings: settings.to_shape(owner),
            keys: keys.to_shape(owner),
            version: *version,
            last_at: last_at.to_shape(owner),
            last_position: last_position.to_shape(owner),
            created_at: created_at.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Tenant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Tenant { number, name, settings, keys, version, last_at, last_position, created_at } =
            shape;
        Ok(Self {
            name: Mirror::from_shape(name, owner)?,
            settings: Mirror::from_shape(settings, owner)?,
            keys: Mirror::from_shape(keys, owner)?,
            version,
            last_at: Mirror::from_shape(last_at, owner)?,
            last_position: Mirror::from_shape(last_position, owner)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            ..Self::new(Mirror::from_shape(number, owner)?)
        })
    }
}

impl Mirror<'_, shapes::KeyScopes> for KeyScopes {
    fn to_shape(&self, _: Owner) -> shapes::KeyScopes {
        let Self { debit, read, write, admin } = *self;
        let bits = u8::from(debit) * DEBIT
            + u8::from(read) * READ
            + u8::from(write) * WRITE
            + u8::from(admin) * ADMIN;
        shapes::KeyScopes { bits }
    }

    fn from_shape(shape: shapes::KeyScopes, _: Owner) -> Result<Self, DecodeError> {
        let bits = shape.bits;
        if bits > DEBIT | READ | WRITE | ADMIN {
            return Err(DecodeError::OutOfRange { field: "a set of key scopes", found: u128::from(bits) });
        }
        let has = |bit| bits & bit != 0;
        Ok(Self { debit: has(DEBIT), read: has(READ), write: has(WRITE), admin: has(ADMIN) })
    }
}

impl<'a> Mirror<'a, shapes::Settings<'a>> for Settings {
    fn to_shape(&'a self, owner: Owner) -> shapes::Settings<'a> {
        let Self { default_priorities, default_currency, time_zone } = self;
        let DefaultPriorities { purchased, promotional, plan_included, refund, adjustment } =
            *default_priorities;
        shapes::Settings {
            purchased,
            promotional,
            plan_included,
            refund,
            adjustment,
            default_currency: default_currency.to_shape(owner),
            time_zone: time_zone.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Settings<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Settings {
            purchased,
            promotional,
            plan_included,
            refund,
            adjustment,
            default_currency,
            time_zone,
        } = shape;
        Ok(Self {
            default_priorities: DefaultPriorities {
                purchased,
                promotional,
                plan_included,
                refund,
                adjustment,
            },
            default_currency: Mirror::from_shape(default_currency, owner)?,
            time_zone: Mirror::from_shape(time_zone, owner)?,
        })
    }
}

type KeyCustomer = Option<(CustomerNumber, Box<str>)>;

fn number_of(customer: &KeyCustomer) -> Option<u64> {
    customer.as_ref().map(|(number, _)| number.0)
}

fn text_of<'a>(name: &'a str, customer: &'a KeyCustomer) -> shapes::KeyText<'a> {
    shapes::KeyText { name, customer: customer.as_ref().map(|(_, name)| &**name) }
}

fn customer_of(number: Option<u64>, name: Option<&str>) -> Result<KeyCustomer, DecodeError> {
    match (number, name) {
        (Some(number), Some(name)) => Ok(Some((Mirror::from_shape(number, OWNER)?, name.into()))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(DecodeError::PartsDisagree { about: "the key's customer" }),
    }
}

/// A key is two shapes: numbers, and names that stand in a record's personal part.
impl<'a> Mirror<'a, (shapes::ApiKey, shapes::KeyText<'a>)> for ApiKey {
    fn to_shape(&'a self, owner: Owner) -> (shapes::ApiKey, shapes::KeyText<'a>) {
        let Self { id, secret_sha256, name, scopes, customer, created_at, revoked_at } = self;
        let key = shapes::ApiKey {
            id: id.to_shape(owner),
            secret_sha256: *secret_sha256,
            scopes: scopes.to_shape(owner),
            customer: number_of(customer),
            created_at: created_at.to_shape(owner),
            revoked_at: revoked_at.to_shape(owner),
        };
        (key, text_of(name, customer))
    }

    fn from_shape(shape: (shapes::ApiKey, shapes::KeyText<'a>), owner: Owner) -> Result<Self, DecodeError> {
        let (shapes::ApiKey { id, secret_sha256, scopes, customer, created_at, revoked_at }, text) = shape;
        Ok(Self {
            id: Mirror::from_shape(id, owner)?,
            secret_sha256,
            name: text.name.into(),
            scopes: Mirror::from_shape(scopes, owner)?,
            customer: customer_of(customer, text.customer)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            revoked_at: Mirror::from_shape(revoked_at, owner)?,
        })
    }
}

impl<'a> Mirror<'a, shapes::WholeKey<'a>> for ApiKey {
    fn to_shape(&'a self, owner: Owner) -> shapes::WholeKey<'a> {
        let (key, text) = self.to_shape(owner);
        shapes::WholeKey { key, text }
    }

    fn from_shape(shape: shapes::WholeKey<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Mirror::from_shape((shape.key, shape.text), owner)
    }
}

/// What is public about a tenant's facts.
pub(in crate::engine::codec) fn tenant_facts_to_shape(facts: &TenantFacts) -> shapes::PublicFacts<'_> {
    let TenantFacts { at, effect } = facts;
    let effect = match effect {
        TenantEffect::Created { .. } => shapes::Effect::Created(()),
        TenantEffect::SettingsSet(settings) => shapes::Effect::SettingsSet(settings.to_shape(OWNER)),
        TenantEffect::KeySet(key) => {
            let (numbers, _): (_, shapes::KeyText<'_>) = key.to_shape(OWNER);
            shapes::Effect::KeySet(numbers)
        }
        _ => todo!("wip: codec"),
    };
    shapes::PublicFacts { at: at.to_shape(OWNER), effect }
}

/// The words of a tenant's facts, and the idempotency key before them.
pub(in crate::engine::codec) fn tenant_facts_text<'a>(
    key: Option<&'a str>,
    effect: &'a TenantEffect,
) -> shapes::FactTexts<'a> {
    let effect = match effect {
        TenantEffect::Created { name, .. } => shapes::Text::Name(name),
        TenantEffect::SettingsSet(_) => shapes::Text::Nothing(()),
        TenantEffect::KeySet(key) => shapes::Text::Key(text_of(&key.name, &key.customer)),
        _ => todo!("wip: codec"),
    };
    shapes::FactTexts { idempotency_key: key, effect }
}

/// A tenant's facts from their public shape and their words.
pub(in crate::engine::codec) fn tenant_facts_from_shape(
    shape: shapes::PublicFacts<'_>,
    text: shapes::Text<'_>,
) -> Result<TenantFacts, DecodeError> {
    let shapes::PublicFacts { at, effect } = shape;
    let effect = match (effect, text) {
        (shapes::Effect::Created(()), shapes::Text::Name(name)) => {
            TenantEffect::Created { name: name.into(), test_mode: false }
        }
        (shapes::Effect::SettingsSet(settings), shapes::Text::Nothing(())) => {
            TenantEffect::SettingsSet(Mirror::from_shape(settings, OWNER)?)
        }
        (shapes::Effect::KeySet(key), shapes::Text::Key(text)) => {
            TenantEffect::KeySet(Mirror::from_shape((key, text), OWNER)?)
        }
        // Only pairs that fit are named above; whatever else stands together was never written together.
        (_, _) => return Err(DecodeError::PartsDisagree { about: "the tenant's facts" }),
    };
    Ok(TenantFacts { at: Mirror::from_shape(at, OWNER)?, effect })
}

/// What is public about a tenant's command.
pub(in crate::engine::codec) fn tenant_command_to_shape(command: &TenantCommand) -> shapes::Command<'_> {
    match command {
        TenantCommand::Create { .. } => shapes::Command::Create(()),
        TenantCommand::SetSettings(settings) => shapes::Command::SetSettings(settings.to_shape(OWNER)),
        TenantCommand::CreateKey { secret_sha256, name: _, scopes, customer } => {
            shapes::Command::CreateKey(shapes::CreateKey {
                secret_sha256: *secret_sha256,
                scopes: scopes.to_shape(OWNER),
                customer: number_of(customer),
            })
        }
        TenantCommand::RevokeKey(key) => shapes::Command::RevokeKey(key.to_shape(OWNER)),
        _ => todo!("wip: codec"),
    }
}

/// The words of a tenant's command.
pub(in crate::engine::codec) fn tenant_command_text(command: &TenantCommand) -> shapes::Text<'_> {
    match command {
        TenantCommand::Create { name, .. } => shapes::Text::Name(name),
        TenantCommand::CreateKey { name, customer, .. } => shapes::Text::Key(text_of(name, customer)),
        TenantCommand::SetSettings(_) | TenantCommand::RevokeKey(_) => shapes::Text::Nothing(()),
        _ => todo!("wip: codec"),
    }
}

/// A tenant's command from its public shape and its words.
pub(in crate::engine::codec) fn tenant_command_from_shape(
    shape: shapes::Command<'_>,
    text: shapes::Text<'_>,
) -> Result<TenantCommand, DecodeError> {
    Ok(match (shape, text) {
        (shapes::Command::Create(()), shapes::Text::Name(name)) => {
            TenantCommand::Create { name: name.into(), test_mode: false }
        }
        (shapes::Command::SetSettings(settings), shapes::Text::Nothing(())) => {
            TenantCommand::SetSettings(Mirror::from_shape(settings, OWNER)?)
        }
        (shapes::Command::CreateKey(key), shapes::Text::Key(text)) => TenantCommand::CreateKey {
            secret_sha256: key.secret_sha256,
            name: text.name.into(),
            scopes: Mirror::from_shape(key.scopes, OWNER)?,
            customer: customer_of(key.customer, text.customer)?,
        },
        (shapes::Command::RevokeKey(key), shapes::Text::Nothing(())) => {
            TenantCommand::RevokeKey(Mirror::from_shape(key, OWNER)?)
        }
        // Only pairs that fit are named above; whatever else stands together was never written together.
        (_, _) => return Err(DecodeError::PartsDisagree { about: "the tenant's command" }),
    })
}
