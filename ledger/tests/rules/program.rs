//! Random programs: every step is a handful of bytes, read as dice. Zeros are the plainest step, so that a failing program
//! shrinks to plain steps. Instants lie a few nanoseconds apart and amounts come from a short table, so that starts, ends and
//! exact fits meet all the time.

mod grants;
mod holds;
mod undoing;
mod usage;

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::catalog::tenant::DefaultPriorities;
use coffer_ledger::command::{
    Asked, Bonus, Charge, Command, CreateWallet, CreditReason, Debit, ManualDebit, Memo, Quantity, Remainder,
    TopUp, UpdateWallet,
};
use coffer_ledger::customer::{Profile, ProfileChange};
use coffer_ledger::ids::WalletId;
use coffer_ledger::limits::Limits;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use coffer_ledger::wallet::{WalletStatus, WalletType};

use coffer_ledger::fact::Facts;
use coffer_ledger::refusal::Refusal;

use crate::harness::pair::Pair;
use crate::harness::{DAWN, World};

/// The bytes of one step.
pub(crate) type Step = [u8; 32];

/// One unit in 10⁻¹⁵.
pub(crate) const ONE: i128 = 1_000_000_000_000_000;

pub(crate) const AMOUNTS: [i128; 14] = [
    10 * ONE,
    ONE,
    2 * ONE,
    5 * ONE,
    ONE / 2,
    1,
    3_333_333_333_333_333,
    7_250_000_000_000_000,
    100 * ONE,
    33 * ONE + 7,
    10 * ONE + 1,
    10 * ONE - 1,
    60 * ONE,
    666_666_666_666_667,
];
/// The largest there may be, and others of 12 integer digits.
const HUGE: [i128; 3] = [1_000_000_000_000 * ONE - 1, 500_000_000_000 * ONE, 333_333_333_333 * ONE + 3];
const ODD_RATES: [i128; 7] =
    [3 * ONE, ONE / 1_000_000, 7 * ONE / 10, 1_500_000_000_000_001, 7, 1, 999_999_999_999 * ONE];
pub(crate) const USD: Currency = Currency(*b"usd");
const OTHER_CURRENCIES: [Currency; 2] = [Currency(*b"jpy"), Currency(*b"kwd")];
const PRIORITIES: [u32; 4] = [50, 10, 50, 60];
const PRICE_TYPES: [PriceTypes; 4] = [
    PriceTypes::ALL,
    PriceTypes::USAGE,
    PriceTypes::FIXED,
    PriceTypes { usage: true, fixed: true, all: false },
];
const FEATURES: [&[&str]; 3] = [&["chat"], &["chat", "image"], &["video"]];
const REASONS: [CreditReason; 10] = [
    CreditReason::PurchasedCreditDirect,
    CreditReason::PurchasedCreditDirect,
    CreditReason::PurchasedCreditDirect,
    CreditReason::PurchasedCreditInvoiced,
    CreditReason::PurchasedCreditInvoiced,
    CreditReason::FreeCreditGrant,
    CreditReason::SubscriptionCreditGrant,
    CreditReason::CreditNote,
    CreditReason::InvoiceVoidRefund,
    CreditReason::CreditAdjustment,
];

/// Reads a step's bytes one by one; behind the last there are zeros.
pub(crate) struct Dice<'a>(std::slice::Iter<'a, u8>);

impl<'a> Dice<'a> {
    /// The dice of a step.
    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    pub(crate) fn below(&mut self, sides: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % sides)
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u8) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn of<T: Copy>(&mut self, table: &[T]) -> T {
        table[usize::from(self.below(u8::try_from(table.len()).expect("short")))]
    }

    /// Mostly 1.
    fn rate(&mut self) -> Rate {
        Rate(if self.once_in(5) { self.of(&ODD_RATES) } else { ONE })
    }

    /// Mostly dollars.
    fn currency(&mut self) -> Currency {
        if self.once_in(10) { self.of(&OTHER_CURRENCIES) } else { USD }
    }

    /// One of the amounts; now and then none, or less than none.
    pub(crate) fn credits(&mut self, amounts: &[i128]) -> Credits {
        Credits(match self.below(64) {
            62 => -self.of(&[0, ONE]),
            63 => self.of(&HUGE),
            _ => self.of(amounts),
        })
    }
}

