//! `PUT /v1/wallets/{id}`: what is given changes.

use axum::http::StatusCode;
use coffer_ledger::command::{Command, UpdateWallet};
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::{ConfigField, NAME_BYTES_MAX, head};

use super::reply::WalletReply;
use super::rules::{AlertSettingsField, AutoTopUpField};
use crate::engine::Target;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField};
use crate::http::reply::Reply;

/// Changes to a wallet; absent and null leave as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateWallet)]
pub(crate) struct UpdateBody<'a> {
    /// New name for people; empty leaves as it is.
    name: Option<Box<str>>,
    /// New text for people.
    description: Option<Box<str>>,
    /// New pairs, replaced whole.
    metadata: Option<PairsField>,
    /// New priority.
    priority: Option<u32>,
    /// New admission.
    config: Option<ConfigField>,
    /// New limit; lowering it touches no debt.
    #[serde(borrow)]
    overdraft_limit: Option<Number<'a>>,
    /// What changes of automatic top-up; the rest stays.
    #[serde(borrow)]
    auto_topup: Option<AutoTopUpField<'a>>,
    /// What it warns of; replaced whole.
    #[serde(borrow)]
    alert_settings: Option<AlertSettingsField<'a>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Changes a wallet's settings.
#[utoipa::path(put, path = "/v1/wallets/{id}", tag = "Wallets", request_body = UpdateBody, responses((status = 200, body = WalletReply, description = "Done")))]
pub(crate) async fn update(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let wallet = call.wallet_id()?;
    let body: UpdateBody<'_> = call.json()?;
    let origin = call.origin(body.idempotency_key)?;
    let command = Command::UpdateWallet(UpdateWallet {
        wallet,
        name: fields::text("name", body.name.filter(|name| !name.is_empty()), NAME_BYTES_MAX)?,
        description: fields::description(body.description)?,
        metadata: body.metadata.map(|given| fields::metadata(Some(given))).transpose()?,
        priority: body.priority,
        allowed_price_types: ConfigField::read(body.config)?,
        overdraft_limit: body.overdraft_limit.map(|given| given.credits("overdraft_limit")).transpose()?,
        alerts: body.alert_settings.map(|alerts| alerts.read().map(Box::new)).transpose()?,
        auto_topup: body.auto_topup.map(|change| change.read().map(Box::new)).transpose()?,
    });
    let committed = call.submit(Target::Wallet(wallet), command, origin, dry_run).await?;
    let reply = WalletReply::of_committed(call.tenant(), &committed, head(&committed)?);
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}
