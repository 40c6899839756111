//! Messages that Stripe sends of itself, once their signature is checked.

use coffer_ledger::ids::RechargeId;
use coffer_ledger::recharge::RechargeReason;
use serde_json::Value;

use super::{answer, recharge_of};

/// A message about a recharge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Which one.
    pub(crate) recharge: RechargeId,
    /// What became of it.
    pub(crate) about: About,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The money is there.
    Paid,
    /// It is not, and why.
    Failed(RechargeReason),
}

/// `None` = it is about nothing of ours.
pub(super) fn read(body: &[u8]) -> Option<Notice> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let object = event.pointer("/data/object")?;
    let recharge = recharge_of(object)?.parse().ok()?;
    let reason = || answer::reason_of(object.get("last_payment_error").unwrap_or(&Value::Null));
    let about = match event.get("type")?.as_str()? {
        "payment_intent.succeeded" | "invoice.paid" | "invoice.payment_succeeded" => About::Paid,
        "payment_intent.payment_failed" | "invoice.payment_failed" => About::Failed(reason()),
        "payment_intent.canceled" | "invoice.voided" | "invoice.marked_uncollectible" => {
            About::Failed(RechargeReason::PaymentFailed)
        }
        _ => return None,
    };
    Some(Notice { recharge, about })
}

#[cfg(test)]
mod tests {
    use coffer_ledger::ids::{CustomerNumber, ThingId};
    use serde_json::json;

    use super::*;

    fn event(kind: &str, object: &Value) -> Option<Notice> {
        read(json!({"type": kind, "data": {"object": object}}).to_string().as_bytes())
    }

    #[test]
    fn what_became_of_a_payment_is_read_by_the_recharge_in_the_metadata() {
        let recharge = RechargeId(ThingId::new(coffer_ledger::time::Timestamp(0), CustomerNumber(7), 3));
        let metadata = json!({"recharge_id": recharge.to_string()});
        let object = json!({"metadata": metadata, "last_payment_error": {"code": "expired_card"}});
        let about = |kind| event(kind, &object).map(|notice| (notice.recharge, notice.about));
        for kind in ["payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded"] {
            assert_eq!(about(kind), Some((recharge, About::Paid)), "{kind}");
        }
        for kind in ["payment_intent.payment_failed", "invoice.payment_failed"] {
            assert_eq!(about(kind), Some((recharge, About::Failed(RechargeReason::CardExpired))), "{kind}");
        }
        assert_eq!(about("charge.succeeded"), None);
    }

    #[test]
    fn what_is_about_nothing_of_ours_is_passed_over() {
        assert_eq!(event("payment_intent.succeeded", &json!({"metadata": {}})), None);
        assert_eq!(event("payment_intent.succeeded", &json!({"metadata": {"recharge_id": "x"}})), None);
        assert_eq!(read(b"[]"), None);
        assert_eq!(read(b"not json"), None);
    }
}
