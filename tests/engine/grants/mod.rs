//! Exactly one tranche per grant and period, whatever kills the engine (I8): many grants over two simulated years, held against dates and
//! sums that are computed from the rules' text.

mod calendar;
mod expected;
pub(crate) mod people;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use coffer::engine::{Failure, Target};
use coffer_ledger::amount::Credits;
use coffer_ledger::catalog::tenant::{Settings, TenantCommand, TenantEffect};
use coffer_ledger::command::{Command, GrantChange, GrantFor};
use coffer_ledger::fact::{Due, Effect, Facts, Landed, Skipped};
use coffer_ledger::grant::{GrantKey, Rule};
use coffer_ledger::ids::{CustomerNumber, GrantId, LogPosition};
use coffer_ledger::time::Timestamp;

use self::calendar::Place;
use self::expected::{Given, Minted};
use self::people::{Person, Way};
use self::world::World;
use crate::places::states;
use crate::support::*;

/// The zone of whoever names none.
const TENANTS_PLACE: Place = Place::Berlin;
const DAY: u64 = 86_400 * S;
const TWO_YEARS: u64 = 2 * 365 * DAY;
const GRANTS: usize = 200;
/// Parts of the two years, of random length, with something that befalls the engine in each.
const STEPS: u64 = 36;

/// Which period of which grant of whom.
type At = (CustomerNumber, GrantKey, u32);

/// A plan's grant as it is now.
struct Template {
    id: GrantId,
    plan: usize,
    rule: Rule,
}

struct Run {
    world: World,
    people: Vec<Person>,
    templates: Vec<Template>,
    /// How many have come.
    come: usize,
}

impl Run {
    async fn new(seed: u64, grants: usize) -> Self {
        let mut world = World::new(seed).await;
        let settings = Settings { time_zone: Some(TENANTS_PLACE.name().into()), ..Settings::default() };
        world.insist_tenant(TenantCommand::SetSettings(settings)).await;
        let mut templates = Vec::new();
        for (plan, rules) in people::plans().into_iter().enumerate() {
            for rule in rules {
                let made = TenantCommand::CreatePlanGrant(people::template(plan, &rule));
                let record = world.insist_tenant(made).await;
                let TenantEffect::PlanGrantSet(set) = &record.facts.effect else { panic!("{record:?}") };
                templates.push(Template { id: set.id, plan, rule });
            }
        }
        let people = people::people(grants, &mut world.random);
        Self { world, people, templates, come: 0 }
    }

    /// The next customers come to their grants.
    async fn come(&mut self, count: usize) {
        for _ in 0..count.min(self.people.len() - self.come) {
            let (name, at) = (self.people[self.come].name.clone(), self.come);
            let (zone, place) = people::zone(&mut self.world.random);
            let given = match &self.people[at].way {
                Way::Plan(plan) => self.enter_plan(&name, *plan, (zone, place)).await,
                Way::Subscription(rule) => {
                    let rule = rule.clone();
                    let enter = people::subscribe(&name, "empty".into(), None, zone.clone());
                    self.ask_new(&name, Command::Subscribe(Box::new(enter))).await;
                    let of = GrantFor::Subscription(format!("sub-{name}").into());
                    // Its own zone, else its subscription's.
                    self.own(&name, of, rule, (None, place)).await
                }
                Way::Wallet(rule) => {
                    let rule = rule.clone();
                    let committed = self.ask_new(&name, create_wallet(&name, 0)).await;
                    let Effect::WalletCreated { wallet, .. } = &committed.effect else { panic!() };
                    self.own(&name, GrantFor::Wallet(wallet.id), rule, (zone, place)).await
                }
                Way::Customer(rule) => {
                    let rule = rule.clone();
                    let create = Command::CreateCustomer {
                        external_id: name.as_str().into(),
                        profile: Default::default(),
                    };
                    self.ask_new(&name, create).await;
                    self.own(&name, GrantFor::Customer, rule, (zone, place)).await
                }
            };
            self.people[at].given = given;
            self.come += 1;
        }
    }

