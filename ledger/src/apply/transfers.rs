//! Transfers that left, arrived, and are over.

use super::bind::bind_tranches;
use super::{debit, insert, lapse, note_id, post, wallet_mut};
use crate::amount::Credits;
use crate::customer::{Closed, ClosedAs, Customer};
use crate::fact::{Arrived, TransferSent};
use crate::ids::{LogPosition, TransferId};
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::transfer::TransferOut;

/// Takes what left; it is open until the receiver has answered, unless it arrived in the same record.
pub(super) fn send(customer: &mut Customer, sent: &TransferSent, first_row: u32, at: Timestamp) {
    note_id(customer, sent.out.id.0);
    debit(customer, &sent.taken, at);
    match &sent.arrived {
        Some(arrived) => {
            let rows =
                u32::try_from(sent.taken.rows.len()).expect("a record has fewer rows than an id can number");
            arrive(customer, arrived, first_row + rows);
            let id = sent.out.id.0;
            customer.remember(Closed { id, how: ClosedAs::Completed, position: LogPosition(0) });
        }
        None => {
            customer.transfers_out.insert(sent.out.id, TransferOut { first_row, ..sent.out.clone() });
        }
    }
}

/// Enters what arrived.
pub(super) fn arrive(customer: &mut Customer, arrived: &Arrived, first_row: u32) {
    for (row, number) in arrived.rows.iter().zip(first_row..) {
        note_id(customer, row.tranche.0);
        let wallet = wallet_mut(&mut customer.wallets, arrived.wallet);
        wallet.head.debt -= row.repaid;
        post(&mut wallet.head, &row.posting);
        let tranche = Tranche {
            id: row.tranche,
            terms: row.terms.clone(),
            remaining: row.terms.original - row.repaid,
            pinned: Credits::ZERO,
            credit_position: LogPosition(0),
            credit_row: number,
            scheduled: false,
            voided: false,
        };
        insert(wallet, tranche);
    }
    lapse(customer, &arrived.lapsed);
}

/// It is over. What remembers it names the record that sent it.
pub(super) fn close(customer: &mut Customer, id: TransferId, how: ClosedAs) {
    let out = customer.transfers_out.remove(&id).expect("what is closed was open");
    customer.remember(Closed { id: id.0, how, position: out.position });
}

/// The record has its position.
pub(super) fn bind_sent(customer: &mut Customer, sent: &TransferSent, position: LogPosition) {
    if let Some(out) = customer.transfers_out.get_mut(&sent.out.id) {
        out.position = position;
    }
    if let Some(arrived) = &sent.arrived {
        bind_arrived(customer, arrived, position);
    }
}

/// The record has its position.
pub(super) fn bind_arrived(customer: &mut Customer, arrived: &Arrived, position: LogPosition) {
    let minted = arrived.rows.iter().map(|row| (row.tranche, &row.terms));
    bind_tranches(customer, arrived.wallet, minted, position);
}
