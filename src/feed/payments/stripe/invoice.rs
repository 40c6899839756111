//! An invoiced recharge: an Invoice with one line, charged at once to the payment method.
//!
//! Nothing else that waits for an invoice of the customer's gets onto it, and Stripe does not collect it by itself: what is not paid now
//! fails, and is voided.

use axum::http::Method;
use serde_json::Value;

use super::{Bill, Outcome, Payer, PaymentId, Step, Stripe, answer, intent, metadata, recharge_of, since};

/// Pays, unless it is paid or being paid; goes on with what was begun.
pub(super) async fn pay(
    stripe: &Stripe,
    bill: &Bill,
    payer: &Payer,
    (amount, is_first): (u64, bool),
) -> Step<Outcome> {
    let found = if is_first { None } else { find(stripe, bill, payer).await? };
    let invoice = match found {
        Some(invoice) => invoice,
        None => create(stripe, bill, payer).await?,
    };
    let id = id_of(&invoice)?;
    if let Some(outcome) = standing(stripe, &invoice).await? {
        return Ok(outcome);
    }
    if invoice.get("total").and_then(Value::as_u64) == Some(0) {
        add_line(stripe, bill, payer, (&id, amount)).await?;
    }
    let key = format!("{}/pay", bill.id);
    let paid = stripe.post(&format!("/v1/invoices/{}/pay", id.as_str()), Vec::new(), &key).await;
    let invoice = paid.map_err(|outcome| left_over(outcome, &id))?;
    let standing = standing(stripe, &invoice).await?;
    Ok(standing.unwrap_or(Outcome::Waiting(id)))
}

/// What became of it.
pub(super) async fn look(stripe: &Stripe, id: &PaymentId) -> Step<Outcome> {
    let invoice = stripe.get(&format!("/v1/invoices/{}", id.as_str()), Vec::new()).await?;
    Ok(standing(stripe, &invoice).await?.unwrap_or_else(|| Outcome::Waiting(id.clone())))
}

/// Voids it, or removes it while it is a draft, unless it is over.
pub(super) async fn give_up(stripe: &Stripe, id: &PaymentId) -> Step<Outcome> {
    let path = format!("/v1/invoices/{}", id.as_str());
    let invoice = stripe.get(&path, Vec::new()).await?;
    if let Some(outcome) = answer::of_invoice(&invoice) {
        return Ok(outcome);
    }
    let is_draft = invoice.get("status").and_then(Value::as_str) == Some("draft");
    let ended = if is_draft {
        stripe.end(Method::DELETE, &path).await?
    } else {
        stripe.end(Method::POST, &format!("{path}/void")).await?
    };
    Ok(ended.map_or_else(|| Outcome::Waiting(id.clone()), |_| answer::given_up()))
}

/// What an invoice's state means, by its payment if one was tried; `None` = none was.
async fn standing(stripe: &Stripe, invoice: &Value) -> Step<Option<Outcome>> {
    if let Some(outcome) = answer::of_invoice(invoice) {
        return Ok(Some(outcome));
    }
    let (id, Some(tried)) = (id_of(invoice)?, invoice.get("payment_intent").and_then(Value::as_str)) else {
        return Ok(None);
    };
    let tried = intent::get(stripe, tried).await?;
    let has_failed = tried.get("last_payment_error").is_some_and(|error| !error.is_null());
    if tried.get("status").and_then(Value::as_str) == Some("requires_payment_method") && !has_failed {
        // It was made with the invoice, and nobody has paid with it.
        return Ok(None);
    }
    Ok(Some(left_over(answer::of_intent(&tried, Some(id.as_str())), &id)))
}

/// With a failed payment it is the invoice that is given up.
fn left_over(outcome: Outcome, id: &PaymentId) -> Outcome {
    match outcome {
        Outcome::Failed { reason, why, leftover: _ } => {
            Outcome::Failed { reason, why, leftover: Some(id.clone()) }
        }
        outcome => outcome,
    }
}

async fn create(stripe: &Stripe, bill: &Bill, payer: &Payer) -> Step<Value> {
    let mut form = vec![
        ("customer", payer.customer.clone()),
        ("default_payment_method", stripe.method(payer).await?),
        ("collection_method", "charge_automatically".to_owned()),
        ("auto_advance", "false".to_owned()),
        ("pending_invoice_items_behavior", "exclude".to_owned()),
        ("currency", bill.currency.to_string()),
    ];
    form.extend(metadata(bill));
    form.extend(bill.invoice.map(|invoice| ("metadata[invoice_id]", invoice.to_string())));
    stripe.post("/v1/invoices", form, &format!("{}/invoice", bill.id)).await
}

async fn add_line(
    stripe: &Stripe,
    bill: &Bill,
    payer: &Payer,
    (id, amount): (&PaymentId, u64),
) -> Step<Value> {
    let mut form = vec![
        ("customer", payer.customer.clone()),
        ("invoice", id.as_str().to_owned()),
        ("amount", amount.to_string()),
        ("currency", bill.currency.to_string()),
        ("description", format!("{} credits", bill.credits)),
    ];
    form.extend(metadata(bill));
    stripe.post("/v1/invoiceitems", form, &format!("{}/line", bill.id)).await
}

/// The invoice of this recharge, whatever became of it.
pub(super) async fn find(stripe: &Stripe, bill: &Bill, payer: &Payer) -> Step<Option<Value>> {
    let query = vec![("customer", payer.customer.clone())];
    let (wanted, since) = (bill.id.to_string(), since(bill));
    let found = stripe
        .list("/v1/invoices", &query, |invoice| {
            if recharge_of(invoice) == Some(&wanted) {
                return Some(Some(invoice.clone()));
            }
            // The newest are first: what is older than the recharge is not its invoice.
            let created = invoice.get("created").and_then(Value::as_u64);
            created.is_some_and(|created| created < since).then_some(None)
        })
        .await?;
    Ok(found.flatten())
}

fn id_of(invoice: &Value) -> Step<PaymentId> {
    let id = invoice.get("id").and_then(Value::as_str).filter(|id| PaymentId::from(*id).is_invoice());
    id.map(PaymentId::from)
        .ok_or_else(|| Outcome::Later { why: "an invoice without an id".to_owned(), after: None })
}
