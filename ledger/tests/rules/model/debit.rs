//! Credit out: SEMANTICS §2 (rounding), §3 (who pays), §4 (debits, overdraft), and the manual debit.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{Asked, Charge, Debit, ManualDebit, Quantity};
use coffer_ledger::unit::PriceType;
use coffer_ledger::wallet::WalletStatus;

use super::back::Old;
use super::budget::Move;
use super::event::price_of_asked;
use super::hold::wallets_of;
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Done, No, Part, Taken};
use super::state::{Block, burns_before, pays_before};
use super::{Circumstances, Model, range_faults, those, unless};

/// Somebody who could pay: a tranche, or without one the overdraft, and how much at most.
#[derive(Clone, Debug)]
pub(crate) struct Payer {
    pub(crate) wallet: usize,
    pub(crate) tranche: Option<usize>,
    pub(crate) can: Q,
}

/// Why something is taken, and what it counts as.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) reason: &'static str,
    pub(crate) moves: Vec<Move>,
}

impl Model {
    pub(crate) fn debit(&mut self, ask: &Debit, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        if let Some(id) = ask.charge.wallet {
            self.find(id)?;
        }
        let by_money = matches!(ask.asked, Asked::Amount(_));
        let mut faults = self.charge_faults(&ask.charge, !by_money);
        let required = match &ask.asked {
            Asked::Credits(Credits(asked)) | Asked::Amount(Money(asked)) => Q::raw(*asked),
            Asked::Metered(metered) => match price_of_asked(metered, around) {
                Ok(price) => price,
                Err(others) => {
                    faults.extend(others);
                    return Err(faults);
                }
            },
        };
        unless(faults)?;
        let payers = self.payers(&ask.charge, around);
        let (mut parts, mut lacking) = self.divide_by(&required, by_money, &payers);
        if lacking.is_positive() && (parts.is_empty() || !ask.partial) {
            let worth = |payer: &Payer| {
                if by_money { &payer.can * &self.wallets[payer.wallet].rate } else { payer.can.clone() }
            };
            let there = total(&payers.iter().map(worth).collect::<Vec<_>>());
            return Err(self.lacking(&ask.charge, required, there, around));
        }
        if ask.partial {
            let first = at_most(around.limits.slices_max, &payers);
            (parts, lacking) = self.divide_by(&required, by_money, first);
        }
        let credits = total(parts.iter().map(|part| &part.credits));
        let moves = self.count(&ask.charge, &parts, &credits, around, true)?;
        Ok(Done::Taken(self.take_within_limits(
            parts,
            lacking,
            Origin { reason: "USAGE_DEBIT", moves },
            around,
        )?))
    }

    /// Why a charge that finds too little is refused: for that, or for its budget.
    pub(crate) fn lacking(&self, charge: &Charge, required: Q, there: Q, around: Circumstances) -> Vec<No> {
        let mut faults = vec![No::Insufficient(required.clone(), there)];
        if let Some(leaf) = &charge.budget {
            let all: Vec<Part> = self
                .named_wallets(charge)
                .into_iter()
                .map(|wallet| Part { wallet, tranche: None, credits: Q::zero() })
                .collect();
            faults.extend(self.budget_faults(leaf, &all));
            faults.extend(self.first_lack(leaf, &required, around));
        }
        faults
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
        let (parts, lacking) = divide(&required, &self.payers_by_hand(wallet, around));
        if lacking.is_positive() {
            return Err(vec![No::Insufficient(required.clone(), &required - &lacking)]);
        }
        let origin = Origin { reason: "MANUAL_BALANCE_DEBIT", moves: Vec::new() };
        Ok(Done::TakenByHand(self.take_within_limits(parts, lacking, origin, around)?))
    }

