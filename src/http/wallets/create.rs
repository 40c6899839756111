//! `POST /v1/wallets`.

use axum::http::StatusCode;
use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::command::{Command, CreateWallet, DEFAULT_WALLET_PRIORITY};
use coffer_ledger::fact::Effect;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_ledger::wallet::{WalletHead, WalletType};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reply::WalletReply;
use super::rules::{self, AlertSettingsField, AutoTopUpField};
use crate::engine::{Committed, Target};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields::{self, AdmittedField, Number, PairsField};
use crate::http::reply::Reply;
use crate::http::rfc3339;

/// Bytes of a wallet's name.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// A new wallet. An unknown customer is made with it.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateWallet)]
pub(crate) struct CreateBody<'a> {
    /// The customer's id or external id.
    customer_id: Option<Box<str>>,
    /// The same, for callers who keep them apart.
    external_customer_id: Option<Box<str>>,
    /// Three letters; without it the tenant's default.
    currency: Option<Box<str>>,
    /// Your own code for the unit: 2 to 32 of a-z, 0-9 and _.
    price_unit: Option<Box<str>>,
    /// Money per credit when spending; 0 or absent = 1.
    #[serde(borrow)]
    conversion_rate: Option<Number<'a>>,
    /// Money per credit when buying; absent = `conversion_rate`.
    topup_conversion_rate: Option<Number<'a>>,
    /// Default PRE_PAID.
    wallet_type: Option<WalletTypeField>,
    /// Name for people.
    name: Option<Box<str>>,
    /// Text for people: at most 512 bytes.
    description: Option<Box<str>>,
    /// Your own pairs.
    metadata: Option<PairsField>,
    /// Lower pays first when no wallet is named; default 50.
    priority: Option<u32>,
    /// What the wallet admits; default USAGE for PRE_PAID, ALL for POST_PAID.
    config: Option<ConfigField>,
    /// How far below zero USAGE charges may go; default 0.
    overdraft_limit: Option<Number<'a>>,
    /// Free credit from the start; 0 or absent = none.
    initial_credits_to_load: Option<Number<'a>>,
    /// When it ends: a day as YYYYMMDD, at its first instant in UTC.
    initial_credits_to_load_expiry_date: Option<u32>,
    /// When it ends.
    initial_credits_expiry_date_utc: Option<Box<str>>,
    /// Recharges by themselves.
    #[serde(borrow)]
    auto_topup: Option<AutoTopUpField<'a>>,
    /// What it warns of.
    #[serde(borrow)]
    alert_settings: Option<AlertSettingsField<'a>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// What a wallet admits.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = WalletConfigInput)]
pub(crate) struct ConfigField {
    /// USAGE, FIXED, ALL.
    allowed_price_types: Option<Vec<AdmittedField>>,
}

impl ConfigField {
    /// The price types, if given.
    pub(super) fn read(given: Option<Self>) -> Result<Option<PriceTypes>, ApiError> {
        given
            .and_then(|config| config.allowed_price_types)
            .map(|types| fields::price_types("config.allowed_price_types", &types))
            .transpose()
    }
}

/// Whether a wallet pays use as it happens, or invoices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = WalletType)]
pub(crate) enum WalletTypeField {
    /// Pays use as it happens.
    #[default]
    #[serde(rename = "PRE_PAID")]
    PrePaid,
    /// Pays invoices.
    #[serde(rename = "POST_PAID")]
    PostPaid,
}

/// Makes a wallet.
#[utoipa::path(post, path = "/v1/wallets", tag = "Wallets", request_body = CreateBody, responses((status = 200, body = WalletReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let mut body: CreateBody<'_> = call.json()?;
    let origin = call.origin(body.idempotency_key.take())?;
    let command = read(&call, body)?;
    let name = command.customer.clone();
    let target = Target::NewCustomer(&name);
    let committed = call.submit(target, Command::CreateWallet(command), origin, dry_run).await?;
    let reply = WalletReply::of_committed(call.tenant(), &committed, head(&committed)?);
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}

