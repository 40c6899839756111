//! Whether a recharge begins, how large it is, and what holds it back (SEMANTICS §11), from all that ever happened.

use coffer_ledger::auto_topup::{AutoTopup, HeldBackBy};
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::time::Timestamp;
use coffer_ledger::wallet::WalletStatus;

use super::model::{Buy, Chapter, Model, Pot};

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * S;
const ONE: i128 = 1_000_000_000_000_000;
/// A cent, as the tests' currency has them.
const CENT: i128 = ONE / 100;

/// What holds a recharge back, and until when.
pub(crate) type Held = (HeldBackBy, Option<Timestamp>);

/// A recharge that may begin: its credits.
pub(crate) type Wanted = Result<i128, Held>;

impl Model {
    fn rule_of(&self, wallet: usize) -> Option<&AutoTopup> {
        self.pots[wallet].rule.as_ref().filter(|rule| rule.enabled)
    }

    /// own + pending ≤ threshold: `None` if it is more, or if nothing is to be recharged at all.
    pub(crate) fn wanted(&self, wallet: usize, now: Timestamp) -> Option<Wanted> {
        let rule = self.rule_of(wallet)?;
        let has = self.own(wallet) + self.pending(wallet);
        if self.pots[wallet].status == WalletStatus::Closed || has > rule.threshold.0 {
            return None;
        }
        let amount = rule.amount.0;
        let credits = match rule.target_balance {
            Some(target) => (target.0 - has).min(amount * 10),
            None => (1..10)
                .map(|times| amount * times)
                .find(|more| has + more > rule.threshold.0)
                .unwrap_or(amount * 10),
        };
        Some(self.guarded(wallet, credits, now))
    }

    /// One amount, or what fills up to the target if that is more and may be: for a request that would pass then.
    pub(crate) fn wanted_to_pass(&self, wallet: usize, now: Timestamp) -> Option<Wanted> {
        let rule = self.rule_of(wallet)?;
        let has = self.own(wallet) + self.pending(wallet);
        let amount = rule.amount.0;
        let up_to = rule.target_balance.map_or(0, |target| (target.0 - has).min(amount * 10));
        let more = self.guarded(wallet, amount.max(up_to), now);
        Some(more.or_else(|_| self.guarded(wallet, amount, now)))
    }

    /// The guards, in the order in which their reasons are told.
    fn guarded(&self, wallet: usize, credits: i128, now: Timestamp) -> Wanted {
        let pot = &self.pots[wallet];
        let rule = pot.rule.as_ref().expect("whoever wants has a rule");
        let autos: Vec<&Buy> = self.buys.iter().filter(|buy| buy.auto && buy.wallet == wallet).collect();
        let (failures, backs_off_until) = failures(pot);
        if pot.status == WalletStatus::Frozen {
            return Err((HeldBackBy::Frozen, None));
        }
        if autos.iter().any(|buy| buy.status == RechargeStatus::Pending) {
            return Err((HeldBackBy::InFlight, None));
        }
        if failures >= rule.failures_max {
            return Err((HeldBackBy::Suspended, None));
        }
        if now < backs_off_until {
            return Err((HeldBackBy::BackingOff, Some(backs_off_until)));
        }
        if let Some(last) = autos.last() {
            let cool_at = Timestamp(last.begun_at.0 + u64::from(rule.cooldown_s) * S);
            if now < cool_at {
                return Err((HeldBackBy::Cooldown, Some(cool_at)));
            }
        }
        let ahead = self.world.hours_ahead;
        let today = day_of(now, ahead);
        let of_today = autos.iter().filter(|buy| day_of(buy.begun_at, ahead) == today);
        if of_today.count() >= usize::try_from(rule.count_max).expect("small") {
            return Err((HeldBackBy::CountMax, Some(start_of(today + 1, ahead))));
        }
        let month = month_of(today);
        let counts = |buy: &&&Buy| {
            let unpaid = matches!(buy.status, RechargeStatus::Failed | RechargeStatus::Cancelled);
            month_of(day_of(buy.begun_at, ahead)) == month && !unpaid
        };
        let of_month: i128 = autos.iter().filter(counts).map(|buy| buy.charged).sum();
        if rule.amount_max.is_some_and(|max| of_month + price(credits, pot.rate) > max.0) {
            let next = (today..).find(|day| month_of(*day) != month).expect("a month ends");
            return Err((HeldBackBy::AmountMax, Some(start_of(next, ahead))));
        }
        Ok(credits)
    }