    async fn ask_new(&mut self, name: &str, command: Command) -> Facts {
        self.world.insist(Target::NewCustomer(name), command).await.record.facts
    }

    async fn enter_plan(
        &mut self,
        name: &str,
        plan: usize,
        (zone, place): (Option<Box<str>>, Place),
    ) -> Vec<(GrantKey, Given)> {
        let since = self.world.engine.now().0 - self.world.below(3 * 86_400) * S;
        let start = (self.world.below(3) == 0).then_some(Timestamp(since / S * S));
        let enter = people::subscribe(name, people::plan_name(plan), start, zone);
        let facts = self.ask_new(name, Command::Subscribe(Box::new(enter))).await;
        let Effect::Subscribed(entered) = &facts.effect else { panic!("{facts:?}") };
        let enrolled_at = start.unwrap_or(facts.at).0;
        let of_plan = self.templates.iter().filter(|template| template.plan == plan);
        let given = of_plan.map(|template| {
            let key = GrantKey { grant: template.id, subscription: Some(entered.subscription.id) };
            let (rule, start) = (template.rule.clone(), start.map(|start| start.0));
            (key, Given { rule, place, start, enrolled_at, changes: Vec::new() })
        });
        given.collect()
    }

    async fn own(
        &mut self,
        name: &str,
        of: GrantFor,
        rule: Rule,
        (zone, place): (Option<Box<str>>, Place),
    ) -> Vec<(GrantKey, Given)> {
        let rule = people::in_time(rule, self.world.engine.now());
        let create = Command::CreateGrant(Box::new(people::grant(of, rule.clone(), zone)));
        let facts = self.world.insist(Target::Customer(name), create).await.record.facts;
        let Effect::GrantSet(set) = &facts.effect else { panic!("{facts:?}") };
        let enrolled_at = rule.start.unwrap_or(facts.at).0;
        vec![(set.grant.key, Given { rule, place, start: None, enrolled_at, changes: Vec::new() })]
    }

    /// A plan's grant gives more from now on: for each customer from its next period.
    async fn change_plan(&mut self, template: usize) {
        let (id, more) = (self.templates[template].id, self.templates[template].rule.credits.0 * 3 / 2 + 1);
        let change = GrantChange { credits: Some(Credits(more)), ..GrantChange::default() };
        let record = self.world.insist_tenant(TenantCommand::UpdatePlanGrant { id, change }).await;
        let TenantEffect::PlanGrantSet(set) = &record.facts.effect else { panic!("{record:?}") };
        self.templates[template].rule.credits = Credits(more);
        let given = self.people.iter_mut().flat_map(|person| &mut person.given);
        for (_, given) in given.filter(|(key, _)| key.grant == id) {
            given.changes.push((set.changed_at.0, more));
        }
    }

    /// What a customer must have at an instant.
    fn wanted(&self, person: usize, now: Timestamp) -> i128 {
        let person = &self.people[person];
        let usable: i128 = person.given.iter().map(|(_, given)| given.done(now.0).usable(now.0)).sum();
        usable - person.spent
    }

    async fn check(&mut self, person: usize) {
        let (posted, now) = self.world.posted(&self.people[person].name.clone()).await;
        let wanted = self.wanted(person, now);
        assert_eq!(posted, wanted, "{} at {now}: {:#?}", self.people[person].name, self.people[person].given);
    }

    /// Somebody spends, if it has something and nothing of it can end.
    async fn spend(&mut self, person: usize) {
        let name = self.people[person].name.clone();
        let credits = 1 + i64::try_from(self.world.below(9)).unwrap();
        let (posted, _) = self.world.posted(&name).await;
        if self.people[person].spends && posted >= whole(credits).0 {
            self.people[person].spent += self.world.spend(&name, credits).await.0;
        }
    }

    async fn somebody(&mut self) -> usize {
        usize::try_from(self.world.below(self.come as u64)).unwrap()
    }

