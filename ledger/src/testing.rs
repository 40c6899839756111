//! For unit tests: a customer with a clock, and short ways to say what is asked.

use crate::amount::{Credits, Money};
use crate::apply::{apply, bind};
use crate::catalog::grant::{PlanGrant, Plans};
use crate::catalog::rate_card::RateCard;
use crate::catalog::tenant::Settings;
use crate::command::{
    Asked, Charge, Command, CreateWallet, CreditReason, Debit, ManualDebit, Memo, Origin, Quantity,
    Remainder, TopUp,
};
use crate::customer::{Customer, Profile};
use crate::decide::{Context, decide};
use crate::fact::{CreditRow, Debited, Effect, Facts, Giver};
use crate::ids::{CustomerNumber, LogPosition, TenantNumber, WalletId};
use crate::invariants;
use crate::limits::Limits;
use crate::looked_up::LookedUp;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::scope::PriceTypes;
use crate::time::Timestamp;
use crate::unit::Currency;
use crate::wallet::Wallet;

pub(crate) const USD: Currency = Currency(*b"usd");

/// So many seconds after the beginning of the tests' time.
pub(crate) const fn second(number: u64) -> Timestamp {
    Timestamp((1_700_000_000 + number) * 1_000_000_000)
}

/// An instant, from RFC 3339.
pub(crate) fn instant(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    Timestamp(u64::try_from(at.timestamp_nanos_opt().unwrap()).unwrap())
}

pub(crate) fn credits(text: &str) -> Credits {
    Credits::parse_json(text).unwrap()
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse_json(text).unwrap()
}

/// A customer, its clock and its log.
pub(crate) struct Book {
    pub(crate) customer: Customer,
    pub(crate) now: Timestamp,
    pub(crate) limits: Limits,
    pub(crate) keyed: bool,
    pub(crate) cards: Vec<RateCard>,
    /// The tenant's grants of plans, and the number of their last change.
    pub(crate) plans: (u64, Vec<PlanGrant>),
    pub(crate) settings: Settings,
    /// What the next question brings along.
    pub(crate) looked_up: Option<LookedUp>,
    pub(crate) log: Vec<Record>,
}

impl Book {
    /// A customer that nobody named yet.
    pub(crate) fn empty() -> Self {
        Self {
            customer: Customer::new(TenantNumber(1), CustomerNumber(7)),
            now: second(0),
            limits: Limits::default(),
            keyed: true,
            cards: Vec::new(),
            plans: (0, Vec::new()),
            settings: Settings::default(),
            looked_up: None,
            log: Vec::new(),
        }
    }

    /// A customer with one wallet: dollars, rate 1, anything allowed.
    pub(crate) fn new() -> (Self, WalletId) {
        let mut book = Self::empty();
        let wallet = book.wallet(|_| {});
        (book, wallet)
    }

    /// Decides; if accepted: applies, binds, checks every invariant, and keeps the record.
    pub(crate) fn ask(&mut self, command: Command) -> Result<Facts, Refusal> {
        let settings = self.settings.clone();
        let looked_up = self.looked_up.take();
        let context = Context {
            now: self.now,
            settings: &settings,
            cards: &self.cards,
            plans: Plans { version: self.plans.0, grants: &self.plans.1 },
            limits: &self.limits,
            keyed: self.keyed,
            looked_up: looked_up.as_ref(),
        };
        let before = self.customer.clone();
        let facts = decide(&self.customer, &command, &context)?;
        assert_eq!(before, self.customer, "deciding changes nothing");
        apply(&mut self.customer, &facts);
        invariants::check_touched(&self.customer, &facts).unwrap();
        let position = self.next_position();
        bind(&mut self.customer, &facts, position);
        invariants::check_all(&self.customer).unwrap();
        self.log.push(Record { origin: Origin::default(), command, facts: facts.clone() });
        Ok(facts)
    }

    fn next_position(&self) -> LogPosition {
        LogPosition(u64::try_from(self.log.len()).unwrap() + 1)
    }

    /// Folds the log onto a new customer, and compares (I6). Every record must show its rows.
    pub(crate) fn replay(&self) {
        let mut replayed = Customer::new(self.customer.tenant, self.customer.number);
        for (record, position) in self.log.iter().zip(1..) {
            apply(&mut replayed, &record.facts);
            bind(&mut replayed, &record.facts, LogPosition(position));
        }
        assert_eq!(replayed, self.customer);
        self.check_rows();
    }

