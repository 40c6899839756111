//! Many of them: a look that gives what is asked for page by page, as a store does.

use std::cell::Cell;

use coffer_ledger::ids::{CustomerNumber, TenantNumber, ThingId, TrancheId, WalletId};
use coffer_ledger::unit::Currency;

use super::*;
use crate::feed::history::{FullRow, RowsAsked, Sums, TotalOf, TrancheLife, WalletLife};

const WALLET: WalletId = WalletId(ThingId(1));

/// So many recharges and changes of alerts, all of one instant.
struct Many {
    recharges: u64,
    alerts: u64,
    pages: Cell<usize>,
}

impl Many {
    fn page<T>(&self, count: u64, page: Paged<u128>, one: impl Fn(u128) -> T) -> Listed<T> {
        assert!(!page.newest_first && page.offset == 0, "{page:?}");
        self.pages.set(self.pages.get() + 1);
        let begin = page.after.map_or(0, |after| after + 1);
        let end = u128::from(count).min(begin + page.limit as u128);
        let total = usize::try_from(count).unwrap();
        Listed { items: (begin..end).map(one).collect(), total, more: end < u128::from(count) }
    }
}

impl Look for Many {
    fn position(&self) -> Result<u64, HistoryError> {
        Ok(9)
    }

    fn totals(
        &self,
        _: TenantNumber,
        _: Timestamp,
        _: &mut dyn FnMut(TotalOf, Sums),
    ) -> Result<(), HistoryError> {
        Ok(())
    }

    fn rows(&self, _: &RowsAsked) -> Result<Vec<FullRow>, HistoryError> {
        Ok(Vec::new())
    }

    fn wallet(&self, _: WalletId) -> Result<Option<WalletLife>, HistoryError> {
        Ok(None)
    }

    fn tranche(&self, _: TrancheId) -> Result<Option<TrancheLife>, HistoryError> {
        Ok(None)
    }

    fn alerts(&self, asked: &AlertsAsked) -> Result<Listed<AlertLine>, HistoryError> {
        let Paged { newest_first, after, limit, offset } = asked.page;
        let page = Paged { newest_first, after: after.map(|id| id.0.0), limit, offset };
        Ok(self.page(self.alerts, page, |id| AlertLine {
            tenant: asked.tenant,
            customer: asked.customer.unwrap(),
            position: LogPosition(7),
            change: coffer_ledger::alert::AlertChange {
                id: AlertId(ThingId(id)),
                wallet: WALLET,
                kind: AlertKind::Balance,
                from: AlertState::Ok,
                to: AlertState::Info,
                posted: Credits::ONE,
                runway_s: None,
                at: asked.from.unwrap(),
            },
        }))
    }

    fn recharges(&self, asked: &RechargesAsked) -> Result<Listed<RechargeLife>, HistoryError> {
        let Paged { newest_first, after, limit, offset } = asked.page;
        let page = Paged { newest_first, after: after.map(|id| id.0.0), limit, offset };
        Ok(self.page(self.recharges, page, |id| life(asked, id)))
    }
}

fn life(asked: &RechargesAsked, id: u128) -> RechargeLife {
    RechargeLife {
        id: RechargeId(ThingId(id)),
        tenant: asked.tenant,
        customer: asked.customer,
        wallet: WALLET,
        origin: RechargeOrigin::Auto,
        status: RechargeStatus::Pending,
        trusted: false,
        credits: Credits::ONE,
        amount: Money::ZERO,
        charged: Money::ZERO,
        currency: Currency::parse("usd").unwrap(),
        invoice: None,
        tranche: None,
        bonus: None,
        reason: None,
        begun_in: LogPosition(1),
        begun_at: Timestamp(1),
        expires_at: Some(Timestamp(100)),
        ended_in: None,
        ended_at: None,
    }
}

fn read_of(recharges: u64, alerts: u64, lines_max: usize) -> (usize, usize) {
    let many = Many { recharges, alerts, pages: Cell::new(0) };
    let period = Period::new(Timestamp(1), Timestamp(50)).unwrap();
    let of = StatementOf { tenant: TenantNumber(1), customer: CustomerNumber(1), period, lines_max };
    let mut maker = Maker::new(period);
    read(&many, &of, &mut maker).unwrap();
    (maker.lines(), many.pages.get())
}

#[test]
fn pages_follow_each_other_until_all_is_read() {
    let page = PAGE_ROWS as u64;
    for (recharges, alerts) in [(0, 0), (1, page), (page, page + 1), (2 * page + 7, 3 * page)] {
        let (lines, pages) = read_of(recharges, alerts, usize::MAX);
        assert_eq!(lines as u64, recharges + alerts);
        let of_each = |count: u64| count.div_ceil(page).max(1);
        assert_eq!(pages as u64, of_each(recharges) + of_each(alerts));
    }
}

#[test]
fn no_page_is_read_for_a_statement_that_has_too_many_lines_already() {
    let page = PAGE_ROWS as u64;
    assert_eq!(read_of(9 * page, 0, PAGE_ROWS - 1).1, 2);
    assert_eq!(read_of(0, 9 * page, PAGE_ROWS - 1), (PAGE_ROWS, 2));
}