    /// Time passes, and things happen to the engine while it does what is due.
    async fn step(&mut self, ns: u64) {
        match self.world.below(4) {
            // Amid what the timers write.
            0 => {
                let changes = 1 + self.world.below(5);
                self.world.cut_after(changes);
                self.world.pass(ns);
                self.world.await_cut().await;
                self.world.cut().await;
            }
            1 => {
                self.world.pass(ns);
                let ms = self.world.below(80);
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                self.world.kill().await;
            }
            // Amid what is asked meanwhile.
            2 => {
                let changes = 1 + self.world.below(60);
                self.world.cut_after(changes);
                self.world.pass(ns);
                if self.world.below(2) == 0 {
                    self.world.snapshot().await;
                }
            }
            _ => {
                self.world.pass(ns);
                if self.world.below(2) == 0 {
                    self.world.catch_up().await;
                    self.world.snapshot().await;
                }
            }
        }
        for _ in 0..8 {
            let (one, other) = (self.somebody().await, self.somebody().await);
            self.spend(one).await;
            self.check(other).await;
        }
    }

    /// Every period that the log has of a customer's grant, and what went on into it. Each is there once.
    async fn minted(&self) -> (BTreeMap<At, Minted>, BTreeMap<At, Minted>) {
        let (mut minted, mut rolled) = (BTreeMap::new(), BTreeMap::new());
        for position in 1..=self.world.engine.stats().durable.0 {
            let stored = match self.world.engine.record(TENANT, LogPosition(position)).await {
                Ok(stored) => stored,
                Err(Failure::NotFound(_)) => continue, // the tenant's own
                Err(failure) => panic!("record {position}: {failure}"),
            };
            let number = stored.customer.number;
            for due in due_of(&stored.record.facts) {
                match due {
                    Due::Granted(granted) => {
                        let row = match &granted.landed {
                            Landed::Minted { row, .. } => row,
                            // What is left of a period on its last day is nothing.
                            Landed::Skipped(Skipped::Nothing) => continue,
                            Landed::Skipped(Skipped::Overflow) => panic!("{granted:?}"),
                        };
                        let expires_at = row.terms.expires_at.map(|end| end.0);
                        assert_eq!(row.terms.effective_at, granted.at);
                        let (period, at, credits) = (granted.period, granted.at.0, row.terms.original.0);
                        let twice = minted.insert(
                            (number, granted.key, period),
                            Minted { period, at, credits, expires_at },
                        );
                        assert_eq!(twice, None, "minted twice: {granted:?}");
                    }
                    Due::RolledOver(on) => {
                        let expires_at = on.terms.expires_at.map(|end| end.0);
                        let (period, at, credits) = (on.period, on.at.0, on.terms.original.0);
                        let twice = rolled
                            .insert((number, on.key, period), Minted { period, at, credits, expires_at });
                        assert_eq!(twice, None, "went on twice: {on:?}");
                    }
                    Due::Expired { .. }
                    | Due::Started { .. }
                    | Due::HoldExpired(_)
                    | Due::RechargeExpired(_) => {}
                }
            }
        }
        (minted, rolled)
    }

    fn numbers(&self) -> HashMap<&str, CustomerNumber> {
        let number =
            |name: &str| self.world.engine.resolve(TENANT, Target::Customer(name)).expect("it has come");
        self.people.iter().map(|person| (person.name.as_str(), number(&person.name))).collect()
    }

    /// The log has each period that there must be, and no other.
    async fn check_log(&self, until: u64) -> usize {
        let (mut minted, mut rolled) = self.minted().await;
        // The clock has gone on.
        minted.retain(|_, minted| minted.at <= until);
        rolled.retain(|_, rolled| rolled.at <= until);
        let numbers = self.numbers();
        let (mut wanted, mut wanted_on) = (BTreeMap::new(), BTreeMap::new());
        for person in &self.people {
            for (key, given) in &person.given {
                let done = given.done(until);
                let at = |minted: Minted| ((numbers[person.name.as_str()], *key, minted.period), minted);
                wanted.extend(done.minted.into_iter().map(at));
                wanted_on.extend(done.rolled.into_iter().map(at));
            }
        }
        same(&minted, &wanted, "minted");
        same(&rolled, &wanted_on, "gone on");
        minted.len()
    }
}

