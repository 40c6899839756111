//! What a customer should have at an instant, and the comparison of what the server shows with it.

use super::api::{BalanceReply, amount};
use super::check::same;
use super::decimal::Amount;
use super::setup::Account;

/// What a customer should have at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Σ usable − debt, of each wallet.
    pub(crate) posted: Vec<Amount>,
    /// Σ pinned by open holds, of all wallets.
    pub(crate) held: Amount,
    /// What can be spent, overdraft included.
    pub(crate) available: Amount,
    /// What is left of each tranche, in the order of the account's ids; nothing of what has ended.
    pub(crate) remaining: Vec<Amount>,
}

impl Standing {
    /// Compares what a customer has, figure by figure.
    pub(crate) fn compare(&self, account: &Account, shown: &BalanceReply) -> Result<(), String> {
        let posted: Amount = self.posted.iter().copied().sum();
        same("posted", &shown.posted, &posted.to_string())?;
        same("held", &shown.held, &self.held.to_string())?;
        same("available", &shown.available, &self.available.to_string())?;
        same("number of wallets", &shown.wallets.len(), &self.posted.len())?;
        let mut live = Vec::new();
        for (posted, id) in self.posted.iter().zip(&account.wallet_ids) {
            let of_wallet = shown.wallets.iter().find(|wallet| wallet.id == *id);
            let of_wallet = of_wallet.ok_or_else(|| format!("wallet {id} is missing"))?;
            same("wallet's posted", &of_wallet.posted, &posted.to_string())?;
            let tranches = of_wallet.tranches.iter();
            live.extend(tranches.map(|tranche| (tranche.tranche_id.clone(), tranche.remaining.clone())));
        }
        let left = account.tranche_ids.iter().zip(&self.remaining);
        let left = left.filter(|(_, remaining)| **remaining > Amount::ZERO);
        let mut left: Vec<_> = left.map(|(id, remaining)| (id.clone(), remaining.to_string())).collect();
        left.sort();
        live.sort();
        same("live tranches", &live, &left)
    }

    /// Whether less is there than there should be: what a second effect leaves behind.
    pub(crate) fn is_more_than(&self, shown: &BalanceReply) -> bool {
        amount(&shown.posted).is_ok_and(|posted| posted < self.posted.iter().copied().sum())
    }
}
