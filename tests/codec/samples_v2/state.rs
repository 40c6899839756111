//! A customer at rest.

use coffer_ledger::customer::{Closed, ClosedAs, Customer, Invoice};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{HoldId, LogPosition, ThingId};
use coffer_ledger::transfer::TransferReceived;

use super::holds::hold;
use super::{OTHER, budget, foreign_transfer_id, transfer_id, transfer_out};
use crate::samples::{AT, EARLIER, OWNER, customer, full_customer, micro};

/// A customer with everything that a state can have.
pub(crate) fn full() -> Customer {
    let mut full = full_customer();
    full.wallets[1].tranches[0].voided = true;
    full.wallets[1].held_overdraft = micro(500_000);
    full.holds.set(hold(HoldStatus::Open));
    full.holds.set(Hold { id: HoldId(ThingId::new(EARLIER, OWNER, 21)), ..hold(HoldStatus::Open) });
    full.budgets.insert("team-research".into(), budget());
    full.given_back.insert((LogPosition(87_654_321), 1), micro(1_000_000));
    let invoice = |voided| Invoice { settled: LogPosition(98_765_430), voided };
    full.invoices.insert("INV-2026-0042".into(), invoice(Some(LogPosition(98_765_431))));
    full.invoices.insert("INV-2026-0043".into(), invoice(None));
    full.transfers_out.insert(transfer_id(), transfer_out());
    full.transfers_in.insert(foreign_transfer_id(), TransferReceived { from: OTHER, at: AT });
    let closed = |id, how| Closed { id, how, position: LogPosition(98_765_400) };
    full.closed.push_back(closed(ThingId::new(EARLIER, OWNER, 19), ClosedAs::Expired));
    full.closed.push_back(closed(ThingId::new(EARLIER, OWNER, 18), ClosedAs::Completed));
    full
}

/// A customer with one open hold and nothing else that version 1 does not know.
pub(crate) fn with_a_hold() -> Customer {
    let mut with_a_hold = customer();
    with_a_hold.holds.set(hold(HoldStatus::Open));
    with_a_hold
}