    /// Whether the reason is another one than the last that was noted since a recharge began.
    pub(crate) fn is_news(&self, wallet: usize, by: HeldBackBy) -> bool {
        let last = self.pots[wallet].story.iter().rev().find_map(|chapter| match chapter {
            Chapter::HeldBack(noted) => Some(Some(*noted)),
            Chapter::Began { .. } | Chapter::Resumed => Some(None),
            Chapter::Paid | Chapter::Failed(_) => None,
        });
        last.flatten() != Some(by)
    }

    /// Writes an automatic recharge down; its credit is there at once unless its payment is waited for.
    pub(crate) fn begin(&mut self, wallet: usize, credits: i128, now: Timestamp) -> usize {
        let invoiced = self.rule_of(wallet).expect("it has a rule").invoicing;
        let charged = price(credits, self.pots[wallet].rate);
        let index = self.buy((wallet, credits, 0, charged), (true, invoiced), (now, now));
        let paid = self.buys[index].status == RechargeStatus::Completed;
        self.pots[wallet].story.push(Chapter::Began { paid });
        index
    }

    /// A purchase that is paid somewhere else.
    pub(crate) fn buy(
        &mut self,
        (wallet, credits, bonus, charged): (usize, i128, i128, i128),
        (auto, invoiced): (bool, bool),
        (effective_at, now): (Timestamp, Timestamp),
    ) -> usize {
        let index = self.buys.len();
        let trusted = !invoiced || self.world.auto_complete;
        let is_open = !trusted || self.world.payment_result;
        let end = Timestamp(now.0 + self.world.pending_expires_in_s * S);
        self.buys.push(Buy {
            id: None,
            wallet,
            auto,
            invoiced,
            trusted,
            status: if is_open { RechargeStatus::Pending } else { RechargeStatus::Completed },
            credits,
            bonus,
            charged,
            begun_at: now,
            effective_at,
            expires_at: (!trusted).then_some(end),
        });
        if trusted {
            self.enter_at((wallet, credits, bonus, charged), (effective_at, now), Some(index));
        }
        index
    }
}

/// Payments that failed in a row, and how long that is waited for: 1 h, 2 h, 4 h …
pub(crate) fn failures(pot: &Pot) -> (u32, Timestamp) {
    let (mut failures, mut until, mut failed_since) = (0_u32, Timestamp(0), false);
    for chapter in &pot.story {
        match chapter {
            Chapter::Began { paid } => {
                // The one before was not reported to have failed, where everything else is paid.
                failures = if *paid && !failed_since { 0 } else { failures };
                failed_since = false;
            }
            Chapter::Failed(at) => {
                until = Timestamp(at.0 + HOUR * 2_u64.pow(failures));
                failures += 1;
                failed_since = true;
            }
            Chapter::Paid | Chapter::Resumed => (failures, until, failed_since) = (0, Timestamp(0), false),
            Chapter::HeldBack(_) => {}
        }
    }
    (failures, until)
}

/// Money for so many credits, half-up to whole cents.
pub(crate) fn price(credits: i128, rate: i128) -> i128 {
    let cent = CENT * ONE;
    (credits * rate + cent / 2) / cent * CENT
}

/// The local day: days since 1970.
pub(crate) fn day_of(at: Timestamp, hours_ahead: i64) -> i64 {
    (i64::try_from(at.0 / S).expect("before 2554") + hours_ahead * 3_600) / 86_400
}

fn start_of(day: i64, hours_ahead: i64) -> Timestamp {
    Timestamp(u64::try_from(day * 86_400 - hours_ahead * 3_600).expect("after 1970") * S)
}

/// The month of a local day: months since 1970, counted month by month.
pub(crate) fn month_of(day: i64) -> i64 {
    let (mut first_after, mut month) = (0, 0);
    loop {
        let year = 1970 + month / 12;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap { 29 } else { 28 };
        first_after += match month % 12 {
            1 => february,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if day < first_after {
            return month;
        }
        month += 1;
    }
}
