//! Two customers with personal data of every kind, through the real engine. Every personal string tells whose it is.

use coffer::engine::{Committed, Engine, Operation, Target, TenantOperation};
use coffer_ledger::alert::{AlertSettings, Condition};
use coffer_ledger::amount::{Credits, Money, ONE};
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::{
    Asked, Charge, Command, CreateGrant, CreateWallet, CreditReason, Debit, GrantFor, InvoiceLine,
    ManualDebit, Memo, Origin, Quantity, Settle, TopUp, Transfer, UpdateWallet,
};
use coffer_ledger::customer::{Profile, ProfileChange};
use coffer_ledger::fact::Effect;
use coffer_ledger::grant::{Cadence, Rule};
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::watch::WalletRules;

pub(crate) const TENANT: TenantNumber = TenantNumber(1);
/// What stands in every personal string of the one and of the other, their names too.
pub(crate) const ADA: &str = "ADA-PERSONAL";
pub(crate) const BOB: &str = "BOB-PERSONAL";

/// A generator that a seed repeats.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }
}

/// A personal string of somebody's.
fn words(whose: &str, what: impl std::fmt::Display) -> Box<str> {
    format!("{whose} {what}").into()
}

pub(crate) fn memo(whose: &str, step: u64) -> Memo {
    Memo {
        reference_type: Some(words(whose, "kind")),
        reference_id: Some(words(whose, step)),
        description: Some(words(whose, format_args!("description {step}"))),
        metadata: vec![(words(whose, "key"), words(whose, format_args!("value {step}")))],
    }
}

fn profile(whose: &str) -> Profile {
    Profile {
        name: Some(words(whose, "name")),
        email: Some(words(whose, "email")),
        contact: Some(words(whose, "contact")),
        address: [(); 6].map(|()| Some(words(whose, "address"))),
        timezone: Some("Europe/London".into()),
        metadata: vec![("plan".into(), words(whose, "metadata"))],
    }
}

/// Asks under a personal key.
async fn ask(engine: &Engine, whose: &str, step: u64, command: Command) -> Option<Committed> {
    let operation = Operation::new(command).with_key(&words(whose, format_args!("idempotency {step}")));
    engine.submit(TENANT, Target::Customer(whose), operation).await.ok()
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

/// Makes both customers: the one by itself, the other by its first wallet, each with an API key of its own.
pub(crate) async fn begin(engine: &Engine) -> [(&'static str, WalletId); 2] {
    engine.create_tenant("default", Origin::default()).await.unwrap();
    let command = Command::CreateCustomer { external_id: ADA.into(), profile: profile(ADA) };
    engine.submit(TENANT, Target::NewCustomer(ADA), Operation::new(command)).await.unwrap();
    let mut wallets = Vec::new();
    for whose in [ADA, BOB] {
        let operation = Operation::new(Command::CreateWallet(wallet(whose)));
        let made = engine.submit(TENANT, Target::NewCustomer(whose), operation).await.unwrap();
        let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!("no wallet") };
        wallets.push((whose, wallet.id));
        let granted = Operation::new(Command::CreateGrant(Box::new(grant(whose))));
        engine.submit(TENANT, Target::Customer(whose), granted).await.unwrap();
        let number = engine.resolve(TENANT, Target::Customer(whose)).unwrap();
        let key = TenantCommand::CreateKey {
            secret_sha256: [u8::try_from(number.0).unwrap(); 32],
            name: words(whose, "API key"),
            scopes: KeyScopes { read: true, ..KeyScopes::default() },
            customer: Some((number, whose.into())),
        };
        engine.submit_tenant(TENANT, TenantOperation::new(key, Origin::default())).await.unwrap();
    }
    wallets.try_into().unwrap()
}

fn wallet(whose: &str) -> CreateWallet {
    CreateWallet {
        name: Some(words(whose, "wallet")),
        description: Some(words(whose, "wallet description")),
        metadata: vec![(words(whose, "wallet key"), words(whose, "wallet value"))],
        allowed_price_types: PriceTypes::ALL,
        initial_credits: Credits::whole(1_000),
        rules: Some(Box::new(rules())),
        ..CreateWallet::new(whose, usd())
    }
}

/// It is recharged by invoice, and warns, on the way to what the program leaves.
fn rules() -> WalletRules {
    let auto_topup = AutoTopup {
        enabled: true,
        threshold: Credits::whole(950),
        amount: Credits::whole(10),
        invoicing: true,
        target_balance: None,
        cooldown_s: 0,
        count_max: 24,
        amount_max: None,
        failures_max: 3,
    };
    let alerts = AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent: false,
        info: Some(Credits::whole(1_000)),
        warning: Some(Credits::whole(900)),
        critical: None,
        runway_below_s: None,
    };
    WalletRules { alerts: Some(alerts), auto_topup: Some(auto_topup) }
}

