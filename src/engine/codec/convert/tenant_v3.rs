//! Records of tenants in version 3: those of version 2 with what they do not know beside them.

use coffer_ledger::catalog::tenant::{Settings, TenantCommand, TenantEffect};
use coffer_ledger::catalog::webhook::WebhookSecret;

use super::grant::{
    change_again, change_numbers, change_text, create_plan_grant, create_plan_grant_again, grant_text,
    id_again, plan_grant, plan_grant_again,
};
use super::tenant::{
    COMMAND_DISAGREES, FACTS_DISAGREE, OWNER, tenant_command_from_shape, tenant_command_text,
    tenant_command_to_shape, tenant_effect_from_shape, tenant_effect_text, tenant_effect_to_shape,
};
use super::{Mirror, Owner, webhook};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::tenant as shapes;
use crate::engine::codec::v2::tenant as v2;
use crate::engine::codec::v3::grant::UpdateGrant;
use crate::engine::codec::v3::tenant as v3;
use crate::engine::codec::v3::webhook::{DisableEndpoint, RotateSecret};

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
        TenantCommand::CreatePlanGrant(_)
        | TenantCommand::UpdatePlanGrant { .. }
        | TenantCommand::DeletePlanGrant(_)
        | TenantCommand::CreateWebhookEndpoint(_)
        | TenantCommand::UpdateWebhookEndpoint(_)
        | TenantCommand::RotateWebhookSecret { .. }
        | TenantCommand::DisableWebhookEndpoint { .. }
        | TenantCommand::DeleteWebhookEndpoint(_)
        | TenantCommand::ChangeSettings(_) => true,
        TenantCommand::Create { .. }
        | TenantCommand::CreateKey { .. }
        | TenantCommand::RevokeKey(_)
        | TenantCommand::SetRateCard { .. }
        | TenantCommand::DeleteRateCard(_)
        | TenantCommand::MoveClock(_) => false,
    };
    asked
        || match effect {
            TenantEffect::SettingsSet(settings) => settings_need_v3(settings),
            TenantEffect::PlanGrantSet(_)
            | TenantEffect::WebhookEndpointSet(_)
            | TenantEffect::WebhookEndpointDeleted(_) => true,
            TenantEffect::Created { .. }
            | TenantEffect::KeySet(_)
            | TenantEffect::RateCardSet(_)
            | TenantEffect::RateCardDeleted(_)
            | TenantEffect::ClockMoved(_) => false,
        }
}

/// What is public about a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_to_v3(effect: &TenantEffect) -> v3::Effect<'_> {
    match effect {
        TenantEffect::SettingsSet(settings) if settings_need_v3(settings) => {
            v3::Effect::SettingsSet(settings.to_shape(OWNER))
        }
        TenantEffect::PlanGrantSet(grant) => v3::Effect::PlanGrantSet(plan_grant(grant)),
        TenantEffect::WebhookEndpointSet(endpoint) => {
            v3::Effect::WebhookEndpointSet(webhook::numbers(endpoint))
        }
        TenantEffect::WebhookEndpointDeleted(id) => v3::Effect::WebhookEndpointDeleted(id.to_shape(OWNER)),
        effect => v3::Effect::V2(tenant_effect_to_shape(effect)),
    }
}

/// The words of a tenant's effect.
pub(in crate::engine::codec) fn tenant_effect_text_v3(effect: &TenantEffect) -> v3::Text<'_> {
    match effect {
        TenantEffect::PlanGrantSet(grant) => v3::Text::Grant(grant_text(&grant.name, &grant.metadata)),
        TenantEffect::WebhookEndpointSet(endpoint) => v3::Text::WebhookEndpoint(webhook::text(endpoint)),
        effect => v3::Text::V2(tenant_effect_text(effect)),
    }
}

/// What is public about a tenant's command.
pub(in crate::engine::codec) fn tenant_command_to_v3(command: &TenantCommand) -> v3::Command<'_> {
    match command {
        TenantCommand::SetSettings(settings) if settings_need_v3(settings) => {
            v3::Command::SetSettings(settings.to_shape(OWNER))
        }
        TenantCommand::CreatePlanGrant(asked) => v3::Command::CreatePlanGrant(create_plan_grant(asked)),
        TenantCommand::UpdatePlanGrant { id, change } => v3::Command::UpdatePlanGrant(UpdateGrant {
            id: id.to_shape(OWNER),
            change: change_numbers(change, OWNER),
        }),
        TenantCommand::DeletePlanGrant(id) => v3::Command::DeletePlanGrant(id.to_shape(OWNER)),
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

/// The words of a tenant's command.
pub(in crate::engine::codec) fn tenant_command_text_v3(command: &TenantCommand) -> v3::Text<'_> {
    match command {
        TenantCommand::CreatePlanGrant(asked) => v3::Text::Grant(grant_text(&asked.name, &asked.metadata)),
        TenantCommand::UpdatePlanGrant { id: _, change } => v3::Text::GrantChange(change_text(change)),
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
        (v3::Effect::PlanGrantSet(grant), v3::Text::Grant(text)) => {
            Ok(TenantEffect::PlanGrantSet(Box::new(plan_grant_again(grant, text)?)))
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
        (v3::Command::CreatePlanGrant(shape), v3::Text::Grant(text)) => {
            Ok(TenantCommand::CreatePlanGrant(create_plan_grant_again(shape, text)?))
        }
        (v3::Command::UpdatePlanGrant(shape), v3::Text::GrantChange(text)) => {
            let id = id_again(shape.id)?;
            Ok(TenantCommand::UpdatePlanGrant { id, change: change_again(shape.change, text, OWNER)? })
        }
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
        v3::Command::DeletePlanGrant(id) => Ok(TenantCommand::DeletePlanGrant(id_again(id)?)),
        v3::Command::DisableWebhookEndpoint(DisableEndpoint { id, why }) => {
            let (id, why) = (Mirror::from_shape(id, OWNER)?, Mirror::from_shape(why, OWNER)?);
            Ok(TenantCommand::DisableWebhookEndpoint { id, why })
        }
        v3::Command::DeleteWebhookEndpoint(id) => {
            Mirror::from_shape(id, OWNER).map(TenantCommand::DeleteWebhookEndpoint)
        }
        v3::Command::V2(_)
        | v3::Command::CreatePlanGrant(_)
        | v3::Command::UpdatePlanGrant(_)
        | v3::Command::CreateWebhookEndpoint(())
        | v3::Command::UpdateWebhookEndpoint(_)
        | v3::Command::RotateWebhookSecret(_) => Err(COMMAND_DISAGREES),
    }
}
