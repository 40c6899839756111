//! The replies about holds that the demo reads, and what it writes to place one. Fields that it does not compare are left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::call::Call;
use crate::demo::api::SliceReply;

/// A hold's reply, of any verb. A capture's has the last three.
#[derive(Debug, Deserialize)]
pub(crate) struct HoldReply {
    pub(crate) hold_id: String,
    pub(crate) customer_id: String,
    pub(crate) status: String,
    pub(crate) credits: String,
    pub(crate) captured: String,
    pub(crate) released: String,
    pub(crate) held: String,
    pub(crate) expires_at: String,
    pub(crate) over_capture: String,
    pub(crate) slices: Vec<SliceReply>,
    /// `None` in a read.
    pub(crate) recorded_at: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) captured_now: Option<String>,
    pub(crate) shortfall: Option<String>,
}

/// Holds of a customer.
#[derive(Debug, Deserialize)]
pub(crate) struct HoldsReply {
    pub(crate) items: Vec<HoldReply>,
}

/// A refusal's reply.
#[derive(Debug, Deserialize)]
pub(crate) struct RefusalReply {
    pub(crate) code: String,
    pub(crate) details: BTreeMap<String, String>,
}

/// The body that places a call's hold.
pub(crate) fn place_body(call: Call) -> String {
    let (least, most) = call.asked();
    let mut body = json!({
        "expires_in": call.expires_in_s(),
        "over_capture": call.policy().as_str(),
        "feature": "completion",
        "reference_type": "REQUEST",
        "reference_id": format!("row-{}", call.row()),
        "metadata": { "context_tokens": call.0.context_tokens.to_string() },
    });
    if least == most {
        body["credits"] = most.to_string().into();
    } else {
        body["min_credits"] = least.to_string().into();
        body["max_credits"] = most.to_string().into();
    }
    body.to_string()
}
