//! State against state, reads against the definitions, ledger rows against their own arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use coffer_ledger::budget::window_end;
use coffer_ledger::customer::CustomerId;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Tranche;
use coffer_ledger::unit::Unit;
use coffer_ledger::view::{self, BySource, Figures, RowType, RowView, WalletBalance};
use coffer_ledger::wallet::{Wallet, WalletStatus};

use super::World;
use super::moves::kind;
use super::translate::{credits, money};
use crate::model::budget::{Cap, Node};
use crate::model::number::{Q, total};
use crate::model::outcome::{Happened, HoldSeen, Row};
use crate::model::state::Purse;
use crate::model::view::Seen;

impl World {
    /// Live state, field by field.
    pub(crate) fn compare_state(&self) {
        self.compare_identity();
        assert_eq!(self.customer.last_at, self.now, "last_at{}", self.story());
        assert_eq!(self.customer.wallets.len(), self.model.wallets.len(), "wallets{}", self.story());
        for (number, (wallet, purse)) in self.customer.wallets.iter().zip(&self.model.wallets).enumerate() {
            self.compare_settings(wallet, purse);
            let head = &wallet.head;
            let told = (credits(head.posted), credits(head.held), credits(head.debt), head.sequence);
            let rows = u64::try_from(purse.rows.len()).expect("few");
            let expected = (self.model.posted(number), self.model.held(number), purse.debt(), rows);
            assert_eq!(told, expected, "posted, held, debt, sequence of wallet {number}{}", self.story());
            let pinned = (credits(wallet.held_overdraft), self.model.held_overdraft(number));
            assert_eq!(pinned.0, pinned.1, "overdraft that is pinned{}", self.story());
            self.compare_tranches(number, &wallet.tranches);
        }
        let next = self.model.next_due().unwrap_or(Timestamp::MAX);
        assert_eq!(self.customer.next_due(), next, "next_due{}", self.story());
        self.compare_grants();
        self.compare_holds();
        self.compare_budgets();
        self.compare_kept();
        if let Err(problem) = self.books.check_against(&self.customer) {
            panic!("{problem}{}", self.story());
        }
    }

    fn compare_identity(&self) {
        let told = self.customer.identity.as_ref().map(|identity| {
            let minted = matches!(identity.id, CustomerId::Minted(_));
            (identity.external_id.to_string(), minted, identity.deleted)
        });
        let person = self.model.person.clone();
        let expected = person.map(|person| (person.external_id, person.minted, person.deleted));
        assert_eq!(told, expected, "identity{}", self.story());
    }

    fn compare_settings(&self, wallet: &Wallet, purse: &Purse) {
        let head = &wallet.head;
        let unit = Unit {
            currency: purse.currency,
            price_unit: purse.price_unit.clone(),
            conversion_rate: head.unit.conversion_rate,
        };
        assert_eq!(head.unit, unit, "unit{}", self.story());
        let rates = (Q::raw(head.unit.conversion_rate.0), Q::raw(head.topup_conversion_rate.0));
        assert_eq!(rates, (purse.rate.clone(), purse.topup_rate.clone()), "rates{}", self.story());
        let told = (&*head.name, head.description.as_deref(), &head.metadata, head.wallet_type);
        let expected = (&*purse.name, purse.description.as_deref(), &purse.metadata, purse.kind);
        assert_eq!(told, expected, "words{}", self.story());
        let told = (head.status, head.priority, head.allowed_price_types, credits(head.overdraft_limit));
        let expected = (purse.status, purse.priority, purse.admits, purse.limit.clone());
        assert_eq!(told, expected, "settings{}", self.story());
        let (told, expected) = ((head.created_at, head.updated_at), (purse.created_at, purse.updated_at));
        assert_eq!(told, expected, "created_at, updated_at{}", self.story());
    }