/// Two worlds for a program: its first byte chooses the limits, its second the settings.
pub(crate) fn pair(start: [u8; 2]) -> Pair {
    let mut pair = Pair::with_limits(if start[0] % 4 == 3 { tight() } else { roomy() });
    for world in &mut pair.worlds {
        if start[1] % 4 == 3 {
            world.settings.default_priorities = DefaultPriorities {
                purchased: 40,
                promotional: 70,
                plan_included: 50,
                refund: 5,
                adjustment: 50,
            };
        }
        // Credit that waits for its payment is tested in `recharging`.
        world.settings.auto_complete = true;
        world.settings.payment_result = start[1] % 8 > 3;
        world.settings.default_currency = (start[1] % 16 > 7).then_some(USD);
        world.settings.time_zone = (start[1] % 2 == 1).then(|| "Asia/Singapore".into());
        world.cards = usage::cards();
        world.plans = grants::plans();
    }
    // Somebody who can receive.
    let plain = create_wallet(DAWN, &mut Dice([].iter()));
    pair.ask(1, Command::CreateWallet(plain), true).expect("a wallet");
    pair
}

fn tight() -> Limits {
    Limits {
        wallets_max: 3,
        tranches_max: 6,
        slices_max: 2,
        due_per_record_max: 2,
        hold_pins_per_record_max: 1,
        holds_max: 2,
        hold_lifetime_max_s: 3,
        refunds_max: 1,
        invoices_max: 2,
        invoice_lines_max: 2,
        budgets_max: 2,
        budget_levels_max: 1,
        transfers_open_max: 1,
        recharges_open_max: 2,
        atomic_items_max: 2,
        subscriptions_max: 2,
        grants_max: 4,
        grant_periods_past_max: 2,
        ..Limits::default()
    }
}

fn roomy() -> Limits {
    let due_per_record_max = 3;
    let hold_pins_per_record_max = 2;
    let most = Limits { due_per_record_max, hold_pins_per_record_max, ..Limits::default() };
    Limits { wallets_max: 8, tranches_max: 200, slices_max: 100, ..most }
}

/// Takes one step: some time passes, then something is asked, or a transfer goes on.
pub(crate) fn take_step(pair: &mut Pair, step: &Step) {
    take(pair, step, 0);
}

/// As [`take_step`]; a third of what is asked is about grants, and time often goes on by hours.
pub(crate) fn take_step_with_grants(pair: &mut Pair, step: &Step) {
    take(pair, step, 3);
}

/// Once in `grants` times something is asked of grants; never if that is 0.
fn take(pair: &mut Pair, step: &Step, grants: u8) {
    let mut dice = Dice(step.iter());
    let side = usize::from(dice.once_in(4));
    let hours = if grants > 0 && dice.once_in(6) { u64::from(dice.below(30)) } else { 0 };
    let now = Timestamp(pass_time(&pair.worlds[side], &mut dice).0 + hours * 3_600_000_000_000);
    pair.set_time(now);
    if !pair.letters.is_empty() && dice.once_in(5) {
        let (letter, repeat) = (usize::from(dice.byte()), dice.once_in(4));
        pair.deliver(letter, repeat);
    } else if let Some((to, wallet)) = pair.expected().filter(|_| dice.once_in(8)) {
        let command = Command::Close { wallet, remainder: Remainder::Forfeit, force: true };
        let _: Result<Facts, Refusal> = pair.ask(to, command, true);
    } else {
        let keyed = !dice.once_in(4);
        let world = &pair.worlds[side];
        let of_grants = grants > 0 && dice.once_in(grants);
        let command = if of_grants { grants::command(world, &mut dice) } else { command(world, &mut dice) };
        let _: Result<Facts, Refusal> = pair.ask(side, command, keyed);
    }
    if dice.once_in(16) {
        pair.check_replay();
    }
}

/// Mostly none or a few nanoseconds; often exactly to the next due instant, one before it or one past it; now and then on.
fn pass_time(world: &World, dice: &mut Dice) -> Timestamp {
    let next = world.customer.next_due();
    let to = match dice.below(64) {
        roll @ 48..=55 if next != Timestamp::MAX => next.0 - 1 + u64::from(roll % 3),
        56..=59 => world.now.0 + 8,
        60 => world.now.0 + 60,
        61 => world.now.0 + 1_000_000_000,
        62 if dice.once_in(3) => world.now.0 + u64::from(dice.below(40)) * 3_600_000_000_000,
        roll => world.now.0 + u64::from(roll / 16),
    };
    Timestamp(to.max(world.now.0))
}

