//! Invoices: SEMANTICS §14.

use coffer_ledger::amount::Money;
use coffer_ledger::command::{InvoiceLine, Settle};
use coffer_ledger::wallet::WalletStatus;

use super::back::{Giving, Old, lines_of};
use super::credit::minor_digits;
use super::debit::divide;
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Done, LinePart, LineSettled, No, Part};
use super::state::pays_before;
use super::{Circumstances, Model, those, unless};

/// A settled invoice: where its parts are, and whether it was voided.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) past: usize,
    pub(crate) voided: bool,
}

impl Model {
    pub(crate) fn settle(&mut self, ask: &Settle, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        let max = around.limits.invoices_max;
        unless(those([(self.bills.contains_key(&*ask.invoice), No::AlreadyExists)]))?;
        let first = self.lines.len();
        self.debits.push(Old { first, slices: Vec::new(), moves: Vec::new(), reason: "INVOICE_PAYMENT" });
        let lines: Vec<LineSettled> = ask.lines.iter().map(|line| self.pay_line(ask, line, around)).collect();
        let old = self.debits.last().expect("just pushed");
        let slices_max = around.limits.slices_max;
        let too_many = old.slices.len() > slices_max;
        let sum = |of: fn(&LineSettled) -> &Q| total(lines.iter().map(of));
        let due = sum(|line| &line.amount);
        unless(those([
            (too_many, No::Limit("slices_max", slices_max as u64)),
            (self.bills.len() >= max, No::Limit("invoices_max", max as u64)),
            (leaves_12_digits(&due), No::AmountOverflow),
        ]))?;
        self.bills.insert(ask.invoice.to_string(), Bill { past: self.past.len(), voided: false });
        Ok(Done::Settled { paid: sum(|line| &line.paid), shortfall: sum(|line| &line.shortfall), lines })
    }

    fn pay_line(&mut self, ask: &Settle, line: &InvoiceLine, around: Circumstances) -> LineSettled {
        let amount = Q::raw(line.amount.0);
        let mut lacking = amount.clone();
        let mut parts = Vec::new();
        for wallet in self.wallets_of_invoice(ask, line) {
            let payers = self.charge_payers(wallet, line.price_type, line.feature.as_deref(), around);
            let there = total(payers.iter().map(|payer| &payer.can));
            let rate = self.wallets[wallet].rate.clone();
            let worth = (&there * &rate).down(minor_digits(ask.currency));
            let part = worth.min(lacking.clone());
            if !part.is_positive() {
                continue;
            }
            lacking = &lacking - &part;
            let credits = part.over(&rate).up(DIGITS);
            parts.push(self.pay_part(wallet, credits, part, &payers));
        }
        LineSettled { id: line.id.to_string(), paid: &amount - &lacking, amount, shortfall: lacking, parts }
    }

    fn pay_part(&mut self, wallet: usize, credits: Q, amount: Q, payers: &[super::debit::Payer]) -> LinePart {
        let (slices, _) = divide(&credits, payers);
        let before = self.posted(wallet);
        for slice in &slices {
            self.tranches[slice.tranche.expect("credit only")].left.push(slice.credits.clone());
        }
        let row = self.write_row(wallet, before);
        self.line(wallet, "debit", "INVOICE_PAYMENT", &credits, Some(row.clone()));
        let line = self.lines.len() - 1;
        let old = self.debits.last_mut().expect("the settlement's");
        old.slices.extend(slices.iter().map(|slice| (line, slice.clone(), Q::zero())));
        LinePart { credits, amount, row, slices }
    }

    /// All active wallets of the currency that admit the line, in burn order.
    fn wallets_of_invoice(&self, ask: &Settle, line: &InvoiceLine) -> Vec<usize> {
        let mut wallets: Vec<usize> = (0..self.wallets.len())
            .filter(|wallet| {
                let purse = &self.wallets[*wallet];
                purse.is_active() && purse.currency == ask.currency && purse.admits(line.price_type)
            })
            .collect();
        wallets.sort_by(|a, b| pays_before((*a, &self.wallets[*a]), (*b, &self.wallets[*b])));
        wallets
    }

    pub(crate) fn void_invoice(&mut self, invoice: &str, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        let bill = self.bills.get(invoice).cloned().ok_or_else(|| vec![No::NotFound])?;
        if bill.voided {
            return Err(vec![No::InvalidOperation]);
        }
        let old = &self.past[bill.past].debits[0];
        // What is closed is final: it takes nothing back, and keeps nobody else from it.
        let can_take = |part: &Part| self.wallets[part.wallet].status != WalletStatus::Closed;
        let open: Vec<_> = old.slices.iter().filter(|(_, part, _)| can_take(part)).collect();
        let lines = lines_of(old).into_iter().filter(|line| open.iter().any(|(at, ..)| at == line)).collect();
        let credits = total(&open.iter().map(|(_, part, back)| &part.credits - back).collect::<Vec<_>>());
        let giving =
            Giving { past: bill.past, debit: 0, lines, credits, regrant_days: None, reason: "REVERSAL" };
        let back = self.give_back(&giving, around)?;
        self.bills.get_mut(invoice).expect("found before").voided = true;
        Ok(Done::InvoiceVoided(back))
    }
}

/// What can be wrong with a settlement whoever it is for.
pub(crate) fn settle_faults(ask: &Settle, lines_max: usize) -> Vec<No> {
    let twice = ask
        .lines
        .iter()
        .enumerate()
        .any(|(at, line)| ask.lines[..at].iter().any(|other| other.id == line.id));
    let any = |wrong: &dyn Fn(Money) -> bool| ask.lines.iter().any(|line| wrong(line.amount));
    let broken = |amount: Money| {
        let amount = Q::raw(amount.0);
        amount.down(minor_digits(ask.currency)) != amount
    };
    let sum = total(&ask.lines.iter().map(|line| Q::raw(line.amount.0)).collect::<Vec<_>>());
    those([
        (ask.lines.is_empty() || twice, No::Invalid),
        (ask.lines.len() > lines_max, No::Limit("invoice_lines_max", lines_max as u64)),
        (any(&|amount| amount.0 <= 0) || any(&broken), No::AmountInvalid),
        (any(&broken), No::Invalid),
        (any(&|amount| leaves_12_digits(&Q::raw(amount.0))) || leaves_12_digits(&sum), No::AmountOverflow),
    ])
}
