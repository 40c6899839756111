//! Credit in: SEMANTICS §2, §3 (defaults), §4 (debt), §6.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::catalog::tenant::DefaultPriorities;
use coffer_ledger::command::{CreateWallet, CreditReason, Quantity, TopUp};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Currency;
use coffer_ledger::wallet::WalletStatus;

use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Credited, Done, No};
use super::state::Block;
use super::{Circumstances, Model, those, unless};

impl Model {
    pub(crate) fn top_up(&mut self, ask: &TopUp, around: Circumstances) -> Result<Done, Vec<No>> {
        let wallet = self.find(ask.wallet)?;
        let purse = self.wallets[wallet].clone();
        let (credits, money) = worth(ask.quantity, &purse.topup_rate);
        let source = source_of(ask.reason);
        let charged = (source == Source::Purchased).then(|| money.half_up(minor_digits(purse.currency)));
        let mut faults = self.top_up_faults(ask, wallet, &credits, around);
        let invoiced = ask.reason == CreditReason::PurchasedCreditInvoiced;
        faults.extend(if invoiced { self.purchase_faults(around) } else { vec![] });
        faults.extend(those([(charged.as_ref().is_some_and(leaves_12_digits), No::AmountOverflow)]));
        unless(faults)?;

        let effective_at = ask.effective_at.unwrap_or(around.now);
        let paid = match source {
            Source::Purchased => charged.clone().expect("a purchase is charged"),
            Source::Refund => (&credits * &purse.topup_rate).half_even(DIGITS),
            Source::Promotional | Source::PlanIncluded | Source::Adjustment | Source::Rollover => {
                ask.paid.map_or(Q::zero(), |paid| Q::raw(paid.0))
            }
        };
        let block = Block {
            priority: ask
                .priority
                .unwrap_or_else(|| default_priority(&around.settings.default_priorities, source)),
            scope: ask.scope.clone().unwrap_or_else(|| default_scope(source)),
            expires_at: ask.expires_at,
            ..new_block(wallet, ask.reason, credits, paid, effective_at)
        };
        let mut rows = vec![self.credit(block, charged, around.now)];
        if let Some(bonus) = &ask.bonus {
            let block =
                self.free_block(wallet, CreditReason::PurchasedCreditBonus, Q::raw(bonus.credits.0), around);
            rows.push(self.credit(
                Block { effective_at, expires_at: bonus.expires_at, ..block },
                None,
                around.now,
            ));
            let bonus = self.lines.len() - 1;
            self.lines[bonus - 1].bonus = Some(bonus);
        }
        if invoiced {
            self.trust(wallet, rows.iter().map(|row| row.tranche).collect(), around);
        }
        Ok(Done::Credited(wallet, rows))
    }

    fn top_up_faults(&self, ask: &TopUp, wallet: usize, credits: &Q, around: Circumstances) -> Vec<No> {
        let (minted, bonus) = ask.bonus.as_ref().map_or((1, Q::zero()), |bonus| (2, Q::raw(bonus.credits.0)));
        let most = around.limits.tranches_max;
        let mut faults = request_faults(ask, around.now);
        faults.extend(those([
            (self.wallets[wallet].status == WalletStatus::Closed, No::Closed),
            (!credits.is_positive(), No::AmountInvalid),
            (self.live_count() + minted > most, No::Limit("tranches_max", most as u64)),
            (self.overflows(wallet, [credits, &bonus]), No::AmountOverflow),
        ]));
        faults
    }

    /// Whether these rows would take the wallet, or the money of one of them, past 12 integer digits.
    fn overflows(&self, wallet: usize, rows: [&Q; 2]) -> bool {
        let there = self.all_of(wallet);
        let rate = &self.wallets[wallet].topup_rate;
        leaves_12_digits(&(&there + &total(rows))) || rows.iter().any(|row| leaves_12_digits(&(*row * rate)))
    }

    /// All that is in a wallet, scheduled credit included.
    pub(crate) fn all_of(&self, wallet: usize) -> Q {
        let live = self.blocks_of(wallet).filter(|block| block.is_live());
        total(&live.map(Block::remaining).collect::<Vec<_>>())
    }

    /// The credit that a new wallet starts with, if any.
    pub(crate) fn initial(
        &mut self,
        wallet: usize,
        ask: &CreateWallet,
        around: Circumstances,
    ) -> Option<Credited> {
        let credits = Q::raw(ask.initial_credits.0);
        if !credits.is_positive() {
            return None;
        }
        let block = self.free_block(wallet, CreditReason::FreeCreditGrant, credits, around);
        Some(self.credit(Block { expires_at: ask.initial_expires_at, ..block }, None, around.now))
    }

