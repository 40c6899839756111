//! A direct recharge: one PaymentIntent, confirmed at once, its payer not there.

use axum::http::Method;
use serde_json::Value;

use super::{Bill, Outcome, Payer, PaymentId, Step, Stripe, answer, metadata, recharge_of, since};

/// Pays, unless it is paid or being paid.
pub(super) async fn pay(
    stripe: &Stripe,
    bill: &Bill,
    payer: &Payer,
    (amount, is_first): (u64, bool),
) -> Step<Outcome> {
    if !is_first && let Some(intent) = find(stripe, bill, payer, amount).await? {
        return Ok(answer::of_intent(&intent, None));
    }
    let mut form = vec![
        ("amount", amount.to_string()),
        ("currency", bill.currency.to_string()),
        ("customer", payer.customer.clone()),
        ("payment_method", stripe.method(payer).await?),
        ("confirm", "true".to_owned()),
        ("off_session", "true".to_owned()),
    ];
    form.extend(metadata(bill));
    let intent = stripe.post("/v1/payment_intents", form, &bill.id.to_string()).await?;
    Ok(answer::of_intent(&intent, None))
}

/// What became of it.
pub(super) async fn look(stripe: &Stripe, id: &PaymentId) -> Step<Outcome> {
    Ok(answer::of_intent(&get(stripe, id.as_str()).await?, None))
}

/// Cancels it, unless it is over.
pub(super) async fn give_up(stripe: &Stripe, id: &PaymentId) -> Step<Outcome> {
    let intent = get(stripe, id.as_str()).await?;
    if matches!(intent.get("status").and_then(Value::as_str), Some("succeeded" | "canceled")) {
        return Ok(answer::of_intent(&intent, None));
    }
    let cancelled = stripe.end(Method::POST, &format!("/v1/payment_intents/{}/cancel", id.as_str())).await?;
    Ok(cancelled.map_or_else(|| Outcome::Waiting(id.clone()), |intent| answer::of_intent(&intent, None)))
}

pub(super) async fn get(stripe: &Stripe, id: &str) -> Step<Value> {
    stripe.get(&format!("/v1/payment_intents/{id}"), Vec::new()).await
}

/// The intent of this recharge that was asked for before, if it moved, or moves, money: by the customer's charges, which are few.
pub(super) async fn find(stripe: &Stripe, bill: &Bill, payer: &Payer, amount: u64) -> Step<Option<Value>> {
    let query = vec![("customer", payer.customer.clone()), ("created[gt]", since(bill).to_string())];
    let mut intents = Vec::new();
    let candidate = |charge: &Value| {
        let is_of_amount = charge.get("amount").and_then(Value::as_u64) == Some(amount);
        let intent = charge.get("payment_intent").and_then(Value::as_str).filter(|_| is_of_amount);
        intents.extend(intent.map(str::to_owned));
        None::<()>
    };
    stripe.list("/v1/charges", &query, candidate).await?;
    for id in intents {
        let intent = get(stripe, &id).await?;
        if recharge_of(&intent) == Some(bill.id.to_string().as_str()) {
            return Ok(Some(intent));
        }
    }
    Ok(None)
}
