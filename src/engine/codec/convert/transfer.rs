//! Transfers.

use coffer_ledger::command::{Memo, Transfer, TransferIn};
use coffer_ledger::fact::{Arrived, ArrivedRow, Moved, TransferSent};
use coffer_ledger::transfer::TransferOut;

use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v2::request as v2;
use crate::engine::codec::v2::texts::TransferText;
use crate::engine::codec::v2::transfer as shapes;

mirror_struct! {
    Moved = Moved<'a> { credits, terms }
    TransferOut = TransferOut<'a> { id, to, to_wallet, credits, first_row, rows, slices, moved, sent_at, position }
    ArrivedRow = ArrivedRow<'a> { tranche, terms, amount, repaid, posting }
    Arrived = Arrived<'a> { wallet, rows, lapsed }
    TransferSent = TransferSent<'a> { out, taken, arrived }
}

impl<'a> Mirror<'a, v2::TransferIn<'a>> for TransferIn {
    fn to_shape(&'a self, owner: Owner) -> v2::TransferIn<'a> {
        let Self { transfer, from, to_wallet, moved } = self;
        v2::TransferIn {
            transfer: transfer.to_shape(owner),
            from: from.to_shape(owner),
            to_wallet: to_wallet.to_shape(owner),
            moved: moved.to_shape(owner),
        }
    }

    fn from_shape(shape: v2::TransferIn<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v2::TransferIn { transfer, from, to_wallet, moved } = shape;
        Ok(Self {
            transfer: Mirror::from_shape(transfer, owner)?,
            from: Mirror::from_shape(from, owner)?,
            to_wallet: Mirror::from_shape(to_wallet, owner)?,
            moved: Mirror::from_shape(moved, owner)?,
        })
    }
}

/// A transfer is two shapes: numbers, and words that stand in a record's personal part.
impl<'a> Mirror<'a, (v2::Transfer, TransferText<'a>)> for Transfer {
    fn to_shape(&'a self, owner: Owner) -> (v2::Transfer, TransferText<'a>) {
        let Self { to_customer, from_wallet, to_wallet, credits, memo } = self;
        let numbers = v2::Transfer {
            from_wallet: from_wallet.to_shape(owner),
            to_wallet: to_wallet.to_shape(owner),
            credits: credits.to_shape(owner),
        };
        (numbers, TransferText { to_customer, memo: memo.to_shape(owner) })
    }

    fn from_shape(shape: (v2::Transfer, TransferText<'a>), owner: Owner) -> Result<Self, DecodeError> {
        let (v2::Transfer { from_wallet, to_wallet, credits }, TransferText { to_customer, memo }) = shape;
        let memo: Memo = Mirror::from_shape(memo, owner)?;
        Ok(Self {
            to_customer: to_customer.into(),
            from_wallet: Mirror::from_shape(from_wallet, owner)?,
            to_wallet: Mirror::from_shape(to_wallet, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
            memo,
        })
    }
}
