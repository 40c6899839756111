//! What nobody shall pay any more: a recharge has ended, and its payment may be there, on its way, or made after all.

use std::time::Duration;

use coffer_ledger::ids::RechargeId;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{Bill, Outcome, PaymentId};
use super::{Count, Desk, RETRY_AFTER_MAX};

/// How long the provider may still work on a request that it has not answered: as long as Stripe's own clients wait, and a half more.
const ANSWER_TAKES_MAX: Duration = Duration::from_secs(120);

/// What is known of a payment that is not wanted any more.
pub(super) struct Unwanted {
    /// Which one it is.
    pub(super) payment: Option<PaymentId>,
    /// Without that: what was asked for, and not answered.
    pub(super) unsure: Option<Bill>,
}

impl Desk {
    /// Asks until the provider has said that nobody can pay it, or that somebody has: then the recharge ended by that, or it is for people.
    pub(super) async fn let_go(&self, id: RechargeId, mut unwanted: Unwanted, notify: &Notify) {
        let (since, mut attempts) = (Instant::now(), 0_u32);
        if unwanted.payment.is_none() && unwanted.unsure.is_none() {
            return;
        }
        loop {
            let Ok(slot) = self.slots.acquire().await else { return };
            let outcome = self.give_up(&unwanted).await;
            drop(slot);
            attempts = attempts.saturating_add(1);
            let rest = match outcome {
                Some(Outcome::Failed { why, .. }) => {
                    tracing::info!(recharge = %id, why, "nobody pays it any more");
                    return;
                }
                Some(Outcome::Paid) if self.paid(id).await => return,
                None if since.elapsed() >= ANSWER_TAKES_MAX => return,
                Some(Outcome::Paid) | None => self.backoff(attempts),
                Some(Outcome::Waiting(payment)) => {
                    tracing::info!(recharge = %id, payment = payment.as_str(), "a payment was not cancelled: it is looked at again");
                    unwanted.payment = Some(payment);
                    self.options.look_every
                }
                Some(Outcome::Later { why, after }) => {
                    self.count(Count::Retried);
                    tracing::warn!(recharge = %id, why, "a payment that is not wanted cannot be looked at; it is tried again");
                    self.backoff(attempts).max(after.unwrap_or_default().min(RETRY_AFTER_MAX))
                }
            };
            self.pause(notify, rest).await;
        }
    }

    /// What became of it; `None` = there is none.
    async fn give_up(&self, unwanted: &Unwanted) -> Option<Outcome> {
        let known = match (&unwanted.payment, &unwanted.unsure) {
            (Some(payment), _) => payment.clone(),
            (None, unsure) => {
                let bill = unsure.as_ref()?;
                match self.stripe.find(bill, bill.payer.as_ref()?).await {
                    Ok(found) => found?,
                    Err(outcome) => return Some(outcome),
                }
            }
        };
        Some(self.stripe.give_up(&known).await)
    }
}
