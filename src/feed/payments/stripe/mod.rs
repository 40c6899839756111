//! Stripe: a recharge becomes a PaymentIntent, or an Invoice if it is invoiced, and what becomes of that comes back.
//!
//! Written over Stripe's plain HTTP API. The recharge's id is the idempotency key, and stands in the metadata. Stripe forgets keys after a
//! day; whoever asks again therefore first looks whether there is a payment already. Absent on purpose: refunds, which are for people.
//! Tested here and in `tests/python/stripe.py` (`just stripe`) against a server that keeps state as Stripe does.

mod answer;
mod client;
mod intent;
mod invoice;
mod minor;
mod notice;
mod signature;

use axum::http::Method;
use serde_json::Value;

use self::client::{Answer, Client, Form};
pub(super) use self::notice::{About, Notice};
pub use self::signature::SignatureError;
use super::{Bill, Outcome, Payer, PaymentId, PaymentOptions};

/// Objects of a page of a list, as many as Stripe gives.
const PAGE_OBJECTS: usize = 100;
/// Pages of a list that are read at most: ten thousand objects of one customer since the recharge began.
const PAGES_MAX: usize = 100;
/// Seconds by which Stripe's clock and ours may differ.
const CLOCKS_DIFFER_S: u64 = 3_600;

/// What is asked of Stripe.
pub(super) struct Stripe {
    client: Client,
    webhook_secret: super::Hidden,
}

/// Why a step did not lead to the next: then this is the outcome.
pub(super) type Step<T> = Result<T, Outcome>;

impl Stripe {
    /// # Errors
    /// When the machine's authorities cannot be read.
    pub(super) fn new(options: &PaymentOptions) -> std::io::Result<Self> {
        Ok(Self { client: Client::new(options)?, webhook_secret: options.webhook_secret.clone() })
    }

    /// Pays a bill, or finds out what became of its payment. `is_first`: nobody can have asked before.
    pub(super) async fn pay(&self, bill: &Bill, payer: &Payer, is_first: bool) -> Outcome {
        let Some(amount) = minor::minor_units(bill.charged, bill.currency) else {
            let why = format!("Stripe cannot charge {} {} exactly", bill.charged, bill.currency);
            return Outcome::Failed {
                reason: coffer_ledger::recharge::RechargeReason::PaymentRefused,
                why,
                leftover: None,
            };
        };
        let paid = match bill.invoice {
            None => intent::pay(self, bill, payer, (amount, is_first)).await,
            Some(_) => invoice::pay(self, bill, payer, (amount, is_first)).await,
        };
        paid.unwrap_or_else(|outcome| outcome)
    }

    /// What became of a payment that is on its way.
    pub(super) async fn look(&self, id: &PaymentId) -> Outcome {
        let looked = async {
            if id.is_invoice() { invoice::look(self, id).await } else { intent::look(self, id).await }
        };
        looked.await.unwrap_or_else(|outcome| outcome)
    }

    /// The payment of a bill that somebody asked for and heard nothing of; `None` = there is none.
    ///
    /// # Errors
    /// The outcome, where it cannot be seen.
    pub(super) async fn find(&self, bill: &Bill, payer: &Payer) -> Step<Option<PaymentId>> {
        let Some(amount) = minor::minor_units(bill.charged, bill.currency) else { return Ok(None) };
        let found = match bill.invoice {
            None => intent::find(self, bill, payer, amount).await?,
            Some(_) => invoice::find(self, bill, payer).await?,
        };
        Ok(found.and_then(|object| object.get("id")?.as_str().map(PaymentId::from)))
    }

    /// Sees to it that nobody pays it later, and says what became of it: failed, unless it is paid or cannot be cancelled while Stripe
    /// works on it.
    pub(super) async fn give_up(&self, id: &PaymentId) -> Outcome {
        let given_up = async {
            if id.is_invoice() { invoice::give_up(self, id).await } else { intent::give_up(self, id).await }
        };
        given_up.await.unwrap_or_else(|outcome| outcome)
    }

    /// A message that Stripe sent, if it is Stripe's; `None` = it is about nothing of ours.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub(super) fn notice(
        &self,
        header: &str,
        body: &[u8],
        now_s: u64,
    ) -> Result<Option<Notice>, SignatureError> {
        signature::verify(self.webhook_secret.reveal(), header, body, now_s)?;
        Ok(notice::read(body))
    }

    async fn get(&self, path: &str, query: Form) -> Step<Value> {
        taken(self.client.get(path, &query).await.map_err(answer::unanswered)?)
    }

    async fn post(&self, path: &str, form: Form, key: &str) -> Step<Value> {
        taken(self.client.post(path, &form, key).await.map_err(answer::unanswered)?)
    }

    /// Ends what nobody wants any more; `None` = not now, says Stripe.
    async fn end(&self, method: Method, path: &str) -> Step<Option<Value>> {
        let answer = self.client.end(method, path).await.map_err(answer::unanswered)?;
        match taken(answer) {
            Ok(object) => Ok(Some(object)),
            Err(Outcome::Failed { .. }) => Ok(None),
            Err(outcome) => Err(outcome),
        }
    }

    /// The payment method: the one that was named, or the customer's default at Stripe.
    async fn method(&self, payer: &Payer) -> Step<String> {
        if let Some(method) = &payer.method {
            return Ok(method.clone());
        }
        let customer = self.get(&format!("/v1/customers/{}", payer.customer), Vec::new()).await?;
        let default = customer.pointer("/invoice_settings/default_payment_method").and_then(Value::as_str);
        default.map(str::to_owned).ok_or_else(|| Outcome::Failed {
            reason: coffer_ledger::recharge::RechargeReason::NoPaymentMethod,
            why: format!(
                "Stripe's customer {} has no default payment method, and the metadata has no {}",
                payer.customer,
                super::METHOD_KEY
            ),
            leftover: None,
        })
    }

    /// The objects of a list, from the newest on, until `found` says what it looked for.
    async fn list<T>(
        &self,
        path: &str,
        query: &Form,
        mut found: impl FnMut(&Value) -> Option<T>,
    ) -> Step<Option<T>> {
        let mut after = None::<String>;
        for _ in 0..PAGES_MAX {
            let mut query = query.clone();
            query.push(("limit", PAGE_OBJECTS.to_string()));
            query.extend(after.take().map(|id| ("starting_after", id)));
            let page = self.get(path, query).await?;
            let objects = page.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if let Some(found) = objects.iter().find_map(&mut found) {
                return Ok(Some(found));
            }
            after = objects.last().and_then(|last| last.get("id")?.as_str()).map(str::to_owned);
            if page.get("has_more").and_then(Value::as_bool) != Some(true) || after.is_none() {
                return Ok(None);
            }
        }
        let why =
            format!("{path} has more than {PAGES_MAX} pages: whether it is paid already cannot be seen");
        Err(Outcome::Later { why, after: None })
    }
}

fn taken(answer: Answer) -> Step<Value> {
    if answer.is_success() { Ok(answer.body) } else { Err(answer::refused(&answer)) }
}

/// The recharge that an object of Stripe's is about.
fn recharge_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/recharge_id")?.as_str()
}

/// What every object says about itself.
fn metadata(bill: &Bill) -> Form {
    vec![
        ("metadata[recharge_id]", bill.id.to_string()),
        ("metadata[wallet_id]", bill.wallet.to_string()),
        ("metadata[customer_id]", bill.customer.clone()),
    ]
}

/// Seconds since 1970 before which nothing of a bill's can be.
fn since(bill: &Bill) -> u64 {
    bill.since_s.saturating_sub(CLOCKS_DIFFER_S)
}
