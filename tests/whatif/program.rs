//! Random commands of every kind through a real engine: what a log can hold, this makes it hold.

use coffer::engine::{Committed, TenantOperation};
use coffer_ledger::alert::{AlertSettings, Condition};
use coffer_ledger::amount::{Credits, Money, ONE, Usage};
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::budget::Window;
use coffer_ledger::catalog::rate_card::Tier;
use coffer_ledger::catalog::settings::SettingsChange;
use coffer_ledger::catalog::tenant::{RateCardAsked, Settings, TenantCommand};
use coffer_ledger::command::{
    Asked, Bonus, Capture, Charge, Command, CreateWallet, CreditReason, Debit, Event, HoldAsked, InvoiceLine,
    ManualDebit, Memo, Metered, Origin, OverCapture, PlaceHold, Quantity, Refund, Remainder, SetBudget,
    Settle, TopUp, Transfer, UpdateWallet, VoidCredit,
};
use coffer_ledger::customer::{Profile, ProfileChange};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{HoldId, RechargeId, RowId, TenantNumber, WalletId};
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use coffer_ledger::watch::WalletRules;

use crate::support::S;
use crate::world::{DAY, World, rate, row_of};

const CUSTOMERS: [&str; 4] = ["acme", "other", "third", "fourth"];

/// A generator that a seed repeats.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()].clone()
    }

    fn credits(&mut self) -> Credits {
        Credits(i128::from(1 + self.below(30_000)) * 1_000_000_000_000 + 1)
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        (self.below(3) == 0).then_some(value)
    }
}

