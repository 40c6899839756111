//! Budgets: SEMANTICS §18, with calendar windows of time zones that never change their clocks (§10).

use coffer_ledger::budget::Window;
use coffer_ledger::command::{Charge, SetBudget};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceUnit};

use super::hold::{Booking, wallets_of};
use super::number::{Q, leaves_12_digits};
use super::outcome::{Done, No, Part};
use super::{Circumstances, Model, those, unless};

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) parent: Option<String>,
    pub(crate) currency: Currency,
    pub(crate) price_unit: Option<PriceUnit>,
    /// In the order of their windows.
    pub(crate) caps: Vec<Cap>,
}

/// A cap: what was used of it in the window that ends then, since it was set or reset for the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cap {
    pub(crate) window: Window,
    pub(crate) credits: Q,
    pub(crate) used: Q,
    pub(crate) ends_at: Timestamp,
    /// Which of all countings from nothing it is, of any cap.
    pub(crate) counting: usize,
}

/// What something counts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) budget: String,
    pub(crate) window: Window,
    pub(crate) ends_at: Timestamp,
    /// In which counting from nothing.
    pub(crate) counting: usize,
    pub(crate) credits: Q,
}

impl Model {
    pub(crate) fn set_budget(&mut self, ask: &SetBudget, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        // Until the ledger tells the name that it makes.
        let name = ask.id.as_ref().map_or(String::new(), ToString::to_string);
        let old = ask.id.as_ref().and_then(|_| self.budgets.get(&name).cloned());
        let mut faults = set_faults(ask);
        faults.extend(self.tree_faults(ask, &name, old.as_ref(), around));
        unless(faults)?;
        let mut caps = Vec::new();
        for (window, credits) in &ask.limits {
            let credits = Q::raw(credits.0);
            caps.push(match kept(old.as_ref(), *window) {
                Some(cap) => Cap { credits, ..cap.clone() },
                None => {
                    let ends_at = self.window_end(*window, around);
                    Cap { window: *window, credits, used: Q::zero(), ends_at, counting: self.next_counting() }
                }
            });
        }
        caps.sort_by_key(|cap| Window::ALL.iter().position(|window| *window == cap.window));
        let parent = ask.parent.as_ref().map(ToString::to_string);
        let node = Node { parent, currency: ask.currency, price_unit: ask.price_unit.clone(), caps };
        self.budgets.insert(name.clone(), node);
        Ok(Done::BudgetSet(name))
    }

    fn tree_faults(&self, ask: &SetBudget, name: &str, old: Option<&Node>, around: Circumstances) -> Vec<No> {
        let (budgets_max, levels_max) = (around.limits.budgets_max, around.limits.budget_levels_max);
        let is_of_unit = |node: &Node| node.currency == ask.currency && node.price_unit == ask.price_unit;
        let is_new = old.is_none();
        let mut faults = those([
            (ask.create && !is_new, No::AlreadyExists),
            (!ask.create && is_new, No::NotFound),
            (ask.create && self.budgets.len() >= budgets_max, No::Limit("budgets_max", budgets_max as u64)),
            (old.is_some_and(|node| !is_of_unit(node)), No::UnitMismatch),
        ]);
        let Some(parent) = &ask.parent else { return faults };
        let above = self.chain(parent);
        match self.budgets.get(&**parent) {
            None => faults.push(No::NotFound),
            Some(node) => faults.extend(those([(!is_of_unit(node), No::UnitMismatch)])),
        }
        let loops = ask.id.is_some() && (above.iter().any(|other| other == name) || &**parent == name);
        let levels = above.len() + if loops { 0 } else { self.height(name) };
        faults.extend(those([
            (loops, No::InvalidOperation),
            (levels > levels_max, No::Limit("budget_levels_max", levels_max as u64)),
        ]));
        faults
    }

    /// A budget and all above it, leaf first.
    fn chain(&self, leaf: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut next = self.budgets.contains_key(leaf).then(|| leaf.to_owned());
        while let Some(name) = next {
            next = self.budgets[&name].parent.clone();
            names.push(name);
        }
        names
    }

