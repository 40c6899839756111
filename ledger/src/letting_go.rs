//! What open holds let go: at their deadline, when asked to, when their wallet closes (SEMANTICS §5).
//!
//! It goes back to the tranches that it came from. One that has ended or was voided meanwhile cannot keep it: it lapses with the
//! same step, and never lands in a live tranche. Tested in `decide/tests`.

use smallvec::SmallVec;

use crate::amount::Credits;
use crate::customer::Customer;
use crate::fact::{DebitRow, Giver, HoldEnd, Lapsed, Posting, Slice};
use crate::hold::{Hold, HoldStatus};
use crate::time::Timestamp;
use crate::wallet::Wallet;

/// The balances of wallets while rows are written, each on top of those before it.
#[derive(Default)]
pub(crate) struct Balances {
    /// The last row of each wallet that has one.
    last: SmallVec<[Posting; 2]>,
}

impl Balances {
    /// After the rows of a debit.
    pub(crate) fn after(rows: &[DebitRow]) -> Self {
        Self { last: rows.iter().map(|row| row.posting).collect() }
    }

    /// The next row of a wallet.
    pub(crate) fn post(&mut self, wallet: &Wallet, change: Credits) -> Posting {
        let head = &wallet.head;
        let at = self.last.iter().position(|last| last.wallet == head.id).unwrap_or_else(|| {
            let (sequence, posted) = (head.sequence, head.posted);
            self.last.push(Posting { wallet: head.id, sequence, before: posted, after: posted });
            self.last.len() - 1
        });
        let last = &mut self.last[at];
        let (sequence, before) = (last.sequence + 1, last.after);
        *last = Posting { wallet: head.id, sequence, before, after: before + change };
        *last
    }
}

/// What of pins that came back is gone at once: that of tranches which ended at or before `ended_by`, or were voided.
pub(crate) fn lapses(
    customer: &Customer,
    returned: &[Slice],
    ended_by: Timestamp,
    balances: &mut Balances,
) -> Vec<Lapsed> {
    let mut lapsed = Vec::new();
    for slice in returned {
        let Giver::Tranche { id, terms } = &slice.giver else { continue };
        let wallet = customer.wallet(slice.wallet).expect("pins name wallets of their customer");
        let voided = wallet.find(*id, terms).is_some_and(|at| wallet.tranches[at].voided);
        if voided || terms.expires_at.is_some_and(|end| end <= ended_by) {
            lapsed.push(Lapsed {
                tranche: *id,
                credits: slice.credits,
                terms: terms.clone(),
                voided,
                posting: balances.post(wallet, -slice.credits),
            });
        }
    }
    lapsed
}

/// What a deadline gives back in one record: all of it, which ends the hold, or the first `pins_max` pins, after which it is still open and
/// due. It counts in budgets until it has ended.
pub(crate) fn expire(
    customer: &Customer,
    hold: &Hold,
    at: Timestamp,
    pins_max: usize,
    balances: &mut Balances,
) -> HoldEnd {
    if hold.pins.len() <= pins_max {
        return end(customer, hold, HoldStatus::Expired, at, balances);
    }
    let mut hold = hold.clone();
    let others = hold.pins.drain(pins_max..).collect();
    let returned = std::mem::replace(&mut hold.pins, others);
    hold.released += returned.iter().map(|pin| pin.credits).sum();
    let lapsed = lapses(customer, &returned, just_before(at), balances);
    HoldEnd { at, hold, returned, lapsed, freed: Vec::new() }
}

/// At one instant deadlines come before the ends of tranches, which then see what came back.
const fn just_before(deadline: Timestamp) -> Timestamp {
    Timestamp(deadline.0.saturating_sub(1))
}

/// Ends a hold without a capture: all that it pins goes back, and counts in no budget any more.
pub(crate) fn end(
    customer: &Customer,
    hold: &Hold,
    status: HoldStatus,
    at: Timestamp,
    balances: &mut Balances,
) -> HoldEnd {
    let ended_by = match status {
        HoldStatus::Expired => just_before(at),
        HoldStatus::Open | HoldStatus::Captured | HoldStatus::Released => at,
    };
    let mut hold = Hold { status, released: hold.released + hold.held(), ..hold.clone() };
    let returned = std::mem::take(&mut hold.pins);
    let freed = std::mem::take(&mut hold.budget);
    let lapsed = lapses(customer, &returned, ended_by, balances);
    HoldEnd { at, hold, returned, lapsed, freed }
}
