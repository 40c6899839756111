//! A worker of calls: opens, streams and ends them in the order of its script. It knows of a hold only what the server said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::{Call, Fate, Move, Part, Script};
use super::reply::{HoldReply, place_body};
use crate::cli::client::Reply;
use crate::cli::exit::{CliError, Code};
use crate::demo::api::{amount, parse};
use crate::demo::caller::{Ask, Run};
use crate::demo::decimal::Amount;
use crate::demo::line::{Line, Repetition, Seen, is_success};

/// Something that a call asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) call: Call,
    pub(crate) what: Move,
}

/// What a client knows of its hold.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) id: String,
    captured: Amount,
    held: Amount,
    is_open: bool,
}

/// Every hold that was placed, by row.
pub(crate) type Placed = BTreeMap<usize, Known>;

/// A worker.
pub(crate) struct Worker {
    run: Arc<Run>,
    line: Line<Asked>,
    /// By all workers, before.
    earlier: Arc<Placed>,
    placed: Placed,
}

/// Plays parts of calls, in order; tells what was said, and the holds that it dealt with. `earlier` are those placed before.
pub(crate) async fn work(
    run: Arc<Run>,
    earlier: Arc<Placed>,
    script: Script,
) -> Result<(Seen<Asked>, Placed), CliError> {
    let line = Line::new(&run)?;
    let mut worker = Worker { run, line, earlier, placed: Placed::new() };
    for (call, part) in script {
        worker.play(call, part).await?;
    }
    Ok((worker.line.end(), worker.placed))
}

impl Worker {
    async fn play(&mut self, call: Call, part: Part) -> Result<(), CliError> {
        match (part, call.fate()) {
            (Part::Opens, _) => {
                self.run.wait_until_due(call.0.at_us).await;
                self.ask(call, Move::Place, "hold").await?;
                self.run.count_answer();
            }
            _ if !self.is_open(call) => {}
            (Part::Streams, _) => {
                if let Some(what) = call.midway() {
                    self.ask(call, what, "stream").await?;
                }
            }
            (Part::Ends, Fate::Settles) => self.settle(call).await?,
            (Part::Ends, Fate::Releases) => drop(self.ask(call, Move::Release, "release").await?),
            (Part::Ends, Fate::Vanishes) => {}
            (Part::ComesTooLate, _) => {
                let what = Move::Capture { credits: call.price(), last: true };
                self.ask(call, what, "late").await?;
            }
        }
        Ok(())
    }

    /// Captures what is not captured yet. A hold that lets nothing more be captured than it holds gives at least that.
    async fn settle(&mut self, call: Call) -> Result<(), CliError> {
        let Some(known) = self.known(call) else { return Ok(()) };
        let (credits, held) = (call.price() - known.captured, known.held);
        let reply = self.ask(call, Move::Capture { credits, last: true }, "settle").await?;
        if reply.status == 422 && held > Amount::ZERO {
            self.ask(call, Move::Capture { credits: held, last: true }, "settle-held").await?;
        }
        Ok(())
    }

    fn is_open(&self, call: Call) -> bool {
        self.known(call).is_some_and(|known| known.is_open)
    }

    fn known(&self, call: Call) -> Option<&Known> {
        self.placed.get(&call.row()).or_else(|| self.earlier.get(&call.row()))
    }

    async fn ask(&mut self, call: Call, what: Move, step: &str) -> Result<Reply, CliError> {
        let ask = self.written(call, what, step);
        // Each step of a call its own number, so that every kind of request is among those that are sent twice.
        let number = call.row() * 7 + step.len();
        let reply = self.line.ask(Asked { call, what }, ask, Repetition::of(number)).await?;
        if is_success(&reply) {
            let known = known(&reply)
                .map_err(|problem| CliError::new(Code::Failed, format!("row {}: {problem}", call.row())))?;
            self.placed.insert(call.row(), known);
        }
        Ok(reply)
    }

    fn written(&self, call: Call, what: Move, step: &str) -> Ask {
        let holds = format!("/v1/customers/{}/holds", self.run.accounts[call.0.customer()]);
        let id = self.known(call).map_or("", |known| &known.id);
        let hold = |verb| format!("{holds}/{id}/{verb}");
        let (path, body) = match what {
            Move::Place => (holds, place_body(call)),
            Move::Capture { credits, last } => {
                (hold("capture"), format!("{{\"credits\":\"{credits}\",\"final\":{last}}}"))
            }
            Move::Grow { credits } => (hold("grow"), format!("{{\"credits\":\"{credits}\"}}")),
            Move::Extend { seconds } => (hold("extend"), format!("{{\"expires_in\":{seconds}}}")),
            Move::Release => (hold("release"), String::new()),
        };
        Ask { path, key: format!("row-{}/{step}", call.row()), body: body.into() }
    }
}

#[cfg(test)]
impl Known {
    /// A hold of which only the id matters.
    pub(crate) fn called(id: &str) -> Self {
        Self { id: id.to_owned(), captured: Amount::ZERO, held: Amount::ZERO, is_open: true }
    }
}

fn known(reply: &Reply) -> Result<Known, String> {
    let hold: HoldReply = parse(reply)?;
    let (captured, held) = (amount(&hold.captured)?, amount(&hold.held)?);
    Ok(Known { id: hold.hold_id, captured, held, is_open: hold.status == "open" })
}
