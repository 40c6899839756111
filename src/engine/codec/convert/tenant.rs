//! Tenants: settings, keys, and their records.

use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{DefaultPriorities, Settings, TenantCommand, TenantEffect};
use coffer_ledger::catalog::webhook::WebhookSecret;
use coffer_ledger::ids::CustomerNumber;

use super::rate_card::{asked_again, asked_numbers, rate_card_numbers};
use super::{Mirror, Owner, webhook};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::tenant as shapes;
use crate::engine::codec::v2::tenant as v2;
use crate::engine::codec::v3::tenant as v3;
use crate::engine::codec::v3::webhook::{DisableEndpoint, RotateSecret};

const OWNER: Owner = Owner::NOBODY;
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

impl<'a> Mirror<'a, v3::Settings<'a>> for Settings {
    fn to_shape(&'a self, owner: Owner) -> v3::Settings<'a> {
        let (auto_complete, payment_result) = (self.auto_complete, self.payment_result);
        v3::Settings { plain: self.to_shape(owner), auto_complete, payment_result }
    }

    fn from_shape(shape: v3::Settings<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v3::Settings { plain, auto_complete, payment_result } = shape;
        Ok(Self { auto_complete, payment_result, ..Mirror::from_shape(plain, owner)? })
    }
}

/// Whether only version 3 holds these settings.
pub(super) fn settings_need_v3(settings: &Settings) -> bool {
    settings.auto_complete || settings.payment_result
}

/// Whether only version 3 holds what was asked of a tenant, or what was decided.
pub(in crate::engine::codec) fn tenant_needs_v3(command: &TenantCommand, effect: &TenantEffect) -> bool {
    let asked = match command {
        TenantCommand::SetSettings(settings) => settings_need_v3(settings),
        TenantCommand::Create { .. }
        | TenantCommand::CreateKey { .. }
        | TenantCommand::RevokeKey(_)
        | TenantCommand::SetRateCard { .. }
        | TenantCommand::DeleteRateCard(_)
        | TenantCommand::MoveClock(_) => false,
        TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. }
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_) => true,
    };
    asked
        || match effect {
            TenantEffect::SettingsSet(settings) => settings_need_v3(settings),
            TenantEffect::Created { .. }
            | TenantEffect::KeySet(_)
            | TenantEffect::RateCardSet(_)
            | TenantEffect::RateCardDeleted(_)
            | TenantEffect::ClockMoved(_) => false,
            TenantEffect::WebhookEndpointSet(_) | TenantEffect::WebhookEndpointDeleted(_) => true,
        }
}

/// What is public about a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_to_v3(effect: &TenantEffect) -> v3::Effect<'_> {
    match effect {
        TenantEffect::SettingsSet(settings) if settings_need_v3(settings) => {
            v3::Effect::SettingsSet(settings.to_shape(OWNER))
        }
        TenantEffect::WebhookEndpointSet(endpoint) => {
            v3::Effect::WebhookEndpointSet(webhook::numbers(endpoint))
        }
        TenantEffect::WebhookEndpointDeleted(id) => v3::Effect::WebhookEndpointDeleted(id.to_shape(OWNER)),
        effect => v3::Effect::V2(tenant_effect_to_shape(effect)),
    }
}

/// What is public about a tenant's command.
pub(in crate::engine::codec) fn tenant_command_to_v3(command: &TenantCommand) -> v3::Command<'_> {
    match command {
        TenantCommand::SetSettings(settings) if settings_need_v3(settings) => {
            v3::Command::SetSettings(settings.to_shape(OWNER))
        }
        TenantCommand::CreateWebhookEndpoint(_) => v3::Command::CreateWebhookEndpoint(()),
        TenantCommand::UpdateWebhookEndpoint(asked) => {
            v3::Command::UpdateWebhookEndpoint(webhook::change_numbers(asked))
        }
        TenantCommand::RotateWebhookSecret { id, secret: _, overlap_s } => {
            let (id, overlap_s) = (id.to_shape(OWNER), *overlap_s);
            v3::Command::RotateWebhookSecret(RotateSecret { id, overlap_s })
        }
        TenantCommand::DisableWebhookEndpoint { id, why } => {
            let (id, why) = (id.to_shape(OWNER), why.to_shape(OWNER));
            v3::Command::DisableWebhookEndpoint(DisableEndpoint { id, why })
        }
        TenantCommand::DeleteWebhookEndpoint(id) => v3::Command::DeleteWebhookEndpoint(id.to_shape(OWNER)),
        command => v3::Command::V2(tenant_command_to_shape(command)),
    }
}

/// The words of a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_text_v3(effect: &TenantEffect) -> v3::Text<'_> {
    match effect {
        TenantEffect::WebhookEndpointSet(endpoint) => v3::Text::WebhookEndpoint(webhook::text(endpoint)),
        effect => v3::Text::V2(tenant_effect_text(effect)),
    }
}

