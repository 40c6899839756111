//! The replies that the demo reads, and how it asks. Fields that it does not compare are left out.

use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use super::decimal::Amount;
use super::plan::TopUp;
use super::trace::Request;
use crate::cli::client::{Client, Reply};
use crate::cli::exit::{CliError, Code};

/// A debit's reply.
#[derive(Debug, Deserialize)]
pub(crate) struct DebitReply {
    pub(crate) transaction_id: String,
    pub(crate) customer_id: String,
    pub(crate) credits: String,
    pub(crate) shortfall: String,
    pub(crate) balance_before: String,
    pub(crate) balance_after: String,
    pub(crate) available: String,
    pub(crate) slices: Vec<SliceReply>,
    pub(crate) rows: Vec<RowReply>,
    pub(crate) recorded_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SliceReply {
    pub(crate) tranche_id: Option<String>,
    pub(crate) wallet_id: String,
    pub(crate) credits: String,
    pub(crate) source: String,
    pub(crate) expires_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RowReply {
    pub(crate) wallet_id: String,
    pub(crate) credits: String,
    pub(crate) balance_before: String,
    pub(crate) balance_after: String,
}

/// A 402's reply.
#[derive(Debug, Deserialize)]
pub(crate) struct RefusalReply {
    pub(crate) code: String,
    pub(crate) details: RefusalDetails,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RefusalDetails {
    pub(crate) required: String,
    pub(crate) available: String,
    pub(crate) shortfall: String,
}

/// What a customer has.
#[derive(Debug, Deserialize)]
pub(crate) struct BalanceReply {
    pub(crate) posted: String,
    pub(crate) held: String,
    pub(crate) available: String,
    pub(crate) wallets: Vec<WalletReply>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WalletReply {
    pub(crate) id: String,
    pub(crate) posted: String,
    pub(crate) tranches: Vec<TrancheReply>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TrancheReply {
    pub(crate) tranche_id: String,
    pub(crate) source: String,
    pub(crate) original: String,
    pub(crate) remaining: String,
    pub(crate) priority: u32,
    pub(crate) expires_at: Option<String>,
}

/// Sends, expects success, reads the reply.
pub(crate) async fn ask<T: for<'a> Deserialize<'a>>(
    client: &mut Client,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: String,
) -> Result<T, CliError> {
    let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    let reply = client.send(method, path, &headers, body).await;
    let reply = reply.map_err(|error| CliError::new(Code::Failed, format!("{path}: {error}")))?;
    if !(200..300).contains(&reply.status) {
        let said = String::from_utf8_lossy(&reply.body);
        return Err(CliError::new(Code::Failed, format!("{path} was answered {}: {said}", reply.status)));
    }
    parse(&reply).map_err(|problem| CliError::new(Code::Failed, format!("{path}: {problem}")))
}

/// Reads a reply's body.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(reply: &Reply) -> Result<T, String> {
    serde_json::from_slice(&reply.body).map_err(|error| format!("the reply cannot be read: {error}"))
}

/// The body of a debit for a row of the trace.
pub(crate) fn debit_body(request: &Request) -> String {
    let credits = request.credits().to_string();
    // Both forms of a decimal are real input: a JSON number, and a string.
    let credits = if request.row.is_multiple_of(2) { credits } else { format!("\"{credits}\"") };
    let Request { row, context_tokens, generated_tokens, .. } = request;
    format!(
        "{{\"credits\":{credits},\"partial\":{},\"feature\":\"completion\",\"reference_type\":\"REQUEST\",\
         \"reference_id\":\"row-{row}\",\"metadata\":{{\"context_tokens\":\"{context_tokens}\",\
         \"generated_tokens\":\"{generated_tokens}\"}}}}",
        request.partial()
    )
}

/// The body of a top-up.
pub(crate) fn top_up_body(top_up: &TopUp) -> String {
    let bonus = top_up.bonus;
    serde_json::json!({
        "transaction_reason": top_up.reason,
        "credits_to_add": top_up.credits.to_string(),
        "expiry_date_utc": top_up.expires_ns.map(rfc3339),
        "priority": top_up.priority,
        "bonus_credits_to_add": bonus.map(|(credits, _)| credits.to_string()),
        "bonus_credits_expiry_date_utc": bonus.map(|(_, expires_ns)| rfc3339(expires_ns)),
    })
    .as_object()
    .map(|fields| {
        fields.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect()
    })
    .map_or_else(String::new, |fields| Value::Object(fields).to_string())
}

/// Reads a decimal of a reply; the text itself if it is none, for the line that tells the difference.
pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    Amount::parse(text)
        .filter(|amount| amount.to_string() == text)
        .ok_or_else(|| format!("{text:?} is no normal decimal"))
}

/// Nanoseconds since the epoch as RFC 3339.
pub(crate) fn rfc3339(at_ns: u64) -> String {
    let at = chrono::DateTime::<chrono::Utc>::from_timestamp_nanos(i64::try_from(at_ns).unwrap_or(i64::MAX));
    at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// RFC 3339 as nanoseconds since the epoch.
pub(crate) fn nanoseconds(text: &str) -> Result<u64, String> {
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|error| format!("{text:?}: {error}"))?;
    let nanoseconds = at.timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok());
    nanoseconds.ok_or_else(|| format!("{text:?} is out of range"))
}
