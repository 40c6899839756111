//! Attempts: which begin, and what becomes of those that have ended.

use std::time::Duration;

use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::catalog::webhook::WebhookDisabled;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::WebhookEndpointId;

use super::judge::judge;
use super::{Broken, Worker};
use crate::engine::TenantOperation;
use crate::feed::webhooks::Outcome;
use crate::feed::webhooks::client::{Answer, Connection, Letter, Sent};
use crate::feed::webhooks::plan::{self, Warm};
use crate::feed::webhooks::sign::signatures;
use crate::feed::webhooks::store::{self, Delivery, DeliveryState, Tried};

/// Deliveries that were settled between two prunings of an endpoint's log.
const PRUNE_EVERY: u64 = 1_000;

/// An attempt that has ended.
pub(super) struct Ended {
    endpoint: WebhookEndpointId,
    /// The endpoint's when it began.
    generation: u64,
    delivery: Delivery,
    sent: Sent,
    took: Duration,
}

impl Worker {
    /// Starts the attempts that are due and for which there is room.
    pub(super) async fn send_what_is_due(&mut self) -> Result<(), Broken> {
        let now = self.now_ms();
        let ids: Vec<_> = self.endpoints.keys().copied().collect();
        for id in ids {
            self.endpoints.entry(id).and_modify(|one| one.kept.retain(Connection::may_be_used));
            let endpoint = &self.endpoints[&id];
            let room = endpoint.room(&self.options, now);
            let room = room.min(self.options.in_flight_max.saturating_sub(self.attempts.len()));
            if room == 0 {
                continue;
            }
            let due = self.store.due(id, now, room, &|lane| endpoint.busy.contains(&lane))?;
            if due.len() < room {
                // Until then nothing changes but by us.
                let next = self.store.next_due(id, now)?.unwrap_or(u64::MAX);
                self.endpoints.entry(id).and_modify(|one| one.look_at = next);
            }
            for delivery in due {
                let place = (delivery.position, delivery.event);
                self.warm.forget_erased(self.engine.erasures());
                let found = plan::event(&self.log, &mut self.names, &self.warm, place).await?;
                self.begin(id, delivery, found);
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: WebhookEndpointId, delivery: Delivery, event: Option<Warm>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.busy.insert(delivery.lane);
        let (client, kept) = (self.client.clone(), endpoint.kept.pop());
        let letter = event.zip(endpoint.url.clone()).map(|(event, url)| {
            let (secrets, id) = (endpoint.config.secrets(self.engine.now()), event.id.to_string());
            let timestamp_s = self.time.wall_s();
            let signatures = signatures(secrets, (&id, timestamp_s), &event.json);
            Letter { url, id, timestamp_s, signatures, body: event.json }
        });
        let generation = endpoint.generation;
        self.attempts.spawn(async move {
            let start = tokio::time::Instant::now();
            let sent = match &letter {
                Some(letter) => client.send(letter, kept).await,
                None => Sent { answer: Answer::Gone, connection: kept, found_dead: false },
            };
            Ended { endpoint: id, generation, delivery, sent, took: start.elapsed() }
        });
    }

    /// Writes down how attempts ended.
    pub(super) async fn settle(&mut self, all: Vec<Ended>) -> Result<(), Broken> {
        // What an attempt says of an endpoint that was changed meanwhile is true of none any more.
        self.look_at_endpoints()?;
        let (now, mut disable, mut settled) = (self.now_ms(), Vec::new(), Vec::new());
        for one in all {
            let Some(endpoint) = self.endpoints.get_mut(&one.endpoint) else { continue };
            endpoint.busy.remove(&one.delivery.lane);
            endpoint.look_at = 0;
            let is_of_now = one.generation == endpoint.generation;
            if one.sent.found_dead {
                endpoint.kept.clear();
            }
            if is_of_now && endpoint.kept.len() < self.options.in_flight_per_endpoint_max {
                endpoint.kept.extend(one.sent.connection);
            }
            let mut random = [0; 8];
            self.engine.random(&mut random);
            let mut health = endpoint.health;
            let judged = judge(
                &one.sent.answer,
                &one.delivery,
                &mut health,
                (now, self.time.wall_s()),
                self.options.wait_scale,
                u64::from_le_bytes(random),
            );
            self.shared.count(judged.outcome);
            if is_of_now {
                endpoint.health = health;
            } else if !one.sent.answer.ends_it() {
                // It is due for the endpoint as it is now.
                continue;
            }
            if judged.tried.state == DeliveryState::Failed {
                self.shared.count(Outcome::GivenUp);
            }
            let since = endpoint.health.failing_since;
            let patience = u64::try_from(self.options.disable_after.as_millis()).unwrap_or(u64::MAX);
            let is_long =
                is_of_now && patience > 0 && since.is_some_and(|since| now.saturating_sub(since) >= patience);
            if judged.is_gone {
                disable.push((one.endpoint, endpoint.generation, WebhookDisabled::Gone));
            } else if is_long {
                disable.push((one.endpoint, endpoint.generation, WebhookDisabled::Failing));
            }
            let took_ms = u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX);
            let tried = Tried { took_ms, ..judged.tried };
            settled.push((one.endpoint, one.delivery, tried, endpoint.health));
        }
        if settled.is_empty() {
            return Ok(());
        }
        let done = self.store.at_once(|file| {
            settled
                .iter()
                .map(|(id, delivery, tried, health)| {
                    let was_there = store::settle(file, *id, delivery, tried)?;
                    store::set_health(file, *id, health)?;
                    Ok(was_there && tried.state != DeliveryState::Pending)
                })
                .collect::<rusqlite::Result<Vec<bool>>>()
        })?;
        for ((id, ..), is_over) in settled.iter().zip(done) {
            let Some(endpoint) = self.endpoints.get_mut(id).filter(|_| is_over) else { continue };
            endpoint.pending = endpoint.pending.saturating_sub(1);
            endpoint.settled += 1;
            if endpoint.settled.is_multiple_of(PRUNE_EVERY) {
                self.store.prune(*id, self.options.deliveries_kept)?;
            }
        }
        for (id, generation, why) in disable {
            self.disable(id, generation, why).await?;
        }
        Ok(())
    }

    /// Makes a record of it, from which everybody learns it, unless it was changed meanwhile. If that fails, the next failure tries again.
    async fn disable(
        &mut self,
        id: WebhookEndpointId,
        generation: u64,
        why: WebhookDisabled,
    ) -> Result<(), Broken> {
        self.look_at_endpoints()?;
        let Some(endpoint) = self.endpoints.get(&id).filter(|one| one.generation == generation) else {
            return Ok(());
        };
        let command = TenantCommand::DisableWebhookEndpoint { id, why };
        let asked = TenantOperation::new(command, Origin::default());
        match self.engine.submit_tenant(endpoint.tenant, asked).await {
            Ok(_) => tracing::warn!(endpoint = %id, why = why.as_str(), "a webhook endpoint is disabled"),
            Err(failure) => tracing::debug!(endpoint = %id, %failure, "a webhook endpoint is not disabled"),
        }
        Ok(())
    }
}
