//! Messages of payment providers about what became of recharges (SEMANTICS §11). They show no key: they are signed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::error::{ApiError, Code};
use super::reply::Reply;
use crate::feed::payments::NoticeError;

const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// A message that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectorMessage)]
pub(crate) struct TakenReply {
    received: bool,
    /// applied: the recharge ended by it; repeated: it had ended so before; contrary: it had ended otherwise before, which the server
    /// logs for somebody to look at; ignored: it is about no recharge.
    outcome: &'static str,
}

/// Takes a message of Stripe's. For Stripe alone: it shows no key, and is signed with the secret of the endpoint.
///
/// Read are payment_intent.succeeded, .payment_failed and .canceled, invoice.paid, .payment_succeeded, .payment_failed, .voided and
/// .marked_uncollectible, by the recharge's id in their metadata. A message may come any number of times.
#[utoipa::path(post, path = "/v1/connectors/stripe/webhook", tag = "Recharges", request_body = String, responses(
    (status = 200, body = TakenReply, description = "Taken: it is not to be sent again"),
    (status = 400, body = crate::http::error::ErrorBody, description = "validation_error: not signed with this secret, or not a message of Stripe's"),
    (status = 404, body = crate::http::error::ErrorBody, description = "not_found: no recharges are paid through Stripe here"),
))]
pub(crate) async fn stripe(app: Arc<App>, headers: HeaderMap, body: Bytes) -> Result<Reply, ApiError> {
    let Some(payments) = &app.payments else {
        return Err(ApiError::not_found("connector"));
    };
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let outcome = payments.notice(signature, &body).await.map_err(|error| match error {
        NoticeError::Signature(_) | NoticeError::NoSecret => {
            ApiError::new(Code::ValidationError, error.to_string())
        }
        NoticeError::Engine(failure) => failure.into(),
    })?;
    Ok(Reply::json(StatusCode::OK, &TakenReply { received: true, outcome: outcome.as_str() }))
}
