//! What Stripe's answers mean for a recharge.

use coffer_ledger::recharge::RechargeReason;
use serde_json::Value;

use super::super::{Outcome, PaymentId};
use super::client::{Answer, NoAnswer};

/// What an answer without success means.
pub(super) fn refused(answer: &Answer) -> Outcome {
    let why = said(answer);
    match answer.status {
        402 => {
            let error = answer.body.get("error").unwrap_or(&Value::Null);
            // Nobody shall pay later what has failed.
            let leftover = error.pointer("/payment_intent/id").and_then(Value::as_str).map(PaymentId::from);
            Outcome::Failed { reason: reason_of(error), why, leftover }
        }
        // The operator's to mend: a key that is wrong, or may not do this.
        401 | 403 => Outcome::Later { why, after: answer.retry_after },
        // Another request under this key is on its way, or it was asked for otherwise before: what came of that is looked for.
        409 | 425 | 429 | 500.. => Outcome::Later { why, after: answer.retry_after },
        400 if answer.text("/error/type") == Some("idempotency_error") => {
            Outcome::Later { why, after: answer.retry_after }
        }
        _ => Outcome::Failed { reason: RechargeReason::PaymentRefused, why, leftover: None },
    }
}

/// No answer means nothing: it is asked again.
pub(super) fn unanswered(why: NoAnswer) -> Outcome {
    Outcome::Later { why, after: None }
}

/// What a PaymentIntent's state means. `of`: what is waited for, if not the intent itself.
pub(super) fn of_intent(intent: &Value, of: Option<&str>) -> Outcome {
    let id = intent.get("id").and_then(Value::as_str).unwrap_or_default();
    let id = PaymentId::from(of.unwrap_or(id));
    match intent.get("status").and_then(Value::as_str) {
        Some("succeeded") => Outcome::Paid,
        Some("processing" | "requires_action" | "requires_capture" | "requires_confirmation") => {
            Outcome::Waiting(id)
        }
        Some("requires_payment_method") => {
            let error = intent.get("last_payment_error").unwrap_or(&Value::Null);
            let why = error.get("message").and_then(Value::as_str).unwrap_or("the payment failed").to_owned();
            Outcome::Failed { reason: reason_of(error), why, leftover: Some(id) }
        }
        Some("canceled") => failed("the payment was cancelled at Stripe"),
        other => unknown("PaymentIntent", other),
    }
}

/// What an invoice's state means; `None` = it can be paid.
pub(super) fn of_invoice(invoice: &Value) -> Option<Outcome> {
    match invoice.get("status").and_then(Value::as_str) {
        Some("paid") => Some(Outcome::Paid),
        Some("draft" | "open") => None,
        Some("void" | "uncollectible") => Some(given_up()),
        other => Some(unknown("invoice", other)),
    }
}

/// What an invoice that nobody can pay any more means.
pub(super) fn given_up() -> Outcome {
    failed("the invoice was given up at Stripe")
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed { reason: RechargeReason::PaymentFailed, why: why.to_owned(), leftover: None }
}

fn unknown(what: &str, status: Option<&str>) -> Outcome {
    Outcome::Later { why: format!("an {what} whose status is {status:?}"), after: None }
}

/// Stripe's code in our words: that of the bank where there is one.
pub(super) fn reason_of(error: &Value) -> RechargeReason {
    let text = |name| error.get(name).and_then(Value::as_str);
    match text("decline_code").or_else(|| text("code")) {
        Some("insufficient_funds") => RechargeReason::InsufficientFunds,
        Some("expired_card") => RechargeReason::CardExpired,
        Some(
            "authentication_required"
            | "payment_intent_authentication_failure"
            | "authentication_not_handled"
            | "invoice_payment_intent_requires_action",
        ) => RechargeReason::AuthenticationRequired,
        Some(_) => RechargeReason::CardDeclined,
        None => RechargeReason::PaymentFailed,
    }
}

/// What Stripe says about it, for the operator's log.
fn said(answer: &Answer) -> String {
    let text = |pointer| answer.text(pointer).unwrap_or("-");
    format!(
        "Stripe answered {}: {} (code {}, decline code {})",
        answer.status,
        text("/error/message"),
        text("/error/code"),
        text("/error/decline_code")
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: Value) -> Answer {
        Answer { status, retry_after: None, body }
    }

    fn reason(outcome: &Outcome) -> RechargeReason {
        let Outcome::Failed { reason, .. } = outcome else { panic!("{outcome:?}") };
        *reason
    }

    #[test]
    fn a_decline_says_the_banks_reason_and_what_is_left_to_be_cancelled() {
        let declined = |error: Value| refused(&answer(402, json!({ "error": error })));
        let funds = declined(
            json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
            "payment_intent": {"id": "pi_1"}}),
        );
        assert_eq!(reason(&funds), RechargeReason::InsufficientFunds);
        assert!(matches!(funds, Outcome::Failed { leftover: Some(id), .. } if id.as_str() == "pi_1"));
        assert_eq!(reason(&declined(json!({"code": "card_declined"}))), RechargeReason::CardDeclined);
        assert_eq!(reason(&declined(json!({"code": "expired_card"}))), RechargeReason::CardExpired);
        assert_eq!(
            reason(&declined(json!({"code": "authentication_required"}))),
            RechargeReason::AuthenticationRequired
        );
        assert_eq!(reason(&declined(json!({}))), RechargeReason::PaymentFailed);
    }

    #[test]
    fn what_may_have_happened_or_may_be_mended_is_asked_again() {
        for status in [401, 403, 409, 429, 500, 502, 503, 504] {
            let mut answer = answer(status, Value::Null);
            answer.retry_after = Some(Duration::from_secs(7));
            let outcome = refused(&answer);
            assert!(
                matches!(outcome, Outcome::Later { after: Some(after), .. } if after.as_secs() == 7),
                "{status}"
            );
        }
        let reused = json!({"error": {"type": "idempotency_error"}});
        assert!(matches!(refused(&answer(400, reused)), Outcome::Later { .. }));
    }

    #[test]
    fn what_stripe_does_not_take_fails() {
        let unknown = json!({"error": {"type": "invalid_request_error", "code": "resource_missing"}});
        assert_eq!(reason(&refused(&answer(404, unknown.clone()))), RechargeReason::PaymentRefused);
        assert_eq!(reason(&refused(&answer(400, unknown))), RechargeReason::PaymentRefused);
    }

    #[test]
    fn an_intent_is_paid_waited_for_or_failed() {
        let intent = |status: &str| of_intent(&json!({"id": "pi_1", "status": status}), None);
        assert_eq!(intent("succeeded"), Outcome::Paid);
        for status in ["processing", "requires_action", "requires_capture", "requires_confirmation"] {
            assert_eq!(intent(status), Outcome::Waiting(PaymentId::from("pi_1")), "{status}");
        }
        assert_eq!(reason(&intent("canceled")), RechargeReason::PaymentFailed);
        assert!(matches!(intent("something new"), Outcome::Later { .. }));
        let declined = json!({"id": "pi_1", "status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}});
        assert_eq!(reason(&of_intent(&declined, None)), RechargeReason::CardDeclined);
    }

    #[test]
    fn an_invoice_can_be_paid_or_is_done_with() {
        let invoice = |status: &str| of_invoice(&json!({ "status": status }));
        assert_eq!(invoice("draft"), None);
        assert_eq!(invoice("open"), None);
        assert_eq!(invoice("paid"), Some(Outcome::Paid));
        assert!(matches!(invoice("void"), Some(Outcome::Failed { .. })));
    }
}
