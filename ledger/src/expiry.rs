//! What happens by itself: tranches that start and end (SEMANTICS §6, §8).
//!
//! Nothing happens *at* an instant: what is due is found by whoever comes next, and gets the instant at which it counts. Each
//! thing is dated by itself, so it does not matter how late it is written. Tested in `tests/rules` against a naive model.

use std::collections::BTreeMap;

use crate::amount::Credits;
use crate::customer::Customer;
use crate::fact::{Due, Posting};
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::wallet::Wallet;

/// What is due at `now` and not written yet, by instant, then wallet (oldest first), then burn order; at most `max`.
#[must_use]
pub fn due(customer: &Customer, now: Timestamp, max: usize) -> Vec<Due> {
    let wallets = &customer.wallets[..];
    let mut events = events(wallets, now);
    events.sort_unstable();
    let mut writer = Writer { balances: wallets.iter().map(Balance::of).collect(), repaid: BTreeMap::new() };
    events.iter().filter_map(|event| writer.write(wallets, event)).take(max).collect()
}

/// How many things are due at `now`.
#[must_use]
pub fn due_count(customer: &Customer, now: Timestamp) -> usize {
    due(customer, now, usize::MAX).len()
}

/// Something that an instant brings. The order of the fields is the order of happening.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Timestamp,
    wallet: usize,
    tranche: usize,
    is_end: bool,
}

fn events(wallets: &[Wallet], now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (wallet, state) in wallets.iter().enumerate().filter(|(_, state)| state.next_due <= now) {
        for (tranche, state) in state.tranches.iter().enumerate() {
            if state.scheduled && state.terms.effective_at <= now {
                events.push(Event { at: state.terms.effective_at, wallet, tranche, is_end: false });
            }
            // A tranche that never started has not ended either: its end is after its start.
            if let Some(end) =
                state.terms.expires_at.filter(|end| *end <= now && state.pinned < state.remaining)
            {
                events.push(Event { at: end, wallet, tranche, is_end: true });
            }
        }
    }
    events
}

/// The running values of a wallet while its rows are written.
struct Balance {
    posted: Credits,
    debt: Credits,
    sequence: u64,
}

impl Balance {
    fn of(wallet: &Wallet) -> Self {
        Self { posted: wallet.head.posted, debt: wallet.head.debt, sequence: wallet.head.sequence }
    }

    fn post(&mut self, wallet: &Wallet, change: Credits) -> Posting {
        let before = self.posted;
        self.posted += change;
        self.sequence += 1;
        Posting { wallet: wallet.head.id, sequence: self.sequence, before, after: self.posted }
    }
}

/// Turns events into facts, each on top of those before it.
struct Writer {
    balances: Vec<Balance>,
    /// What a tranche's start has given to debt, by wallet and tranche: missing at its end.
    repaid: BTreeMap<(usize, usize), Credits>,
}

impl Writer {
    fn write(&mut self, wallets: &[Wallet], event: &Event) -> Option<Due> {
        let wallet = &wallets[event.wallet];
        let tranche = &wallet.tranches[event.tranche];
        if event.is_end { self.end(wallet, tranche, event) } else { Some(self.start(wallet, tranche, event)) }
    }

    fn start(&mut self, wallet: &Wallet, tranche: &Tranche, event: &Event) -> Due {
        let balance = &mut self.balances[event.wallet];
        let repays = tranche.terms.scope.price_types.usage;
        let repaid = if repays { balance.debt.min(tranche.remaining) } else { Credits::ZERO };
        balance.debt -= repaid;
        if repaid.is_positive() {
            self.repaid.insert((event.wallet, event.tranche), repaid);
        }
        Due::Started {
            tranche: tranche.id,
            credits: tranche.remaining,
            repaid,
            effective_at: event.at,
            row: (tranche.credit_position, tranche.credit_row),
            posting: balance.post(wallet, tranche.remaining),
        }
    }

    fn end(&mut self, wallet: &Wallet, tranche: &Tranche, event: &Event) -> Option<Due> {
        let repaid = self.repaid.get(&(event.wallet, event.tranche)).copied().unwrap_or_default();
        let credits = tranche.unpinned() - repaid;
        credits.is_positive().then(|| Due::Expired {
            tranche: tranche.id,
            credits,
            terms: tranche.terms.clone(),
            posting: self.balances[event.wallet].post(wallet, -credits),
        })
    }
}
