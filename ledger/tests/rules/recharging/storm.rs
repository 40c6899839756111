//! A storm of recharges is impossible (SEMANTICS §11): counted from the log alone, record by record. Neither what `decide` keeps nor the
//! model is asked.

use std::collections::BTreeMap;

use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::fact::{Due, Effect, Facts, RechargeEnd};
use coffer_ledger::ids::{LogPosition, RechargeId, WalletId};
use coffer_ledger::recharge::{Recharge, RechargeOrigin, RechargeStatus};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::{self, RowType};

use super::guards::{day_of, month_of};

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * S;

/// An automatic recharge, as the log tells it.
struct Seen {
    id: RechargeId,
    begun_at: Timestamp,
    charged: i128,
    status: RechargeStatus,
}

/// One wallet, as the log tells it.
#[derive(Default)]
struct Wallet {
    rule: Option<AutoTopup>,
    recharges: Vec<Seen>,
    /// Payments that failed since one was paid or it was resumed, and when the last did.
    failed: Vec<Timestamp>,
    /// Where nobody reports results: whether the last that began has failed.
    last_failed: bool,
}

/// Counts.
#[derive(Default)]
pub(crate) struct Storm {
    wallets: BTreeMap<WalletId, Wallet>,
    hours_ahead: i64,
    /// Credits of purchases by their rows, and how often each purchase ended.
    came_in: BTreeMap<RechargeId, i128>,
    ends: BTreeMap<RechargeId, u32>,
    pub(crate) most_in_a_day: usize,
}

type Checked = Result<(), String>;

impl Storm {
    /// Looks through a log.
    pub(crate) fn look(hours_ahead: i64, log: &[(Record, LogPosition)]) -> Result<Self, String> {
        let mut storm = Self { hours_ahead, ..Self::default() };
        for (record, position) in log {
            storm.record(record, *position).map_err(|problem| format!("{problem} at {position:?}"))?;
        }
        Ok(storm)
    }

    fn record(&mut self, record: &Record, position: LogPosition) -> Checked {
        let facts = &record.facts;
        for due in &facts.due {
            if let Due::RechargeExpired(end) = due {
                self.end(end)?;
            }
        }
        self.rows(record, position)?;
        if let Some(before) = facts.set_off.as_ref().and_then(|set_off| set_off.before.as_deref()) {
            self.begin(before, facts)?;
        }
        match &facts.effect {
            Effect::WalletCreated { wallet, .. } | Effect::WalletSet(wallet) => {
                let rule = wallet.rules.as_ref().and_then(|rules| rules.auto_topup.clone());
                self.wallets.entry(wallet.id).or_default().rule = rule;
            }
            Effect::AutoTopupResumed(wallet) => {
                let wallet = self.wallets.entry(*wallet).or_default();
                (wallet.failed, wallet.last_failed) = (Vec::new(), false);
            }
            Effect::RechargeEnded(end) => self.end(end)?,
            _ => {}
        }
        for end in facts.set_off.iter().flat_map(|set_off| &set_off.ended) {
            self.end(end)?;
        }
        facts.set_off.iter().flat_map(|set_off| &set_off.after).try_for_each(|one| self.begin(one, facts))
    }

    /// A purchase's credit comes in at most once: completed rows only.
    fn rows(&mut self, record: &Record, position: LogPosition) -> Checked {
        let facts = &record.facts;
        let completed: i128 = view::rows(record, position)
            .iter()
            .filter(|row| row.row_type == RowType::Credit && row.balance_after.is_some())
            .filter(|row| row.reason.as_str().starts_with("PURCHASED_CREDIT"))
            .map(|row| row.credits.0)
            .sum();
        let posted = |rows: &mut dyn Iterator<Item = &Recharge>| -> i128 {
            let rows = rows.flat_map(|recharge| &recharge.rows).filter(|row| row.posting.is_some());
            rows.map(|row| row.terms.original.0).sum()
        };
        let mut expected = posted(&mut super::world::begun(facts));
        if let Effect::RechargeEnded(end) = &facts.effect {
            let now: i128 =
                end.rows.iter().filter(|row| row.posting.is_some()).map(|row| row.terms.original.0).sum();
            *self.came_in.entry(end.recharge.id).or_default() += now;
            expected += now;
        }
        for recharge in super::world::begun(facts) {
            *self.came_in.entry(recharge.id).or_default() += posted(&mut std::iter::once(recharge));
            let most = recharge.credits().0;
            ensure(self.came_in[&recharge.id] <= most, || format!("{:?} came in twice", recharge.id))?;
        }
        if let Effect::ToppedUp { rows, .. } = &facts.effect {
            let purchases = rows.iter().filter(|row| row.posting.is_some());
            expected += purchases.map(|row| row.terms.original.0).sum::<i128>();
        }
        ensure(completed == expected, || format!("rows of {completed}, purchases of {expected}"))
    }

