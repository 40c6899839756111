//! Credit out: SEMANTICS §2 (rounding), §3 (who pays), §4 (debits, overdraft), and the manual debit.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{Asked, Charge, Debit, ManualDebit, Quantity};
use coffer_ledger::wallet::WalletStatus;

use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Done, No, Part, Taken};
use super::state::{Block, pays_before};
use super::{Circumstances, Model, range_faults, those, unless};

/// Somebody who could pay: a tranche, or without one the overdraft, and how much at most.
#[derive(Clone, Debug)]
struct Payer {
    wallet: usize,
    tranche: Option<usize>,
    can: Q,
}

impl Model {
    pub(crate) fn debit(&mut self, ask: &Debit, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        if let Some(id) = ask.charge.wallet {
            self.find(id)?;
        }
        let (quantity, by_money) = match ask.asked {
            Asked::Credits(credits) => (Quantity::Credits(credits), false),
            Asked::Amount(money) => (Quantity::Amount(money), true),
            Asked::Metered(_) => todo!("wip: metered"),
        };
        let mut faults = range_faults(quantity);
        faults.extend(self.charge_faults(&ask.charge, !by_money));
        unless(faults)?;
        let payers = self.payers(&ask.charge, around);
        let (Quantity::Credits(Credits(required)) | Quantity::Amount(Money(required))) = quantity;
        let required = Q::raw(required);
        let (parts, lacking) = self.divide(&required, by_money, &payers);
        if lacking.is_positive() && (parts.is_empty() || !ask.partial) {
            let worth = |payer: &Payer| {
                if by_money { &payer.can * &self.wallets[payer.wallet].rate } else { payer.can.clone() }
            };
            let there = total(&payers.iter().map(worth).collect::<Vec<_>>());
            return Err(vec![No::Insufficient(required, there)]);
        }
        Ok(Done::Taken(self.take_within_limits(parts, lacking, around)?))
    }

    pub(crate) fn debit_by_hand(
        &mut self,
        ask: &ManualDebit,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        let wallet = self.find(ask.wallet)?;
        let required = Q::raw(ask.credits.0);
        let mut faults = range_faults(Quantity::Credits(ask.credits));
        faults.extend(self.status_faults(wallet));
        unless(faults)?;
        // Never overdrawing: what other scopes have borrowed is not there to be taken.
        let own = self.posted(wallet);
        let payers = self.tranche_payers(wallet, &own, |block| block.is_usable(around.now));
        let (parts, lacking) = self.divide(&required, false, &payers);
        if lacking.is_positive() {
            return Err(vec![No::Insufficient(required.clone(), &required - &lacking)]);
        }
        Ok(Done::TakenByHand(self.take_within_limits(parts, lacking, around)?))
    }

    pub(crate) fn status_faults(&self, wallet: usize) -> Vec<No> {
        match self.wallets[wallet].status {
            WalletStatus::Active => vec![],
            WalletStatus::Frozen => vec![No::Frozen],
            WalletStatus::Closed => vec![No::Closed],
        }
    }

    /// What is wrong with whom a charge names. In credits it moves one unit.
    pub(crate) fn charge_faults(&self, ask: &Charge, in_credits: bool) -> Vec<No> {
        let mut faults = Vec::new();
        if let Some(id) = ask.wallet {
            let wallet = self.find(id).expect("checked before");
            faults.extend(self.status_faults(wallet));
            if !self.counts_in(wallet, ask) {
                faults.push(No::UnitMismatch);
            }
        } else if (in_credits || ask.currency.is_none()) && !self.share_one_unit(&self.named_wallets(ask)) {
            faults.push(No::UnitRequired);
        }
        faults
    }

    /// Whether a wallet is of the currency and the price unit that the request names.
    fn counts_in(&self, wallet: usize, ask: &Charge) -> bool {
        let purse = &self.wallets[wallet];
        let currency_fits = ask.currency.is_none_or(|named| named == purse.currency);
        currency_fits && (ask.price_unit.is_none() || ask.price_unit == purse.price_unit)
    }

    /// The active wallets that the request speaks of.
    fn named_wallets(&self, ask: &Charge) -> Vec<usize> {
        let is_meant = |wallet: &usize| match ask.wallet {
            Some(id) => self.wallets[*wallet].id == Some(id),
            None => self.counts_in(*wallet, ask),
        };
        (0..self.wallets.len()).filter(is_meant).filter(|wallet| self.wallets[*wallet].is_active()).collect()
    }

    fn share_one_unit(&self, wallets: &[usize]) -> bool {
        wallets.iter().all(|wallet| self.wallets[*wallet].same_unit(&self.wallets[wallets[0]]))
    }