/// A credit every year that never ends: no period begins while a test looks.
fn grant(whose: &str) -> CreateGrant {
    let rule = Rule {
        currency: Some(usd()),
        ..Rule::new(Credits::whole(3), Cadence::Recurring(Span { unit: SpanUnit::Year, count: 1 }))
    };
    let metadata = vec![(words(whose, "grant key"), words(whose, "grant value"))];
    CreateGrant { metadata, ..CreateGrant::new(GrantFor::Customer, words(whose, "grant"), rule) }
}

/// Buys by invoice, with words: pending from then on.
pub(crate) async fn buy(engine: &Engine, (whose, wallet): (&str, WalletId), step: u64) {
    let reason = CreditReason::PurchasedCreditInvoiced;
    let request = TopUp { reason, ..top_up(wallet, Credits::whole(7), memo(whose, step)) };
    ask(engine, whose, step, Command::TopUp(request)).await.unwrap();
}

/// So many random commands of both; how many were accepted.
pub(crate) async fn run(
    engine: &Engine,
    wallets: &[(&'static str, WalletId); 2],
    random: &mut Random,
    steps: std::ops::Range<u64>,
) -> u64 {
    let mut accepted = 0;
    for step in steps {
        let at = usize::from(random.below(2) == 0);
        let ((whose, wallet), (other, _)) = (wallets[at], wallets[1 - at]);
        let command = command(whose, other, wallet, random, step);
        accepted += u64::from(ask(engine, whose, step, command).await.is_some());
    }
    accepted
}

fn command(whose: &str, other: &str, wallet: WalletId, random: &mut Random, step: u64) -> Command {
    let credits = Credits(i128::from(1 + random.below(3_000)) * ONE / 100);
    match random.below(12) {
        0 if step.is_multiple_of(2) => {
            let Profile { name, metadata, .. } = profile(whose);
            let change = ProfileChange { name, metadata: Some(metadata), ..ProfileChange::default() };
            Command::ChangeCustomer(Box::new(change))
        }
        0 => Command::UpdateCustomer { profile: profile(whose) },
        1 => Command::UpdateWallet(UpdateWallet {
            alerts: None,
            auto_topup: None,
            wallet,
            name: Some(words(whose, format_args!("wallet {step}"))),
            description: None,
            metadata: Some(vec![(words(whose, "again"), words(whose, step))]),
            priority: None,
            allowed_price_types: None,
            overdraft_limit: None,
        }),
        2 => Command::Transfer(Transfer {
            to_customer: other.into(),
            from_wallet: None,
            to_wallet: None,
            credits,
            memo: memo(whose, step),
        }),
        3 => {
            let line = |number: u64| InvoiceLine {
                id: words(whose, format_args!("line {number}")),
                amount: Money(ONE * i128::from(number)),
                price_type: PriceType::Usage,
                feature: None,
            };
            let lines = vec![line(1), line(2)];
            Command::Settle(Settle { invoice: format!("invoice {step}").into(), currency: usd(), lines })
        }
        4 => Command::VoidInvoice { invoice: format!("invoice {}", random.below(step + 1)).into() },
        5 => Command::ManualDebit(ManualDebit { wallet, credits, memo: memo(whose, step) }),
        6 if random.below(4) == 0 => {
            let reason = CreditReason::PurchasedCreditInvoiced;
            Command::TopUp(TopUp { reason, ..top_up(wallet, credits, memo(whose, step)) })
        }
        6 | 7 => Command::TopUp(top_up(wallet, credits, memo(whose, step))),
        _ => debit(credits, memo(whose, step)),
    }
}

pub(crate) fn debit(credits: Credits, memo: Memo) -> Command {
    let charge = Charge::usage();
    Command::Debit(Debit { charge, memo, ..Debit::new(Asked::Credits(credits)) })
}

fn top_up(wallet: WalletId, credits: Credits, memo: Memo) -> TopUp {
    TopUp { memo, ..TopUp::new(wallet, Quantity::Credits(credits), CreditReason::PurchasedCreditDirect) }
}

/// A debit that a test asks again: under this key, with these words.
pub(crate) async fn debit_again(
    engine: &Engine,
    name: &str,
    credits: i64,
) -> Result<Committed, coffer::engine::Failure> {
    let command = debit(Credits::whole(credits), memo(ADA, 4_711));
    let operation = Operation::new(command).with_key("ADA-PERSONAL the one that is repeated");
    engine.submit(TENANT, Target::Customer(name), operation).await
}