    /// Every guard, at the moment at which one begins.
    fn begin(&mut self, recharge: &Recharge, facts: &Facts) -> Checked {
        if recharge.origin != RechargeOrigin::Auto {
            return Ok(());
        }
        let ahead = self.hours_ahead;
        let wallet = self.wallets.entry(recharge.wallet).or_default();
        let rule = wallet.rule.as_ref().filter(|rule| rule.enabled).ok_or("begun without a rule")?;
        let now = facts.at;
        let pending = wallet.recharges.iter().find(|seen| seen.status == RechargeStatus::Pending);
        ensure(pending.is_none(), || format!("{:?} is in flight", pending.map(|seen| seen.id)))?;
        let last = wallet.recharges.last().map_or(0, |seen| seen.begun_at.0 + u64::from(rule.cooldown_s) * S);
        ensure(now.0 >= last, || format!("{now} is within the cooldown"))?;
        let day = day_of(now, ahead);
        let today = wallet.recharges.iter().filter(|seen| day_of(seen.begun_at, ahead) == day).count() + 1;
        ensure(today <= rule.count_max as usize, || format!("{today} in a day"))?;
        let of_month = wallet.recharges.iter().filter(|seen| {
            month_of(day_of(seen.begun_at, ahead)) == month_of(day)
                && matches!(seen.status, RechargeStatus::Pending | RechargeStatus::Completed)
        });
        let money = of_month.map(|seen| seen.charged).sum::<i128>() + recharge.charged().0;
        ensure(rule.amount_max.is_none_or(|max| money <= max.0), || format!("{money} in a month"))?;
        let in_a_row = wallet.failed.len();
        ensure(in_a_row < rule.failures_max as usize, || format!("after {in_a_row} failures"))?;
        if let Some(last) = wallet.failed.last() {
            let waits = HOUR << (in_a_row - 1);
            ensure(now.0 >= last.0 + waits, || format!("{now}: {in_a_row} failed, the last {last}"))?;
        }
        ensure(recharge.credits().0 <= rule.amount.0 * 10, || "more than ten amounts".to_owned())?;
        if recharge.status == RechargeStatus::Completed && !wallet.last_failed {
            wallet.failed.clear();
        }
        wallet.last_failed = false;
        wallet.recharges.push(Seen {
            id: recharge.id,
            begun_at: now,
            charged: recharge.charged().0,
            status: recharge.status,
        });
        self.most_in_a_day = self.most_in_a_day.max(today);
        Ok(())
    }

    fn end(&mut self, end: &RechargeEnd) -> Checked {
        let recharge = &end.recharge;
        let ends = self.ends.entry(recharge.id).or_default();
        *ends += 1;
        ensure(*ends == 1, || format!("{:?} ended {ends} times", recharge.id))?;
        let wallet = self.wallets.entry(recharge.wallet).or_default();
        let Some(seen) = wallet.recharges.iter_mut().find(|seen| seen.id == recharge.id) else {
            return ensure(recharge.origin == RechargeOrigin::TopUp, || "ended, never began".to_owned());
        };
        seen.status = recharge.status;
        match recharge.status {
            RechargeStatus::Completed => (wallet.failed, wallet.last_failed) = (Vec::new(), false),
            RechargeStatus::Failed => {
                wallet.failed.push(recharge.ended_at.ok_or("failed, never ended")?);
                wallet.last_failed = true;
            }
            RechargeStatus::Pending | RechargeStatus::Cancelled => {}
        }
        Ok(())
    }
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(problem()) }
}