    /// Makes a wallet.
    pub(crate) fn wallet(&mut self, change: impl FnOnce(&mut CreateWallet)) -> WalletId {
        let mut request = new_wallet();
        change(&mut request);
        let effect = self.ask(Command::CreateWallet(request)).unwrap().effect;
        let Effect::WalletCreated { wallet, .. } = effect else { panic!("{effect:?}") };
        wallet.id
    }

    /// Tops up; the rows.
    pub(crate) fn credit(
        &mut self,
        wallet: WalletId,
        amount: i64,
        change: impl FnOnce(&mut TopUp),
    ) -> Vec<CreditRow> {
        let effect = self.ask(Command::TopUp(top_up(wallet, amount, change))).unwrap().effect;
        let Effect::ToppedUp { rows, .. } = effect else { panic!("{effect:?}") };
        rows.into_iter().map(|row| *row).collect()
    }

    /// Debits for USAGE.
    pub(crate) fn debit(&mut self, amount: &str) -> Result<Debited, Refusal> {
        self.charge(amount, |_| {})
    }

    /// Debits, after changes to the request.
    pub(crate) fn charge(
        &mut self,
        amount: &str,
        change: impl FnOnce(&mut Debit),
    ) -> Result<Debited, Refusal> {
        let mut request = debit(amount);
        change(&mut request);
        let effect = self.ask(Command::Debit(request))?.effect;
        let Effect::Debited(debited) = effect else { panic!("{effect:?}") };
        Ok(debited)
    }

    /// Debits by hand.
    pub(crate) fn by_hand(&mut self, wallet: WalletId, amount: &str) -> Result<Debited, Refusal> {
        let request = ManualDebit { wallet, credits: credits(amount), memo: Memo::default() };
        let effect = self.ask(Command::ManualDebit(request))?.effect;
        let Effect::ManuallyDebited { debited, .. } = effect else { panic!("{effect:?}") };
        Ok(debited)
    }

    /// Closes, unless a hold stands in the way.
    pub(crate) fn close(&mut self, wallet: WalletId, remainder: Remainder) -> Result<Effect, Refusal> {
        self.ask(Command::Close { wallet, remainder, force: false }).map(|facts| facts.effect)
    }

    /// The wallet's posted, as text.
    pub(crate) fn posted(&self, wallet: WalletId) -> String {
        self.state(wallet).head.posted.to_string()
    }

    /// The wallet.
    pub(crate) fn state(&self, wallet: WalletId) -> &Wallet {
        self.customer.wallet(wallet).unwrap()
    }
}

/// Dollars, rate 1, anything allowed.
pub(crate) fn new_wallet() -> CreateWallet {
    CreateWallet { allowed_price_types: PriceTypes::ALL, ..CreateWallet::new("acme", USD) }
}

/// A purchase.
pub(crate) fn top_up(wallet: WalletId, amount: i64, change: impl FnOnce(&mut TopUp)) -> TopUp {
    let mut request =
        TopUp::new(wallet, Quantity::Credits(Credits::whole(amount)), CreditReason::PurchasedCreditDirect);
    change(&mut request);
    request
}

/// A charge for use.
pub(crate) fn debit(amount: &str) -> Debit {
    Debit { charge: for_usage(), ..Debit::new(Asked::Credits(credits(amount))) }
}

/// For metered use, whoever can pay.
pub(crate) fn for_usage() -> Charge {
    Charge::usage()
}

/// Makes a customer under a name.
pub(crate) fn create_customer(name: &str) -> Command {
    Command::CreateCustomer { external_id: name.into(), profile: Profile::default() }
}

/// The slices as text: `"wallet index:credits"`, with `o` before an overdraft's credits.
pub(crate) fn slices(book: &Book, debited: &Debited) -> Vec<String> {
    let show = |slice: &crate::fact::Slice| {
        let wallet = book.customer.wallets.iter().position(|wallet| wallet.head.id == slice.wallet).unwrap();
        match slice.giver {
            Giver::Tranche { .. } => format!("{wallet}:{}", slice.credits),
            Giver::Overdraft => format!("{wallet}:o{}", slice.credits),
        }
    };
    debited.slices.iter().map(show).collect()
}
