//! What the log's ids are called in a shadow.
//!
//! Ids are minted from a customer's counter, so they are the same as long as the shadow made as many things. From where it made
//! more (a transfer of more slices) they differ, and from where it refused one there is none. Only what differs is kept. Rows are
//! found by [`super::closed`]; tranches are named by no request.

use std::collections::VecDeque;

use coffer_ledger::command::{Charge, Command, GrantFor, SetBudget, Subscribe};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{Due, Effect, Facts, HoldVerb, Landed};
use coffer_ledger::ids::{GrantId, HoldId, RechargeId, ThingId, TransferId, WalletId};
use coffer_ledger::recharge::Recharge;
use hashbrown::HashMap;

/// The request names something that the shadow refused to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing(pub(super) &'static str);

/// What differs of the ids of one customer's things.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// `None` = the shadow refused it.
    differ: HashMap<ThingId, Option<ThingId>>,
    /// By the shadow's wallet.
    unpaired: HashMap<WalletId, Unpaired>,
}

/// Recharges that a wallet's rule began on one side and has not begun on the other, oldest first.
#[derive(Debug, Default)]
struct Unpaired {
    log: VecDeque<RechargeId>,
    shadow: VecDeque<RechargeId>,
}

impl Names {
    fn of(&self, id: ThingId, what: &'static str) -> Result<ThingId, Missing> {
        self.differ.get(&id).copied().unwrap_or(Some(id)).ok_or(Missing(what))
    }

    /// The shadow's name of a wallet.
    pub(super) fn wallet(&self, id: WalletId) -> Result<WalletId, Missing> {
        self.of(id.0, "the wallet").map(WalletId)
    }

    /// The shadow's name of a hold.
    pub(super) fn hold(&self, id: HoldId) -> Result<HoldId, Missing> {
        self.of(id.0, "the hold").map(HoldId)
    }

    /// The shadow's name of a transfer.
    pub(super) fn transfer(&self, id: TransferId) -> Result<TransferId, Missing> {
        self.of(id.0, "the transfer").map(TransferId)
    }

    /// The shadow's name of a grant of the customer's own.
    pub(super) fn grant(&self, id: GrantId) -> Result<GrantId, Missing> {
        self.of(id.0, "the grant").map(GrantId)
    }

    /// Learns which wallets grants made, in the log's record and in the shadow's.
    pub(super) fn learn_wallets(&mut self, log: &Facts, shadow: Option<&Facts>) {
        let others: Vec<WalletId> = shadow.map(made_wallets).unwrap_or_default();
        for (id, other) in made_wallets(log).into_iter().zip(others) {
            if id != other {
                self.differ.insert(id.0, Some(other.0));
            }
        }
    }

    /// The shadow's name of a recharge.
    pub(super) fn recharge(&self, id: RechargeId) -> Result<RechargeId, Missing> {
        self.of(id.0, "the recharge").map(RechargeId)
    }

    /// Learns which recharges the rules of wallets began. They may begin at other records in the shadow, sooner or later: the first one of
    /// a wallet is paid, or is not, as the first one of the log is.
    pub(super) fn learn_recharges(&mut self, log: Option<&Facts>, shadow: Option<&Facts>) {
        let mut wallets = Vec::new();
        for recharge in log.into_iter().flat_map(begun) {
            // Until the shadow's begins there is none.
            self.differ.insert(recharge.id.0, None);
            if let Ok(wallet) = self.wallet(recharge.wallet) {
                self.unpaired.entry(wallet).or_default().log.push_back(recharge.id);
                wallets.push(wallet);
            }
        }
        for recharge in shadow.into_iter().flat_map(begun) {
            self.unpaired.entry(recharge.wallet).or_default().shadow.push_back(recharge.id);
            wallets.push(recharge.wallet);
        }
        for wallet in wallets {
            let Some(of_wallet) = self.unpaired.get_mut(&wallet) else { continue };
            while let (Some(id), Some(other)) = (of_wallet.log.front(), of_wallet.shadow.front()) {
                self.differ.insert(id.0, Some(other.0));
                of_wallet.log.pop_front();
                of_wallet.shadow.pop_front();
            }
        }
    }

    /// Learns what the log's record made, and what the shadow's did; `None` = the shadow refused.
    pub(super) fn learn(&mut self, log: &Effect, shadow: Option<&Effect>) {
        if let Effect::Atomic(items) = log {
            for (index, item) in items.iter().enumerate() {
                let other = match shadow {
                    Some(Effect::Atomic(others)) => others.get(index),
                    Some(_) | None => None,
                };
                self.learn(item, other);
            }
            return;
        }
        let Some(id) = made(log) else { return };
        let other = shadow.and_then(made);
        if other != Some(id) {
            self.differ.insert(id, other);
        }
    }

