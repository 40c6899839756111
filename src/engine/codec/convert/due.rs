//! What had become due.

use coffer_ledger::fact::Due;

use super::leaves::shapes_of;
use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::record as v1;
use crate::engine::codec::v1::wire::List;
use crate::engine::codec::v2::record as v2;

impl<'a> Mirror<'a, v2::Due<'a>> for Due {
    fn to_shape(&'a self, owner: Owner) -> v2::Due<'a> {
        match self {
            Self::Expired { tranche, credits, terms, posting } => {
                v2::Due::V1(v1::Due::Expired(v1::Expired {
                    tranche: tranche.to_shape(owner),
                    credits: credits.to_shape(owner),
                    terms: terms.to_shape(owner),
                    posting: posting.to_shape(owner),
                }))
            }
            Self::Started { tranche, credits, repaid, effective_at, row, posting } => {
                v2::Due::V1(v1::Due::Started(v1::Started {
                    tranche: tranche.to_shape(owner),
                    credits: credits.to_shape(owner),
                    repaid: repaid.to_shape(owner),
                    effective_at: effective_at.to_shape(owner),
                    position: row.0.to_shape(owner),
                    row: row.1,
                    posting: posting.to_shape(owner),
                }))
            }
            Self::HoldExpired(end) => v2::Due::HoldExpired(end.to_shape(owner)),
        }
    }

    fn from_shape(shape: v2::Due<'a>, owner: Owner) -> Result<Self, DecodeError> {
        match shape {
            v2::Due::V1(shape) => from_v1(shape, owner),
            v2::Due::HoldExpired(end) => Mirror::from_shape(end, owner).map(Self::HoldExpired),
        }
    }
}

fn from_v1(shape: v1::Due<'_>, owner: Owner) -> Result<Due, DecodeError> {
    Ok(match shape {
        v1::Due::Expired(v1::Expired { tranche, credits, terms, posting }) => Due::Expired {
            tranche: Mirror::from_shape(tranche, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
            terms: Mirror::from_shape(terms, owner)?,
            posting: Mirror::from_shape(posting, owner)?,
        },
        v1::Due::Started(shape) => Due::Started {
            tranche: Mirror::from_shape(shape.tranche, owner)?,
            credits: Mirror::from_shape(shape.credits, owner)?,
            repaid: Mirror::from_shape(shape.repaid, owner)?,
            effective_at: Mirror::from_shape(shape.effective_at, owner)?,
            row: (Mirror::from_shape(shape.position, owner)?, shape.row),
            posting: Mirror::from_shape(shape.posting, owner)?,
        },
    })
}

/// All of them in version 1, if it can hold them. Most records have none, and then nothing is allocated.
pub(in crate::engine::codec) fn due_to_v1(due: &[Due], owner: Owner) -> Option<List<'_, v1::Due<'_>>> {
    let mut shapes = Vec::with_capacity(due.len());
    for due in due {
        match due.to_shape(owner) {
            v2::Due::V1(shape) => shapes.push(shape),
            v2::Due::HoldExpired(_) => return None,
        }
    }
    Some(List::Read(shapes))
}

pub(super) fn due_from_v1(list: List<'_, v1::Due<'_>>, owner: Owner) -> Result<Vec<Due>, DecodeError> {
    let shapes = shapes_of(list);
    let mut due = Vec::with_capacity(shapes.len());
    for shape in shapes {
        due.push(from_v1(shape, owner)?);
    }
    Ok(due)
}