/// One tenant's program.
pub(crate) struct Program {
    tenant: TenantNumber,
    wallets: Vec<(&'static str, WalletId)>,
    holds: Vec<(&'static str, HoldId)>,
    debits: Vec<(&'static str, RowId)>,
    credits: Vec<(&'static str, RowId)>,
    recharges: Vec<(&'static str, RechargeId)>,
    invoices: u64,
    events: u64,
    /// Kinds of commands that were accepted.
    pub(crate) seen: std::collections::BTreeSet<&'static str>,
}

impl Program {
    /// Makes the customers' first wallets.
    pub(crate) async fn start(world: &World, tenant: TenantNumber, random: &mut Random) -> Self {
        let mut program = Self {
            tenant,
            wallets: Vec::new(),
            holds: Vec::new(),
            debits: Vec::new(),
            credits: Vec::new(),
            recharges: Vec::new(),
            invoices: 0,
            events: 0,
            seen: std::collections::BTreeSet::new(),
        };
        for customer in CUSTOMERS {
            program.ask(world, customer, wallet(customer, random)).await;
        }
        program
    }

    async fn ask(&mut self, world: &World, customer: &'static str, command: Command) -> bool {
        let kind = kind(&command);
        let Some(committed) = world.ask_of(self.tenant, customer, command).await else { return false };
        self.seen.insert(kind);
        self.note(customer, &committed);
        true
    }

    fn note(&mut self, customer: &'static str, committed: &Committed) {
        let facts = &committed.record.facts;
        for recharge in facts.set_off.iter().flat_map(|set_off| set_off.begun()) {
            self.seen.insert("auto_topup");
            self.recharges.push((customer, recharge.id));
        }
        match &committed.record.facts.effect {
            Effect::WalletCreated { wallet, .. } => self.wallets.push((customer, wallet.id)),
            Effect::ToppedUp { .. } => self.credits.push((customer, row_of(committed))),
            Effect::Recharged { recharge, .. } => self.recharges.push((customer, recharge.id)),
            Effect::Held(step) => {
                self.holds.push((customer, step.hold.id));
                if step.taken.is_some() {
                    self.debits.push((customer, row_of(committed)));
                }
            }
            Effect::Debited(_)
            | Effect::ManuallyDebited { .. }
            | Effect::EventRecorded { .. }
            | Effect::InvoiceSettled(_)
            | Effect::Atomic(_) => self.debits.push((customer, row_of(committed))),
            _ => {}
        }
    }

    /// One random command; often refused.
    pub(crate) async fn step(&mut self, world: &World, random: &mut Random) {
        match random.below(40) {
            0 => self.tenant_step(world, random).await,
            1 => {
                let test_clock = world.engine.tenant_view(self.tenant).unwrap().test_mode;
                let ns = random.of(&[1, S, 3_600 * S, DAY, 9 * DAY]);
                if test_clock {
                    let to = Timestamp(world.engine.now_of(self.tenant).max(world.engine.now()).0 + S + ns);
                    let command = TenantCommand::MoveClock(to);
                    let moved = TenantOperation::new(command, Origin::default());
                    world.engine.move_clock(self.tenant, moved).await.unwrap();
                } else {
                    world.pass(ns);
                }
            }
            _ => {
                let customer = random.of(&CUSTOMERS);
                let now = world.engine.now_of(self.tenant);
                let command = self.command(customer, now, random);
                self.ask(world, customer, command).await;
            }
        }
    }

    async fn tenant_step(&mut self, world: &World, random: &mut Random) {
        let command = if random.below(4) == 0 {
            let default_currency = random.of(&[None, Some(None), Some(Some(usd()))]);
            let time_zone = random.of(&[None, Some(None), Some(Some("Asia/Tokyo"))]);
            TenantCommand::ChangeSettings(SettingsChange {
                default_currency,
                time_zone: time_zone.map(|zone| zone.map(Box::from)),
                auto_complete: random.maybe(true),
                ..SettingsChange::default()
            })
        } else if random.below(3) < 2 {
            let mut settings = Settings::default();
            settings.default_priorities.promotional = 10 + u32::try_from(random.below(80)).unwrap();
            settings.time_zone = random.maybe("Asia/Singapore".into());
            settings.default_currency = random.maybe(usd());
            settings.auto_complete = random.below(3) == 0;
            settings.payment_result = random.below(2) == 0;
            TenantCommand::SetSettings(settings)
        } else {
            let card = RateCardAsked {
                meter: "tokens".into(),
                quantity_property: None,
                valid_from: None,
                valid_to: None,
                filters: random.maybe(vec![("model".into(), "large".into())]).unwrap_or_default(),
                tiers: vec![
                    Tier { up_to: Some(Usage::whole(5)), credits_per_unit: rate("0.3") },
                    Tier { up_to: None, credits_per_unit: rate("0.123456789012345") },
                ],
                minimum: Credits::ZERO,
            };
            TenantCommand::SetRateCard { id: None, card }
        };
        let operation = TenantOperation::new(command, Origin::default());
        world.engine.submit_tenant(self.tenant, operation).await.unwrap();
        self.seen.insert("tenant");
    }

    fn of<T: Copy>(all: &[(&'static str, T)], customer: &str, random: &mut Random) -> Option<T> {
        let own: Vec<_> = all.iter().filter(|(whose, _)| *whose == customer).map(|(_, it)| *it).collect();
        (!own.is_empty()).then(|| random.of(&own))
    }

    fn command(&mut self, customer: &'static str, now: Timestamp, random: &mut Random) -> Command {
        let any = Self::of(&self.wallets, customer, random);
        let hold = Self::of(&self.holds, customer, random);
        let debit = Self::of(&self.debits, customer, random);
        let credit = Self::of(&self.credits, customer, random);
        let recharge = Self::of(&self.recharges, customer, random);
        if let Some(id) = recharge.filter(|_| random.below(12) == 0) {
            let reason = RechargeReason::CardDeclined;
            let fail = Command::FailRecharge { id, reason };
            return random.of(&[Command::CompleteRecharge(id), fail, Command::CancelRecharge(id)]);
        }
        match (random.below(40), any, hold, debit, credit) {
            (0, ..) => {
                let Command::CreateWallet(request) = wallet(customer, random) else { panic!("a wallet") };
                Command::CreateWallet(CreateWallet { currency: random.maybe(usd()), ..request })
            }
            (1, ..) => Command::CreateCustomer {
                external_id: random.of(&["late", "later"]).into(),
                profile: Profile::default(),
            },
            (2, ..) if random.below(2) == 0 => Command::ChangeCustomer(Box::new(ProfileChange {
                email: random.maybe("a@acme.test".into()),
                timezone: random.maybe("Asia/Seoul".into()),
                ..ProfileChange::default()
            })),
            (2, ..) => Command::UpdateCustomer {
                profile: Profile { name: Some("Name".into()), ..Profile::default() },
            },
            (3, Some(id), ..) => Command::UpdateWallet(UpdateWallet {
                alerts: None,
                auto_topup: None,
                wallet: id,
                name: None,
                description: Some("text".into()),
                metadata: None,
                priority: random.maybe(7),
                allowed_price_types: None,
                overdraft_limit: random.maybe(Credits::whole(20)),
            }),
            (4, Some(id), ..) => random.of(&[Command::Freeze(id), Command::Unfreeze(id)]),
            (5, Some(id), ..) => Command::Unfreeze(id),
            (6, Some(id), ..) if random.below(4) == 0 => {
                let remainder = random.of(&[Remainder::Forfeit, Remainder::Refund]);
                Command::Close { wallet: id, remainder, force: random.below(2) == 0 }
            }
            (7..=14, Some(id), ..) => Command::TopUp(top_up(id, now, random)),
            (15..=17, ..) => Command::PlaceHold(place(random)),
            (18..=20, _, Some(hold), ..) => capture(hold, random),
            (21, _, Some(hold), ..) => Command::Release { hold, memo: memo(random) },
            (22, _, Some(hold), ..) => Command::Extend { hold, expires_in_s: 900 },
            (23, _, Some(hold), ..) => Command::Grow { hold, credits: random.credits() },
            (24..=26, _, _, Some(row), _) => refund(row, random),
            (27, _, _, _, Some(row)) => Command::VoidCredit(VoidCredit { row, memo: memo(random) }),
            (28, ..) => self.settle(random),
            (29, ..) => Command::VoidInvoice { invoice: random.below(self.invoices + 1).to_string().into() },
            (30..=31, ..) => Command::Transfer(Transfer {
                to_customer: random.of(&CUSTOMERS).into(),
                from_wallet: any.filter(|_| random.below(3) == 0),
                to_wallet: None,
                credits: random.credits(),
                memo: memo(random),
            }),
            (32, ..) => budget(random),
            (33, Some(id), ..) => Command::ManualDebit(ManualDebit {
                wallet: id,
                credits: random.credits(),
                memo: memo(random),
            }),
            (34..=35, ..) => self.event(customer, now, random),
            (36, _, hold, debit, _) => batch(hold, debit, random),
            _ => Command::Debit(debit_of(random)),
        }
    }

    fn settle(&mut self, random: &mut Random) -> Command {
        self.invoices += 1;
        let line = |id: &str, random: &mut Random| InvoiceLine {
            id: id.into(),
            amount: Money(i128::from(1 + random.below(3_000)) * ONE / 100),
            price_type: random.of(&[PriceType::Usage, PriceType::Fixed]),
            feature: None,
        };
        let lines = vec![line("a", random), line("b", random)];
        Command::Settle(Settle { invoice: self.invoices.to_string().into(), currency: usd(), lines })
    }

    fn event(&mut self, customer: &'static str, now: Timestamp, random: &mut Random) -> Command {
        self.events += 1;
        Command::Event(Box::new(Event {
            customer: customer.into(),
            source: "here".into(),
            id: self.events.to_string().into(),
            timestamp: Timestamp(now.0 - random.below(2 * DAY)),
            metered: metered(random),
            charge: charge(random),
        }))
    }
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn memo(random: &mut Random) -> Memo {
    Memo { description: random.maybe("a description".into()), ..Memo::default() }
}

fn wallet(customer: &str, random: &mut Random) -> Command {
    Command::CreateWallet(CreateWallet {
        price_unit: (random.below(8) == 0).then(|| PriceUnit::parse("tokens").unwrap()),
        conversion_rate: rate("0.37"),
        topup_conversion_rate: rate("1"),
        priority: random.of(&[50, 20]),
        allowed_price_types: random.of(&[PriceTypes::ALL, PriceTypes::USAGE]),
        overdraft_limit: Credits::whole(random.of(&[0, 15])),
        rules: (random.below(2) == 0).then(|| Box::new(rules(random))),
        ..CreateWallet::new(customer, usd())
    })
}

fn rules(random: &mut Random) -> WalletRules {
    let auto_topup = AutoTopup {
        enabled: true,
        threshold: Credits::whole(10),
        amount: Credits::whole(25),
        invoicing: random.below(2) == 0,
        target_balance: random.maybe(Credits::whole(60)),
        cooldown_s: random.of(&[0, 60]),
        count_max: random.of(&[2, 24]),
        amount_max: None,
        failures_max: 3,
    };
    let alerts = AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent: random.below(2) == 0,
        info: None,
        warning: Some(Credits::whole(30)),
        critical: Some(Credits::whole(5)),
        runway_below_s: random.maybe(3_600),
    };
    WalletRules { alerts: random.maybe(alerts), auto_topup: Some(auto_topup) }
}

fn top_up(wallet: WalletId, now: Timestamp, random: &mut Random) -> TopUp {
    let reason = random.of(&[
        CreditReason::PurchasedCreditDirect,
        CreditReason::PurchasedCreditInvoiced,
        CreditReason::FreeCreditGrant,
        CreditReason::SubscriptionCreditGrant,
        CreditReason::CreditNote,
        CreditReason::CreditAdjustment,
    ]);
    let ends = [None, Some(Timestamp(now.0 + 40 * S)), Some(Timestamp(now.0 + 3 * DAY))];
    let bonus = Bonus { credits: random.credits(), expires_at: random.of(&ends) };
    let features: Box<[Box<str>]> = ["search".into()].into();
    let quantities = [Quantity::Credits(random.credits()), Quantity::Amount(Money(7 * ONE))];
    let scope = Scope { price_types: PriceTypes::ALL, features: random.maybe(features.into()) };
    TopUp {
        effective_at: random.of(&[None, None, Some(Timestamp(now.0 + 20 * S))]),
        expires_at: random.of(&ends),
        priority: random.maybe(30),
        scope: random.maybe(scope),
        bonus: (reason == CreditReason::PurchasedCreditDirect).then_some(bonus),
        memo: memo(random),
        ..TopUp::new(wallet, random.of(&quantities), reason)
    }
}

fn metered(random: &mut Random) -> Metered {
    Metered {
        meter: random.of(&["tokens", "tokens", "tokens", "other"]).into(),
        quantity: Usage::whole(1 + i64::try_from(random.below(20)).unwrap()),
        properties: random.maybe(vec![("model".into(), "large".into())]).unwrap_or_default(),
    }
}

fn charge(random: &mut Random) -> Charge {
    Charge {
        currency: random.maybe(usd()),
        price_type: random.of(&[PriceType::Usage, PriceType::Usage, PriceType::Fixed]),
        feature: random.maybe("search".into()),
        budget: random.maybe(random_budget(1).into()),
        ..Charge::usage()
    }
}

fn random_budget(which: u64) -> &'static str {
    ["root", "leaf"][usize::try_from(which).unwrap()]
}

fn budget(random: &mut Random) -> Command {
    let name = random.below(2);
    let id = random_budget(name);
    match random.below(8) {
        0 => Command::ResetBudget(id.into()),
        1 => Command::DeleteBudget(id.into()),
        other => Command::SetBudget(SetBudget {
            id: (other != 2).then(|| id.into()),
            create: random.below(2) == 0,
            parent: (name == 1).then(|| "root".into()),
            currency: usd(),
            price_unit: None,
            limits: vec![(Window::Day, random.credits()), (Window::Lifetime, Credits::whole(300))],
        }),
    }
}

fn debit_of(random: &mut Random) -> Debit {
    let mut charge = charge(random);
    let asked = match random.below(6) {
        0 => Asked::Metered(Box::new(metered(random))),
        1 => {
            charge.currency = Some(usd());
            Asked::Amount(Money(i128::from(1 + random.below(900)) * ONE / 100))
        }
        _ => Asked::Credits(random.credits()),
    };
    Debit { charge, partial: random.below(2) == 0, memo: memo(random), ..Debit::new(asked) }
}

fn place(random: &mut Random) -> PlaceHold {
    let asked = match random.below(4) {
        0 => HoldAsked::Metered(Box::new(metered(random))),
        1 => HoldAsked::Range { min: Credits::whole(1), max: Credits::whole(40) },
        _ => HoldAsked::Exactly(random.credits()),
    };
    PlaceHold {
        asked,
        charge: charge(random),
        expires_in_s: random.of(&[30, 600]),
        over_capture: random.of(&[OverCapture::Draw, OverCapture::Overdraft, OverCapture::Reject]),
        memo: memo(random),
    }
}

fn capture(hold: HoldId, random: &mut Random) -> Command {
    let (credits, last) = (random.credits(), random.below(2) == 0);
    Command::Capture(Capture { hold, credits, last, memo: memo(random) })
}

fn refund(row: RowId, random: &mut Random) -> Command {
    let (regrant_days, small) = (random.maybe(5), Credits(1 + i128::from(random.below(1_000_000))));
    Command::Refund(Refund { row, credits: random.maybe(small), regrant_days, memo: memo(random) })
}

fn batch(hold: Option<HoldId>, debit: Option<RowId>, random: &mut Random) -> Command {
    let mut items = vec![Command::Debit(Debit { partial: true, ..debit_of(random) })];
    items.extend(debit.map(|row| refund(row, random)));
    items.push(Command::PlaceHold(place(random)));
    items.extend(hold.filter(|_| random.below(2) == 0).map(|hold| capture(hold, random)));
    Command::Atomic(items)
}

/// A word for what was accepted.
fn kind(command: &Command) -> &'static str {
    match command {
        Command::Debit(Debit { asked: Asked::Metered(_), .. }) => "debit by meter",
        Command::Debit(Debit { asked: Asked::Amount(_), .. }) => "debit by amount",
        Command::CreateWallet(CreateWallet { currency: None, .. }) => "wallet in the default currency",
        Command::ChangeCustomer(_) => "change of a customer",
        other => other.name(),
    }
}

/// All that a log should have shown at least once.
pub(crate) const KINDS: [&str; 32] = [
    "atomic",
    "auto_topup",
    "cancel_recharge",
    "capture",
    "change of a customer",
    "close",
    "complete_recharge",
    "create_customer",
    "create_wallet",
    "debit",
    "debit by amount",
    "delete_budget",
    "event",
    "extend",
    "fail_recharge",
    "freeze",
    "grow",
    "hold",
    "manual_debit",
    "debit by meter",
    "refund",
    "release",
    "reset_budget",
    "set_budget",
    "settle",
    "tenant",
    "top_up",
    "transfer",
    "unfreeze",
    "update_wallet",
    "void_credit",
    "wallet in the default currency",
];