    /// Whatever their scopes. Never overdrawing: what other scopes have borrowed is not there to be taken.
    pub(crate) fn payers_by_hand(&self, wallet: usize, around: Circumstances) -> Vec<Payer> {
        self.tranche_payers(wallet, &self.own(wallet), |block| block.is_usable(around.now))
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
    pub(crate) fn counts_in(&self, wallet: usize, ask: &Charge) -> bool {
        let purse = &self.wallets[wallet];
        let currency_fits = ask.currency.is_none_or(|named| named == purse.currency);
        currency_fits && (ask.price_unit.is_none() || ask.price_unit == purse.price_unit)
    }

    /// The active wallets that the request speaks of.
    pub(crate) fn named_wallets(&self, ask: &Charge) -> Vec<usize> {
        let is_meant = |wallet: &usize| match ask.wallet {
            Some(id) => self.wallets[*wallet].id == Some(id),
            None => self.counts_in(*wallet, ask),
        };
        (0..self.wallets.len()).filter(is_meant).filter(|wallet| self.wallets[*wallet].is_active()).collect()
    }

    pub(crate) fn share_one_unit(&self, wallets: &[usize]) -> bool {
        wallets.iter().all(|wallet| self.wallets[*wallet].same_unit(&self.wallets[wallets[0]]))
    }

    /// The wallets that may pay a charge, in the order in which they do.
    pub(crate) fn wallets_for(&self, ask: &Charge) -> Vec<usize> {
        let mut wallets = self.named_wallets(ask);
        wallets.retain(|wallet| self.wallets[*wallet].admits(ask.price_type));
        wallets.sort_by(|a, b| pays_before((*a, &self.wallets[*a]), (*b, &self.wallets[*b])));
        wallets
    }

    /// The tranches of a wallet that may pay a charge.
    pub(crate) fn charge_payers(
        &self,
        wallet: usize,
        price_type: PriceType,
        feature: Option<&str>,
        around: Circumstances,
    ) -> Vec<Payer> {
        let most = &self.own(wallet) + &self.wallets[wallet].limit;
        self.tranche_payers(wallet, &most, |block| {
            block.is_usable(around.now) && block.admits(price_type, feature)
        })
    }

    /// Whether a pin is consumed before another: tranches as they pay, overdraft after all of them.
    pub(crate) fn paid_before(&self, a: &Part, b: &Part) -> std::cmp::Ordering {
        let by_wallet = pays_before((a.wallet, &self.wallets[a.wallet]), (b.wallet, &self.wallets[b.wallet]));
        let by_tranche = match (a.tranche, b.tranche) {
            (Some(a), Some(b)) => burns_before((a, &self.tranches[a]), (b, &self.tranches[b])),
            _ => std::cmp::Ordering::Equal,
        };
        a.tranche.is_none().cmp(&b.tranche.is_none()).then(by_wallet).then(by_tranche)
    }

    /// Everybody eligible in the order of §3, then every overdraft in the order of wallets.
    pub(crate) fn payers(&self, ask: &Charge, around: Circumstances) -> Vec<Payer> {
        let wallets = self.wallets_for(ask);
        let mut payers = Vec::new();
        for wallet in &wallets {
            payers.extend(self.charge_payers(*wallet, ask.price_type, ask.feature.as_deref(), around));
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
                let can = self.unpinned(index).min(left.clone());
                left = &left - &can;
                if !can.is_positive() {
                    continue;
                }
                payers.push(Payer { wallet, tranche: Some(index), can });
            }
        }
        payers
    }

    /// Who pays how much, in order, and what nobody pays. Money is converted at each wallet's own rate, credits rounded up.
    pub(crate) fn divide_by(&self, required: &Q, by_money: bool, payers: &[Payer]) -> (Vec<Part>, Q) {
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
    pub(crate) fn take_within_limits(
        &mut self,
        parts: Vec<Part>,
        shortfall: Q,
        origin: Origin,
        around: Circumstances,
    ) -> Result<Taken, Vec<No>> {
        let slices_max = around.limits.slices_max;
        let too_many = parts.len() > slices_max;
        let taken = self.take(parts, shortfall, origin);
        let too_much =
            taken.rows.iter().any(|row| leaves_12_digits(&row.1)) || leaves_12_digits(&taken.amount);
        unless(those([
            (too_many, No::Limit("slices_max", slices_max as u64)),
            (too_much, No::AmountOverflow),
        ]))?;
        Ok(taken)
    }

    /// Takes the parts and writes one row per wallet touched, in the order of the first part from each.
    fn take(&mut self, parts: Vec<Part>, shortfall: Q, origin: Origin) -> Taken {
        let touched = wallets_of(&parts);
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
            let row = self.write_row(*wallet, before.clone());
            self.line(*wallet, "debit", origin.reason, &credits, Some(row.clone()));
            rows.push((credits, amount, row));
        }
        let first = self.lines.len() - touched.len();
        let line_of =
            |part: &Part| first + touched.iter().position(|wallet| *wallet == part.wallet).expect("touched");
        let slices = parts.iter().map(|part| (line_of(part), part.clone(), Q::zero())).collect();
        self.debits.push(Old { first, slices, moves: origin.moves, reason: origin.reason });
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

    /// Σ max(0, own + limit) over the active wallets of that wallet's unit.
    pub(crate) fn available_in_unit_of(&self, wallet: usize) -> Q {
        let active = (0..self.wallets.len()).filter(|other| self.wallets[*other].is_active());
        let of_unit = active.filter(|other| self.wallets[*other].same_unit(&self.wallets[wallet]));
        let parts: Vec<Q> =
            of_unit.map(|other| (&self.own(other) + &self.wallets[other].limit).max(Q::zero())).collect();
        total(&parts)
    }
}

/// The first payers: whoever takes what there is takes no more slices than a record holds.
pub(crate) fn at_most(slices_max: usize, payers: &[Payer]) -> &[Payer] {
    &payers[..payers.len().min(slices_max)]
}

/// Who pays how many credits, in order, and what nobody pays.
pub(crate) fn divide(required: &Q, payers: &[Payer]) -> (Vec<Part>, Q) {
    let mut lacking = required.clone();
    let mut parts = Vec::new();
    for payer in payers {
        let credits = lacking.clone().min(payer.can.clone());
        if credits.is_positive() {
            lacking = &lacking - &credits;
            parts.push(Part { wallet: payer.wallet, tranche: payer.tranche, credits });
        }
    }
    (parts, lacking)
}
