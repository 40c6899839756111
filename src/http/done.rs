//! What a command did, as replies find it: in a record of its own, or as an item of an atomic batch.

use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::RowId;
use coffer_ledger::time::Timestamp;

use super::error::ApiError;
use super::wire::Id;
use crate::engine::Committed;

/// One command's effect, and where its rows stand.
#[derive(Clone, Copy)]
pub(crate) struct Done<'a> {
    committed: &'a Committed,
    /// What it did.
    pub(crate) effect: &'a Effect,
    /// Number of its first row in the record.
    first_row: u32,
}

impl<'a> Done<'a> {
    /// The effect of a record.
    pub(crate) fn alone(committed: &'a Committed) -> Self {
        let facts = &committed.record.facts;
        Self { committed, effect: &facts.effect, first_row: facts.first_row() }
    }

    /// The effects of an atomic batch, in order.
    pub(crate) fn each(committed: &'a Committed) -> Result<Vec<Self>, ApiError> {
        let facts = &committed.record.facts;
        let Effect::Atomic(effects) = &facts.effect else {
            return Err(ApiError::internal("the record of an atomic batch holds another effect"));
        };
        let mut next_row = facts.first_row();
        let each = effects.iter().map(|effect| {
            let first_row = next_row;
            next_row += effect.rows();
            Self { committed, effect, first_row }
        });
        Ok(each.collect())
    }

    /// The id of the effect's i-th row; a dry run has none.
    pub(crate) fn row(&self, index: usize) -> Option<Id> {
        let row = self.first_row + u32::try_from(index).expect("a record has fewer than 2^24 rows");
        self.is_real().then(|| RowId::new(self.at(), self.committed.position, row).into())
    }

    /// Whether it happened: not in a dry run.
    pub(crate) const fn is_real(&self) -> bool {
        self.committed.position.0 > 0
    }

    /// What replies call the customer.
    pub(crate) fn customer_id(&self) -> &'a str {
        &self.committed.customer.id
    }

    /// All that the record says.
    pub(crate) fn facts(&self) -> &'a Facts {
        &self.committed.record.facts
    }

    /// When it was recorded.
    pub(crate) fn at(&self) -> Timestamp {
        self.committed.record.facts.at
    }
}
