//! Compares what the server said of holds with what should have been: every step, every refusal, every hold that ended by itself.

use std::collections::BTreeMap;

use super::call::Move;
use super::expect::{Book, Hold, Refusal, Taken};
use super::pool::Giver;
use super::reply::{HoldReply, RefusalReply};
use super::report::Tally;
use super::work::{Asked, Placed};
use crate::demo::api::{SliceReply, nanoseconds, parse};
use crate::demo::check::{earliest_ns, is_between, latest_ns, same};
use crate::demo::decimal::Amount;
use crate::demo::findings::Findings;
use crate::demo::line;
use crate::demo::setup::Account;

type Outcome = line::Outcome<Asked>;

/// A customer, what the server said of it, and what it should have.
pub(crate) struct Customer<'a> {
    pub(crate) account: &'a Account,
    pub(crate) placed: &'a Placed,
    pub(crate) book: Book,
    /// When its last accepted step was recorded.
    last_ns: u64,
}

impl<'a> Customer<'a> {
    /// Nothing said yet.
    pub(crate) fn new(account: &'a Account, placed: &'a Placed, overdraft_limit: Amount) -> Self {
        Self { account, placed, book: Book::new(account, overdraft_limit), last_ns: 0 }
    }

    /// Goes through what was said, in order. The book is afterwards what should be left.
    pub(crate) fn go_through(&mut self, outcomes: &[Outcome], tally: &mut Tally, findings: &mut Findings) {
        for outcome in outcomes {
            findings.look_at(outcome);
            if let Err(difference) = self.step(outcome, tally, findings) {
                let name = &self.account.name;
                findings.differences.push(format!("{}, customer {name}: {difference}", outcome.ask.key));
            }
        }
    }

    fn step(&mut self, outcome: &Outcome, tally: &mut Tally, findings: &mut Findings) -> Result<(), String> {
        match (outcome.reply.status, outcome.request.what) {
            (201, Move::Place)
            | (200, Move::Capture { .. } | Move::Grow { .. } | Move::Extend { .. } | Move::Release) => {
                self.accepted(outcome, &parse(&outcome.reply)?, tally)
            }
            (402 | 409 | 410 | 422, _) => {
                findings.refusals += 1;
                self.refused(outcome, &parse(&outcome.reply)?, tally)
            }
            (status, _) => {
                Err(format!("answered {status}: {}", String::from_utf8_lossy(&outcome.reply.body)))
            }
        }
    }

    fn accepted(&mut self, outcome: &Outcome, reply: &HoldReply, tally: &mut Tally) -> Result<(), String> {
        let Asked { call, what } = outcome.request;
        let recorded_at = reply.recorded_at.as_deref().ok_or("it does not say when it was recorded")?;
        let at_ns = nanoseconds(recorded_at)?;
        is_between(outcome, self.last_ns, at_ns)?;
        self.last_ns = at_ns;
        let taken = self.book.act(call, what, at_ns);
        let taken =
            taken.map_err(|refusal| format!("accepted, and should have been refused: {refusal:?}"))?;
        let hold = self.book.hold(call.row()).ok_or("there is no such hold")?;
        tally.count(call, what, hold, taken);
        self.hold_is(call.row(), hold, reply)?;
        taken_is(taken, reply)
    }

    /// Compares a hold figure by figure.
    pub(crate) fn hold_is(&self, row: usize, hold: &Hold, reply: &HoldReply) -> Result<(), String> {
        same("customer", &reply.customer_id, &self.account.name)?;
        let id = self.placed.get(&row).map(|known| known.id.as_str());
        same("hold's id", &Some(reply.hold_id.as_str()), &id)?;
        same("status", &reply.status.as_str(), &hold.status.as_str())?;
        same("over_capture", &reply.over_capture.as_str(), &hold.policy.as_str())?;
        same("credits", &reply.credits, &hold.credits.to_string())?;
        same("captured", &reply.captured, &hold.captured.to_string())?;
        same("released", &reply.released, &hold.released.to_string())?;
        same("held", &reply.held, &hold.held().to_string())?;
        same("deadline", &nanoseconds(&reply.expires_at)?, &hold.expires_ns)?;
        same("number of slices", &reply.slices.len(), &hold.pins.len())?;
        let mut slices = reply.slices.iter().zip(&hold.pins);
        slices.try_for_each(|(shown, (giver, credits))| self.slice_is(*giver, *credits, shown))
    }

