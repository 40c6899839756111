//! Random commands through the real engine: credits, debits over several wallets and by hand, holds, refunds, voids, invoices, transfers,
//! events, atomic batches, wallets that are closed and made anew; where it is asked for, grants and recharges.

use std::collections::HashMap;

use coffer::engine::{Committed, Engine, Operation, Target, TenantOperation};
use coffer_ledger::alert::{AlertSettings, Condition};
use coffer_ledger::amount::{Credits, Money, ONE, Rate, Usage};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::rate_card::Tier;
use coffer_ledger::catalog::tenant::{RateCardAsked, Settings, TenantCommand};
use coffer_ledger::command::{
    Asked, AutoTopupChange, Bonus, Capture, Charge, Command, CreateGrant, CreateWallet, CreditReason, Debit,
    Event, GrantFor, HoldAsked, InvoiceLine, ManualDebit, Memo, Metered, Origin, OverCapture, PlaceHold,
    Quantity, Refund, Remainder, Settle, TopUp, Transfer, UpdateWallet, VoidCredit,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::ids::{HoldId, RechargeId, RowId, WalletId};
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType};

use crate::support::TENANT;

const CUSTOMERS: [&str; 4] = ["acme", "other", "third", "fourth"];

/// A generator that a seed repeats.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    fn credits(&mut self) -> Credits {
        Credits(i128::from(self.below(30_000)) * 1_000_000_000_000 + 1)
    }
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn memo(random: &mut Random) -> Memo {
    let pairs = vec![("team".into(), "red \"1\"".into()), ("é".into(), "".into())];
    match random.below(3) {
        0 => Memo::default(),
        1 => Memo { description: Some("a description".into()), metadata: pairs, ..Memo::default() },
        _ => Memo {
            reference_type: Some("order".into()),
            reference_id: Some(random.below(9).to_string().into()),
            ..Memo::default()
        },
    }
}

/// Makes the wallets, two for each customer; one of them may be overdrawn.
pub(crate) async fn wallets(engine: &Engine) -> Vec<(&'static str, WalletId)> {
    wallets_of(engine, &CUSTOMERS).await
}

/// The same for these customers. Usage of a meter has a price from then on.
pub(crate) async fn wallets_of(engine: &Engine, customers: &[&'static str]) -> Vec<(&'static str, WalletId)> {
    if engine.tenant_view(TENANT).unwrap().rate_cards.is_empty() {
        let command = TenantCommand::SetRateCard { id: None, card: card() };
        let operation = TenantOperation { command, origin: Origin::default(), dry_run: false };
        engine.submit_tenant(TENANT, operation).await.unwrap();
    }
    let mut wallets = Vec::new();
    for customer in customers {
        for overdraft in [0, 50] {
            // Under a key: made a second time, they are the same wallets.
            let key = format!("{customer} {overdraft}");
            wallets.push((*customer, wallet(engine, customer, overdraft, &key).await));
        }
    }
    wallets
}

fn card() -> RateCardAsked {
    RateCardAsked {
        meter: "tokens".into(),
        quantity_property: None,
        valid_from: Some(Timestamp(0)),
        valid_to: None,
        filters: Vec::new(),
        tiers: vec![Tier { up_to: None, credits_per_unit: Rate::parse_json("0.0013").unwrap() }],
        minimum: Credits::ZERO,
    }
}

async fn wallet(engine: &Engine, customer: &'static str, overdraft: i64, key: &str) -> WalletId {
    let request = CreateWallet { overdraft_limit: Credits::whole(overdraft), ..plain(customer) };
    make(engine, customer, CreateWallet { initial_credits: Credits::whole(100), ..request }, key).await
}

/// Makes a wallet under a key.
pub(crate) async fn make(
    engine: &Engine,
    customer: &'static str,
    request: CreateWallet,
    key: &str,
) -> WalletId {
    let operation = Operation::new(Command::CreateWallet(request)).with_key(key);
    let made = engine.submit(TENANT, Target::NewCustomer(customer), operation).await.unwrap();
    let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!() };
    wallet.id
}

/// A wallet of a dollar a credit when buying, empty.
pub(crate) fn plain(customer: &str) -> CreateWallet {
    CreateWallet {
        conversion_rate: Rate::parse_json("0.37").unwrap(),
        allowed_price_types: PriceTypes::ALL,
        ..CreateWallet::new(customer, usd())
    }
}

