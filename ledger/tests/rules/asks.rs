//! Plain requests, to be changed with struct update syntax where a test needs more.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{
    Asked, Capture, Charge, Command, CreateWallet, CreditReason, Debit, HoldAsked, ManualDebit, Memo,
    OverCapture, PlaceHold, Quantity, Refund, Remainder, TopUp, UpdateWallet,
};
use coffer_ledger::fact::{Debited, Effect, Facts, Giver};
use coffer_ledger::ids::{HoldId, RowId, TrancheId, WalletId};
use coffer_ledger::refusal::Refusal;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};

use crate::harness::{DAWN, World};
use crate::program::ONE;

/// A day in nanoseconds.
pub(crate) const DAY: u64 = 86_400_000_000_000;

/// So many days after the beginning.
pub(crate) fn day(number: u64) -> Option<Timestamp> {
    Some(Timestamp(DAWN.0 + number * DAY))
}

/// Money from its digits.
pub(crate) fn money(text: &str) -> Money {
    Money::parse_json(text).expect("an amount")
}

/// Credits from their digits.
pub(crate) fn credits(text: &str) -> Credits {
    Credits::parse_json(text).expect("an amount")
}

/// So many whole credits.
pub(crate) fn whole(credits: i128) -> Credits {
    Credits(credits * ONE)
}

/// A USD wallet at rate 1 that admits everything, without overdraft or initial credit.
pub(crate) fn wallet_of_usd() -> CreateWallet {
    CreateWallet { allowed_price_types: PriceTypes::ALL, ..CreateWallet::new("acme", Currency(*b"usd")) }
}

/// A purchase that never ends and pays for anything.
pub(crate) fn purchase(wallet: WalletId, credits: Credits) -> TopUp {
    TopUp::new(wallet, Quantity::Credits(credits), CreditReason::PurchasedCreditDirect)
}

/// Promotional credit that never ends and pays for use.
pub(crate) fn free(wallet: WalletId, amount: i128) -> TopUp {
    TopUp { reason: CreditReason::FreeCreditGrant, ..purchase(wallet, whole(amount)) }
}

/// A charge for use that names nothing.
pub(crate) fn any_usage() -> Charge {
    Charge::usage()
}

/// Use, whoever pays.
pub(crate) fn usage(credits: Credits) -> Debit {
    let asked = Asked::Credits(credits);
    Debit { charge: any_usage(), ..Debit::new(asked) }
}

/// Use for so much money.
pub(crate) fn usage_worth(amount: Money, currency: Currency) -> Debit {
    Debit { asked: Asked::Amount(amount), ..usage(Credits::ZERO) }.in_currency(currency)
}

/// As much of it as there is.
pub(crate) fn partly(ask: Debit) -> Debit {
    Debit { partial: true, ..ask }
}

/// What a request says about who pays, said after it.
pub(crate) trait Charged: Sized {
    /// The charge that it makes.
    fn charge(&mut self) -> &mut Charge;

    /// Only this wallet pays.
    fn from(mut self, wallet: WalletId) -> Self {
        self.charge().wallet = Some(wallet);
        self
    }

    /// Only wallets of this currency pay.
    fn in_currency(mut self, currency: Currency) -> Self {
        self.charge().currency = Some(currency);
        self
    }

    /// Only wallets of this price unit pay.
    fn in_price_unit(mut self, unit: PriceUnit) -> Self {
        self.charge().price_unit = Some(unit);
        self
    }

    /// It uses this feature.
    fn for_feature(mut self, feature: &str) -> Self {
        self.charge().feature = Some(feature.into());
        self
    }

    /// It counts in this budget and those above it.
    fn in_budget(mut self, budget: &str) -> Self {
        self.charge().budget = Some(budget.into());
        self
    }
}

impl Charged for Debit {
    fn charge(&mut self) -> &mut Charge {
        &mut self.charge
    }
}

