//! What had become due.

use coffer_ledger::fact::Due;

use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::record as v1;
use crate::engine::codec::v2::record as v2;
use crate::engine::codec::v3::record as v3;

/// For records that version 1 can hold.
impl<'a> Mirror<'a, v1::Due<'a>> for Due {
    fn to_shape(&'a self, owner: Owner) -> v1::Due<'a> {
        match self {
            Self::Expired { tranche, credits, terms, posting } => v1::Due::Expired(v1::Expired {
                tranche: tranche.to_shape(owner),
                credits: credits.to_shape(owner),
                terms: terms.to_shape(owner),
                posting: posting.to_shape(owner),
            }),
            Self::Started { tranche, credits, repaid, effective_at, row, posting } => {
                v1::Due::Started(v1::Started {
                    tranche: tranche.to_shape(owner),
                    credits: credits.to_shape(owner),
                    repaid: repaid.to_shape(owner),
                    effective_at: effective_at.to_shape(owner),
                    position: row.0.to_shape(owner),
                    row: row.1,
                    posting: posting.to_shape(owner),
                })
            }
            Self::HoldExpired(_) | Self::RechargeExpired(_) | Self::RolledOver(_) | Self::Granted(_) => {
                unreachable!("whoever asks has seen that version 1 holds it")
            }
        }
    }

    fn from_shape(shape: v1::Due<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            v1::Due::Expired(v1::Expired { tranche, credits, terms, posting }) => Self::Expired {
                tranche: Mirror::from_shape(tranche, owner)?,
                credits: Mirror::from_shape(credits, owner)?,
                terms: Mirror::from_shape(terms, owner)?,
                posting: Mirror::from_shape(posting, owner)?,
            },
            v1::Due::Started(shape) => Self::Started {
                tranche: Mirror::from_shape(shape.tranche, owner)?,
                credits: Mirror::from_shape(shape.credits, owner)?,
                repaid: Mirror::from_shape(shape.repaid, owner)?,
                effective_at: Mirror::from_shape(shape.effective_at, owner)?,
                row: (Mirror::from_shape(shape.position, owner)?, shape.row),
                posting: Mirror::from_shape(shape.posting, owner)?,
            },
        })
    }
}

impl<'a> Mirror<'a, v2::Due<'a>> for Due {
    fn to_shape(&'a self, owner: Owner) -> v2::Due<'a> {
        match self {
            Self::Expired { .. } | Self::Started { .. } => v2::Due::V1(self.to_shape(owner)),
            Self::HoldExpired(end) => v2::Due::HoldExpired(end.to_shape(owner)),
            Self::RechargeExpired(_) | Self::RolledOver(_) | Self::Granted(_) => {
                unreachable!("whoever asks has seen that version 2 holds it")
            }
        }
    }

    fn from_shape(shape: v2::Due<'a>, owner: Owner) -> Result<Self, DecodeError> {
        match shape {
            v2::Due::V1(shape) => Mirror::from_shape(shape, owner),
            v2::Due::HoldExpired(end) => Mirror::from_shape(end, owner).map(Self::HoldExpired),
        }
    }
}

impl<'a> Mirror<'a, v3::Due<'a>> for Due {
    fn to_shape(&'a self, owner: Owner) -> v3::Due<'a> {
        match self {
            Self::Expired { .. } | Self::Started { .. } | Self::HoldExpired(_) => {
                v3::Due::V2(self.to_shape(owner))
            }
            Self::RechargeExpired(end) => v3::Due::RechargeExpired(end.to_shape(owner)),
            Self::RolledOver(rolled) => v3::Due::RolledOver(rolled.to_shape(owner)),
            Self::Granted(granted) => v3::Due::Granted(granted.to_shape(owner)),
        }
    }

    fn from_shape(shape: v3::Due<'a>, owner: Owner) -> Result<Self, DecodeError> {
        match shape {
            v3::Due::V2(shape) => Mirror::from_shape(shape, owner),
            v3::Due::RechargeExpired(end) => Mirror::from_shape(end, owner).map(Self::RechargeExpired),
            v3::Due::RolledOver(rolled) => Mirror::from_shape(rolled, owner).map(Self::RolledOver),
            v3::Due::Granted(granted) => Mirror::from_shape(granted, owner).map(Self::Granted),
        }
    }
}