    fn free_block(&self, wallet: usize, reason: CreditReason, credits: Q, around: Circumstances) -> Block {
        Block {
            priority: default_priority(&around.settings.default_priorities, Source::Promotional),
            ..new_block(wallet, reason, credits, Q::zero(), around.now)
        }
    }

    /// Mints the tranche; unless it is for the future, it repays debt and gets its row.
    pub(crate) fn credit(&mut self, block: Block, charged: Option<Q>, now: Timestamp) -> Credited {
        let wallet = block.wallet;
        let tranche = self.tranches.len();
        let before = self.posted(wallet);
        let started = block.effective_at <= now;
        self.tranches.push(Block { started, ..block.clone() });
        let repaid = if started { self.repay(tranche) } else { Q::zero() };
        let row = started.then(|| self.write_row(wallet, before));
        self.line(wallet, "credit", block.reason.as_str(), &block.original, row.clone());
        self.lines.last_mut().expect("just written").minted = Some(tranche);
        Credited {
            tranche,
            reason: block.reason,
            source: block.source,
            priority: block.priority,
            scope: block.scope,
            amount: (&block.original * &self.wallets[wallet].topup_rate).half_even(DIGITS),
            original: block.original,
            paid: block.paid,
            effective_at: block.effective_at,
            expires_at: block.expires_at,
            charged,
            repaid,
            row,
        }
    }
}

/// What can be wrong with a top-up whichever wallet it is for.
pub(crate) fn request_faults(ask: &TopUp, now: Timestamp) -> Vec<No> {
    let effective_at = ask.effective_at.unwrap_or(now);
    let (Quantity::Credits(Credits(asked)) | Quantity::Amount(Money(asked))) = ask.quantity;
    let says_what_was_paid = matches!(source_of(ask.reason), Source::Purchased | Source::Refund);
    let mut faults = those([
        (asked <= 0, No::AmountInvalid),
        (ask.reason == CreditReason::PurchasedCreditBonus, No::Invalid),
        (ask.paid.is_some() && says_what_was_paid, No::Invalid),
        (ends_too_early(ask.expires_at, effective_at, now), No::Invalid),
    ]);
    if let Some(bonus) = &ask.bonus {
        faults.extend(those([
            (bonus.credits.0 <= 0, No::AmountInvalid),
            (source_of(ask.reason) != Source::Purchased, No::Invalid),
            (ends_too_early(bonus.expires_at, effective_at, now), No::Invalid),
        ]));
    }
    faults
}

pub(crate) fn new_block(
    wallet: usize,
    reason: CreditReason,
    original: Q,
    paid: Q,
    effective_at: Timestamp,
) -> Block {
    let source = source_of(reason);
    Block {
        wallet,
        id: None,
        reason,
        source,
        priority: 50,
        scope: default_scope(source),
        original,
        paid,
        effective_at,
        expires_at: None,
        left: Vec::new(),
        unused: Vec::new(),
        back: Vec::new(),
        voided: false,
        unpaid: false,
        reborn: false,
        started: false,
        cancelled: false,
    }
}

/// Credits (down) and the exact money behind a quantity that is bought.
fn worth(quantity: Quantity, rate: &Q) -> (Q, Q) {
    match quantity {
        Quantity::Credits(credits) => (Q::raw(credits.0), &Q::raw(credits.0) * rate),
        Quantity::Amount(money) => (Q::raw(money.0).over(rate).down(DIGITS), Q::raw(money.0)),
    }
}

pub(crate) fn ends_too_early(end: Option<Timestamp>, effective_at: Timestamp, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now || end <= effective_at)
}

fn source_of(reason: CreditReason) -> Source {
    match reason {
        CreditReason::FreeCreditGrant | CreditReason::PurchasedCreditBonus => Source::Promotional,
        CreditReason::PurchasedCreditDirect | CreditReason::PurchasedCreditInvoiced => Source::Purchased,
        CreditReason::SubscriptionCreditGrant => Source::PlanIncluded,
        CreditReason::CreditNote | CreditReason::InvoiceVoidRefund => Source::Refund,
        CreditReason::CreditAdjustment => Source::Adjustment,
    }
}

pub(crate) fn default_priority(settings: &DefaultPriorities, source: Source) -> u32 {
    match source {
        Source::Purchased => settings.purchased,
        Source::Promotional => settings.promotional,
        Source::PlanIncluded | Source::Rollover => settings.plan_included,
        Source::Refund => settings.refund,
        Source::Adjustment => settings.adjustment,
    }
}

fn default_scope(source: Source) -> Scope {
    let price_types = if source == Source::Promotional { PriceTypes::USAGE } else { PriceTypes::ALL };
    Scope { price_types, features: None }
}

/// Digits of the minor unit, for the currencies that the tests use.
pub(crate) fn minor_digits(currency: Currency) -> u32 {
    match &currency.0 {
        b"jpy" => 0,
        b"kwd" => 3,
        _ => 2,
    }
}