    fn compare_tranches(&self, wallet: usize, live: &[Tranche]) {
        let told: Vec<_> = live
            .iter()
            .map(|t| {
                let figures = (credits(t.remaining), credits(t.pinned), t.scheduled, t.voided);
                (self.tranche_number(t.id), figures, kind(&t.terms))
            })
            .collect();
        let in_order = self.model.in_burn_order(wallet);
        let expected: Vec<_> = in_order
            .iter()
            .map(|index| {
                let block = &self.model.tranches[*index];
                let pinned = self.model.pinned(*index);
                let figures = (block.remaining(), pinned, !block.started, block.voided);
                (*index, figures, block.kind())
            })
            .collect();
        assert_eq!(told, expected, "live tranches of wallet {wallet} in burn order{}", self.story());
        for tranche in live {
            let minted = &self.books.minted[self.tranche_number(tranche.id)];
            let born = (tranche.credit_position, tranche.credit_row);
            let is_reborn = self.model.tranches[self.tranche_number(tranche.id)].reborn;
            let row = if is_reborn { Some((LogPosition(0), 0)) } else { minted.row };
            let same = row.is_none_or(|row| row == born) && tranche.terms == minted.terms;
            assert!(same, "{tranche:?}, made as {minted:?}{}", self.story());
        }
    }

    /// Reads: now, at the next due instant, one nanosecond before it, and in the far future.
    pub(crate) fn compare_views(&self) {
        let next = self.customer.next_due().0.min(self.now.0 + (1 << 43));
        // Thirteen days; with grants two hours, whose periods are all counted.
        let far = if self.customer.grants.is_empty() { 1 << 50 } else { 1 << 43 };
        for at in [self.now.0, next.saturating_sub(1), next, self.now.0 + far] {
            if at >= self.now.0 {
                self.compare_view(Timestamp(at));
            }
        }
    }

    fn compare_view(&self, at: Timestamp) {
        let view = view::balance(&self.customer, at);
        let mut later = self.model.clone();
        let happened = later.catch_up(at, usize::MAX);
        let open: Vec<usize> =
            (0..later.wallets.len()).filter(|n| later.wallets[*n].status != WalletStatus::Closed).collect();
        let coming = self.coming(&happened);
        let told: Vec<Seen> = view.wallets.iter().map(|wallet| self.shown(wallet, &coming)).collect();
        let expected: Vec<Seen> = open.iter().map(|number| later.seen(*number, at)).collect();
        assert_eq!(told, expected, "read at {at}{}", self.story());
        for unit in &view.units {
            let of_unit = view.wallets.iter().filter(|wallet| wallet.head.unit == unit.unit);
            let figures: Vec<Figures> = of_unit.map(|wallet| wallet.figures).collect();
            let sum = |part: fn(&Figures) -> i128| figures.iter().map(part).sum::<i128>();
            let active = view
                .wallets
                .iter()
                .filter(|wallet| wallet.head.unit == unit.unit && wallet.head.status == WalletStatus::Active);
            let available: i128 = active.map(|wallet| wallet.figures.available.0).sum();
            let told = (
                unit.figures.posted.0,
                unit.figures.own.0,
                unit.figures.available.0,
                unit.figures.scheduled.0,
            );
            let sums = (sum(|f| f.posted.0), sum(|f| f.own.0), available, sum(|f| f.scheduled.0));
            assert_eq!(told, sums, "sums of {:?}{}", unit.unit, self.story());
        }
        let mut units: Vec<&Unit> = Vec::new();
        for wallet in &view.wallets {
            if !units.contains(&&wallet.head.unit) {
                units.push(&wallet.head.unit);
            }
        }
        assert_eq!(
            view.units.iter().map(|unit| &unit.unit).collect::<Vec<_>>(),
            units,
            "units{}",
            self.story()
        );
    }

    /// What things are called that are not there yet but that a read shows: the customer's next numbers, in the order of happening.
    fn coming(&self, happened: &[Happened]) -> BTreeMap<u64, usize> {
        let mut counter = self.customer.counter;
        let mut names = BTreeMap::new();
        for happened in happened {
            let (made, tranche) = match happened {
                Happened::Granted { landed: Some(landed), .. } => (landed.0, landed.1.tranche),
                Happened::RolledOver { tranche, .. } => (false, *tranche),
                Happened::Granted { landed: None, .. }
                | Happened::Expired { .. }
                | Happened::Started { .. }
                | Happened::HoldEnded(_) => continue,
            };
            counter += u64::from(made);
            names.insert(counter, tranche);
            counter += 1;
        }
        names
    }