/// The words of a tenant's command.
pub(in crate::engine::codec) fn tenant_command_text_v3(command: &TenantCommand) -> v3::Text<'_> {
    match command {
        TenantCommand::CreateWebhookEndpoint(asked) => {
            v3::Text::WebhookEndpoint(webhook::creation_text(asked))
        }
        TenantCommand::UpdateWebhookEndpoint(asked) => {
            v3::Text::WebhookEndpointChange(webhook::change_text(asked))
        }
        TenantCommand::RotateWebhookSecret { secret, .. } => v3::Text::WebhookSecret(secret.0),
        command => v3::Text::V2(tenant_command_text(command)),
    }
}

/// A tenant's effect from its public shape and its words.
pub(in crate::engine::codec) fn tenant_effect_from_v3<'a>(
    effect: v3::Effect<'a>,
    text: v3::Text<'a>,
) -> Result<TenantEffect, DecodeError> {
    match (effect, text) {
        (v3::Effect::V2(effect), v3::Text::V2(text)) => tenant_effect_from_shape(effect, text),
        (v3::Effect::SettingsSet(settings), v3::Text::V2(v2::Text::V1(shapes::Text::Nothing(())))) => {
            Mirror::from_shape(settings, OWNER).map(TenantEffect::SettingsSet)
        }
        (v3::Effect::WebhookEndpointSet(numbers), v3::Text::WebhookEndpoint(text)) => {
            let endpoint = webhook::endpoint(numbers, text)?;
            Ok(TenantEffect::WebhookEndpointSet(Box::new(endpoint)))
        }
        (v3::Effect::WebhookEndpointDeleted(id), v3::Text::V2(v2::Text::V1(shapes::Text::Nothing(())))) => {
            Mirror::from_shape(id, OWNER).map(TenantEffect::WebhookEndpointDeleted)
        }
        (_, _) => Err(FACTS_DISAGREE),
    }
}

/// A tenant's command from its public shape and its words.
pub(in crate::engine::codec) fn tenant_command_from_v3(
    shape: v3::Command<'_>,
    text: v3::Text<'_>,
) -> Result<TenantCommand, DecodeError> {
    match (shape, text) {
        (v3::Command::V2(shape), v3::Text::V2(text)) => tenant_command_from_shape(shape, text),
        (v3::Command::CreateWebhookEndpoint(()), v3::Text::WebhookEndpoint(text)) => {
            webhook::creation(text).map(TenantCommand::CreateWebhookEndpoint)
        }
        (v3::Command::UpdateWebhookEndpoint(numbers), v3::Text::WebhookEndpointChange(text)) => {
            webhook::change(numbers, text).map(TenantCommand::UpdateWebhookEndpoint)
        }
        (
            v3::Command::RotateWebhookSecret(RotateSecret { id, overlap_s }),
            v3::Text::WebhookSecret(secret),
        ) => {
            let (id, secret) = (Mirror::from_shape(id, OWNER)?, WebhookSecret(secret));
            Ok(TenantCommand::RotateWebhookSecret { id, secret, overlap_s })
        }
        (shape, v3::Text::V2(v2::Text::V1(shapes::Text::Nothing(())))) => wordless(shape),
        (_, _) => Err(COMMAND_DISAGREES),
    }
}

/// A tenant's command that has no words.
fn wordless(shape: v3::Command<'_>) -> Result<TenantCommand, DecodeError> {
    match shape {
        v3::Command::SetSettings(settings) => {
            Mirror::from_shape(settings, OWNER).map(TenantCommand::SetSettings)
        }
        v3::Command::DisableWebhookEndpoint(DisableEndpoint { id, why }) => {
            let (id, why) = (Mirror::from_shape(id, OWNER)?, Mirror::from_shape(why, OWNER)?);
            Ok(TenantCommand::DisableWebhookEndpoint { id, why })
        }
        v3::Command::DeleteWebhookEndpoint(id) => {
            Mirror::from_shape(id, OWNER).map(TenantCommand::DeleteWebhookEndpoint)
        }
        v3::Command::V2(_)
        | v3::Command::CreateWebhookEndpoint(())
        | v3::Command::UpdateWebhookEndpoint(_)
        | v3::Command::RotateWebhookSecret(_) => Err(COMMAND_DISAGREES),
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
        TenantEffect::WebhookEndpointSet(_) | TenantEffect::WebhookEndpointDeleted(_) => {
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

const FACTS_DISAGREE: DecodeError = DecodeError::PartsDisagree { about: "the tenant's facts" };

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
        TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. }
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_) => {
            unreachable!("only version 3 holds it, and `tenant_needs_v3` says so")
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
        | TenantCommand::RevokeKey(_)
        | TenantCommand::DeleteRateCard(_)
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

const COMMAND_DISAGREES: DecodeError = DecodeError::PartsDisagree { about: "the tenant's command" };

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