    /// Levels from a budget to the lowest below it; 1 without any below.
    fn height(&self, name: &str) -> usize {
        let below = self.budgets.iter().filter(|(_, node)| node.parent.as_deref() == Some(name));
        1 + below.map(|(child, _)| self.height(child)).max().unwrap_or(0)
    }

    pub(crate) fn delete_budget(&mut self, name: &str) -> Result<Done, Vec<No>> {
        self.known()?;
        if !self.budgets.contains_key(name) {
            return Err(vec![No::NotFound]);
        }
        let counts = |hold: &Booking| hold.is_open() && hold.charge.budget.as_deref() == Some(name);
        if self.height(name) > 1 || self.holds.iter().any(counts) {
            return Err(vec![No::InvalidOperation]);
        }
        self.budgets.remove(name);
        Ok(Done::BudgetDeleted(name.to_owned()))
    }

    pub(crate) fn reset_budget(&mut self, name: &str) -> Result<Done, Vec<No>> {
        self.known()?;
        let mut node = self.budgets.get(name).cloned().ok_or_else(|| vec![No::NotFound])?;
        for cap in &mut node.caps {
            (cap.used, cap.counting) = (Q::zero(), self.next_counting());
        }
        self.budgets.insert(name.to_owned(), node);
        Ok(Done::BudgetSet(name.to_owned()))
    }

    /// A cap counts from nothing: when it is set, when it is reset, in a new window.
    fn next_counting(&mut self) -> usize {
        self.countings += 1;
        self.countings
    }

    /// Counts what a charge moves, leaf to root; the first lack refuses, unless it is usage that happened.
    pub(crate) fn count(
        &mut self,
        charge: &Charge,
        parts: &[Part],
        credits: &Q,
        around: Circumstances,
        refuse: bool,
    ) -> Result<Vec<Move>, Vec<No>> {
        let Some(leaf) = &charge.budget else { return Ok(Vec::new()) };
        let chain = self.chain(leaf);
        if !refuse && !self.budget_faults(leaf, parts).is_empty() {
            return Ok(Vec::new());
        }
        if refuse {
            let mut faults = self.budget_faults(leaf, parts);
            faults.extend(self.first_lack(leaf, credits, around));
            if !faults.is_empty() {
                let max = around.limits.slices_max;
                let too_many = parts.len() > max;
                faults.extend(those([(too_many, No::Limit("slices_max", max as u64))]));
                faults.extend(self.worth_faults(parts));
                return Err(faults);
            }
        }
        let mut moves = Vec::new();
        for name in chain {
            let windows: Vec<Window> = self.budgets[&name].caps.iter().map(|cap| cap.window).collect();
            for (at, window) in windows.into_iter().enumerate() {
                let (end, counting) = (self.window_end(window, around), self.next_counting());
                let cap = &mut self.budgets.get_mut(&name).expect("in the chain").caps[at];
                if around.now >= cap.ends_at {
                    (cap.used, cap.ends_at, cap.counting) = (Q::zero(), end, counting);
                }
                cap.used = &cap.used + credits;
                moves.push(Move {
                    budget: name.clone(),
                    window,
                    ends_at: cap.ends_at,
                    counting: cap.counting,
                    credits: credits.clone(),
                });
            }
        }
        Ok(moves)
    }

    /// A budget that is not there, or that counts another unit than what moves.
    pub(crate) fn budget_faults(&self, leaf: &str, parts: &[Part]) -> Vec<No> {
        let Some(node) = self.budgets.get(leaf) else { return vec![No::NotFound] };
        let wallets = wallets_of(parts);
        let fits = |wallet: &usize| {
            let purse = &self.wallets[*wallet];
            purse.currency == node.currency && purse.price_unit == node.price_unit
        };
        those([(!wallets.iter().all(fits) || !self.share_one_unit(&wallets), No::UnitMismatch)])
    }

    /// The first cap from leaf to root that so much would pass.
    pub(crate) fn first_lack(&self, leaf: &str, credits: &Q, around: Circumstances) -> Option<No> {
        for name in self.chain(leaf) {
            for cap in &self.budgets[&name].caps {
                let fresh = around.now >= cap.ends_at;
                let used = if fresh { Q::zero() } else { cap.used.clone() };
                if &used + credits > cap.credits {
                    let end = if fresh { self.window_end(cap.window, around) } else { cap.ends_at };
                    let resets_at = (end != Timestamp::MAX).then_some(end);
                    return Some(No::Budget(name, cap.window, cap.credits.clone(), used, resets_at));
                }
            }
        }
        None
    }