    fn shown(&self, wallet: &WalletBalance, coming: &BTreeMap<u64, usize>) -> Seen {
        let Figures { posted, held, own, available, pending, scheduled, debt, by_source, by_price_type } =
            wallet.figures;
        assert_eq!(pending.0, 0, "nothing is pending{}", self.story());
        assert_eq!(
            (wallet.head.posted, wallet.head.debt),
            (posted, debt),
            "head and figures{}",
            self.story()
        );
        let BySource { purchased, promotional, plan_included, refund, adjustment, rollover } = by_source;
        let by_source = [purchased, promotional, plan_included, refund, adjustment, rollover].map(credits);
        assert_eq!(total(&by_source), &credits(posted) + &credits(debt), "Σ by_source{}", self.story());
        let live = wallet.tranches.iter();
        Seen {
            posted: credits(posted),
            available: credits(available),
            scheduled: credits(scheduled),
            held: credits(held),
            own: credits(own),
            debt: credits(debt),
            by_source,
            for_usage: credits(by_price_type.usage),
            for_fixed: credits(by_price_type.fixed),
            tranches: live
                .map(|t| {
                    let known = coming.get(&t.id.0.counter()).copied();
                    (known.unwrap_or_else(|| self.tranche_number(t.id)), credits(t.remaining))
                })
                .collect(),
        }
    }

    /// The last record's ledger rows: numbered ids, balances that move by exactly the credits, slices that add up.
    pub(crate) fn compare_rows(&self) {
        let Some((record, position)) = self.log.last() else { return };
        for (number, row) in (0..).zip(view::rows(record, *position)) {
            let place = (row.id.position(), row.id.row(), row.id.ms(), row.recorded_at);
            assert_eq!(place, (*position, number, self.now.ms(), self.now), "place of a row{}", self.story());
            if let Err(problem) = check_row(&row) {
                panic!("{problem}: {row:#?}{}", self.story());
            }
        }
        let told: Vec<_> = view::rows(record, *position).iter().map(|row| self.line(row)).collect();
        let lines = &self.model.past.last().expect("as many as records").lines;
        let expected: Vec<_> = lines
            .iter()
            .map(|line| (line.wallet, line.kind, line.reason, line.credits.clone(), line.row.clone()))
            .collect();
        assert_eq!(told, expected, "ledger rows{}", self.story());
    }
}

impl World {
    fn line(&self, row: &RowView) -> (usize, &'static str, &'static str, Q, Option<Row>) {
        let kind = match row.row_type {
            RowType::Credit => "credit",
            RowType::Debit => "debit",
            RowType::Hold => "hold",
            RowType::Release => "release",
            RowType::Memo => "memo",
        };
        let wallet = self.wallet_number(row.wallet);
        let posting = row.sequence.map(|sequence| Row {
            wallet,
            sequence,
            before: credits(row.balance_before.expect("in the chain")),
            after: credits(row.balance_after.expect("in the chain")),
        });
        (wallet, kind, row.reason.as_str(), credits(row.credits), posting)
    }

    /// Which grants there are, what they say, and what comes next.
    fn compare_grants(&self) {
        let seen = |at: Timestamp, period| (at < Timestamp::MAX).then_some((at, period));
        let told: BTreeMap<_, _> = (self.customer.grants.iter())
            .map(|grant| {
                (grant.key, (grant.rule.clone(), grant.priority, seen(grant.next.at, grant.next.period)))
            })
            .collect();
        let expected: BTreeMap<_, _> = (self.model.open_givings())
            .map(|giving| &self.model.givings[giving])
            .map(|giving| {
                let next = giving.next_at.map(|at| (at, giving.period));
                (giving.key.expect("told"), (giving.rule.clone(), giving.priority, next))
            })
            .collect();
        assert_eq!(told, expected, "grants{}", self.story());
    }

    fn compare_holds(&self) {
        let told: Vec<HoldSeen> = self.customer.holds.iter().map(|hold| self.hold_told(hold)).collect();
        let open = (0..self.model.holds.len()).filter(|hold| self.model.holds[*hold].is_open());
        let expected: Vec<HoldSeen> = open.map(|hold| self.model.hold_seen(hold)).collect();
        assert_eq!(told, expected, "open holds{}", self.story());
    }

