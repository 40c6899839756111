//! Tenants: settings, keys, and their records.

use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{DefaultPriorities, Settings, TenantCommand, TenantEffect};
use coffer_ledger::ids::CustomerNumber;

use super::rate_card::{asked_again, asked_numbers, rate_card_numbers};
use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::tenant as shapes;
use crate::engine::codec::v2::tenant as v2;

pub(super) const OWNER: Owner = Owner::NOBODY;
const DEBIT: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const ADMIN: u8 = 8;

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

/// What version 1 has of them.
impl<'a> Mirror<'a, shapes::Settings<'a>> for Settings {
    fn to_shape(&'a self, owner: Owner) -> shapes::Settings<'a> {
        let Self { default_priorities, default_currency, time_zone, auto_complete: _, payment_result: _ } =
            self;
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
            auto_complete: false,
            payment_result: false,
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

/// What is public about a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_to_shape(effect: &TenantEffect) -> v2::Effect<'_> {
    match effect {
        TenantEffect::Created { name: _, test_mode: false } => v2::Effect::V1(shapes::Effect::Created(())),
        TenantEffect::Created { name: _, test_mode: true } => v2::Effect::CreatedForTests(()),
        TenantEffect::SettingsSet(settings) => {
            v2::Effect::V1(shapes::Effect::SettingsSet(settings.to_shape(OWNER)))
        }
        TenantEffect::KeySet(key) => {
            let (numbers, _): (_, shapes::KeyText<'_>) = key.to_shape(OWNER);
            v2::Effect::V1(shapes::Effect::KeySet(numbers))
        }
        TenantEffect::RateCardSet(card) => v2::Effect::RateCardSet(rate_card_numbers(card)),
        TenantEffect::RateCardDeleted(card) => v2::Effect::RateCardDeleted(card.to_shape(OWNER)),
        TenantEffect::ClockMoved(now) => v2::Effect::ClockMoved(now.to_shape(OWNER)),
        TenantEffect::PlanGrantSet(_)
        | TenantEffect::WebhookEndpointSet(_)
        | TenantEffect::WebhookEndpointDeleted(_) => {
            unreachable!("only version 3 holds it, and `tenant_needs_v3` says so")
        }
    }
}

/// The words of a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_text(effect: &TenantEffect) -> v2::Text<'_> {
    match effect {
        TenantEffect::Created { name, test_mode: _ } => v2::Text::V1(shapes::Text::Name(name)),
        TenantEffect::KeySet(key) => v2::Text::V1(shapes::Text::Key(text_of(&key.name, &key.customer))),
        TenantEffect::RateCardSet(card) => v2::Text::Filters(card.filters.to_shape(OWNER)),
        TenantEffect::SettingsSet(_)
        | TenantEffect::RateCardDeleted(_)
        | TenantEffect::PlanGrantSet(_)
        | TenantEffect::ClockMoved(_)
        | TenantEffect::WebhookEndpointDeleted(_) => v2::Text::V1(shapes::Text::Nothing(())),
        TenantEffect::WebhookEndpointSet(_) => {
            unreachable!("only version 3 holds it, and `tenant_needs_v3` says so")
        }
    }
}

/// A tenant's effect of version 1 from its public shape and its words.
pub(in crate::engine::codec) fn tenant_effect_from_v1(
    effect: shapes::Effect<'_>,
    text: shapes::Text<'_>,
) -> Result<TenantEffect, DecodeError> {
    Ok(match (effect, text) {
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
        (_, _) => return Err(FACTS_DISAGREE),
    })
}

pub(super) const FACTS_DISAGREE: DecodeError = DecodeError::PartsDisagree { about: "the tenant's facts" };

/// A tenant's effect from its public shape and its words.
pub(in crate::engine::codec) fn tenant_effect_from_shape<'a>(
    effect: v2::Effect<'a>,
    text: v2::Text<'a>,
) -> Result<TenantEffect, DecodeError> {
    Ok(match (effect, text) {
        (v2::Effect::V1(effect), v2::Text::V1(text)) => tenant_effect_from_v1(effect, text)?,
        (v2::Effect::CreatedForTests(()), v2::Text::V1(shapes::Text::Name(name))) => {
            TenantEffect::Created { name: name.into(), test_mode: true }
        }
        (v2::Effect::RateCardSet(card), v2::Text::Filters(filters)) => {
            TenantEffect::RateCardSet(Mirror::from_shape((card, filters), OWNER)?)
        }
        (v2::Effect::RateCardDeleted(card), v2::Text::V1(shapes::Text::Nothing(()))) => {
            TenantEffect::RateCardDeleted(Mirror::from_shape(card, OWNER)?)
        }
        (v2::Effect::ClockMoved(now), v2::Text::V1(shapes::Text::Nothing(()))) => {
            TenantEffect::ClockMoved(Mirror::from_shape(now, OWNER)?)
        }
        (_, _) => return Err(FACTS_DISAGREE),
    })
}