fn command(world: &World, dice: &mut Dice) -> Command {
    if world.customer.wallets.is_empty() && !dice.once_in(8) {
        return Command::CreateWallet(create_wallet(world.now, dice));
    }
    match dice.byte() {
        0..=38 => Command::Debit(debit(world, dice)),
        39..=44 => undoing::payment(world, dice),
        45..=84 => Command::TopUp(top_up(world, dice)),
        85..=89 => Command::CreateWallet(create_wallet(world.now, dice)),
        90..=94 => Command::UpdateWallet(update_wallet(world, dice)),
        95..=99 => Command::ManualDebit(ManualDebit {
            wallet: wallet(world, dice),
            credits: fitting(world, dice),
            memo: Memo::default(),
        }),
        100..=101 => Command::Freeze(wallet(world, dice)),
        102..=104 => Command::Unfreeze(wallet(world, dice)),
        105..=106 => Command::Close {
            wallet: wallet(world, dice),
            remainder: dice.of(&[Remainder::Refund, Remainder::Forfeit]),
            force: dice.once_in(2),
        },
        107..=110 => Command::Tick,
        111 => Command::CreateCustomer { external_id: "acme".into(), profile: Profile::default() },
        112 => Command::UpdateCustomer { profile: profile(dice) },
        247 => Command::ChangeCustomer(Box::new(profile_change(dice))),
        113 => Command::DeleteCustomer,
        114..=183 => holds::command(world, dice),
        184..=229 => undoing::command(world, dice),
        230..=246 => usage::command(world, dice),
        _ => Command::Atomic(batch(world, dice)),
    }
}

fn profile_change(dice: &mut Dice) -> ProfileChange {
    let Profile { timezone, .. } = profile(dice);
    ProfileChange { timezone, name: dice.once_in(2).then(|| "Ada".into()), ..ProfileChange::default() }
}

fn profile(dice: &mut Dice) -> Profile {
    let timezone = dice.of(&[None, Some("UTC"), Some("Asia/Singapore")]).map(Into::into);
    Profile { timezone, ..Profile::default() }
}

/// Items for a batch; now and then one that does not belong there.
fn batch(world: &World, dice: &mut Dice) -> Vec<Command> {
    let items = dice.below(5);
    let item = |dice: &mut Dice| match dice.byte() {
        0..=99 => Command::Debit(debit(world, dice)),
        100..=189 => holds::command(world, dice),
        190..=249 => Command::Refund(undoing::refund(world, dice)),
        _ => Command::TopUp(top_up(world, dice)),
    };
    (0..items).map(|_| item(dice)).collect()
}

/// One of the customer's open wallets; now and then a closed one, or one that does not exist.
pub(crate) fn wallet(world: &World, dice: &mut Dice) -> WalletId {
    let all = 0..world.customer.wallets.len();
    let is_open = |index: &usize| world.customer.wallets[*index].head.status != WalletStatus::Closed;
    let open: Vec<usize> = all.clone().filter(is_open).collect();
    let choice = if open.is_empty() || dice.once_in(16) { all.collect() } else { open };
    let roll = usize::from(dice.below(32));
    world.wallet(if roll == 31 || choice.is_empty() { 99 } else { choice[roll % choice.len()] })
}

/// An amount of the table, or exactly what some wallet has free, or a hair more or less.
pub(crate) fn fitting(world: &World, dice: &mut Dice) -> Credits {
    let roll = dice.below(8);
    let wallet = wallet(world, dice);
    let own = world.customer.wallets.iter().find(|other| other.head.id == wallet).map(|w| w.head.own().0);
    match (roll, own) {
        (5, Some(own @ 1..)) => Credits(own),
        (6, Some(own @ 1..)) => Credits(own + 1),
        (7, Some(own @ 2..)) => Credits(own - 1),
        _ => dice.credits(&AMOUNTS[..8]),
    }
}

fn create_wallet(now: Timestamp, dice: &mut Dice) -> CreateWallet {
    let initial_credits = if dice.once_in(3) { dice.credits(&AMOUNTS) } else { Credits(0) };
    let request = CreateWallet {
        initial_credits,
        initial_expires_at: end(now, dice),
        conversion_rate: dice.rate(),
        allowed_price_types: dice.of(&PRICE_TYPES),
        overdraft_limit: if dice.once_in(2) { dice.credits(&AMOUNTS) } else { Credits(0) },
        priority: dice.of(&PRIORITIES),
        price_unit: dice.once_in(16).then(|| PriceUnit("tokens".into())),
        topup_conversion_rate: dice.rate(),
        wallet_type: dice.of(&[WalletType::PrePaid, WalletType::PostPaid]),
        name: dice.once_in(4).then(|| "Main".into()),
        ..CreateWallet::new("acme", dice.currency())
    };
    let currency = request.currency.filter(|_| !dice.once_in(8));
    CreateWallet { currency, ..request }
}