impl Charged for PlaceHold {
    fn charge(&mut self) -> &mut Charge {
        &mut self.charge
    }
}

/// A fixed fee, whoever pays.
pub(crate) fn fee(credits: Credits) -> Debit {
    let charge = Charge { price_type: PriceType::Fixed, ..any_usage() };
    Debit { charge, ..usage(credits) }
}

/// By hand from that wallet.
pub(crate) fn by_hand(wallet: WalletId, credits: Credits) -> Command {
    Command::ManualDebit(ManualDebit { wallet, credits, memo: Memo::default() })
}

/// A hold for use, whoever pays, for ten minutes, that draws.
pub(crate) fn hold(credits: Credits) -> Command {
    Command::PlaceHold(PlaceHold {
        asked: HoldAsked::Exactly(credits),
        charge: any_usage(),
        expires_in_s: 600,
        over_capture: OverCapture::Draw,
        memo: Memo::default(),
    })
}

/// The last capture of a hold.
pub(crate) fn capture(hold: HoldId, credits: Credits) -> Command {
    Command::Capture(Capture { hold, credits, last: true, memo: Memo::default() })
}

/// A refund without a regrant.
pub(crate) fn refund(row: RowId, credits: Option<Credits>) -> Command {
    Command::Refund(Refund { row, credits, regrant_days: None, memo: Memo::default() })
}

/// The end of a wallet on which no hold is open.
pub(crate) fn close(wallet: WalletId, remainder: Remainder) -> Command {
    Command::Close { wallet, remainder, force: false }
}

/// An update that changes nothing.
pub(crate) fn update(wallet: WalletId) -> UpdateWallet {
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

/// A customer with one plain wallet.
pub(crate) fn with_one_wallet() -> (World, WalletId) {
    let mut world = World::new();
    let wallet = world.open(wallet_of_usd());
    (world, wallet)
}

impl World {
    /// Makes a wallet and tells its id.
    pub(crate) fn open(&mut self, ask: CreateWallet) -> WalletId {
        self.ask(Command::CreateWallet(ask)).expect("a wallet");
        self.customer.wallets.last().expect("just made").head.id
    }

    /// Tops up and tells the id of the tranche (of the purchase, where there is a bonus too).
    pub(crate) fn top_up(&mut self, ask: TopUp) -> TrancheId {
        let facts = self.ask(Command::TopUp(ask)).expect("a top-up");
        let Effect::ToppedUp { rows, .. } = facts.effect else { panic!("not a top-up: {facts:#?}") };
        rows[0].tranche
    }

    /// Debits, which must be accepted.
    pub(crate) fn debit(&mut self, ask: Debit) -> Debited {
        taken(&self.ask(Command::Debit(ask)).expect("a debit"))
    }

    /// Debits, which must be refused.
    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        self.ask(command).expect_err("a refusal")
    }

    /// posted of a wallet as its last record left it.
    pub(crate) fn posted(&self, wallet: WalletId) -> Credits {
        let found = self.customer.wallets.iter().find(|other| other.head.id == wallet);
        found.expect("a wallet of this customer").head.posted
    }
}

/// The debit in an answer.
pub(crate) fn taken(facts: &Facts) -> Debited {
    match &facts.effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => debited.clone(),
        other => panic!("not a debit: {other:#?}"),
    }
}

/// The slices as (tranche or overdraft, credits), in the order taken.
pub(crate) fn slices(debited: &Debited) -> Vec<(Option<TrancheId>, Credits)> {
    let giver = |giver: &Giver| match giver {
        Giver::Tranche { id, .. } => Some(*id),
        Giver::Overdraft => None,
    };
    debited.slices.iter().map(|slice| (giver(&slice.giver), slice.credits)).collect()
}

/// The refusal of a debit that lacks credit.
pub(crate) fn lacking(required: i128, available: i128) -> Refusal {
    Refusal::InsufficientCredits {
        required: whole(required),
        available: whole(available),
        shortfall: whole(required - available),
    }
}
