//! What the answer to an attempt means: for the delivery, and for the endpoint.

use crate::feed::webhooks::Outcome;
use crate::feed::webhooks::client::{Answer, is_taken};
use crate::feed::webhooks::schedule::{pause_ms, retry_after, wait_ms};
use crate::feed::webhooks::store::{Delivery, DeliveryState, Health, Tried};

/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 200;

/// What an answer means.
pub(super) struct Judged {
    pub(super) tried: Tried,
    pub(super) outcome: Outcome,
    /// It says that it is gone for good.
    pub(super) is_gone: bool,
}

/// Judges it, and changes what is known of the endpoint's health. `now` is in milliseconds, for waits; `wall_s` what the clock says.
pub(super) fn judge(
    answer: &Answer,
    delivery: &Delivery,
    health: &mut Health,
    (now, wall_s): (u64, u64),
    scale: u64,
    random: u64,
) -> Judged {
    let mut tried = Tried {
        state: DeliveryState::Delivered,
        is_counted: true,
        next_at: now,
        lane_at: now,
        last_at: now,
        status: None,
        error: None,
        took_ms: 0,
    };
    let (outcome, asked_wait) = match answer {
        Answer::Status { status, .. } if is_taken(*status) => {
            tried.status = Some(*status);
            *health = Health { cursor: health.cursor, ..Health::default() };
            return Judged { tried, outcome: Outcome::Delivered, is_gone: false };
        }
        // No fault of the endpoint's, and nothing to try again.
        Answer::Gone => {
            tried.state = DeliveryState::Failed;
            tried.error = Some("its record is not kept any more".to_owned());
            return Judged { tried, outcome: Outcome::Refused, is_gone: false };
        }
        Answer::Status { status, retry_after: after } => {
            tried.status = Some(*status);
            if (300..400).contains(status) {
                tried.error = Some("redirects are not followed".to_owned());
            }
            (Outcome::Refused, after.as_deref().and_then(|text| retry_after(text, wall_s)))
        }
        Answer::AddressRefused(address) => {
            tried.error =
                Some(format!("{address} is not sent to: webhook_allow_private_addresses is not set"));
            (Outcome::AddressRefused, None)
        }
        Answer::Failed(why) => {
            tried.error = Some(why.chars().take(ERROR_CHARS_MAX).collect());
            (Outcome::NoAnswer, None)
        }
    };
    let asked_ms = asked_wait.map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    health.failing_since.get_or_insert(now);
    // Whether it is the endpoint that does not answer or is busy, or the one event that it does not like.
    let is_down = asked_wait.is_some()
        || !matches!(tried.status, Some(status) if !matches!(status, 429 | 502 | 503 | 504));
    let was_well = health.failures == 0;
    if is_down {
        // What was under way together says the same, once.
        if health.paused_until <= now {
            health.failures = health.failures.saturating_add(1);
        }
        let until = now + pause_ms(health.failures, scale).max(asked_ms);
        health.paused_until = health.paused_until.max(until);
    }
    // Whether an endpoint that is down is back is asked far more often than the event's own schedule has attempts.
    tried.is_counted = !is_down || was_well || delivery.next_at <= now;
    if !tried.is_counted {
        (tried.state, tried.next_at) = (DeliveryState::Pending, delivery.next_at);
    } else if let Some(wait) = wait_ms(delivery.attempts + 1, scale, random) {
        (tried.state, tried.next_at) = (DeliveryState::Pending, now + wait.max(asked_ms));
    } else {
        tried.state = DeliveryState::Failed;
    }
    // What waits for the endpoint is due whenever that is not left alone; whoever has waited longest is next.
    tried.lane_at = if is_down { now } else { tried.next_at };
    let is_gone = tried.status == Some(410);
    Judged { tried, outcome, is_gone }
}