    fn compare_budgets(&self) {
        let told: BTreeMap<String, Node> = self
            .customer
            .budgets
            .iter()
            .map(|(name, budget)| {
                let caps = budget.limits.iter().enumerate().map(|(at, limit)| Cap {
                    window: limit.window,
                    credits: credits(limit.credits),
                    used: credits(limit.used),
                    ends_at: window_end(limit.ends_at),
                    // What the ledger calls it is looked at in `check_windows`.
                    counting: self.model.budgets[&**name].caps[at].counting,
                });
                let node = Node {
                    parent: budget.parent.as_ref().map(ToString::to_string),
                    currency: budget.currency,
                    price_unit: budget.price_unit.clone(),
                    caps: caps.collect(),
                };
                (name.to_string(), node)
            })
            .collect();
        assert_eq!(told, self.model.budgets, "budgets{}", self.story());
    }

    /// Each counting from nothing has a name of its own in the ledger, and keeps it.
    pub(super) fn check_windows(&mut self) {
        let budgets = &self.model.budgets;
        let names = self.customer.budgets.iter().flat_map(|(name, budget)| {
            let caps = budget.limits.iter().zip(&budgets[&**name].caps);
            caps.map(|(limit, cap)| ((name.to_string(), limit.window, limit.ends_at), cap.counting))
        });
        for (window, counting) in names {
            let known = *self.windows.entry(window.clone()).or_insert(counting);
            assert_eq!(known, counting, "{window:?} counted from nothing twice{}", self.trail.join("\n  "));
        }
    }

    /// What is kept of closed things: refunds, invoices, transfers.
    fn compare_kept(&self) {
        let told: BTreeMap<(LogPosition, usize), Q> = self
            .customer
            .given_back
            .iter()
            .map(|((position, row), back)| ((*position, usize::try_from(*row).expect("few")), credits(*back)))
            .collect();
        let mut expected: BTreeMap<(LogPosition, usize), Q> = BTreeMap::new();
        for past in &self.model.past {
            let debits = past.debits.iter().filter(|old| old.reason != "TRANSFER_OUT");
            for (line, _, back) in debits.flat_map(|old| &old.slices).filter(|slice| slice.2.is_positive()) {
                let place = (past.position.expect("told"), *line);
                let sum = expected.entry(place).or_insert_with(Q::zero);
                *sum = &*sum + back;
            }
        }
        assert_eq!(told, expected, "given back{}", self.story());
        let told: Vec<_> = self
            .customer
            .invoices
            .iter()
            .map(|(id, kept)| (&**id, kept.settled, kept.voided.is_some()))
            .collect();
        let position = |past: usize| self.model.past[past].position.expect("told");
        let expected: Vec<_> =
            self.model.bills.iter().map(|(id, bill)| (&**id, position(bill.past), bill.voided)).collect();
        assert_eq!(told, expected, "invoices{}", self.story());
        let told: Vec<_> = self.customer.transfers_out.keys().copied().collect();
        let open = self.model.sendings.iter().filter(|sending| sending.open);
        let expected: Vec<_> = open.filter_map(|sending| sending.id).collect();
        assert_eq!(told, expected, "transfers on their way{}", self.story());
        let told: BTreeSet<_> = self.customer.transfers_in.keys().copied().collect();
        let expected: BTreeSet<_> = self.model.received.iter().copied().collect();
        assert_eq!(told, expected, "transfers that arrived{}", self.story());
    }
}

fn check_row(row: &RowView) -> Result<(), &'static str> {
    let in_chain = (row.sequence.is_some(), row.balance_before.is_some(), row.balance_after.is_some());
    if in_chain != (true, true, true) && in_chain != (false, false, false) {
        return Err("half in the balance chain");
    }
    if let (Some(before), Some(after)) = (row.balance_before, row.balance_after) {
        let expected = match row.row_type {
            RowType::Credit => row.credits.0,
            RowType::Debit => -row.credits.0,
            _ => return Err("a memo moves no balance"),
        };
        if after.0 - before.0 != expected {
            return Err("balance does not move by the credits");
        }
    }
    let sliced: i128 = row.slices.iter().map(|slice| slice.credits.0).sum();
    if !row.slices.is_empty() && sliced != row.credits.0 {
        return Err("slices do not add up");
    }
    if row.charged.is_some_and(|charged| money(charged) < Q::zero()) {
        return Err("a negative charge");
    }
    Ok(())
}
