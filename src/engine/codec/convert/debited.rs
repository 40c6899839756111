//! Postings, slices, debits, credits: what rows are made of.

use coffer_ledger::fact::{
    CreditRow, DebitExtra, DebitRow, Debited, Forfeit, Giver, Posting, Priced, Slice, Uncollected,
};

use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::record as shapes;
use crate::engine::codec::v2::charge as v2;

mirror_struct! {
    Posting = Posting { wallet, sequence, before, after }
    Slice = Slice<'a> { wallet, credits, giver }
    DebitRow = DebitRow { credits, amount, posting }
    CreditRow = CreditRow<'a> { reason, tranche, terms, amount, charged, repaid, posting }
    Forfeit = Forfeit<'a> { tranche, credits, terms, refundable }
}

impl<'a> Mirror<'a, shapes::Giver<'a>> for Giver {
    fn to_shape(&'a self, owner: Owner) -> shapes::Giver<'a> {
        match self {
            Self::Tranche { id, terms } => shapes::Giver::Tranche(shapes::TrancheGiver {
                id: id.to_shape(owner),
                terms: terms.to_shape(owner),
            }),
            Self::Overdraft => shapes::Giver::Overdraft(()),
        }
    }

    fn from_shape(shape: shapes::Giver<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Giver::Tranche(shapes::TrancheGiver { id, terms }) => {
                Self::Tranche { id: Mirror::from_shape(id, owner)?, terms: Mirror::from_shape(terms, owner)? }
            }
            shapes::Giver::Overdraft(()) => Self::Overdraft,
        })
    }
}

/// What every debit has: all that version 1 knows.
pub(super) fn plain_debited(debited: &Debited, owner: Owner) -> shapes::Debited<'_> {
    let Debited {
        rows,
        slices,
        credits,
        amount,
        currency,
        mixed_units,
        shortfall,
        balance_before,
        balance_after,
        available,
        extra: _,
    } = debited;
    shapes::Debited {
        rows: rows.to_shape(owner),
        slices: slices.to_shape(owner),
        credits: credits.to_shape(owner),
        amount: amount.to_shape(owner),
        currency: currency.to_shape(owner),
        mixed_units: *mixed_units,
        shortfall: shortfall.to_shape(owner),
        balance_before: balance_before.to_shape(owner),
        balance_after: balance_after.to_shape(owner),
        available: available.to_shape(owner),
    }
}

/// A debit that has nothing else.
pub(super) fn plain_debited_again(shape: shapes::Debited<'_>, owner: Owner) -> Result<Debited, DecodeError> {
    let shapes::Debited {
        rows,
        slices,
        credits,
        amount,
        currency,
        mixed_units,
        shortfall,
        balance_before,
        balance_after,
        available,
    } = shape;
    Ok(Debited {
        rows: Mirror::from_shape(rows, owner)?,
        slices: Mirror::from_shape(slices, owner)?,
        credits: Mirror::from_shape(credits, owner)?,
        amount: Mirror::from_shape(amount, owner)?,
        currency: Mirror::from_shape(currency, owner)?,
        mixed_units,
        shortfall: Mirror::from_shape(shortfall, owner)?,
        balance_before: Mirror::from_shape(balance_before, owner)?,
        balance_after: Mirror::from_shape(balance_after, owner)?,
        available: Mirror::from_shape(available, owner)?,
        extra: None,
    })
}

impl<'a> Mirror<'a, v2::Debited<'a>> for Debited {
    fn to_shape(&'a self, owner: Owner) -> v2::Debited<'a> {
        v2::Debited { plain: plain_debited(self, owner), extra: self.extra.to_shape(owner) }
    }

    fn from_shape(shape: v2::Debited<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v2::Debited { plain, extra } = shape;
        Ok(Self { extra: Mirror::from_shape(extra, owner)?, ..plain_debited_again(plain, owner)? })
    }
}

impl<'a> Mirror<'a, v2::DebitExtra<'a>> for DebitExtra {
    fn to_shape(&'a self, owner: Owner) -> v2::DebitExtra<'a> {
        let Self { priced, budget } = self;
        v2::DebitExtra { priced: priced.to_shape(owner), budget: budget.to_shape(owner) }
    }

    fn from_shape(shape: v2::DebitExtra<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v2::DebitExtra { priced, budget } = shape;
        Ok(Self { priced: Mirror::from_shape(priced, owner)?, budget: Mirror::from_shape(budget, owner)? })
    }
}

impl Mirror<'_, v2::Priced> for Priced {
    fn to_shape(&self, owner: Owner) -> v2::Priced {
        let Self { card, version, credits } = self;
        v2::Priced { card: card.to_shape(owner), version: *version, credits: credits.to_shape(owner) }
    }

    fn from_shape(shape: v2::Priced, owner: Owner) -> Result<Self, DecodeError> {
        let v2::Priced { card, version, credits } = shape;
        Ok(Self {
            card: Mirror::from_shape(card, owner)?,
            version,
            credits: Mirror::from_shape(credits, owner)?,
        })
    }
}

impl Mirror<'_, v2::Uncollected> for Uncollected {
    fn to_shape(&self, owner: Owner) -> v2::Uncollected {
        let Self { wallet, credits } = self;
        v2::Uncollected { wallet: wallet.to_shape(owner), credits: credits.to_shape(owner) }
    }

    fn from_shape(shape: v2::Uncollected, owner: Owner) -> Result<Self, DecodeError> {
        let v2::Uncollected { wallet, credits } = shape;
        Ok(Self { wallet: Mirror::from_shape(wallet, owner)?, credits: Mirror::from_shape(credits, owner)? })
    }
}
