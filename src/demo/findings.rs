//! What a run's comparison found, whatever it ran: what was repeated, what a kill left without an answer, what is not as it should be.

use serde::Deserialize;

use super::api::parse;
use super::line::{Outcome, is_success};
use crate::cli::client::Reply;

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Refusals.
    pub(crate) refusals: u64,
    /// Requests whose key was answered twice, the second time as the first.
    pub(crate) replays: u64,
    /// Requests that got no answer at first.
    pub(crate) unanswered: u64,
    /// Those of them that had been done all the same.
    pub(crate) unanswered_done: u64,
    /// Keys that had more than one effect.
    pub(crate) doubled: u64,
    /// Everything that is not as it should be, a line each.
    pub(crate) differences: Vec<String>,
}

/// The ids that a reply gives to what was done.
#[derive(Deserialize, PartialEq)]
struct Ids {
    transaction_id: Option<String>,
    hold_id: Option<String>,
}

impl Findings {
    /// Looks at what any request's outcome shows, whatever it asked: that it was found again after a kill, that its second answer is
    /// its first.
    pub(crate) fn look_at<R>(&mut self, outcome: &Outcome<R>) {
        if outcome.unanswered > 0 {
            self.unanswered += 1;
            self.unanswered_done += u64::from(outcome.reply.replayed);
        }
        if let Some(again) = &outcome.again {
            self.repeated(&outcome.reply, again, &outcome.ask.key);
        }
    }

    /// The same request under the same key: the same answer, one effect.
    fn repeated(&mut self, first: &Reply, again: &Reply, key: &str) {
        if !is_success(first) {
            if again.status != first.status {
                self.differences.push(format!("{key}: answered {}, then {}", first.status, again.status));
            }
            return;
        }
        self.replays += 1;
        if again.status != first.status || again.body != first.body || !(first.replayed || again.replayed) {
            self.differences.push(format!("{key}: the same key was answered differently"));
        }
        if ids(again).is_some_and(|again| ids(first).is_some_and(|first| first != again)) {
            self.doubled += 1;
        }
    }

    /// Whether what was acknowledged is still there: asked for again, it must be answered byte for byte as it was, as a replay.
    pub(crate) fn confirmed<R>(&mut self, outcome: &Outcome<R>, again: &Reply) -> bool {
        let Reply { status, body, .. } = &outcome.reply;
        let there = again.replayed && again.status == *status && again.body == *body;
        if !there {
            let key = &outcome.ask.key;
            self.differences.push(format!("{key}: acknowledged, and not there any more ({})", again.status));
        }
        there
    }
}

fn ids(reply: &Reply) -> Option<Ids> {
    parse::<Ids>(reply).ok().filter(|ids| ids.transaction_id.is_some() || ids.hold_id.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::demo::testing::{self, reply};

    fn outcome(reply: Reply, again: Option<Reply>) -> Outcome<()> {
        Outcome { again, ..testing::outcome((), 0, reply) }
    }

    #[test]
    fn a_second_effect_under_one_key_is_found() {
        for (one, other) in [
            (json!({ "transaction_id": "x" }), json!({ "transaction_id": "y" })),
            (json!({ "hold_id": "x" }), json!({ "hold_id": "y" })),
        ] {
            let mut findings = Findings::default();
            findings.look_at(&outcome(reply(201, &one, false), Some(reply(201, &other, false))));
            assert_eq!((findings.doubled, findings.differences.len()), (1, 1), "{one}");
        }
    }

    #[test]
    fn a_second_answer_that_is_no_replay_is_found() {
        let body = json!({ "transaction_id": "x" });
        let mut findings = Findings::default();
        findings.look_at(&outcome(reply(200, &body, false), Some(reply(200, &body, true))));
        assert_eq!((findings.replays, findings.differences.len()), (1, 0));
        findings.look_at(&outcome(reply(200, &body, false), Some(reply(200, &body, false))));
        findings.look_at(&outcome(reply(402, &json!({}), false), Some(reply(200, &body, false))));
        assert_eq!(findings.differences.len(), 2);
    }

    #[test]
    fn something_acknowledged_that_is_not_there_any_more_is_found() {
        let body = json!({ "transaction_id": "x" });
        let acknowledged = outcome(reply(200, &body, false), None);
        let mut findings = Findings::default();
        assert!(findings.confirmed(&acknowledged, &reply(200, &body, true)));
        assert!(!findings.confirmed(&acknowledged, &reply(200, &body, false)), "done anew");
        assert!(!findings.confirmed(&acknowledged, &reply(402, &json!({}), false)));
        assert_eq!(findings.differences.len(), 2);
    }
}
