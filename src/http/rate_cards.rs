//! `/v1/rate-cards`: what usage of a meter costs (SEMANTICS §19).

use std::sync::Arc;

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::{RateCardAsked, TenantCommand, TenantEffect};
use coffer_ledger::ids::RateCardId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::ApiError;
use super::fields::{self, Number, PairsField};
use super::page::{ListReply, Page, PageFields};
use super::reply::Reply;
use super::wire::{Dec, Id, Pairs, Time};
use crate::engine::{TenantCommitted, TenantOperation, TenantView};

/// Bytes of the name of an event's property.
const PROPERTY_BYTES_MAX: usize = 64;

/// A rate card, whole.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetRateCard)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardBody<'a> {
    /// Which meter: 1 to 64 bytes.
    meter: Box<str>,
    /// The property of an event that says how much was used; `quantity` may also be the event's own field. Absent: its `quantity`, else 1 per
    /// event.
    quantity_property: Option<Box<str>>,
    /// First instant at which it counts; absent = now.
    valid_from: Option<Box<str>>,
    /// First instant at which it does not any more; absent = for ever.
    valid_to: Option<Box<str>>,
    /// Properties that the usage must have. Of several cards that fit, the one with the most counts.
    filters: Option<PairsField>,
    /// Prices in rising order of `up_to`, counted within one event's quantity.
    #[serde(borrow)]
    tiers: Vec<TierBody<'a>>,
    /// At least so many credits for any usage; absent = 0.
    minimum: Option<Number<'a>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// A price for some of the usage.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetTier)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierBody<'a> {
    /// Up to so much; absent in the last: everything beyond the tier before.
    #[serde(borrow)]
    up_to: Option<Number<'a>>,
    /// Credits per unit; 0 or more.
    credits_per_unit: Number<'a>,
}

impl CardBody<'_> {
    fn read(self) -> Result<RateCardAsked, ApiError> {
        let property = self.quantity_property;
        if property.as_ref().is_some_and(|name| name.is_empty() || name.len() > PROPERTY_BYTES_MAX) {
            return Err(ApiError::field("quantity_property", "1 to 64 bytes"));
        }
        Ok(RateCardAsked {
            meter: fields::meter("meter", self.meter)?,
            quantity_property: property,
            valid_from: fields::time("valid_from", self.valid_from.as_deref())?,
            valid_to: fields::time("valid_to", self.valid_to.as_deref())?,
            filters: fields::pairs("filters", self.filters)?,
            tiers: self.tiers.into_iter().map(TierBody::read).collect::<Result<_, _>>()?,
            minimum: self.minimum.map_or(Ok(Credits::ZERO), |minimum| minimum.credits("minimum"))?,
        })
    }
}

impl TierBody<'_> {
    fn read(self) -> Result<Tier, ApiError> {
        Ok(Tier {
            up_to: self.up_to.map(|up_to| up_to.usage("tiers.up_to")).transpose()?,
            credits_per_unit: self.credits_per_unit.rate("tiers.credits_per_unit")?,
        })
    }
}

/// Makes a rate card.
#[utoipa::path(post, path = "/v1/rate-cards", tag = "Rate cards", request_body = CardBody, responses((status = 201, body = CardReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    set(&call, None, StatusCode::CREATED).await
}

/// Replaces a rate card: its next version. What it priced before stays as it was.
#[utoipa::path(put, path = "/v1/rate-cards/{id}", tag = "Rate cards", request_body = CardBody, responses((status = 200, body = CardReply, description = "Done")))]
pub(crate) async fn replace(call: Call) -> Result<Reply, ApiError> {
    let id = card_id(&call)?;
    set(&call, Some(id), StatusCode::OK).await
}

async fn set(call: &Call, id: Option<RateCardId>, status: StatusCode) -> Result<Reply, ApiError> {
    let mut body: CardBody<'_> = call.json()?;
    let key = body.idempotency_key.take();
    let committed = commit(call, TenantCommand::SetRateCard { id, card: body.read()? }, key).await?;
    let TenantEffect::RateCardSet(card) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a rate card holds another effect"));
    };
    let mut reply = CardReply::of(card);
    if id.is_none() && committed.position.0 == 0 {
        reply.id = None;
    }
    Ok(Reply::json(status, &reply).of_tenant(&committed))
}

