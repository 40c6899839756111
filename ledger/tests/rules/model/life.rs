//! Customers and wallets from their making to their end: SEMANTICS §15, API §3.

use coffer_ledger::command::{CreateWallet, Remainder, UpdateWallet};
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::ids::WalletId;
use coffer_ledger::limits::Limits;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_ledger::wallet::{WalletStatus, WalletType};

use super::credit::{ends_too_early, minor_digits};
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Done, Ended, HoldEnded, No};
use super::state::{Person, Purse};
use super::{Circumstances, Model, those, unless};

impl Model {
    pub(crate) fn create_customer(
        &mut self,
        external_id: &str,
        zone: Option<String>,
    ) -> Result<Done, Vec<No>> {
        match &self.person {
            Some(person) if person.deleted => Err(vec![No::CustomerNotFound, No::AlreadyExists]),
            Some(_) => Err(vec![No::AlreadyExists]),
            None => {
                let external_id = external_id.to_owned();
                self.person = Some(Person { external_id, minted: true, deleted: false, zone });
                Ok(self.customer_set())
            }
        }
    }

    pub(crate) fn update_customer(&mut self, zone: Option<String>) -> Result<Done, Vec<No>> {
        self.known()?;
        self.person.as_mut().expect("known").zone = zone;
        Ok(self.customer_set())
    }

    pub(crate) fn delete_customer(&mut self) -> Result<Done, Vec<No>> {
        self.known()?;
        if self.wallets.iter().any(|purse| purse.status != WalletStatus::Closed) {
            return Err(vec![No::InvalidOperation]);
        }
        self.person.as_mut().expect("known").deleted = true;
        self.end_grants();
        Ok(self.customer_set())
    }

    fn customer_set(&self) -> Done {
        let person = self.person.clone().expect("set before");
        Done::CustomerSet { external_id: person.external_id, deleted: person.deleted }
    }

    pub(crate) fn create_wallet(
        &mut self,
        ask: &CreateWallet,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        let customer = self.person.is_none();
        if !customer {
            self.known()?;
        }
        unless(self.create_wallet_faults(ask, around))?;
        if customer {
            let external_id = ask.customer.to_string();
            self.person = Some(Person { external_id, minted: false, deleted: false, zone: None });
        }
        let wallet = self.wallets.len();
        self.wallets.push(new_purse(ask, around));
        let initial = self.initial(wallet, ask, around);
        Ok(Done::WalletMade { customer, wallet, initial })
    }

    fn create_wallet_faults(&self, ask: &CreateWallet, around: Circumstances) -> Vec<No> {
        let Limits { wallets_max, tranches_max, .. } = *around.limits;
        let has_initial = ask.initial_credits.0 > 0;
        let is_twin = |purse: &Purse| {
            purse.is_active()
                && Some(purse.currency) == currency_of(ask, around)
                && purse.kind == ask.wallet_type
        };
        let would_mint_twice = has_initial && !around.keyed && self.wallets.iter().any(is_twin);
        let one_tranche_too_many = has_initial && self.live_count() >= tranches_max;
        let worth = &Q::raw(ask.initial_credits.0) * &Q::raw(ask.topup_conversion_rate.0);
        let mut faults = request_faults(ask, around.now);
        faults.extend(those([
            (currency_of(ask, around).is_none(), No::Invalid),
            (would_mint_twice, No::AlreadyExists),
            (self.wallets.len() >= wallets_max, No::Limit("wallets_max", wallets_max as u64)),
            (one_tranche_too_many, No::Limit("tranches_max", tranches_max as u64)),
            (leaves_12_digits(&worth), No::AmountOverflow),
        ]));
        faults
    }

    pub(crate) fn update_wallet(&mut self, ask: &UpdateWallet, now: Timestamp) -> Result<Done, Vec<No>> {
        let wallet = self.find(ask.wallet)?;
        unless(those([
            (self.wallets[wallet].status == WalletStatus::Closed, No::Closed),
            (ask.overdraft_limit.is_some_and(|limit| limit.0 < 0), No::AmountInvalid),
        ]))?;
        let purse = &mut self.wallets[wallet];
        if let Some(name) = &ask.name {
            purse.name = name.to_string();
        }
        if let Some(description) = &ask.description {
            purse.description = Some(description.to_string());
        }
        if let Some(metadata) = &ask.metadata {
            purse.metadata = metadata.clone();
        }
        purse.priority = ask.priority.unwrap_or(purse.priority);
        purse.admits = ask.allowed_price_types.unwrap_or(purse.admits);
        purse.limit = ask.overdraft_limit.map_or(purse.limit.clone(), |limit| Q::raw(limit.0));
        purse.updated_at = now;
        Ok(Done::WalletSet(wallet))
    }

    pub(crate) fn freeze(&mut self, id: WalletId, now: Timestamp) -> Result<Done, Vec<No>> {
        self.turn(id, WalletStatus::Active, WalletStatus::Frozen, now)
    }

    pub(crate) fn unfreeze(&mut self, id: WalletId, now: Timestamp) -> Result<Done, Vec<No>> {
        self.turn(id, WalletStatus::Frozen, WalletStatus::Active, now)
    }

    fn turn(
        &mut self,
        id: WalletId,
        from: WalletStatus,
        to: WalletStatus,
        now: Timestamp,
    ) -> Result<Done, Vec<No>> {
        let wallet = self.find(id)?;
        let purse = &mut self.wallets[wallet];
        if purse.status == WalletStatus::Closed {
            return Err(vec![No::Closed]);
        }
        if purse.status != from {
            return Err(vec![No::InvalidOperation]);
        }
        purse.status = to;
        purse.updated_at = now;
        Ok(Done::WalletSet(wallet))
    }