fn read(call: &Call, body: CreateBody<'_>) -> Result<CreateWallet, ApiError> {
    let wallet_type = body.wallet_type.unwrap_or_default();
    let conversion_rate = rate(body.conversion_rate)?;
    let initial_expires_at = initial_end(
        body.initial_credits_to_load_expiry_date,
        body.initial_credits_expiry_date_utc.as_deref(),
    )?;
    Ok(CreateWallet {
        customer: customer(call, body.customer_id, body.external_customer_id)?,
        currency: currency(body.currency.as_deref())?,
        price_unit: fields::price_unit(body.price_unit.as_deref())?,
        conversion_rate,
        topup_conversion_rate: match body.topup_conversion_rate {
            Some(given) => given.rate("topup_conversion_rate")?,
            None => conversion_rate,
        },
        wallet_type: match wallet_type {
            WalletTypeField::PrePaid => WalletType::PrePaid,
            WalletTypeField::PostPaid => WalletType::PostPaid,
        },
        name: fields::text("name", body.name.filter(|name| !name.is_empty()), NAME_BYTES_MAX)?,
        description: fields::description(body.description)?,
        metadata: fields::metadata(body.metadata)?,
        priority: body.priority.unwrap_or(DEFAULT_WALLET_PRIORITY),
        allowed_price_types: ConfigField::read(body.config)?.unwrap_or(match wallet_type {
            WalletTypeField::PrePaid => PriceTypes::USAGE,
            WalletTypeField::PostPaid => PriceTypes::ALL,
        }),
        overdraft_limit: credits("overdraft_limit", body.overdraft_limit)?,
        initial_credits: credits("initial_credits_to_load", body.initial_credits_to_load)?,
        initial_expires_at,
        rules: rules::read(body.auto_topup, body.alert_settings)?,
    })
}

/// The customer as the request names it. Two names must be of one customer.
fn customer(call: &Call, id: Option<Box<str>>, external: Option<Box<str>>) -> Result<Box<str>, ApiError> {
    let name = match (id, external) {
        (Some(id), Some(external)) => {
            let number = |name: &str| call.engine().resolve(call.tenant(), Target::Customer(name));
            if id != external && (number(&id).is_none() || number(&id) != number(&external)) {
                return Err(ApiError::field(
                    "external_customer_id",
                    "names another customer than customer_id",
                ));
            }
            id
        }
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => return Err(ApiError::field("customer_id", "missing")),
    };
    fields::new_name("customer_id", &name)?;
    Ok(name)
}

/// The currency that is given; an empty one is none, and the tenant's default is taken where the wallet is made.
fn currency(given: Option<&str>) -> Result<Option<Currency>, ApiError> {
    given.filter(|code| !code.is_empty()).map(fields::currency).transpose()
}

fn rate(given: Option<Number<'_>>) -> Result<Rate, ApiError> {
    let rate = given.map_or(Ok(Rate::ZERO), |given| given.rate("conversion_rate"))?;
    Ok(if rate.is_zero() { Rate::ONE } else { rate })
}

fn credits(field: &str, given: Option<Number<'_>>) -> Result<Credits, ApiError> {
    given.map_or(Ok(Credits::ZERO), |given| given.credits(field))
}

fn initial_end(day: Option<u32>, at: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let at = fields::time("initial_credits_expiry_date_utc", at)?;
    match (day.filter(|day| *day != 0), at) {
        (Some(_), Some(_)) => {
            Err(ApiError::field("initial_credits_to_load_expiry_date", "give one end, not two"))
        }
        (Some(day), None) => rfc3339::parse_day(day)
            .map(Some)
            .ok_or_else(|| ApiError::field("initial_credits_to_load_expiry_date", "not a day as YYYYMMDD")),
        (None, at) => Ok(at),
    }
}

/// The wallet as a record left it.
pub(crate) fn head(committed: &Committed) -> Result<&WalletHead, ApiError> {
    match &committed.record.facts.effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => Ok(wallet),
        _ => Err(ApiError::internal("the record of a wallet holds another effect")),
    }
}
