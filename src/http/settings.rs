//! `GET | PUT /v1/settings`: what a tenant decides for all its customers.

use axum::http::StatusCode;
use coffer_ledger::catalog::settings::{PrioritiesChange, SettingsChange};
use coffer_ledger::catalog::tenant::{DefaultPriorities, Settings, TenantCommand, TenantEffect};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::{ApiError, Code};
use super::fields;
use super::reply::Reply;
use crate::engine::TenantOperation;
use crate::feed::payments::Payments;

/// Changes to the settings; absent leaves as it is, null goes back to the default.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateSettings)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsBody {
    /// Burn priority of a new tranche by source.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<PrioritiesField>)]
    default_priorities: Option<Option<PrioritiesField>>,
    /// Currency of a new wallet that names none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    default_currency: Option<Option<Box<str>>>,
    /// IANA zone of customers without one; default UTC.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<Box<str>>>,
    /// The credit of invoiced purchases is there at once, as if they were paid; default false.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    auto_complete: Option<Option<bool>>,
    /// Results of payments are reported: a direct recharge is in flight until its is; default false.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    payment_result: Option<Option<bool>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Burn priorities by source; absent leaves as it is, null goes back to the default.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrioritiesField {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    purchased: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    promotional: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    plan_included: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    refund: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    adjustment: Option<Option<u32>>,
}

/// Tells null from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The settings.
#[utoipa::path(get, path = "/v1/settings", tag = "Administration", responses((status = 200, body = SettingsReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let view = call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))?;
    Ok(Reply::json(StatusCode::OK, &SettingsReply::of(&view.settings)))
}

/// Changes the settings.
#[utoipa::path(put, path = "/v1/settings", tag = "Administration", request_body = SettingsBody, responses((status = 200, body = SettingsReply, description = "Done")))]
pub(crate) async fn update(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mut body: SettingsBody = call.json()?;
    let origin = call.origin(body.idempotency_key.take())?;
    let change = body.read()?;
    let pays = |payments: &Payments| payments.tenant() == call.tenant();
    if change.payment_result == Some(false) && call.app.payments.as_ref().is_some_and(pays) {
        let why = "payment_result: recharges are paid through a connector, which reports results";
        return Err(ApiError::new(Code::InvalidOperation, why));
    }
    let operation = TenantOperation { command: TenantCommand::ChangeSettings(change), origin, dry_run };
    let committed = call.engine().submit_tenant(call.tenant(), operation).await?;
    let TenantEffect::SettingsSet(settings) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of settings holds another effect"));
    };
    Ok(Reply::json(StatusCode::OK, &SettingsReply::of(settings)).of_tenant(&committed))
}

impl SettingsBody {
    /// What is given; null is the default.
    fn read(self) -> Result<SettingsChange, ApiError> {
        let default = Settings::default();
        let currency = |code: Box<str>| {
            fields::currency(&code).map_err(|_| ApiError::field("default_currency", "three letters"))
        };
        if let Some(Some(zone)) = &self.time_zone {
            fields::time_zone("time_zone", zone)?;
        }
        Ok(SettingsChange {
            default_priorities: match self.default_priorities {
                None => PrioritiesChange::default(),
                Some(None) => PrioritiesChange::all(default.default_priorities),
                Some(Some(given)) => given.read(),
            },
            default_currency: self
                .default_currency
                .map(|given| given.map(currency).transpose())
                .transpose()?,
            time_zone: self.time_zone,
            auto_complete: or_default(self.auto_complete, default.auto_complete),
            payment_result: or_default(self.payment_result, default.payment_result),
        })
    }
}

impl PrioritiesField {
    /// What is given; null is the default.
    fn read(self) -> PrioritiesChange {
        let default = DefaultPriorities::default();
        PrioritiesChange {
            purchased: or_default(self.purchased, default.purchased),
            promotional: or_default(self.promotional, default.promotional),
            plan_included: or_default(self.plan_included, default.plan_included),
            refund: or_default(self.refund, default.refund),
            adjustment: or_default(self.adjustment, default.adjustment),
        }
    }
}

/// What a setting becomes, if it is given: null is the default.
fn or_default<T>(given: Option<Option<T>>, default: T) -> Option<T> {
    given.map(|given| given.unwrap_or(default))
}

/// A tenant's settings.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub(crate) struct SettingsReply<'a> {
    default_priorities: PrioritiesReply,
    default_currency: Option<&'a str>,
    time_zone: Option<&'a str>,
    /// Whether the credit of invoiced purchases is there at once.
    auto_complete: bool,
    /// Whether results of payments are reported.
    payment_result: bool,
}

/// Burn priorities by source.
#[derive(Serialize, ToSchema)]
#[schema(as = DefaultPriorities)]
pub(crate) struct PrioritiesReply {
    purchased: u32,
    promotional: u32,
    plan_included: u32,
    refund: u32,
    adjustment: u32,
}

impl<'a> SettingsReply<'a> {
    fn of(settings: &'a Settings) -> Self {
        let priorities = settings.default_priorities;
        Self {
            default_priorities: PrioritiesReply {
                purchased: priorities.purchased,
                promotional: priorities.promotional,
                plan_included: priorities.plan_included,
                refund: priorities.refund,
                adjustment: priorities.adjustment,
            },
            default_currency: settings.default_currency.as_ref().map(|currency| currency.as_str()),
            time_zone: settings.time_zone.as_deref(),
            auto_complete: settings.auto_complete,
            payment_result: settings.payment_result,
        }
    }
}
