//! Rate cards, and usage that happened: SEMANTICS §19.

use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::command::{Event, Metered};
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;

use super::debit::{Origin, at_most, divide};
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Done, No, Part};
use super::state::Person;
use super::{Circumstances, Model, those, unless};

const SECOND: u64 = 1_000_000_000;

impl Model {
    pub(crate) fn event(&mut self, ask: &Event, around: Circumstances) -> Result<Done, Vec<No>> {
        let customer = self.person.is_none();
        if !customer {
            self.known()?;
        }
        let mut faults = event_faults(ask, around);
        if let Some(id) = ask.charge.wallet {
            if customer {
                faults.push(No::WalletNotFound);
            } else if let Err(others) = self.find(id) {
                faults.extend(others);
            }
        }
        unless(faults)?;
        if customer {
            let external_id = ask.customer.to_string();
            self.person = Some(Person { external_id, minted: false, deleted: false, zone: None });
        }
        let priced = price(around.cards, &ask.metered, ask.timestamp)?;
        let price = priced.clone().unwrap_or_else(Q::zero);
        let mut faults = self.event_charge_faults(ask);
        // What costs nothing need not say whose unit it costs it in.
        faults.retain(|fault| *fault != No::UnitRequired || price.is_positive());
        unless(faults)?;
        if !price.is_positive() {
            return Ok(Done::Event { customer, priced, taken: None, uncollected: None });
        }
        let payers = self.payers(&ask.charge, around);
        let (parts, lacking) = divide(&price, at_most(around.limits.slices_max, &payers));
        let owed_by = self.debtor(ask);
        let moves = match self.counts_event(ask, &parts, owed_by) {
            true => self.count(&ask.charge, &parts, &price, around, false)?,
            false => Vec::new(),
        };
        let taken = match parts.is_empty() {
            true => None,
            false => Some(self.take_within_limits(
                parts,
                lacking.clone(),
                Origin { reason: "USAGE_DEBIT", moves },
                around,
            )?),
        };
        let uncollected = lacking.is_positive().then(|| {
            if let Some(wallet) = owed_by {
                self.line(wallet, "memo", "UNCOLLECTED", &lacking, None);
            }
            (owed_by, lacking.clone())
        });
        Ok(Done::Event { customer, priced, taken, uncollected })
    }

    /// Whether a budget counts the unit of what paid, or should have paid; where no wallet says, the unit that the charge names.
    fn counts_event(&self, ask: &Event, parts: &[Part], owed_by: Option<usize>) -> bool {
        let Some(node) = ask.charge.budget.as_ref().and_then(|leaf| self.budgets.get(&**leaf)) else {
            return false;
        };
        if !parts.is_empty() {
            return true;
        }
        match owed_by {
            Some(wallet) => {
                let purse = &self.wallets[wallet];
                (purse.currency, &purse.price_unit) == (node.currency, &node.price_unit)
            }
            None => {
                let charge = &ask.charge;
                charge.currency.is_none_or(|currency| currency == node.currency)
                    && (charge.price_unit.is_none() || charge.price_unit == node.price_unit)
            }
        }
    }

    /// The wallet that should have paid: the one that is named, else the first that may pay, else the oldest active one of the unit, else
    /// the oldest frozen one, else the oldest; nobody knows which where those are of several units.
    fn debtor(&self, ask: &Event) -> Option<usize> {
        let named = ask.charge.wallet.and_then(|id| self.find(id).ok());
        let first = self.wallets_for(&ask.charge).first().copied();
        let active = self.named_wallets(&ask.charge).first().copied();
        let of_unit: Vec<usize> =
            (0..self.wallets.len()).filter(|wallet| self.counts_in(*wallet, &ask.charge)).collect();
        let is_closed = |wallet: &&usize| self.wallets[**wallet].status == WalletStatus::Closed;
        let frozen: Vec<usize> = of_unit.iter().filter(|wallet| !is_closed(wallet)).copied().collect();
        let idle = if frozen.is_empty() { of_unit } else { frozen };
        let unit = |wallet: &usize| {
            let purse = &self.wallets[*wallet];
            (purse.currency, purse.price_unit.clone())
        };
        let units: Vec<_> = idle.iter().map(unit).collect();
        let guess = idle.first().copied().filter(|_| units.iter().all(|one| *one == units[0]));
        named.or(first).or(active).or(guess)
    }

    fn event_charge_faults(&self, ask: &Event) -> Vec<No> {
        let mut faults = self.charge_faults(&ask.charge, true);
        // Usage that happened: a wallet that gives nothing is no reason to refuse it.
        faults.retain(|fault| !matches!(fault, No::Frozen | No::Closed));
        faults
    }
}

/// The price of a debit or a hold by meter, which a card must say.
pub(crate) fn price_of_asked(metered: &Metered, around: Circumstances) -> Result<Q, Vec<No>> {
    match price(around.cards, metered, around.now)? {
        Some(price) if price.is_positive() => Ok(price),
        Some(_) => Err(vec![No::AmountInvalid]),
        None => Err(vec![No::NotFound, No::Invalid, No::InvalidOperation]),
    }
}

/// What can be wrong with an event whoever it is for.
pub(crate) fn event_faults(ask: &Event, around: Circumstances) -> Vec<No> {
    let limits = around.limits;
    let ahead = around.now.0 + u64::from(limits.event_ahead_max_s) * SECOND;
    let old = around.now.0 - u64::from(limits.event_age_max_s) * SECOND;
    let mut faults = those([(ask.timestamp.0 > ahead || ask.timestamp.0 < old, No::EventTime)]);
    faults.extend(price(around.cards, &ask.metered, ask.timestamp).err().unwrap_or_default());
    faults
}

pub(crate) fn quantity_faults(metered: &Metered) -> Vec<No> {
    let quantity = Q::raw(metered.quantity.0);
    those([(!quantity.is_positive(), No::AmountInvalid), (leaves_12_digits(&quantity), No::AmountOverflow)])
}

/// What usage costs: the card with the most filters, then the latest start, then the latest made. `None` = no card.
pub(crate) fn price(cards: &[RateCard], metered: &Metered, at: Timestamp) -> Result<Option<Q>, Vec<No>> {
    unless(quantity_faults(metered))?;
    let has = |filter: &(Box<str>, Box<str>)| metered.properties.iter().any(|property| property == filter);
    let mut fitting: Vec<&RateCard> = cards
        .iter()
        .filter(|card| card.meter == metered.meter && card.filters.iter().all(has))
        .filter(|card| card.valid_from <= at && card.valid_to.is_none_or(|end| at < end))
        .collect();
    fitting.sort_by_key(|card| (card.filters.len(), card.valid_from));
    let Some(card) = fitting.last() else { return Ok(None) };
    let quantity = Q::raw(metered.quantity.0);
    let (mut below, mut products) = (Q::zero(), Vec::new());
    for (at, tier) in card.tiers.iter().enumerate() {
        let top = match tier.up_to {
            Some(up_to) if at + 1 < card.tiers.len() => Q::raw(up_to.0).min(quantity.clone()),
            _ => quantity.clone(),
        };
        products.push(&(&top - &below) * &Q::raw(tier.credits_per_unit.0));
        below = top;
    }
    let price = total(&products).up(DIGITS).max(Q::raw(card.minimum.0));
    if leaves_12_digits(&price) { Err(vec![No::AmountOverflow]) } else { Ok(Some(price)) }
}
