//! Questions about deliveries, and what is asked to be sent again.

use coffer_ledger::ids::WebhookEndpointId;

use super::endpoint::status;
use super::{Broken, Worker};
use crate::feed::webhooks::{Question, WebhookFailure, plan, store};

const UNKNOWN: WebhookFailure = WebhookFailure::NotFound("webhook endpoint");

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
        match question {
            Question::Status(id, reply) => {
                let durable = self.log.durable_lsn().0;
                let status = self.endpoints.get(&id).map(|one| status(one, durable, self.now_ms()));
                drop(reply.send(status.ok_or(UNKNOWN)));
            }
            Question::List(id, query, reply) => {
                let paused_until = self.endpoints.get(&id).map_or(0, |one| one.health.paused_until);
                drop(reply.send(Ok(self.store.list(id, query, paused_until)?)));
            }
            Question::Resend(id, number, reply) => {
                let answer = self.resend(id, number)?;
                drop(reply.send(answer));
            }
            Question::Replay(id, after, reply) => {
                let answer = self.replay(id, after)?;
                drop(reply.send(answer));
            }
        }
        Ok(())
    }

    fn resend(&mut self, id: WebhookEndpointId, number: i64) -> Result<Result<i64, WebhookFailure>, Broken> {
        let Some(delivery) = self.store.delivery(id, number)? else {
            return Ok(Err(WebhookFailure::NotFound("delivery")));
        };
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return Ok(Err(UNKNOWN)) };
        if endpoint.config.disabled.is_some() {
            return Ok(Err(WebhookFailure::Disabled));
        }
        let number = self.store.resend(id, &delivery)?;
        endpoint.pending += 1;
        self.ask_now(id)?;
        Ok(Ok(number))
    }

    /// Somebody wants something sent: the endpoint is not left alone any longer.
    fn ask_now(&mut self, id: WebhookEndpointId) -> Result<(), Broken> {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return Ok(()) };
        (endpoint.health.paused_until, endpoint.look_at) = (0, 0);
        let health = endpoint.health;
        Ok(self.store.at_once(|file| store::set_health(file, id, &health))?)
    }

    fn replay(
        &mut self,
        id: WebhookEndpointId,
        after: Option<u64>,
    ) -> Result<Result<u64, WebhookFailure>, Broken> {
        let (from, to) = (plan::oldest(&self.log), self.log.durable_lsn().0);
        let cursor = after.unwrap_or(to);
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return Ok(Err(UNKNOWN)) };
        if !(from..=to).contains(&cursor) {
            return Ok(Err(WebhookFailure::Place { from, to }));
        }
        self.store.replay(id, cursor)?;
        (endpoint.health.cursor, endpoint.pending) = (cursor, 0);
        self.ask_now(id)?;
        Ok(Ok(cursor))
    }
}