    /// Everybody eligible in the order of §3, then every overdraft in the order of wallets.
    fn payers(&self, ask: &Charge, around: Circumstances) -> Vec<Payer> {
        let mut wallets = self.named_wallets(ask);
        wallets.retain(|wallet| self.wallets[*wallet].admits(ask.price_type));
        wallets.sort_by(|a, b| pays_before((*a, &self.wallets[*a]), (*b, &self.wallets[*b])));
        let mut payers = Vec::new();
        for wallet in &wallets {
            let most = &self.posted(*wallet) + &self.wallets[*wallet].limit;
            payers.extend(self.tranche_payers(*wallet, &most, |block| {
                block.is_usable(around.now) && block.admits(ask.price_type, ask.feature.as_deref())
            }));
        }
        for wallet in wallets {
            let can = self.overdraft_left(wallet, ask.price_type);
            if can.is_positive() {
                payers.push(Payer { wallet, tranche: None, can });
            }
        }
        payers
    }

    /// The fitting tranches of a wallet in burn order. Together they give no more than `most`, so that no debit leaves own
    /// under −overdraft_limit, not even after the limit was lowered under the debt (I1).
    fn tranche_payers(&self, wallet: usize, most: &Q, fits: impl Fn(&Block) -> bool) -> Vec<Payer> {
        let mut left = most.clone();
        let mut payers = Vec::new();
        for index in self.in_burn_order(wallet) {
            if fits(&self.tranches[index]) && left.is_positive() {
                let can = self.tranches[index].remaining().min(left.clone());
                left = &left - &can;
                payers.push(Payer { wallet, tranche: Some(index), can });
            }
        }
        payers
    }

    /// Who pays how much, in order, and what nobody pays. Money is converted at each wallet's own rate, credits rounded up.
    fn divide(&self, required: &Q, by_money: bool, payers: &[Payer]) -> (Vec<Part>, Q) {
        let mut lacking = required.clone();
        let mut parts = Vec::new();
        for payer in payers {
            if !lacking.is_positive() {
                break;
            }
            let rate = if by_money { self.wallets[payer.wallet].rate.clone() } else { Q::whole(1) };
            let wanted = lacking.over(&rate).up(DIGITS);
            let credits = wanted.min(payer.can.clone());
            lacking = (&lacking - &(&credits * &rate)).max(Q::zero());
            parts.push(Part { wallet: payer.wallet, tranche: payer.tranche, credits });
        }
        (parts, lacking)
    }

    /// Takes the parts, unless they are too many or worth more than 12 integer digits.
    fn take_within_limits(
        &mut self,
        parts: Vec<Part>,
        shortfall: Q,
        around: Circumstances,
    ) -> Result<Taken, Vec<No>> {
        let slices_max = around.limits.slices_max;
        let too_many = parts.len() > slices_max;
        let taken = self.take(parts, shortfall);
        let too_much =
            taken.rows.iter().any(|row| leaves_12_digits(&row.1)) || leaves_12_digits(&taken.amount);
        unless(those([
            (too_many, No::Limit("slices_max", slices_max as u64)),
            (too_much, No::AmountOverflow),
        ]))?;
        Ok(taken)
    }

    /// Takes the parts and writes one row per wallet touched, in the order of the first part from each.
    fn take(&mut self, parts: Vec<Part>, shortfall: Q) -> Taken {
        let mut touched: Vec<usize> = Vec::new();
        for part in &parts {
            if !touched.contains(&part.wallet) {
                touched.push(part.wallet);
            }
        }
        let before: Vec<Q> = touched.iter().map(|wallet| self.posted(*wallet)).collect();
        for part in &parts {
            match part.tranche {
                Some(tranche) => self.tranches[tranche].left.push(part.credits.clone()),
                None => self.wallets[part.wallet].debt_moves.push(part.credits.clone()),
            }
        }
        let (mut rows, mut money) = (Vec::new(), Vec::new());
        for (wallet, before) in touched.iter().zip(&before) {
            let own = parts.iter().filter(|part| part.wallet == *wallet).map(|part| &part.credits);
            let credits = total(own);
            money.push(&credits * &self.wallets[*wallet].rate);
            let amount = money[money.len() - 1].half_even(DIGITS);
            rows.push((credits, amount, self.write_row(*wallet, before.clone())));
        }
        let after: Vec<Q> = touched.iter().map(|wallet| self.posted(*wallet)).collect();
        let mixed = !self.share_one_unit(&touched);
        let unless_mixed = |figure: Q| if mixed { Q::zero() } else { figure };
        Taken {
            credits: unless_mixed(total(parts.iter().map(|part| &part.credits))),
            amount: total(&money).half_even(DIGITS),
            currency: self.wallets[touched[0]].currency,
            shortfall,
            before: unless_mixed(total(&before)),
            after: unless_mixed(total(&after)),
            available: unless_mixed(self.available_in_unit_of(touched[0])),
            mixed,
            parts,
            rows,
        }
    }

    /// Σ max(0, own + limit) over the active wallets of that wallet's unit. There are no holds, so own = posted.
    fn available_in_unit_of(&self, wallet: usize) -> Q {
        let active = (0..self.wallets.len()).filter(|other| self.wallets[*other].is_active());
        let of_unit = active.filter(|other| self.wallets[*other].same_unit(&self.wallets[wallet]));
        let parts: Vec<Q> =
            of_unit.map(|other| (&self.posted(other) + &self.wallets[other].limit).max(Q::zero())).collect();
        total(&parts)
    }
}