    /// The command as the shadow has to be asked it. `log` is the customer in the log, before its record.
    ///
    /// # Errors
    /// [`Missing`]: it names something that the shadow refused.
    pub(super) fn translate(
        &self,
        command: &mut Command,
        (log, shadow): (&Customer, &Customer),
        came_of_it: &Effect,
    ) -> Result<(), Missing> {
        match command {
            Command::UpdateWallet(request) => request.wallet = self.wallet(request.wallet)?,
            Command::TopUp(request) => request.wallet = self.wallet(request.wallet)?,
            Command::ManualDebit(request) => request.wallet = self.wallet(request.wallet)?,
            Command::Freeze(wallet) | Command::Unfreeze(wallet) | Command::Close { wallet, .. } => {
                *wallet = self.wallet(*wallet)?;
            }
            Command::Debit(request) => self.charge(&mut request.charge)?,
            Command::PlaceHold(request) => self.charge(&mut request.charge)?,
            Command::Event(request) => self.charge(&mut request.charge)?,
            Command::Capture(request) => request.hold = self.hold(request.hold)?,
            Command::Release { hold, .. } | Command::Extend { hold, .. } | Command::Grow { hold, .. } => {
                *hold = self.hold(*hold)?;
            }
            // Who receives is another customer's business.
            Command::Transfer(request) => {
                request.from_wallet = request.from_wallet.map(|id| self.wallet(id)).transpose()?;
            }
            Command::TransferIn(request) => request.to_wallet = self.wallet(request.to_wallet)?,
            Command::TransferDone(transfer) | Command::TransferBack(transfer) => {
                *transfer = self.transfer(*transfer)?;
            }
            Command::Subscribe(request) => name_subscription(request, (log, shadow), came_of_it),
            Command::CreateGrant(request) => {
                request.wallet = request.wallet.map(|id| self.wallet(id)).transpose()?;
                if let GrantFor::Wallet(id) = &mut request.of {
                    *id = self.wallet(*id)?;
                }
            }
            Command::UpdateGrant(request) => request.id = self.grant(request.id)?,
            Command::DeleteGrant { id, .. } => *id = self.grant(*id)?,
            Command::SetBudget(request) => name_budget(request, (log, shadow), came_of_it),
            Command::CompleteRecharge(recharge)
            | Command::FailRecharge { id: recharge, .. }
            | Command::CancelRecharge(recharge) => *recharge = self.recharge(*recharge)?,
            Command::ResumeAutoTopup(wallet) => *wallet = self.wallet(*wallet)?,
            Command::Recharge(due) => due.wallet = self.wallet(due.wallet)?,
            Command::Atomic(items) => {
                for item in items {
                    self.translate(item, (log, shadow), came_of_it)?;
                }
            }
            Command::CreateCustomer { .. }
            | Command::UpdateCustomer { .. }
            | Command::ChangeCustomer(_)
            | Command::DeleteCustomer
            | Command::CreateWallet(_)
            | Command::Refund(_)
            | Command::VoidCredit(_)
            | Command::Settle(_)
            | Command::VoidInvoice { .. }
            | Command::TransferForget(_)
            | Command::DeleteBudget(_)
            | Command::ResetBudget(_)
            | Command::Unsubscribe { .. }
            | Command::FollowPlans
            | Command::Tick => {}
        }
        Ok(())
    }

    fn charge(&self, charge: &mut Charge) -> Result<(), Missing> {
        charge.wallet = charge.wallet.map(|id| self.wallet(id)).transpose()?;
        Ok(())
    }
}

/// Budgets are called by name, also those whose name was made: the shadow's gets the same one.
fn name_budget(request: &mut SetBudget, (log, shadow): (&Customer, &Customer), came_of_it: &Effect) {
    if let (None, Effect::BudgetSet(budget)) = (&request.id, came_of_it)
        && shadow.counter > log.counter
    {
        request.id = Some(budget.id.clone());
    }
}

/// Subscriptions are called by name, also those whose name was made: the shadow's gets the same one.
fn name_subscription(request: &mut Subscribe, (log, shadow): (&Customer, &Customer), came_of_it: &Effect) {
    if let (None, Effect::Subscribed(subscribed)) = (&request.id, came_of_it)
        && shadow.counter > log.counter
    {
        request.id = Some(subscribed.subscription.name.clone());
    }
}

/// The recharges that rules of wallets began.
fn begun(facts: &Facts) -> impl Iterator<Item = &Recharge> {
    facts.set_off.iter().flat_map(|set_off| set_off.begun())
}

/// The wallets that grants made by themselves, in order.
fn made_wallets(facts: &Facts) -> Vec<WalletId> {
    let at_once: &[Due] = match &facts.effect {
        Effect::Subscribed(subscribed) => &subscribed.minted,
        Effect::GrantSet(set) => &set.minted,
        _ => &[],
    };
    let made = facts.due.iter().chain(at_once).filter_map(|due| match due {
        Due::Granted(granted) => match &granted.landed {
            Landed::Minted { made, .. } => made.as_ref().map(|made| made.id),
            Landed::Skipped(_) => None,
        },
        Due::Expired { .. }
        | Due::Started { .. }
        | Due::HoldExpired(_)
        | Due::RechargeExpired(_)
        | Due::RolledOver(_) => None,
    });
    made.collect()
}

/// The thing that an effect made and requests may name later.
fn made(effect: &Effect) -> Option<ThingId> {
    match effect {
        Effect::WalletCreated { wallet, .. } => Some(wallet.id.0),
        Effect::Held(step) => (step.verb == HoldVerb::Placed).then_some(step.hold.id.0),
        Effect::TransferSent(sent) => Some(sent.out.id.0),
        Effect::GrantSet(set) => Some(set.grant.key.grant.0),
        Effect::Recharged { recharge, .. } => Some(recharge.id.0),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. }
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceSettled(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::EventRecorded { .. }
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => None,
    }
}