fn same(found: &BTreeMap<At, Minted>, wanted: &BTreeMap<At, Minted>, what: &str) {
    let keys = |map: &BTreeMap<At, Minted>| map.keys().copied().collect::<BTreeSet<_>>();
    let missing: Vec<_> = keys(wanted).difference(&keys(found)).copied().take(5).collect();
    let more: Vec<_> = keys(found).difference(&keys(wanted)).copied().take(5).collect();
    assert!(missing.is_empty() && more.is_empty(), "{what}: missing {missing:?}, too many {more:?}");
    for (at, one) in found {
        assert_eq!(one, &wanted[at], "{what}: {at:?}");
    }
    assert!(!found.is_empty(), "nothing was {what}");
}

/// Everything that happened by itself in a record, in whatever part of it.
fn due_of(facts: &Facts) -> impl Iterator<Item = &Due> {
    let at_once = match &facts.effect {
        Effect::Subscribed(subscribed) => subscribed.minted.as_slice(),
        Effect::GrantSet(set) => set.minted.as_slice(),
        _ => &[],
    };
    facts.due.iter().chain(at_once)
}

#[expect(clippy::print_stdout, reason = "a failure is repeated by its seed")]
fn seed() -> u64 {
    let seed = std::env::var("COFFER_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x67a7);
    println!("COFFER_TEST_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_period_of_every_grant_is_minted_exactly_once_over_two_years_of_kills() {
    // In the long form 10,000 grants, so many at a time: a disk in memory keeps all that was ever written.
    let disks = if std::env::var_os("COFFER_TEST_LONG").is_some() { 50 } else { 1 };
    let (seed, mut all) = (seed(), Seen::default());
    for number in 0..disks {
        let seen = two_years(seed + 2 * number).await;
        all.minted += seen.minted;
        all.cuts += seen.cuts;
        all.amid += seen.amid;
        all.kills += seen.kills;
        println!("{disks} disks, {}: {all:?}", number + 1);
    }
    assert!(all.cuts + all.kills > 10 && all.amid > 0, "{all:?}");
}

/// What befell the engines.
#[derive(Debug, Default)]
struct Seen {
    minted: usize,
    cuts: usize,
    /// Of the cuts, those amid what was due.
    amid: usize,
    kills: usize,
}

async fn two_years(seed: u64) -> Seen {
    let mut run = Run::new(seed, GRANTS).await;
    let end = START.0 + TWO_YEARS;
    for step in 0..STEPS {
        // Most come early, some in the middle of things.
        let share = if step < 3 { 4 } else { 40 };
        run.come(run.people.len().div_ceil(share)).await;
        let left = end.saturating_sub(run.world.engine.now().0) / (STEPS - step);
        let ns = match run.world.below(4) {
            0 => run.world.below(2 * 3_600 * S),
            1 => run.world.below(2 * DAY),
            _ => left + run.world.below(left),
        };
        run.step(ns.min(end.saturating_sub(run.world.engine.now().0))).await;
        if step == STEPS / 3 || step == 2 * STEPS / 3 {
            let template = usize::try_from(run.world.below(run.templates.len() as u64)).unwrap();
            // Of two changes that a customer missed it follows the second only: everybody has followed the first.
            run.world.catch_up().await;
            run.change_plan(template).await;
        }
    }
    run.come(run.people.len()).await;
    run.world.pass(end.saturating_sub(run.world.engine.now().0));
    run.world.catch_up().await;
    run.world.kill().await;
    for person in 0..run.people.len() {
        run.check(person).await;
    }
    let until = run.world.engine.now();
    run.world.catch_up().await;
    let minted = run.check_log(until.0).await;
    for customer in states(&run.world.engine).await {
        coffer_ledger::invariants::check_all(&customer).unwrap();
        assert!(customer.next_due() > until, "something was left undone");
    }
    run.world.engine.shutdown().await.unwrap();
    let World { cuts, kills, amid, .. } = run.world;
    Seen { minted, cuts, amid, kills }
}
