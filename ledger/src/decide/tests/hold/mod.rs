//! Holds: placed, captured, released, extended, grown; what becomes of them by themselves (SEMANTICS §5).

mod budget;
mod capture;
mod close;
mod ends;
mod place;
pub(super) mod random;

use crate::amount::Credits;
use crate::command::{Capture, Command, HoldAsked, Memo, OverCapture, PlaceHold};
use crate::fact::{Debited, Effect, Giver, HoldStep, Slice};
use crate::hold::Hold;
use crate::ids::{HoldId, WalletId};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, for_usage};

impl Book {
    /// Places a hold for USAGE, draw, of 600 s, after changes to the request.
    pub(crate) fn place(
        &mut self,
        amount: &str,
        change: impl FnOnce(&mut PlaceHold),
    ) -> Result<HoldStep, Refusal> {
        let mut request = PlaceHold {
            asked: HoldAsked::Exactly(credits(amount)),
            charge: for_usage(),
            expires_in_s: 600,
            over_capture: OverCapture::Draw,
            memo: Memo::default(),
        };
        change(&mut request);
        self.step(Command::PlaceHold(request))
    }

    /// Places a hold; its id.
    pub(crate) fn hold(&mut self, amount: &str) -> HoldId {
        self.place(amount, |_| {}).unwrap().hold.id
    }

    /// Captures and, if it is the last time, lets the rest go.
    pub(crate) fn capture(&mut self, hold: HoldId, amount: &str, last: bool) -> Result<HoldStep, Refusal> {
        let request = Capture { hold, credits: credits(amount), last, memo: Memo::default() };
        self.step(Command::Capture(request))
    }

    /// Releases.
    pub(crate) fn release(&mut self, hold: HoldId) -> Result<HoldStep, Refusal> {
        self.step(Command::Release { hold, memo: Memo::default() })
    }

    /// Grows.
    pub(crate) fn grow(&mut self, hold: HoldId, amount: &str) -> Result<HoldStep, Refusal> {
        self.step(Command::Grow { hold, credits: credits(amount) })
    }

    /// Extends.
    pub(crate) fn extend(&mut self, hold: HoldId, expires_in_s: u32) -> Result<HoldStep, Refusal> {
        self.step(Command::Extend { hold, expires_in_s })
    }

    fn step(&mut self, command: Command) -> Result<HoldStep, Refusal> {
        let effect = self.ask(command)?.effect;
        let Effect::Held(step) = effect else { panic!("{effect:?}") };
        Ok(*step)
    }

    /// Posted, held and available of a wallet, as text.
    pub(crate) fn figures(&self, wallet: WalletId) -> [String; 3] {
        let figures = crate::view::figures_at(&self.customer, self.state(wallet), self.now);
        [figures.posted, figures.held, figures.available].map(|credits| credits.to_string())
    }
}

/// Slices as `"wallet index:credits"`, with `o` before an overdraft's credits.
fn shown(book: &Book, slices: &[Slice]) -> Vec<String> {
    let show = |slice: &Slice| {
        let wallet = book.customer.wallets.iter().position(|wallet| wallet.head.id == slice.wallet).unwrap();
        match slice.giver {
            Giver::Tranche { .. } => format!("{wallet}:{}", slice.credits),
            Giver::Overdraft => format!("{wallet}:o{}", slice.credits),
        }
    };
    slices.iter().map(show).collect()
}

/// What a capture took, shown.
fn taken(book: &Book, step: &HoldStep) -> Vec<String> {
    shown(book, &step.taken.as_ref().unwrap().slices)
}

fn captured(step: &HoldStep) -> &Debited {
    step.taken.as_ref().unwrap()
}

/// Credits, captured, released and what is pinned, as text.
fn sums(hold: &Hold) -> [String; 4] {
    [hold.credits, hold.captured, hold.released, hold.held()].map(|credits: Credits| credits.to_string())
}

fn insufficient(required: &str, available: &str, shortfall: &str) -> Refusal {
    let [required, available, shortfall] = [required, available, shortfall].map(credits);
    Refusal::InsufficientCredits { required, available, shortfall }
}
