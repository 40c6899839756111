//! Transfers on their way (DESIGN decision 13).
//!
//! Sent (sender) → received (receiver, which remembers the id) → done (sender) → forgotten (receiver); or refused → back to the
//! original tranches (sender). The sender keeps a transfer open until one of the last two, so whoever looks at it after a crash
//! knows what is to be done.

use smallvec::SmallVec;

use crate::amount::Credits;
use crate::fact::{DebitRow, Moved, Slice};
use crate::ids::{CustomerNumber, LogPosition, TransferId, WalletId};
use crate::time::Timestamp;

/// A transfer that the sender has sent and not heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferOut {
    /// Its id.
    pub id: TransferId,
    /// Who receives.
    pub to: CustomerNumber,
    /// Which of its wallets.
    pub to_wallet: WalletId,
    /// How much.
    pub credits: Credits,
    /// The rows that it left by: for the way back.
    pub rows: SmallVec<[DebitRow; 1]>,
    /// What left, in the order taken: for the way back.
    pub slices: SmallVec<[Slice; 1]>,
    /// What the receiver gets: the same, with the paid shares that go along.
    pub moved: Vec<Moved>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// The record that sent it; known once that record has a position.
    pub position: LogPosition,
    /// Number of the first of `rows` in that record; known once that record is applied.
    pub first_row: u32,
}

/// A transfer that the receiver has and remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferReceived {
    /// Who sent it.
    pub from: CustomerNumber,
    /// When it came.
    pub at: Timestamp,
}