/// Two periods of a grant are over when a customer gets it, and half of what is left of each goes on.
#[allow(dead_code, reason = "not every binary that shares this asks for grants")]
pub(crate) async fn grant(engine: &Engine, customer: &'static str) {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let share = Rate::parse_json("0.5").unwrap();
    let rule = Rule {
        start: Some(Timestamp(engine.now().0 - 2 * HOUR_NS)),
        life: Life::Period,
        rollover: Some(Rollover { share, cap: None, life: Life::Never }),
        ..Rule::new(Credits::whole(30), Cadence::Recurring(Span { unit: SpanUnit::Hour, count: 1 }))
    };
    let request = CreateGrant::new(GrantFor::Customer, "hourly", rule);
    let operation =
        Operation::new(Command::CreateGrant(Box::new(request))).with_key(&format!("grant {customer}"));
    engine.submit(TENANT, Target::Customer(customer), operation).await.unwrap();
}

/// What a wallet is recharged by: at 20 or fewer, by 40, again and again.
fn auto_topup(invoicing: bool) -> AutoTopupChange {
    AutoTopupChange {
        enabled: Some(true),
        threshold: Some(Credits::whole(20)),
        amount: Some(Credits::whole(40)),
        invoicing: Some(invoicing),
        count_max: Some(1_000),
        failures_max: Some(100),
        ..AutoTopupChange::default()
    }
}

/// What a wallet warns of: below 5, 40 and 90 credits or percent.
fn alerts(percent: bool) -> AlertSettings {
    AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent,
        info: Some(Credits::whole(90)),
        warning: Some(Credits::whole(40)),
        critical: Some(Credits::whole(5)),
        runway_below_s: None,
    }
}

fn update(wallet: WalletId) -> UpdateWallet {
    UpdateWallet {
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: None,
        alerts: None,
        auto_topup: None,
    }
}