/// Removes a rate card. Rows that it priced keep its id and version.
#[utoipa::path(delete, path = "/v1/rate-cards/{id}", tag = "Rate cards", responses((status = 204, description = "Done")))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let command = TenantCommand::DeleteRateCard(card_id(&call)?);
    let committed = commit(&call, command, call.key_alone()?).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).of_tenant(&committed))
}

async fn commit(
    call: &Call,
    command: TenantCommand,
    key: Option<Box<str>>,
) -> Result<TenantCommitted, ApiError> {
    call.check_unbound("it changes no rate card")?;
    let operation = TenantOperation { command, dry_run: call.dry_run()?, origin: call.origin(key)? };
    Ok(call.engine().submit_tenant(call.tenant(), operation).await?)
}

/// A rate card.
#[utoipa::path(get, path = "/v1/rate-cards/{id}", tag = "Rate cards", responses((status = 200, body = CardReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let id = card_id(&call)?;
    let view = view(&call)?;
    let card = view.rate_cards.iter().find(|card| card.id == id).ok_or_else(unknown)?;
    Ok(Reply::json(StatusCode::OK, &CardReply::of(card)))
}

/// Which rate cards.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct CardQuery {
    /// Only cards of this meter.
    meter: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Rate cards of the tenant.
#[utoipa::path(get, path = "/v1/rate-cards", tag = "Rate cards", responses((status = 200, body = ListReply<CardReply>, description = "Done")), params(CardQuery))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    let page: Page<RateCardId> = PageFields::of_query(&query)?.read(&call.app, |text| text.parse().ok())?;
    let view = view(&call)?;
    let wanted = |card: &&RateCard| query.get("meter").is_none_or(|meter| *meter == *card.meter);
    let cut = page.cut(view.rate_cards.iter().filter(wanted).map(|card| card.id).collect());
    let card = |id| view.rate_cards.iter().find(|card| card.id == id);
    let items: Vec<_> = cut.keys.iter().filter_map(|id| card(*id)).map(CardReply::of).collect();
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination: cut.pagination(|id| id.to_string()) }))
}

fn card_id(call: &Call) -> Result<RateCardId, ApiError> {
    call.param("id").parse().map_err(|_| unknown())
}

fn unknown() -> ApiError {
    ApiError::not_found("rate card")
}

fn view(call: &Call) -> Result<Arc<TenantView>, ApiError> {
    call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))
}

/// A rate card.
#[derive(Serialize, ToSchema)]
#[schema(as = RateCard)]
pub(crate) struct CardReply<'a> {
    /// Null for a dry run that would make one.
    id: Option<Id>,
    /// How often it was set, from 1; ledger rows say which version priced them.
    version: u64,
    meter: &'a str,
    quantity_property: Option<&'a str>,
    valid_from: Time,
    valid_to: Option<Time>,
    #[schema(value_type = Pairs)]
    filters: Pairs<'a>,
    tiers: Vec<TierReply>,
    minimum: Dec,
}

/// A price for some of the usage.
#[derive(Serialize, ToSchema)]
#[schema(as = Tier)]
pub(crate) struct TierReply {
    /// Null: everything beyond the tier before.
    up_to: Option<Dec>,
    credits_per_unit: Dec,
}

impl<'a> CardReply<'a> {
    fn of(card: &'a RateCard) -> Self {
        let tier = |tier: &Tier| TierReply {
            up_to: tier.up_to.map(Dec::from),
            credits_per_unit: tier.credits_per_unit.into(),
        };
        Self {
            id: Some(card.id.into()),
            version: card.version,
            meter: &card.meter,
            quantity_property: card.quantity_property.as_deref(),
            valid_from: Time(card.valid_from),
            valid_to: card.valid_to.map(Time),
            filters: Pairs(&card.filters),
            tiers: card.tiers.iter().map(tier).collect(),
            minimum: card.minimum.into(),
        }
    }
}