    /// Gives back, to windows that are still the current ones and count what was counted then.
    pub(crate) fn uncount(&mut self, moves: &[Move]) {
        for back in moves {
            let Some(node) = self.budgets.get_mut(&back.budget) else { continue };
            for cap in &mut node.caps {
                if (cap.window, cap.counting) == (back.window, back.counting) {
                    assert_eq!(cap.ends_at, back.ends_at, "a counting is of one window");
                    cap.used = &cap.used - &back.credits;
                }
            }
        }
    }

    /// The first instant after the window that holds now.
    fn window_end(&self, window: Window, around: Circumstances) -> Timestamp {
        let ahead = self.hours_ahead(around) * HOUR;
        let local = around.now.0 + ahead;
        let days = local / DAY;
        let end = match window {
            Window::Lifetime => return Timestamp::MAX,
            Window::Hour => (local / HOUR + 1) * HOUR,
            Window::Day => (days + 1) * DAY,
            // The epoch was a Thursday.
            Window::Week => ((days + 3) / 7 * 7 + 4) * DAY,
            Window::Month => first_of_next_month(days) * DAY,
        };
        Timestamp(end - ahead)
    }

    /// How many hours the customer's clocks are ahead of UTC.
    pub(crate) fn hours_ahead(&self, around: Circumstances) -> u64 {
        let own = self.person.as_ref().and_then(|person| person.zone.as_deref());
        match own.or(around.settings.time_zone.as_deref()) {
            None | Some("UTC") => 0,
            Some("Asia/Singapore") => 8,
            Some(other) => panic!("the model does not know {other}"),
        }
    }
}

/// What can be wrong with a budget whoever it is for.
pub(crate) fn set_faults(ask: &SetBudget) -> Vec<No> {
    let twice = ask
        .limits
        .iter()
        .enumerate()
        .any(|(at, (window, _))| ask.limits[..at].iter().any(|(other, _)| other == window));
    let any = |wrong: fn(i128) -> bool| ask.limits.iter().any(|(_, credits)| wrong(credits.0));
    those([
        (twice, No::Invalid),
        (any(|credits| credits < 0), No::AmountInvalid),
        (any(|credits| leaves_12_digits(&Q::raw(credits))), No::AmountOverflow),
        (ask.id.as_ref().is_some_and(|name| name.is_empty() || name.len() > 128), No::Invalid),
    ])
}

/// The cap for that window that stays.
fn kept(old: Option<&Node>, window: Window) -> Option<&Cap> {
    old.and_then(|node| node.caps.iter().find(|cap| cap.window == window))
}

/// Takes so many credits of every cap out of moves: those that were counted first, or last, before the others.
pub(crate) fn take_moves(moves: &mut Vec<Move>, credits: &Q, last_first: bool) -> Vec<Move> {
    let mut taken: Vec<Move> = Vec::new();
    let order: Vec<usize> =
        if last_first { (0..moves.len()).rev().collect() } else { (0..moves.len()).collect() };
    for at in order {
        let counted = moves[at].clone();
        let same = |other: &&Move| (&other.budget, other.window) == (&counted.budget, counted.window);
        let so_far = super::number::total(taken.iter().filter(same).map(|other| &other.credits));
        let here = counted.credits.clone().min(credits - &so_far);
        if here.is_positive() {
            moves[at].credits = &moves[at].credits - &here;
            taken.push(Move { credits: here, ..counted });
        }
    }
    if last_first {
        taken.reverse();
    }
    moves.retain(|counted| counted.credits.is_positive());
    taken
}

/// Days from the epoch to the first of the month after that of a day, counted month by month.
fn first_of_next_month(day: u64) -> u64 {
    let (mut first, mut year, mut month) = (0, 1970, 0);
    while first <= day {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap { 29 } else { 28 };
        first += [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
        (year, month) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
    }
    first
}
