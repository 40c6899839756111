//! Reading one wallet.

use axum::http::StatusCode;

use super::reply::{RealTimeReply, Shown, WalletReply, WalletSeen};
use utoipa::IntoParams;

use crate::engine::{Seen, Target};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::reply::Reply;

/// What `expand` can ask for.
pub(crate) const BREAKDOWN: &str = "credits_available_breakdown";

/// What a read of wallets can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct Expand {
    /// `credits_available_breakdown`: bought and free credit apart.
    expand: Option<String>,
}

/// A wallet.
#[utoipa::path(get, path = "/v1/wallets/{id}", tag = "Wallets", responses((status = 200, body = WalletReply, description = "Done")), params(Expand))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let shown = Shown { real_time: false, breakdown: wants_breakdown(&call.query()?) };
    let seen = seen(&call).await?;
    Ok(Reply::json(StatusCode::OK, &seen.value.reply(call.tenant(), shown)).seen(&seen))
}

/// A wallet and what can be spent from it now.
#[utoipa::path(get, path = "/v1/wallets/{id}/balance/real-time", tag = "Wallets", responses((status = 200, body = RealTimeReply, description = "Done")), params(Expand))]
pub(crate) async fn real_time(call: Call) -> Result<Reply, ApiError> {
    let shown = Shown { real_time: true, breakdown: wants_breakdown(&call.query()?) };
    let seen = seen(&call).await?;
    Ok(Reply::json(StatusCode::OK, &seen.value.real_time(call.tenant(), shown)).seen(&seen))
}

/// Whether the query expands the breakdown.
pub(crate) fn wants_breakdown(query: &Query) -> bool {
    query.lists("expand", BREAKDOWN)
}

async fn seen(call: &Call) -> Result<Seen<WalletSeen>, ApiError> {
    let id = call.wallet_id()?;
    let seen = call.read(Target::Wallet(id), move |customer, now| WalletSeen::one(customer, id, now)).await?;
    let value = seen.value.ok_or_else(|| ApiError::not_found("wallet"))?;
    Ok(Seen { value, position: seen.position })
}
