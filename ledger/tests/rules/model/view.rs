//! What a read shows at an instant: SEMANTICS §1, computed on a copy to which the time was let pass.

use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::PriceType;

use super::Model;
use super::number::{Q, total};
use super::state::Block;

/// The figures of one wallet at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) posted: Q,
    pub(crate) available: Q,
    pub(crate) scheduled: Q,
    pub(crate) held: Q,
    pub(crate) own: Q,
    pub(crate) debt: Q,
    /// Purchased, promotional, plan included, refund, adjustment, rollover.
    pub(crate) by_source: [Q; 6],
    pub(crate) for_usage: Q,
    pub(crate) for_fixed: Q,
    /// Live tranches in burn order with what is left of them.
    pub(crate) tranches: Vec<(usize, Q)>,
}

const SOURCES: [Source; 6] = [
    Source::Purchased,
    Source::Promotional,
    Source::PlanIncluded,
    Source::Refund,
    Source::Adjustment,
    Source::Rollover,
];

impl Model {
    pub(crate) fn seen(&self, wallet: usize, now: Timestamp) -> Seen {
        let mut later = self.clone();
        later.catch_up(now, usize::MAX);
        let of_source =
            |source| later.sum(wallet, |block| block.source == source && block.started && block.is_live());
        let purse = &later.wallets[wallet];
        let room = (&later.own(wallet) + &purse.limit).max(Q::zero());
        let live = later.in_burn_order(wallet);
        Seen {
            posted: later.posted_at(wallet, now),
            available: room,
            scheduled: later.sum(wallet, |block| block.is_live() && now < block.effective_at),
            held: later.held(wallet),
            own: later.own(wallet),
            debt: purse.debt(),
            by_source: SOURCES.map(of_source),
            for_usage: later.could_take(wallet, PriceType::Usage, now),
            for_fixed: later.could_take(wallet, PriceType::Fixed, now),
            tranches: live.iter().map(|index| (*index, later.tranches[*index].remaining())).collect(),
        }
    }

    /// What a charge of that type, without a feature, could take: tranches, then overdraft.
    fn could_take(&self, wallet: usize, price_type: PriceType, now: Timestamp) -> Q {
        let purse = &self.wallets[wallet];
        if !purse.is_active() || !purse.admits(price_type) {
            return Q::zero();
        }
        let pays = |tranche: &usize| {
            let block = &self.tranches[*tranche];
            block.wallet == wallet && block.is_usable(now) && block.admits(price_type, None)
        };
        let unpinned: Vec<Q> =
            (0..self.tranches.len()).filter(pays).map(|tranche| self.unpinned(tranche)).collect();
        let credit = total(&unpinned);
        let most = (&self.own(wallet) + &purse.limit).max(Q::zero());
        &credit.min(most) + &self.overdraft_left(wallet, price_type)
    }

    fn sum(&self, wallet: usize, fits: impl Fn(&Block) -> bool) -> Q {
        let blocks = self.blocks_of(wallet).filter(|block| fits(block));
        total(&blocks.map(Block::remaining).collect::<Vec<_>>())
    }
}
