//! Questions about deliveries, and what is asked to be sent again.

use coffer_ledger::ids::WebhookEndpointId;

use super::endpoint::status;
use super::{Broken, Worker};
use crate::feed::webhooks::{Question, WebhookFailure, plan};

/// Tells whoever asks that there is nothing.
pub(super) fn refuse(question: Question, failure: WebhookFailure) {
    match question {
        Question::Status(_, reply) => drop(reply.send(Err(failure))),
        Question::List(_, _, reply) => drop(reply.send(Err(failure))),
        Question::Resend(_, _, reply) => drop(reply.send(Err(failure))),
        Question::Replay(_, _, reply) => drop(reply.send(Err(failure))),
    }
}

impl Worker {
    /// Answers a question.
    pub(super) fn answer(&mut self, question: Question) -> Result<(), Broken> {
        // Whoever has just made an endpoint asks about one that is known.
        self.look_at_endpoints()?;
        const UNKNOWN: WebhookFailure = WebhookFailure::NotFound("webhook endpoint");
        match question {
            Question::Status(id, reply) => {
                let durable = self.log.durable_lsn().0;
                let status = self.endpoints.get(&id).map(|one| status(one, durable, self.now_ms()));
                drop(reply.send(status.ok_or(UNKNOWN)));
            }
            Question::List(id, query, reply) => drop(reply.send(Ok(self.store.list(id, query)?))),
            Question::Resend(id, number, reply) => {
                let answer = match self.store.delivery(id, number)? {
                    Some(delivery) => Ok(self.store.resend(id, &delivery)?),
                    None => Err(WebhookFailure::NotFound("delivery")),
                };
                if let (Ok(_), Some(endpoint)) = (&answer, self.endpoints.get_mut(&id)) {
                    endpoint.pending += 1;
                    endpoint.look_at = 0;
                }
                drop(reply.send(answer));
            }
            Question::Replay(id, after, reply) => {
                let answer = self.replay(id, after)?;
                drop(reply.send(answer));
            }
        }
        Ok(())
    }

    fn replay(
        &mut self,
        id: WebhookEndpointId,
        after: Option<u64>,
    ) -> Result<Result<u64, WebhookFailure>, Broken> {
        let (from, to) = (plan::oldest(&self.log), self.log.durable_lsn().0);
        let cursor = after.unwrap_or(to);
        let Some(endpoint) = self.endpoints.get_mut(&id) else {
            return Ok(Err(WebhookFailure::NotFound("webhook endpoint")));
        };
        if !(from..=to).contains(&cursor) {
            return Ok(Err(WebhookFailure::Place { from, to }));
        }
        self.store.replay(id, cursor)?;
        (endpoint.health.cursor, endpoint.pending, endpoint.look_at) = (cursor, 0, 0);
        Ok(Ok(cursor))
    }
}
