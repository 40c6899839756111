//! Which credit is spent, pinned and owed: what is bought and never paid goes, but for what holds keep of it.

use coffer_ledger::time::Timestamp;

use super::model::{Model, Pinned};

/// Credit that came in as one.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) wallet: usize,
    pub(crate) of_buy: Option<usize>,
    /// Nobody pays for it: it burns first.
    pub(crate) free: bool,
    pub(crate) effective_at: Timestamp,
    pub(crate) original: i128,
    /// Not spent, pins included.
    pub(crate) left: i128,
    /// Its payment has failed.
    pub(crate) unpaid: bool,
}

impl Model {
    /// Credit is there: it repays debt first.
    pub(crate) fn come(&mut self, block: Block) {
        let debt = &mut self.pots[block.wallet].debt;
        let repaid = block.original.min(*debt);
        *debt -= repaid;
        self.pots[block.wallet].moves.push(block.original);
        self.blocks.push(Block { left: block.original - repaid, ..block });
    }

    fn unpinned(&self, block: usize) -> i128 {
        let parts = self.holds.iter().flat_map(|hold| &hold.parts);
        let pinned: i128 = parts.filter(|(of, _)| *of == block).map(|(_, credits)| credits).sum();
        self.blocks[block].left - pinned
    }

    /// Which credit of a wallet pays so much, in burn order.
    pub(crate) fn burning(&self, wallet: usize, credits: i128) -> Vec<(usize, i128)> {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        order.retain(|block| self.blocks[*block].wallet == wallet);
        order.sort_by_key(|block| (!self.blocks[*block].free, self.blocks[*block].effective_at, *block));
        let (mut rest, mut parts) = (credits, Vec::new());
        for block in order {
            let part = self.unpinned(block).min(rest);
            if part > 0 {
                parts.push((block, part));
                rest -= part;
            }
        }
        assert_eq!(rest, 0, "a wallet's own is there");
        parts
    }

    pub(crate) fn spend(&mut self, wallet: usize, credits: i128) {
        for (block, part) in self.burning(wallet, credits) {
            self.blocks[block].left -= part;
        }
        self.pots[wallet].moves.push(-credits);
        self.touched.insert(wallet);
    }

    /// Spends what was pinned, which it is no more. What was never paid for is owed, and goes.
    pub(crate) fn spend_pinned(&mut self, block: usize, credits: i128) {
        let Block { wallet, unpaid, .. } = self.blocks[block];
        self.blocks[block].left -= credits;
        self.pots[wallet].moves.push(-credits);
        if unpaid {
            self.pots[wallet].moves.push(-credits);
            self.pots[wallet].debt += credits;
        }
        self.touched.insert(wallet);
    }

    /// What a hold still keeps is free again, or gone if nobody paid for it.
    pub(crate) fn let_go(&mut self, hold: usize) {
        let Pinned { parts, .. } = self.holds.remove(hold);
        for (block, credits) in parts {
            let Block { wallet, unpaid, .. } = self.blocks[block];
            if unpaid && credits > 0 {
                self.blocks[block].left -= credits;
                self.pots[wallet].moves.push(-credits);
                self.touched.insert(wallet);
            }
        }
    }

    /// Credit that was never paid: what nobody keeps goes, what was spent is owed. Both move posted.
    pub(crate) fn take_back(&mut self, buy: usize) {
        for block in 0..self.blocks.len() {
            if self.blocks[block].of_buy != Some(buy) {
                continue;
            }
            let unpinned = self.unpinned(block);
            let Block { wallet, original, left, .. } = self.blocks[block];
            let owed = original - left;
            self.blocks[block].left -= unpinned;
            self.blocks[block].unpaid = true;
            self.pots[wallet].debt += owed;
            self.pots[wallet].moves.push(-unpinned - owed);
            if unpinned + owed > 0 {
                self.touched.insert(wallet);
            }
        }
    }
}
