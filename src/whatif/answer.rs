//! What came of it, per customer and unit, and in all.

use coffer_ledger::amount::Credits;
use coffer_ledger::customer::{Customer, CustomerId, Identity};
use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Unit;

use super::closed::Side;
use super::life::Life;
use super::refused::Refusals;
use super::run::Run;
use super::tally::Tally;
use super::{Question, WhatIfError};

/// The end of one unit on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What happened to its credit.
    pub tally: Tally,
    /// Σ posted of the wallets at the end.
    pub posted: Credits,
    /// Σ held.
    pub held: Credits,
    /// Σ debt.
    pub debt: Credits,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.posted += other.posted;
        self.held += other.held;
        self.debt += other.debt;
    }
}

/// One unit on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFigures {
    /// The unit.
    pub unit: Unit,
    /// What happened.
    pub log: Figures,
    /// What would have happened.
    pub shadow: Figures,
}

impl UnitFigures {
    /// Whether anything differs.
    #[must_use]
    pub fn differ(&self) -> bool {
        self.log != self.shadow
    }

    /// How much the sides differ: the largest difference of the end balance, of what a source paid or lost, of overdraft and of what
    /// nobody paid. For sorting.
    #[must_use]
    pub fn distance(&self) -> Credits {
        let (log, shadow) = (&self.log.tally, &self.shadow.tally);
        let by_source = Source::ALL.into_iter().flat_map(|source| {
            [
                shadow.spent.of(source) - log.spent.of(source),
                shadow.expired.of(source) - log.expired.of(source),
            ]
        });
        let others = [
            self.shadow.posted - self.log.posted,
            shadow.overdraft - log.overdraft,
            shadow.uncollected - log.uncollected,
        ];
        let distances =
            by_source.chain(others).map(|change| if change.is_negative() { -change } else { change });
        distances.max().unwrap_or(Credits::ZERO)
    }
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerAnswer {
    /// Its tenant's name.
    pub tenant: Box<str>,
    /// What the caller calls it.
    pub external_id: Box<str>,
    /// What replies call it.
    pub id: Box<str>,
    /// Its records.
    pub records: u64,
    /// Those that came out differently.
    pub differing: u64,
    /// By unit, in the order of its wallets.
    pub units: Vec<UnitFigures>,
    /// What the shadow refused.
    pub refusals: Refusals,
}

impl CustomerAnswer {
    /// Whether anything differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.differing > 0 || self.units.iter().any(UnitFigures::differ)
    }

    /// See [`UnitFigures::distance`]; the largest of the units'.
    #[must_use]
    pub fn distance(&self) -> Credits {
        self.units.iter().map(UnitFigures::distance).max().unwrap_or(Credits::ZERO)
    }
}

impl Answer {
    /// Leaves only these customers, and the totals of them.
    pub fn only(&mut self, is_kept: impl Fn(&CustomerAnswer) -> bool) {
        self.customers.retain(is_kept);
        self.add_up();
    }

    fn add_up(&mut self) {
        self.units.clear();
        for figures in self.customers.iter().flat_map(|customer| &customer.units) {
            add(&mut self.units, figures);
        }
        let sum = |of: fn(&CustomerAnswer) -> u64| self.customers.iter().map(of).sum();
        self.records = sum(|customer| customer.records);
        self.differing = sum(|customer| customer.differing);
        self.refused = sum(|customer| customer.refusals.count);
        self.following = sum(|customer| customer.refusals.following);
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The first record.
    pub from: LogPosition,
    /// The last record; before `from` if there is none.
    pub to: LogPosition,
    /// The log's time at the end: what was due by then has happened on both sides.
    pub until: Timestamp,
    /// Records of customers.
    pub records: u64,
    /// Those that came out differently: other facts, or none.
    pub differing: u64,
    /// Every customer that has a record; the one with the largest difference first.
    pub customers: Vec<CustomerAnswer>,
    /// Totals by unit.
    pub units: Vec<UnitFigures>,
    /// Requests that the shadow refused, and that were not asked because they name one of those.
    pub refused: u64,
    /// See `refused`.
    pub following: u64,
}

pub(super) fn of(
    run: &Run<'_>,
    (from, to): (LogPosition, LogPosition),
    question: &Question,
) -> Result<Answer, WhatIfError> {
    if let Some(name) = question.tenant.as_ref().filter(|name| !run.tenants.has(name)) {
        return Err(WhatIfError::NoTenant(name.clone()));
    }
    let mut customers: Vec<_> = run.lives.values().map(|life| of_customer(life, run)).collect();
    customers.sort_by(|one, other| {
        let place = |answer: &CustomerAnswer| (answer.distance(), answer.differing);
        place(other).cmp(&place(one)).then_with(|| one.external_id.cmp(&other.external_id))
    });
    let mut answer = Answer {
        from,
        to,
        until: run.last_at,
        records: 0,
        differing: 0,
        customers,
        units: Vec::new(),
        refused: 0,
        following: 0,
    };
    answer.add_up();
    Ok(answer)
}

fn of_customer(life: &Life, run: &Run<'_>) -> CustomerAnswer {
    let customer = life.state(Side::Log);
    let (external_id, id) = names(customer);
    CustomerAnswer {
        tenant: tenant_name(run, customer.tenant),
        external_id,
        id,
        records: life.records,
        differing: life.differing,
        units: units(life),
        refusals: life.refusals.clone(),
    }
}

fn tenant_name(run: &Run<'_>, number: TenantNumber) -> Box<str> {
    run.tenants.name(number).map_or_else(|| number.0.to_string().into(), Box::from)
}

/// The caller's own name, and the one that replies use.
fn names(customer: &Customer) -> (Box<str>, Box<str>) {
    match &customer.identity {
        Some(identity) => names_of(identity),
        None => {
            let number: Box<str> = customer.number.0.to_string().into();
            (number.clone(), number)
        }
    }
}

/// What the caller calls a customer, and what replies do.
pub(crate) fn names_of(identity: &Identity) -> (Box<str>, Box<str>) {
    let id = match &identity.id {
        CustomerId::Minted(id) => id.to_string().into(),
        CustomerId::Named => identity.external_id.clone(),
    };
    (identity.external_id.clone(), id)
}

fn units(life: &Life) -> Vec<UnitFigures> {
    let mut units = Vec::new();
    for side in [Side::Log, Side::Shadow] {
        for (index, wallet) in life.state(side).wallets.iter().enumerate() {
            let head = &wallet.head;
            let tally = life.tallies(side).0.get(index).copied().unwrap_or_default();
            let figures = Figures { tally, posted: head.posted, held: head.held, debt: head.debt };
            let (log, shadow) = match side {
                Side::Log => (figures, Figures::default()),
                Side::Shadow => (Figures::default(), figures),
            };
            add(&mut units, &UnitFigures { unit: head.unit.clone(), log, shadow });
        }
    }
    units
}

fn add(units: &mut Vec<UnitFigures>, more: &UnitFigures) {
    match units.iter_mut().find(|known| known.unit == more.unit) {
        Some(known) => {
            known.log.add(&more.log);
            known.shadow.add(&more.shadow);
        }
        None => units.push(more.clone()),
    }
}