    fn slice_is(&self, giver: Giver, credits: Amount, shown: &SliceReply) -> Result<(), String> {
        let (id, wallet, source, expires_ns) = match giver {
            Giver::Overdraft(wallet) => (None, wallet, "overdraft", None),
            Giver::Tranche(place) => {
                let tranche = self.book.pool.tranche(place);
                let id = self.account.tranche_ids[place].as_str();
                (Some(id), tranche.wallet, tranche.source, tranche.expires_ns)
            }
        };
        same("slice's tranche", &shown.tranche_id.as_deref(), &id)?;
        same("slice's wallet", &shown.wallet_id, &self.account.wallet_ids[wallet])?;
        same("slice's credits", &shown.credits, &credits.to_string())?;
        same("slice's source", &shown.source.as_str(), &source)?;
        same("slice's end", &shown.expires_at.as_deref().map(nanoseconds).transpose()?, &expires_ns)
    }

    /// A refusal does not say when it was decided: somewhere between sending and answer. Where credit ended or a deadline passed in
    /// between, both sides of that instant are right.
    fn refused(&self, outcome: &Outcome, reply: &RefusalReply, tally: &mut Tally) -> Result<(), String> {
        let Asked { call, what } = outcome.request;
        let (earliest, latest) = (earliest_ns(outcome, self.last_ns), latest_ns(outcome));
        let turns = self.book.turns(earliest, latest).chain([earliest]);
        let refusals = turns.filter_map(|at_ns| self.book.clone().act(call, what, at_ns).err());
        let refusals: Vec<_> = refusals.collect();
        let id = self.placed.get(&call.row()).map(|known| known.id.as_str());
        let is_said = |refusal: &&Refusal| {
            said(refusal, id) == (outcome.reply.status, reply.code.as_str(), reply.details.clone())
        };
        match refusals.iter().find(is_said) {
            Some(refusal) => {
                tally.count_refusal(refusal);
                Ok(())
            }
            None if refusals.is_empty() => Err("refused, and should have been accepted".to_owned()),
            None => Err(format!("refused with {reply:?}, and should have been with {refusals:?}")),
        }
    }
}

fn taken_is(taken: Option<Taken>, reply: &HoldReply) -> Result<(), String> {
    let shown = |credits: Amount| Some(credits.to_string());
    let captured_now = taken.and_then(|taken| shown(taken.captured_now));
    same("captured_now", &reply.captured_now, &captured_now)?;
    same("shortfall", &reply.shortfall, &taken.and_then(|taken| shown(taken.shortfall)))?;
    let moved = taken.is_some_and(|taken| taken.captured_now > Amount::ZERO);
    same("whether it has a row", &reply.transaction_id.is_some(), &moved)
}

/// What a refusal should say: status, code, details.
fn said(refusal: &Refusal, hold_id: Option<&str>) -> (u16, &'static str, BTreeMap<String, String>) {
    let amounts = |details: &[(&str, Amount)]| {
        details.iter().map(|(name, amount)| ((*name).to_owned(), amount.to_string())).collect()
    };
    let of_hold = || hold_id.into_iter().map(|id| ("hold_id".to_owned(), id.to_owned())).collect();
    match refusal {
        Refusal::Insufficient { required, available } => {
            let shortfall = *required - *available;
            let details = [("required", *required), ("available", *available), ("shortfall", shortfall)];
            (402, "insufficient_credits", amounts(&details))
        }
        Refusal::OverCapture { held, asked } => {
            (422, "over_capture", amounts(&[("held", *held), ("credits", *asked)]))
        }
        Refusal::Closed => (409, "hold_closed", of_hold()),
        Refusal::Expired => (410, "hold_expired", of_hold()),
    }
}