    /// The end: tranches give up what is left, scheduled ones never start (what was paid for them is unspent), debt is
    /// written off. The row moves what the tranches held; the write-off is a memo.
    pub(crate) fn close(
        &mut self,
        id: WalletId,
        remainder: Remainder,
        force: bool,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        let now = around.now;
        let wallet = self.find(id)?;
        if self.wallets[wallet].status == WalletStatus::Closed {
            return Err(vec![No::Closed, No::InvalidOperation]);
        }
        let pins = |hold: &usize| {
            let booking = &self.holds[*hold];
            // One that pins nothing any more is still where it was placed.
            let is_home = booking.pins.is_empty() && booking.home == wallet;
            booking.is_open() && (is_home || booking.pins.iter().any(|pin| pin.wallet == wallet))
        };
        let holds: Vec<usize> = (0..self.holds.len()).filter(pins).collect();
        let in_the_way = (!holds.is_empty() && !force) || self.has_sent_from(wallet);
        unless(those([(in_the_way, No::InvalidOperation)]))?;
        let released: Vec<HoldEnded> =
            holds.into_iter().map(|hold| self.end_hold(hold, HoldStatus::Released, now)).collect();
        let slices: usize = released.iter().map(|end| end.returned.len()).sum();
        let slices_max = around.limits.slices_max;
        unless(those([(slices > slices_max, No::Limit("slices_max", slices_max as u64))]))?;
        let before = self.posted(wallet);
        let (mut forfeits, mut cancelled, mut payable) = (Vec::new(), Vec::new(), Vec::new());
        for index in self.in_burn_order(wallet) {
            let share = self.refundable(index, remainder);
            payable.push(share.clone());
            let block = &mut self.tranches[index];
            if block.started {
                let left = block.remaining();
                block.left.push(left.clone());
                block.unused.push(left.clone());
                forfeits.push((index, left, share));
            } else {
                block.cancelled = true;
                cancelled.push(index);
            }
        }
        let row = (!forfeits.is_empty()).then(|| self.write_row(wallet, before));
        let given_up = total(forfeits.iter().map(|(_, left, _)| left));
        if row.is_some() {
            self.line(wallet, "debit", "WALLET_TERMINATION", &given_up, row.clone());
        }
        let written_off = self.wallets[wallet].debt();
        if written_off.is_positive() {
            self.line(wallet, "memo", "UNCOLLECTED", &written_off, None);
        }
        let purse = &mut self.wallets[wallet];
        purse.debt_moves.push(&Q::zero() - &written_off);
        purse.status = WalletStatus::Closed;
        purse.updated_at = now;
        self.end_grants_of(wallet);
        let purse = &self.wallets[wallet];
        let refund = total(&payable).half_up(minor_digits(purse.currency));
        unless(those([(leaves_12_digits(&refund), No::AmountOverflow)]))?;
        Ok(Done::Ended(Ended { wallet, forfeits, row, cancelled, written_off, refund }, released))
    }

    /// The unspent share of what was paid: paid − (paid × spent / original, rounded down) (§6 "paid").
    fn refundable(&self, index: usize, remainder: Remainder) -> Q {
        let block = &self.tranches[index];
        match remainder {
            Remainder::Forfeit => Q::zero(),
            Remainder::Refund => {
                let spent = &block.original - &block.remaining();
                let released = (&block.paid * &spent).over(&block.original).down(DIGITS);
                &block.paid - &released
            }
        }
    }
}

/// What can be wrong with a new wallet whoever it is for.
pub(crate) fn request_faults(ask: &CreateWallet, now: Timestamp) -> Vec<No> {
    let has_initial = ask.initial_credits.0 > 0;
    those([
        (ask.initial_credits.0 < 0 || ask.overdraft_limit.0 < 0, No::AmountInvalid),
        (has_initial && ends_too_early(ask.initial_expires_at, now, now), No::Invalid),
    ])
}

/// What a wallet is called if nobody says it.
pub(crate) fn default_name(kind: WalletType, currency: Currency) -> String {
    let currency = String::from_utf8_lossy(&currency.0).to_uppercase();
    match kind {
        WalletType::PrePaid => format!("Prepaid Wallet - {currency}"),
        WalletType::PostPaid => format!("Postpaid Wallet - {currency}"),
    }
}

fn currency_of(ask: &CreateWallet, around: Circumstances) -> Option<Currency> {
    if ask.currency.is_some() { ask.currency } else { around.settings.default_currency }
}

fn new_purse(ask: &CreateWallet, around: Circumstances) -> Purse {
    let (now, currency) = (around.now, currency_of(ask, around).expect("no fault was found"));
    let default_name = default_name(ask.wallet_type, currency);
    Purse {
        id: None,
        currency,
        price_unit: ask.price_unit.clone(),
        rate: Q::raw(ask.conversion_rate.0),
        topup_rate: Q::raw(ask.topup_conversion_rate.0),
        kind: ask.wallet_type,
        name: ask.name.as_ref().map_or(default_name, ToString::to_string),
        description: ask.description.as_ref().map(ToString::to_string),
        metadata: ask.metadata.clone(),
        status: WalletStatus::Active,
        priority: ask.priority,
        admits: ask.allowed_price_types,
        limit: Q::raw(ask.overdraft_limit.0),
        created_at: now,
        updated_at: now,
        debt_moves: Vec::new(),
        rows: Vec::new(),
    }
}