/// These wallets warn and are recharged from now on, every other one by invoice; results of payments are reported. Programs that see a
/// recharge begin end some, and buy by invoice themselves.
pub(crate) async fn recharging(engine: &Engine, wallets: &[(&'static str, WalletId)]) {
    let settings = Settings { payment_result: true, ..Settings::default() };
    let set = TenantOperation::new(TenantCommand::SetSettings(settings), Origin::default());
    engine.submit_tenant(TENANT, set).await.unwrap();
    for ((customer, wallet), invoicing) in wallets.iter().zip([false, true].into_iter().cycle()) {
        let change = UpdateWallet {
            auto_topup: Some(Box::new(auto_topup(invoicing))),
            alerts: Some(Box::new(alerts(invoicing))),
            ..update(*wallet)
        };
        let operation = Operation::new(Command::UpdateWallet(change));
        engine.submit(TENANT, Target::Customer(customer), operation).await.unwrap();
    }
}

/// So many random commands; refusals are as good as any other answer. How many were accepted.
pub(crate) async fn run(
    engine: &Engine,
    wallets: &[(&'static str, WalletId)],
    random: &mut Random,
    steps: u64,
) -> u64 {
    World::new(wallets).run(engine, random, steps).await
}

/// Some customers, and what became of them so far.
pub(crate) struct World {
    wallets: Vec<(&'static str, WalletId)>,
    made: Made,
}

impl World {
    pub(crate) fn new(wallets: &[(&'static str, WalletId)]) -> Self {
        Self { wallets: wallets.to_vec(), made: Made::default() }
    }

    /// Its wallets as they are now: one that was closed has been made anew.
    #[allow(dead_code, reason = "not every binary that shares this asks")]
    pub(crate) fn wallets(&self) -> &[(&'static str, WalletId)] {
        &self.wallets
    }

    pub(crate) async fn run(&mut self, engine: &Engine, random: &mut Random, steps: u64) -> u64 {
        let Self { wallets, made } = self;
        let mut accepted = 0;
        for step in 0..steps {
            let at = usize::try_from(random.below(wallets.len() as u64)).unwrap();
            let to = wallets[usize::try_from(random.below(wallets.len() as u64)).unwrap()].0;
            let command = command(engine, wallets[at], to, made, random, step);
            let customer = wallets[at].0;
            let operation = Operation::new(command).with_key(&format!("{step}-{}", random.below(u64::MAX)));
            let Ok(committed) = engine.submit(TENANT, Target::Customer(customer), operation).await else {
                continue;
            };
            made.note(customer, &committed);
            accepted += 1;
            if let Effect::WalletClosed { .. } = &committed.record.facts.effect {
                made.closed += 1;
                let overdraft = if random.below(2) == 0 { 0 } else { 50 };
                let key = format!("anew {customer} {}", committed.position.0);
                wallets[at].1 = wallet(engine, customer, overdraft, &key).await;
                if made.recharges.contains_key(customer) {
                    recharging(engine, &wallets[at..=at]).await;
                }
            }
        }
        accepted
    }
}

/// What later commands name: of each customer, the hold placed last, the debit made last and the credit that came last.
#[derive(Default)]
struct Made {
    holds: HashMap<&'static str, HoldId>,
    debits: HashMap<&'static str, RowId>,
    credits: HashMap<&'static str, RowId>,
    /// Recharges that began, in their order; some may have ended.
    recharges: HashMap<&'static str, Vec<RechargeId>>,
    closed: u64,
}

impl Made {
    fn note(&mut self, customer: &'static str, committed: &Committed) {
        let facts = &committed.record.facts;
        let begun = facts.set_off.iter().flat_map(|set_off| set_off.begun().map(|recharge| recharge.id));
        let begun: Vec<_> = begun.chain(asked_for(&facts.effect)).collect();
        if !begun.is_empty() {
            self.recharges.entry(customer).or_default().extend(begun);
        }
        match &facts.effect {
            Effect::Held(step) => {
                self.holds.insert(customer, step.hold.id);
            }
            Effect::Debited(_) => {
                let row = RowId::new(facts.at, committed.position, facts.first_row());
                self.debits.insert(customer, row);
            }
            Effect::ToppedUp { .. } | Effect::RechargeEnded(_) => {
                let row = RowId::new(facts.at, committed.position, facts.first_row());
                self.credits.insert(customer, row);
            }
            _ => {}
        }
    }
}

/// The recharge that a top-up by invoice is.
fn asked_for(effect: &Effect) -> Option<RechargeId> {
    match effect {
        Effect::Recharged { recharge, .. } => Some(recharge.id),
        _ => None,
    }
}

/// The end of one of these recharges, if it has none yet: mostly a payment, mostly of one that began lately.
fn end_one(begun: &[RechargeId], random: &mut Random) -> Command {
    let among = if random.below(4) == 0 { begun } else { &begun[begun.len().saturating_sub(4)..] };
    let id = among[usize::try_from(random.below(among.len() as u64)).unwrap()];
    match random.below(6) {
        0 => Command::FailRecharge { id, reason: RechargeReason::CardDeclined },
        1 => Command::CancelRecharge(id),
        _ => Command::CompleteRecharge(id),
    }
}

fn charge() -> Charge {
    Charge::usage()
}

fn command(
    engine: &Engine,
    (customer, wallet): (&'static str, WalletId),
    to: &'static str,
    made: &Made,
    random: &mut Random,
    step: u64,
) -> Command {
    match random.below(30) {
        0..=2 | 23..=25 => Command::TopUp(top_up(engine, wallet, random)),
        3 => Command::Transfer(Transfer {
            to_customer: to.into(),
            from_wallet: None,
            to_wallet: None,
            credits: random.credits(),
            memo: memo(random),
        }),
        4 => {
            let line = |id: &str, random: &mut Random| InvoiceLine {
                id: id.into(),
                amount: Money(i128::from(random.below(3_000)) * ONE / 100),
                price_type: PriceType::Usage,
                feature: None,
            };
            let lines = vec![line("a", random), line("b", random)];
            Command::Settle(Settle { invoice: step.to_string().into(), currency: usd(), lines })
        }
        5 => Command::VoidInvoice { invoice: random.below(step + 1).to_string().into() },
        6 => Command::ManualDebit(ManualDebit { wallet, credits: random.credits(), memo: memo(random) }),
        7 | 8 => Command::PlaceHold(hold(random)),
        9 | 10 if made.holds.contains_key(customer) => {
            let (hold, last) = (made.holds[customer], random.below(2) == 0);
            Command::Capture(Capture { hold, credits: random.credits(), last, memo: memo(random) })
        }
        11 if made.holds.contains_key(customer) => {
            Command::Release { hold: made.holds[customer], memo: memo(random) }
        }
        12 if made.holds.contains_key(customer) => {
            Command::Grow { hold: made.holds[customer], credits: random.credits() }
        }
        13 | 14 if made.debits.contains_key(customer) => Command::Refund(Refund {
            row: made.debits[customer],
            credits: (random.below(2) == 0).then(|| random.credits()),
            regrant_days: (random.below(2) == 0).then_some(3),
            memo: memo(random),
        }),
        15 if made.credits.contains_key(customer) => {
            Command::VoidCredit(VoidCredit { row: made.credits[customer], memo: memo(random) })
        }
        16 | 17 => Command::Event(Box::new(event(engine, customer, random, step))),
        18 => Command::Atomic(vec![
            Command::Debit(debit(random)),
            Command::PlaceHold(hold(random)),
            Command::Debit(debit(random)),
        ]),
        // Closed wallets count among those that a customer may have.
        19 if made.closed < 20 && random.below(3) == 0 => Command::Close {
            wallet,
            remainder: if random.below(2) == 0 { Remainder::Forfeit } else { Remainder::Refund },
            force: true,
        },
        20 if random.below(4) == 0 => Command::Freeze(wallet),
        21 | 22 => Command::Unfreeze(wallet),
        26 | 27 if made.recharges.contains_key(customer) => end_one(&made.recharges[customer], random),
        28 if made.recharges.contains_key(customer) => {
            let bonus = (random.below(2) == 0).then(|| Bonus { credits: random.credits(), expires_at: None });
            let reason = CreditReason::PurchasedCreditInvoiced;
            Command::TopUp(TopUp { bonus, reason, ..top_up(engine, wallet, random) })
        }
        _ => Command::Debit(debit(random)),
    }
}

fn debit(random: &mut Random) -> Debit {
    Debit {
        charge: charge(),
        partial: random.below(2) == 0,
        memo: memo(random),
        ..Debit::new(Asked::Credits(random.credits()))
    }
}

fn hold(random: &mut Random) -> PlaceHold {
    let ways = [OverCapture::Draw, OverCapture::Overdraft, OverCapture::Reject];
    PlaceHold {
        asked: HoldAsked::Exactly(random.credits()),
        charge: charge(),
        expires_in_s: if random.below(4) == 0 { 600 } else { 1 },
        over_capture: ways[usize::try_from(random.below(3)).unwrap()],
        memo: memo(random),
    }
}

fn event(engine: &Engine, customer: &str, random: &mut Random, step: u64) -> Event {
    let meter = if random.below(4) == 0 { "unpriced" } else { "tokens" };
    Event {
        customer: customer.into(),
        source: "test".into(),
        id: format!("{step}-{}", random.below(u64::MAX)).into(),
        timestamp: engine.now_of(TENANT),
        metered: Metered {
            meter: meter.into(),
            quantity: Usage::whole(i64::try_from(random.below(20_000)).unwrap() + 1),
            properties: Vec::new(),
        },
        charge: charge(),
    }
}

fn top_up(engine: &Engine, wallet: WalletId, random: &mut Random) -> TopUp {
    let now = engine.now_of(TENANT);
    let reasons =
        [CreditReason::PurchasedCreditDirect, CreditReason::FreeCreditGrant, CreditReason::CreditNote];
    // Some of it ends while the program runs, some of it after 2262, some starts later.
    let ends = [None, Some(Timestamp(now.0 + 20_000_000)), Some(Timestamp(u64::MAX - 1))];
    let hour = Timestamp(now.0 + 3_600_000_000_000);
    let starts = [None, None, None, None, Some(Timestamp(now.0 + 10_000_000)), Some(hour)];
    let pick = |random: &mut Random| usize::try_from(random.below(3)).unwrap();
    let paid = [None, None, Some(Money(i128::from(random.below(5_000)) * ONE / 7))];
    let reason = reasons[pick(random)];
    let has_bonus = reason == CreditReason::PurchasedCreditDirect && random.below(3) == 0;
    TopUp {
        effective_at: starts[usize::try_from(random.below(6)).unwrap()],
        expires_at: ends[pick(random)],
        paid: paid[pick(random)].filter(|_| reason == CreditReason::FreeCreditGrant),
        bonus: has_bonus.then(|| Bonus { credits: random.credits(), expires_at: None }),
        memo: memo(random),
        ..TopUp::new(wallet, Quantity::Credits(random.credits()), reason)
    }
}
