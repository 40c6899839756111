//! Other rules, and what they make of a request, of a tenant's settings and of a wallet.
//!
//! Most rules change what is asked and leave the ledger alone: another end is another `expires_at` in the same top-up. Only the
//! burn order is one that the ledger itself keeps ([`BurnOrder`]). Tested in `tests/whatif/`.

use std::collections::BTreeMap;

use coffer_ledger::amount::Credits;
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::catalog::tenant::{DefaultPriorities, Settings};
use coffer_ledger::command::{Bonus, Command, CreateWallet, CreditReason, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::WalletId;
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::wallet::WalletHead;

const NS_PER_DAY: u64 = 86_400_000_000_000;

/// How long new credit lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeSpan {
    /// For ever.
    Never,
    /// So many days of 24 hours from the instant at which it comes in, or starts if that is later.
    Days(u32),
}

/// Priorities that take the place of the tenant's defaults; `None` = the tenant's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherPriorities {
    /// `purchased`.
    pub purchased: Option<u32>,
    /// `promotional`.
    pub promotional: Option<u32>,
    /// `plan_included`.
    pub plan_included: Option<u32>,
    /// `refund`.
    pub refund: Option<u32>,
    /// `adjustment`.
    pub adjustment: Option<u32>,
}

/// Overdraft limits that take the place of the wallets' own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherOverdraft {
    /// Of every wallet that is not named; `None` = its own.
    pub all: Option<Credits>,
    /// By wallet.
    pub wallets: BTreeMap<WalletId, Credits>,
}

/// Other rules. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The order of tranches within a wallet.
    pub burn_order: BurnOrder,
    /// For new credit whose request names no priority.
    pub default_priorities: OtherPriorities,
    /// For new credit, by source; what is not here keeps the end that was asked for.
    pub expiry: BTreeMap<Source, LifeSpan>,
    /// All the cards of their meters: those of the tenant for the same meters do not count.
    pub rate_cards: Vec<RateCard>,
    /// How far wallets may be overdrawn.
    pub overdraft: OtherOverdraft,
}

impl Rules {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether states that were equal before are not under these rules.
    pub(super) fn change_states(&self) -> bool {
        self.burn_order != BurnOrder::Contract || self.overdraft != OtherOverdraft::default()
    }

    /// A tenant's settings under these rules.
    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        let (own, other) = (settings.default_priorities, self.default_priorities);
        let default_priorities = DefaultPriorities {
            purchased: other.purchased.unwrap_or(own.purchased),
            promotional: other.promotional.unwrap_or(own.promotional),
            plan_included: other.plan_included.unwrap_or(own.plan_included),
            refund: other.refund.unwrap_or(own.refund),
            adjustment: other.adjustment.unwrap_or(own.adjustment),
        };
        Settings { default_priorities, ..settings.clone() }
    }

    /// A tenant's rate cards under these rules.
    pub(super) fn cards(&self, cards: &[RateCard]) -> Vec<RateCard> {
        let is_kept = |card: &&RateCard| self.rate_cards.iter().all(|other| other.meter != card.meter);
        cards.iter().filter(is_kept).chain(&self.rate_cards).cloned().collect()
    }

    /// How far a wallet may be overdrawn.
    pub(super) fn overdraft_limit(&self, wallet: WalletId, own: Credits) -> Credits {
        let named = self.overdraft.wallets.get(&wallet).copied();
        named.or(self.overdraft.all).unwrap_or(own)
    }

    /// Changes a request into one under these rules. `made` is what the log says came of it, `now` its instant.
    pub(super) fn change(&self, command: &mut Command, made: &Effect, now: Timestamp) {
        match command {
            Command::TopUp(request) => self.change_top_up(request, now),
            Command::CreateWallet(request) => {
                if let Effect::WalletCreated { wallet, .. } = made {
                    self.change_wallet(request, wallet, now);
                }
            }
            Command::UpdateWallet(request) => {
                let own = request.overdraft_limit;
                request.overdraft_limit = own.map(|own| self.overdraft_limit(request.wallet, own));
            }
            Command::CreateCustomer { .. }
            | Command::UpdateCustomer { .. }
            | Command::ChangeCustomer(_)
            | Command::DeleteCustomer
            | Command::Debit(_)
            | Command::ManualDebit(_)
            | Command::Freeze(_)
            | Command::Unfreeze(_)
            | Command::Close { .. }
            | Command::PlaceHold(_)
            | Command::Capture(_)
            | Command::Release { .. }
            | Command::Extend { .. }
            | Command::Grow { .. }
            | Command::Refund(_)
            | Command::VoidCredit(_)
            | Command::Settle(_)
            | Command::VoidInvoice { .. }
            | Command::Transfer(_)
            | Command::TransferIn(_)
            | Command::TransferDone(_)
            | Command::TransferBack(_)
            | Command::TransferForget(_)
            | Command::SetBudget(_)
            | Command::DeleteBudget(_)
            | Command::ResetBudget(_)
            | Command::Event(_)
            | Command::Subscribe(_)
            | Command::Unsubscribe { .. }
            | Command::CreateGrant(_)
            | Command::UpdateGrant(_)
            | Command::DeleteGrant { .. }
            | Command::FollowPlans
            | Command::CompleteRecharge(_)
            | Command::FailRecharge { .. }
            | Command::CancelRecharge(_)
            | Command::ResumeAutoTopup(_)
            | Command::Recharge(_)
            | Command::Atomic(_)
            | Command::Tick => {}
        }
    }

    fn change_top_up(&self, request: &mut TopUp, now: Timestamp) {
        let from = request.effective_at.map_or(now, |start| start.max(now));
        request.expires_at = self.end(request.reason.source(), request.expires_at, from);
        if let Some(Bonus { expires_at, .. }) = &mut request.bonus {
            *expires_at = self.end(CreditReason::PurchasedCreditBonus.source(), *expires_at, from);
        }
    }

    fn change_wallet(&self, request: &mut CreateWallet, made: &WalletHead, now: Timestamp) {
        request.overdraft_limit = self.overdraft_limit(made.id, request.overdraft_limit);
        if request.initial_credits.is_positive() {
            let source = CreditReason::FreeCreditGrant.source();
            request.initial_expires_at = self.end(source, request.initial_expires_at, now);
        }
    }

    fn end(&self, source: Source, asked: Option<Timestamp>, from: Timestamp) -> Option<Timestamp> {
        match self.expiry.get(&source) {
            None => asked,
            Some(LifeSpan::Never) => None,
            Some(LifeSpan::Days(days)) => {
                Some(Timestamp(from.0.saturating_add(u64::from(*days).saturating_mul(NS_PER_DAY))))
            }
        }
    }
}
