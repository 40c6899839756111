//! Refunds and voids.

use coffer_ledger::command::RefundReason;
use coffer_ledger::fact::{Back, BackRow, BackTo, GivenBack, Refunded, Voided};

use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v2::back as shapes;

mirror_enum! {
    RefundReason { Refund, Reversal, TransferReturned }
}

mirror_struct! {
    Back = Back<'a> { slice, to }
    BackRow = BackRow { of_row, credits, amount, posting }
    GivenBack = GivenBack<'a> { reason, debit, rows, slices, lapsed, freed }
    Refunded = Refunded<'a> { of, back, credits, expired, left, mixed_units }
    Voided = Voided<'a> { of, wallet, tranche, terms, credits, held, spent, posting }
}

impl<'a> Mirror<'a, shapes::BackTo<'a>> for BackTo {
    fn to_shape(&'a self, owner: Owner) -> shapes::BackTo<'a> {
        match self {
            Self::Tranche => shapes::BackTo::Tranche(()),
            Self::Debt => shapes::BackTo::Debt(()),
            Self::New { tranche, terms } => shapes::BackTo::New(shapes::NewTranche {
                tranche: tranche.to_shape(owner),
                terms: terms.to_shape(owner),
            }),
        }
    }

    fn from_shape(shape: shapes::BackTo<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::BackTo::Tranche(()) => Self::Tranche,
            shapes::BackTo::Debt(()) => Self::Debt,
            shapes::BackTo::New(shapes::NewTranche { tranche, terms }) => Self::New {
                tranche: Mirror::from_shape(tranche, owner)?,
                terms: Mirror::from_shape(terms, owner)?,
            },
        })
    }
}
