//! Two customers, and what the engine carries between them: Out → In → Done → Forget, or Refused → Back.

use coffer_ledger::command::{Command, TransferIn};
use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::{CustomerNumber, WalletId};
use coffer_ledger::limits::Limits;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;

use super::World;

/// Two worlds at one time.
pub(crate) struct Pair {
    pub(crate) worlds: [World; 2],
    /// What is on its way.
    pub(crate) letters: Vec<Letter>,
}

/// A transfer on its way.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    from: usize,
    ask: TransferIn,
    stage: Stage,
}

/// Who has to be told next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The receiver, that it is there.
    Sent,
    /// The sender, that it has arrived.
    Arrived,
    /// The sender, that it comes back.
    Refused,
    /// The receiver, that it may forget.
    Known,
}

impl Pair {
    pub(crate) fn with_limits(limits: Limits) -> Self {
        let worlds = [World::of(CustomerNumber(77), limits), World::of(CustomerNumber(78), limits)];
        Self { worlds, letters: Vec::new() }
    }

    pub(crate) fn set_time(&mut self, now: Timestamp) {
        self.worlds.iter_mut().for_each(|world| world.now = now);
    }

    /// Asks one of them. A transfer that leaves becomes a letter.
    pub(crate) fn ask(&mut self, side: usize, command: Command, keyed: bool) -> Result<Facts, Refusal> {
        let neighbour = self.worlds[1 - side].as_receiver();
        self.worlds[side].neighbour = Some(neighbour);
        let facts = self.worlds[side].ask_as(command, keyed)?;
        if let Effect::TransferSent(sent) = &facts.effect
            && sent.arrived.is_none()
        {
            let from = self.worlds[side].customer.number;
            assert_eq!(sent.out.to, self.worlds[1 - side].customer.number, "sent to somebody else");
            let (transfer, to_wallet, moved) = (sent.out.id, sent.out.to_wallet, sent.out.moved.clone());
            let ask = TransferIn { transfer, from, to_wallet, moved };
            self.letters.push(Letter { from: side, ask, stage: Stage::Sent });
        }
        self.check_books();
        Ok(facts)
    }

    /// Carries one letter a step on; or, if it has arrived, once more to the receiver, who must not take it twice.
    pub(crate) fn deliver(&mut self, letter: usize, repeat: bool) {
        let at = letter % self.letters.len();
        let Letter { from, ask, stage } = self.letters[at].clone();
        let id = ask.transfer;
        let (to, again) = (1 - from, Command::TransferIn(Box::new(ask)));
        match stage {
            Stage::Sent => {
                let answer = self.worlds[to].ask_as(again, false);
                self.letters[at].stage = if answer.is_ok() { Stage::Arrived } else { Stage::Refused };
            }
            Stage::Arrived | Stage::Known if repeat => {
                self.worlds[to].ask_as(again, false).expect_err("it came twice");
            }
            Stage::Arrived => {
                self.worlds[from].ask_as(Command::TransferDone(id), false).expect("the sender waits");
                self.letters[at].stage = Stage::Known;
            }
            Stage::Known => {
                self.worlds[to].ask_as(Command::TransferForget(id), false).expect("the receiver knows it");
                self.letters.remove(at);
            }
            Stage::Refused => {
                self.worlds[from]
                    .ask_as(Command::TransferBack(id), false)
                    .expect("nothing stands in its way");
                self.letters.remove(at);
            }
        }
        self.check_books();
    }

    /// A wallet for which something is on its way, and whose it is.
    pub(crate) fn expected(&self) -> Option<(usize, WalletId)> {
        let sent = self.letters.iter().find(|letter| letter.stage == Stage::Sent)?;
        Some((1 - sent.from, sent.ask.to_wallet))
    }

    /// Carries every letter to its end.
    pub(crate) fn deliver_all(&mut self) {
        while !self.letters.is_empty() {
            self.deliver(0, false);
        }
    }

    pub(crate) fn check_replay(&mut self) {
        self.worlds.iter_mut().for_each(World::check_replay);
    }

    /// What left both and is in neither is on its way (I9).
    fn check_books(&self) {
        let rows = |reason: &str| -> i128 {
            let log = self.worlds.iter().flat_map(|world| &world.log);
            let rows = log.flat_map(|(record, position)| view::rows(record, *position));
            rows.filter(|row| row.reason.as_str() == reason).map(|row| row.credits.0).sum()
        };
        let in_transit: i128 = self
            .letters
            .iter()
            .filter(|letter| matches!(letter.stage, Stage::Sent | Stage::Refused))
            .flat_map(|letter| &letter.ask.moved)
            .map(|moved| moved.credits.0)
            .sum();
        let gone = rows("TRANSFER_OUT") - rows("TRANSFER_IN") - rows("TRANSFER_RETURNED");
        assert_eq!(gone, in_transit, "in transit{}", self.worlds[0].story());
    }
}