/// What is public about a tenant's command.
pub(in crate::engine::codec) fn tenant_command_to_shape(command: &TenantCommand) -> v2::Command<'_> {
    match command {
        TenantCommand::Create { name: _, test_mode: false } => v2::Command::V1(shapes::Command::Create(())),
        TenantCommand::Create { name: _, test_mode: true } => v2::Command::CreateForTests(()),
        TenantCommand::SetSettings(settings) => {
            v2::Command::V1(shapes::Command::SetSettings(settings.to_shape(OWNER)))
        }
        TenantCommand::CreateKey { secret_sha256, name: _, scopes, customer } => {
            v2::Command::V1(shapes::Command::CreateKey(shapes::CreateKey {
                secret_sha256: *secret_sha256,
                scopes: scopes.to_shape(OWNER),
                customer: number_of(customer),
            }))
        }
        TenantCommand::RevokeKey(key) => v2::Command::V1(shapes::Command::RevokeKey(key.to_shape(OWNER))),
        TenantCommand::SetRateCard { id, card } => v2::Command::SetRateCard(asked_numbers(*id, card)),
        TenantCommand::DeleteRateCard(card) => v2::Command::DeleteRateCard(card.to_shape(OWNER)),
        TenantCommand::MoveClock(now) => v2::Command::MoveClock(now.to_shape(OWNER)),
        TenantCommand::CreatePlanGrant(_)
        | TenantCommand::UpdatePlanGrant { .. }
        | TenantCommand::DeletePlanGrant(_)
        | TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. }
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_)
        | TenantCommand::ChangeSettings(_) => {
            unreachable!(
                "only a newer version holds it, and `tenant_needs_v3` or `tenant_command_to_v4` says so"
            )
        }
    }
}

/// The words of a tenant's command.
pub(in crate::engine::codec) fn tenant_command_text(command: &TenantCommand) -> v2::Text<'_> {
    match command {
        TenantCommand::Create { name, test_mode: _ } => v2::Text::V1(shapes::Text::Name(name)),
        TenantCommand::CreateKey { name, customer, .. } => {
            v2::Text::V1(shapes::Text::Key(text_of(name, customer)))
        }
        TenantCommand::SetRateCard { id: _, card } => v2::Text::Filters(card.filters.to_shape(OWNER)),
        TenantCommand::SetSettings(_)
        | TenantCommand::ChangeSettings(_)
        | TenantCommand::RevokeKey(_)
        | TenantCommand::DeleteRateCard(_)
        | TenantCommand::CreatePlanGrant(_)
        | TenantCommand::UpdatePlanGrant { .. }
        | TenantCommand::DeletePlanGrant(_)
        | TenantCommand::MoveClock(_)
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_) => v2::Text::V1(shapes::Text::Nothing(())),
        TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. } => {
            unreachable!("only version 3 holds it, and `tenant_needs_v3` says so")
        }
    }
}

/// A tenant's command of version 1 from its public shape and its words.
pub(in crate::engine::codec) fn tenant_command_from_v1(
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
        (_, _) => return Err(COMMAND_DISAGREES),
    })
}

pub(super) const COMMAND_DISAGREES: DecodeError =
    DecodeError::PartsDisagree { about: "the tenant's command" };

/// A tenant's command from its public shape and its words.
pub(in crate::engine::codec) fn tenant_command_from_shape(
    shape: v2::Command<'_>,
    text: v2::Text<'_>,
) -> Result<TenantCommand, DecodeError> {
    Ok(match (shape, text) {
        (v2::Command::V1(shape), v2::Text::V1(text)) => tenant_command_from_v1(shape, text)?,
        (v2::Command::CreateForTests(()), v2::Text::V1(shapes::Text::Name(name))) => {
            TenantCommand::Create { name: name.into(), test_mode: true }
        }
        (v2::Command::SetRateCard(card), v2::Text::Filters(filters)) => {
            let (id, card) = asked_again(card, filters)?;
            TenantCommand::SetRateCard { id, card }
        }
        (v2::Command::DeleteRateCard(card), v2::Text::V1(shapes::Text::Nothing(()))) => {
            TenantCommand::DeleteRateCard(Mirror::from_shape(card, OWNER)?)
        }
        (v2::Command::MoveClock(now), v2::Text::V1(shapes::Text::Nothing(()))) => {
            TenantCommand::MoveClock(Mirror::from_shape(now, OWNER)?)
        }
        (_, _) => return Err(COMMAND_DISAGREES),
    })
}