fn update_wallet(world: &World, dice: &mut Dice) -> UpdateWallet {
    UpdateWallet {
        wallet: wallet(world, dice),
        overdraft_limit: dice.once_in(2).then(|| dice.credits(&AMOUNTS)),
        allowed_price_types: dice.once_in(3).then(|| dice.of(&PRICE_TYPES)),
        priority: dice.once_in(3).then(|| dice.of(&PRIORITIES)),
        name: dice.once_in(4).then(|| "Other".into()),
        description: dice.once_in(4).then(|| "About".into()),
        metadata: dice.once_in(4).then(|| vec![("a".into(), "b".into())]),
        alerts: None,
        auto_topup: None,
    }
}

/// For what, and who pays.
pub(crate) fn charge(world: &World, dice: &mut Dice, in_money: bool) -> Charge {
    let wallet = dice.once_in(4).then(|| wallet(world, dice));
    let named_wallet = world.customer.wallets.iter().find(|other| Some(other.head.id) == wallet);
    let own_currency = named_wallet.map(|found| found.head.unit.currency);
    let currency = match dice.below(8) {
        0..=4 if in_money && own_currency.is_some() => own_currency,
        0..=2 => None,
        _ => Some(dice.currency()),
    };
    Charge {
        wallet,
        currency,
        price_unit: dice.once_in(24).then(|| PriceUnit("tokens".into())),
        price_type: dice.of(&[PriceType::Usage, PriceType::Usage, PriceType::Fixed]),
        feature: dice.once_in(3).then(|| dice.of(&["chat", "image", "none"]).into()),
        budget: usage::budget(world, dice),
    }
}

fn quantity(credits: Credits, in_money: bool) -> Quantity {
    if in_money { Quantity::Amount(Money(credits.0)) } else { Quantity::Credits(credits) }
}

fn debit(world: &World, dice: &mut Dice) -> Debit {
    let in_money = dice.once_in(3);
    let credits = fitting(world, dice);
    let asked = match (in_money, dice.once_in(12)) {
        (true, _) => Asked::Amount(Money(credits.0)),
        (false, true) => Asked::Metered(Box::new(usage::metered(dice))),
        (false, false) => Asked::Credits(credits),
    };
    Debit { charge: charge(world, dice, in_money), partial: dice.once_in(3), ..Debit::new(asked) }
}

fn top_up(world: &World, dice: &mut Dice) -> TopUp {
    let wallet = wallet(world, dice);
    let quantity = quantity(dice.credits(&AMOUNTS), dice.once_in(5));
    let reason = if dice.once_in(48) { CreditReason::PurchasedCreditBonus } else { dice.of(&REASONS) };
    let expires_at = end(world.now, dice);
    let effective_at = match dice.below(8) {
        5 => Some(Timestamp(world.now.0 - u64::from(dice.below(5)))),
        6 | 7 => Some(Timestamp(world.now.0 + u64::from(dice.below(16)))),
        _ => None,
    };
    let priority = dice.once_in(3).then(|| dice.of(&PRIORITIES));
    let is_purchase =
        matches!(reason, CreditReason::PurchasedCreditDirect | CreditReason::PurchasedCreditInvoiced);
    let fits_bonus = is_purchase || dice.once_in(12);
    let bonus = (fits_bonus && dice.once_in(4))
        .then(|| Bonus { credits: dice.credits(&AMOUNTS), expires_at: end(world.now, dice) });
    let scope = dice.once_in(2).then(|| scope(dice));
    let paid = (!is_purchase && dice.once_in(4)).then_some(Money(7_770_000_000_000_001));
    TopUp { effective_at, expires_at, priority, scope, paid, bonus, ..TopUp::new(wallet, quantity, reason) }
}

/// Never, or a few nanoseconds away; now and then too early.
fn end(now: Timestamp, dice: &mut Dice) -> Option<Timestamp> {
    match dice.below(64) {
        0..=35 => None,
        // Where deadlines of holds are.
        roll @ 36..=41 => Some(Timestamp(now.0 + u64::from(roll - 35) * 1_000_000_000)),
        63 => Some(Timestamp(now.0 - 1)),
        roll => Some(Timestamp(now.0 + u64::from(roll - 41) * 6)),
    }
}

fn scope(dice: &mut Dice) -> Scope {
    let price_types = dice.of(&PRICE_TYPES);
    let features = dice.once_in(2).then(|| dice.of(&FEATURES).iter().map(|name| (*name).into()).collect());
    Scope { price_types, features }
}
