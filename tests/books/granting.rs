//! Grants of plans and of customers: enrolments, changes and ends at random, and a line of each for `tests/python/books`, from which it
//! computes every period.

use coffer::engine::{Committed, Engine, Operation, Target, TenantOperation};
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::{
    Command, CreateGrant, CreditReason, GrantChange, GrantFor, Origin, Quantity, Subscribe, TopUp,
    UpdateGrant,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::ids::{GrantId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use serde_json::{Value, json};

use crate::program::Random;
use crate::support::TENANT;

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3_600 * SECOND_NS;
const DAY_NS: u64 = 24 * HOUR_NS;

const PLANS: [&str; 3] = ["starter", "team", "gone"];
/// Clocks that change while the program runs among them.
const ZONES: [&str; 4] = ["Europe/Berlin", "Asia/Kathmandu", "America/New_York", "UTC"];

/// Which of some.
fn one_of<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[usize::try_from(random.below(of.len() as u64)).unwrap()]
}

fn zone(random: &mut Random) -> Option<Box<str>> {
    (random.below(2) == 0).then(|| one_of(random, &ZONES).into())
}

/// Some hours before or after an instant, on a second.
fn around(at: Timestamp, random: &mut Random) -> Timestamp {
    let back = random.below(60) * HOUR_NS;
    Timestamp((at.0 - back + random.below(90 * 3_600) * SECOND_NS) / SECOND_NS * SECOND_NS)
}

fn span(random: &mut Random) -> Span {
    let (unit, count) = one_of(
        random,
        &[
            (SpanUnit::Hour, 7),
            (SpanUnit::Day, 1),
            (SpanUnit::Day, 2),
            (SpanUnit::Week, 1),
            (SpanUnit::Month, 1),
        ],
    );
    Span { unit, count }
}

fn life(random: &mut Random) -> Life {
    match random.below(4) {
        0 => Life::Never,
        1 => Life::After(Span { unit: SpanUnit::Hour, count: 5 }),
        2 => Life::After(Span { unit: SpanUnit::Day, count: 1 }),
        _ => Life::Period,
    }
}

fn rollover(random: &mut Random) -> Rollover {
    Rollover {
        share: Rate::parse_json(one_of(random, &["0.5", "1", "0.333333333333333", "0"])).unwrap(),
        cap: (random.below(2) == 0).then_some(Credits(7_123_456_789_012_345)),
        life: life(random),
    }
}

/// Something over 20 credits, every few hours to months or once.
fn rule(now: Timestamp, random: &mut Random) -> Rule {
    let once = random.below(6) == 0;
    // Most roll over.
    let life = match random.below(2) {
        0 if !once => Life::Period,
        _ => life(random),
    };
    let life = if once && life == Life::Period { Life::Never } else { life };
    let start = (random.below(2) == 0).then(|| around(now, random));
    let from = start.unwrap_or(now);
    Rule {
        currency: (random.below(2) == 0).then(|| Currency::parse("usd").unwrap()),
        start,
        end: (random.below(5) == 0)
            .then(|| Timestamp(from.0 + DAY_NS + random.below(5 * 86_400) * SECOND_NS)),
        life,
        rollover: (life == Life::Period && random.below(3) > 0).then(|| rollover(random)),
        prorated: random.below(2) == 0,
        priority: (random.below(3) == 0).then_some(60),
        conversion_rate: Some(Rate::parse_json("0.37").unwrap()),
        topup_conversion_rate: Some(Rate::parse_json("0.61").unwrap()),
        ..Rule::new(credits(random), if once { Cadence::OneTime } else { Cadence::Recurring(span(random)) })
    }
}

fn credits(random: &mut Random) -> Credits {
    Credits(20_000_000_000_000_001 + i128::from(random.below(40_000)) * 1_000_000_000_000)
}

fn change(now: Timestamp, random: &mut Random) -> GrantChange {
    GrantChange {
        credits: Some(credits(random)),
        end: (random.below(4) == 0).then(|| Timestamp(now.0 + random.below(4 * 86_400) * SECOND_NS + DAY_NS)),
        ..GrantChange::default()
    }
}

fn told_span(span: Span) -> Value {
    let unit = match span.unit {
        SpanUnit::Hour => "hour",
        SpanUnit::Day => "day",
        SpanUnit::Week => "week",
        SpanUnit::Month => "month",
        SpanUnit::Quarter | SpanUnit::HalfYear | SpanUnit::Year => panic!("none here asks for it"),
    };
    json!([span.count, unit])
}

fn told_life(life: Life) -> Value {
    match life {
        Life::Never => Value::Null,
        Life::After(span) => told_span(span),
        Life::Period => "period".into(),
    }
}

fn told(rule: &Rule) -> Value {
    let rollover = rule.rollover.map(|rollover| {
        let cap = rollover.cap.map(|cap| cap.to_string());
        json!({"share": rollover.share.to_string(), "cap": cap, "life": told_life(rollover.life)})
    });
    let every = match rule.cadence {
        Cadence::OneTime => Value::Null,
        Cadence::Recurring(span) => told_span(span),
    };
    json!({
        "credits": rule.credits.to_string(),
        "every": every,
        "start": rule.start.map(|at| at.0),
        "end": rule.end.map(|at| at.0),
        "life": told_life(rule.life),
        "rollover": rollover,
        "prorated": rule.prorated,
    })
}

/// The customers of a world, and what they are enrolled in.
pub(crate) struct Granting {
    customers: Vec<&'static str>,
    /// Subscriptions by customer, name and plan.
    enrolled: Vec<(&'static str, Box<str>, &'static str)>,
    /// Grants of their own.
    own: Vec<(&'static str, GrantId)>,
    /// Who left which plan in this round: who enters it again at the same instant could not be told apart.
    left: Vec<(&'static str, &'static str)>,
    lines: Vec<Value>,
}

impl Granting {
    pub(crate) fn new(customers: &[&'static str]) -> Self {
        Self {
            customers: customers.to_vec(),
            enrolled: Vec::new(),
            own: Vec::new(),
            left: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// What happened since it was asked last.
    pub(crate) fn lines(&mut self) -> Vec<Value> {
        self.left.clear();
        std::mem::take(&mut self.lines)
    }

    /// So many random commands; the wallets are those that own grants may be for.
    pub(crate) async fn run(
        &mut self,
        engine: &Engine,
        wallets: &[(&'static str, WalletId)],
        random: &mut Random,
        steps: u64,
    ) {
        for _ in 0..steps {
            let customer = one_of(random, &self.customers);
            match random.below(7) {
                0 | 1 => self.enrol(engine, customer, random).await,
                2 => self.leave(engine, random).await,
                3 => {
                    let of: Vec<_> = wallets.iter().filter(|(name, _)| *name == customer).collect();
                    let wallet = (random.below(3) == 0).then(|| one_of(random, &of).1);
                    self.give(engine, customer, wallet, random).await;
                }
                4 | 5 => self.change(engine, random).await,
                _ => self.end(engine, random).await,
            }
        }
        let (customer, wallet) = one_of(random, wallets);
        other_credit(engine, customer, wallet, random).await;
    }

    async fn enrol(&mut self, engine: &Engine, customer: &'static str, random: &mut Random) {
        let plan = one_of(random, &PLANS);
        let has = self.enrolled.iter().any(|(name, _, of)| (*name, *of) == (customer, plan));
        if has || self.left.contains(&(customer, plan)) {
            return;
        }
        let start = (random.below(3) == 0).then(|| around(engine.now_of(TENANT), random));
        let enter =
            Subscribe { customer: customer.into(), id: None, plan: plan.into(), start, zone: zone(random) };
        let Some(made) = submit(engine, customer, Command::Subscribe(Box::new(enter.clone()))).await else {
            return;
        };
        let Effect::Subscribed(subscribed) = &made.record.facts.effect else { panic!() };
        let name = subscribed.subscription.name.clone();
        self.lines.push(json!({
            "what": "subscription", "id": name, "customer": customer, "plan": plan, "at": made.record.facts.at.0,
            "start": start.map(|at| at.0), "zone": enter.zone,
        }));
        self.enrolled.push((customer, name, plan));
    }

    async fn leave(&mut self, engine: &Engine, random: &mut Random) {
        if self.enrolled.is_empty() {
            return;
        }
        let at = usize::try_from(random.below(self.enrolled.len() as u64)).unwrap();
        let (customer, subscription, plan) = self.enrolled.swap_remove(at);
        let leave =
            Command::Unsubscribe { subscription: subscription.clone(), void_remaining: random.below(2) == 0 };
        let made = submit(engine, customer, leave).await.expect("it is enrolled");
        self.left.push((customer, plan));
        self.lines.push(json!({
            "what": "left", "id": subscription, "customer": customer, "at": made.record.facts.at.0,
        }));
    }

    async fn give(
        &mut self,
        engine: &Engine,
        customer: &'static str,
        wallet: Option<WalletId>,
        random: &mut Random,
    ) {
        let (rule, zone) = (rule(engine.now_of(TENANT), random), zone(random));
        let of = wallet.map_or(GrantFor::Customer, GrantFor::Wallet);
        let request = CreateGrant { zone: zone.clone(), ..CreateGrant::new(of, "own", rule.clone()) };
        let Some(made) = submit(engine, customer, Command::CreateGrant(Box::new(request))).await else {
            return;
        };
        let Effect::GrantSet(set) = &made.record.facts.effect else { panic!() };
        let id = set.grant.key.grant;
        self.lines.push(json!({
            "what": "grant", "id": id.to_string(), "customer": customer, "at": made.record.facts.at.0,
            "wallet": wallet.map(|id| id.to_string()), "zone": zone, "rule": told(&rule),
        }));
        self.own.push((customer, id));
    }

    async fn change(&mut self, engine: &Engine, random: &mut Random) {
        if self.own.is_empty() {
            return;
        }
        let (customer, id) = one_of(random, &self.own);
        let change = change(engine.now_of(TENANT), random);
        let command = Command::UpdateGrant(Box::new(UpdateGrant { id, change: change.clone() }));
        if let Some(made) = submit(engine, customer, command).await {
            self.lines.push(changed(id, &change, made.record.facts.at));
        }
    }

    async fn end(&mut self, engine: &Engine, random: &mut Random) {
        if self.own.is_empty() {
            return;
        }
        let at = usize::try_from(random.below(self.own.len() as u64)).unwrap();
        let (customer, id) = self.own[at];
        let later =
            (random.below(2) == 0).then(|| Timestamp(engine.now_of(TENANT).0 + random.below(3 * DAY_NS) + 1));
        let void_remaining = later.is_none() && random.below(2) == 0;
        let command = Command::DeleteGrant { id, effective_at: later, void_remaining };
        let Some(made) = submit(engine, customer, command).await else { return };
        let from = later.map(|at| at.0);
        self.lines.push(
            json!({"what": "deleted", "id": id.to_string(), "at": made.record.facts.at.0, "from": from}),
        );
        if later.is_none() {
            self.own.swap_remove(at);
        }
    }
}

fn changed(id: GrantId, change: &GrantChange, at: Timestamp) -> Value {
    let credits = change.credits.map(|credits| credits.to_string());
    let end = change.end.map(|at| at.0);
    json!({"what": "changed", "id": id.to_string(), "at": at.0, "credits": credits, "end": end})
}

/// Credit that the shared program does not ask for; some of it with money that another bill was paid with.
async fn other_credit(engine: &Engine, customer: &'static str, wallet: WalletId, random: &mut Random) {
    let reasons = [
        CreditReason::SubscriptionCreditGrant,
        CreditReason::CreditAdjustment,
        CreditReason::InvoiceVoidRefund,
    ];
    let reason = one_of(random, &reasons);
    let free = reason == CreditReason::InvoiceVoidRefund || random.below(2) == 0;
    let paid = (!free).then(|| Money(i128::from(random.below(9_000_000)) * 1_234_567_891));
    let top_up = TopUp { paid, ..TopUp::new(wallet, Quantity::Credits(credits(random)), reason) };
    submit(engine, customer, Command::TopUp(top_up)).await;
}

/// `None` = refused, which is as good as any other answer.
async fn submit(engine: &Engine, customer: &'static str, command: Command) -> Option<Committed> {
    engine.submit(TENANT, Target::Customer(customer), Operation::new(command)).await.ok()
}

/// The grants of the plans, which change between the rounds.
pub(crate) struct Plans(Vec<GrantId>);

impl Plans {
    /// Three of each plan but the last, which has none yet.
    pub(crate) async fn new(engine: &Engine, random: &mut Random) -> (Self, Vec<Value>) {
        let (mut plans, mut lines) = (Self(Vec::new()), Vec::new());
        for plan in [PLANS[0], PLANS[1]].repeat(3) {
            lines.push(plans.add(engine, plan, random).await);
        }
        (plans, lines)
    }

    /// Something changes, or nothing does.
    pub(crate) async fn go_on(&mut self, engine: &Engine, random: &mut Random) -> Vec<Value> {
        let id = one_of(random, &self.0);
        match random.below(12) {
            0 => vec![self.add(engine, one_of(random, &PLANS), random).await],
            1 if self.0.len() > 4 => {
                self.0.retain(|known| *known != id);
                let at = tenant(engine, TenantCommand::DeletePlanGrant(id)).await.unwrap().1;
                vec![json!({"what": "deleted", "id": id.to_string(), "at": at.0, "from": null})]
            }
            2..=4 => {
                let change = change(engine.now_of(TENANT), random);
                let asked = TenantCommand::UpdatePlanGrant { id, change: change.clone() };
                let made = tenant(engine, asked).await;
                made.map(|(id, at)| changed(id, &change, at)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    async fn add(&mut self, engine: &Engine, plan: &'static str, random: &mut Random) -> Value {
        let rule = rule(engine.now_of(TENANT), random);
        let asked = PlanGrantAsked {
            kind: PlanKind::Plan,
            plan: plan.into(),
            name: "of a plan".into(),
            metadata: Vec::new(),
            rule: rule.clone(),
        };
        let (id, at) = tenant(engine, TenantCommand::CreatePlanGrant(asked)).await.unwrap();
        self.0.push(id);
        json!({"what": "template", "id": id.to_string(), "plan": plan, "at": at.0, "rule": told(&rule)})
    }
}

/// Which grant it is about, and from when it counts; `None` = refused.
async fn tenant(engine: &Engine, command: TenantCommand) -> Option<(GrantId, Timestamp)> {
    let operation = TenantOperation::new(command, Origin::default());
    let made = engine.submit_tenant(TENANT, operation).await.ok()?;
    let TenantEffect::PlanGrantSet(grant) = &made.record.facts.effect else { panic!() };
    Some((grant.id, grant.changed_at))
}
