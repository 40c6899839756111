//! Random programs, asked of two customers: one has everything that is due written at its instant, the other only when something else is
//! asked of it. Both must answer alike and be alike, every invariant must hold after each step, and the log must fold to the state.

use crate::amount::Credits;
use crate::budget::{BudgetMove, Window};
use crate::command::{
    Capture, Command, CreditReason, HoldAsked, Memo, OverCapture, PlaceHold, Remainder, SetBudget,
    UpdateWallet, VoidCredit,
};
use crate::customer::Customer;
use crate::fact::Effect;
use crate::hold::Hold;
use crate::ids::{HoldId, LogPosition, RowId, WalletId};
use crate::looked_up::{LookedUp, OldCredit};
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, USD, credits, debit, for_usage, second, top_up};
use crate::time::Timestamp;
use crate::unit::PriceType;
use crate::view;
use crate::wallet::Wallet;

const PROGRAMS: u64 = 400;
const STEPS: u64 = 80;

#[test]
fn what_is_written_late_is_as_what_was_written_in_time() {
    let mut accepted = 0;
    for seed in 1..=PROGRAMS {
        accepted += run(seed);
    }
    assert!(accepted > PROGRAMS * STEPS / 4, "{accepted} accepted: most programs would say nothing");
}

/// Runs one program; how many of its steps were accepted.
fn run(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let (mut timely, mut late) = (Book::empty(), Book::empty());
    for limit in ["0", "15"] {
        for book in [&mut timely, &mut late] {
            book.wallet(|request| request.overdraft_limit = credits(limit));
        }
    }
    for book in [&mut timely, &mut late] {
        book.ask(Command::SetBudget(team())).unwrap();
    }
    let (mut accepted, mut holds, mut now, mut spent) = (0, Vec::new(), 0, Credits::ZERO);
    for step in 0..STEPS {
        now += dice.below(4);
        write_in_time(&mut timely, second(now));
        late.now = second(now);
        let shown = |book: &Book| view::balance(&book.customer, book.now).units;
        assert_eq!(shown(&timely), shown(&late), "seed {seed}, step {step}");
        let command = command(&mut dice, &timely, &holds);
        timely.looked_up = looked_up(&command, &timely);
        late.looked_up = timely.looked_up.clone();
        let answers = (timely.ask(command.clone()), late.ask(command.clone()));
        let (Ok(in_time), Ok(_)) = &answers else {
            let refused = (answers.0.map(|_| ()), answers.1.map(|_| ()));
            assert_eq!(refused.0, refused.1, "seed {seed}, step {step}, {command:?}");
            continue;
        };
        accepted += 1;
        if let Effect::Held(step) = &in_time.effect {
            holds.push(step.hold.id);
        }
        spent += counted(&in_time.effect);
        let held: Credits = timely.customer.holds.iter().map(|hold| sum(&hold.budget)).sum();
        let used = timely.customer.budgets["team"].limits[0].used;
        assert_eq!(used, spent + held, "seed {seed}, step {step}, {command:?}");
        assert_eq!(bare(&timely.customer), bare(&late.customer), "seed {seed}, step {step}, {command:?}");
    }
    timely.replay();
    late.replay();
    accepted
}

/// Writes everything at the instant at which it is due.
fn write_in_time(book: &mut Book, now: Timestamp) {
    while book.customer.next_due() <= now {
        book.now = book.customer.next_due();
        book.ask(Command::Tick).unwrap();
    }
    book.now = now;
}

fn team() -> SetBudget {
    SetBudget {
        id: Some("team".into()),
        create: true,
        parent: None,
        currency: USD,
        price_unit: None,
        limits: vec![(Window::Lifetime, credits("60"))],
    }
}

/// What a debit or a capture counts as for good.
fn counted(effect: &Effect) -> Credits {
    if let Effect::Debited(debited) = effect {
        return sum(debited.budget());
    }
    let Effect::Held(step) = effect else { return Credits::ZERO };
    step.taken.as_ref().map_or(Credits::ZERO, |taken| sum(taken.budget()))
}

fn sum(moves: &[BudgetMove]) -> Credits {
    moves.iter().map(|counted| counted.credits).sum()
}

/// The credit to be voided: the first live one whose row has this number.
fn looked_up(command: &Command, book: &Book) -> Option<LookedUp> {
    let Command::VoidCredit(VoidCredit { row, .. }) = command else { return None };
    let wallets = book.customer.wallets.iter();
    let mut live = wallets.flat_map(|wallet| wallet.tranches.iter().map(move |tranche| (wallet, tranche)));
    let (wallet, tranche) = live.nth(usize::try_from(row.row()).unwrap())?;
    Some(LookedUp::Credits(vec![OldCredit {
        row: *row,
        wallet: wallet.head.id,
        reason: CreditReason::PurchasedCreditDirect,
        tranche: tranche.id,
        terms: tranche.terms.clone(),
    }]))
}

/// What two customers have in common whose records are not the same.
fn bare(customer: &Customer) -> (Vec<Wallet>, Vec<Hold>, Credits, u64) {
    let mut wallets = customer.wallets.clone();
    for tranche in wallets.iter_mut().flat_map(|wallet| &mut wallet.tranches) {
        (tranche.credit_position, tranche.credit_row) = (LogPosition(0), 0);
    }
    let used = customer.budgets["team"].limits[0].used;
    (wallets, customer.holds.iter().cloned().collect(), used, customer.counter)
}

pub(in crate::decide::tests) fn command(dice: &mut Dice, book: &Book, holds: &[HoldId]) -> Command {
    let wallet = book.customer.wallets[dice.index(2)].head.id;
    // Mostly one of the latest; sometimes one that was closed long ago.
    let hold = |dice: &mut Dice| holds.get(holds.len().saturating_sub(1 + dice.index(6))).copied();
    match (dice.below(21), hold(dice)) {
        (0..4, _) => Command::TopUp(credit(dice, wallet, book.now)),
        (4..9, _) => Command::PlaceHold(place(dice, wallet)),
        (9..13, Some(hold)) => {
            let (credits, last) = (dice.amount(), dice.below(2) == 0);
            Command::Capture(Capture { hold, credits, last, memo: Memo::default() })
        }
        (13, Some(hold)) => Command::Release { hold, memo: Memo::default() },
        (14, Some(hold)) => Command::Extend { hold, expires_in_s: dice.seconds() },
        (15, Some(hold)) => Command::Grow { hold, credits: dice.amount() },
        (16, _) => match dice.below(8) {
            0..3 => Command::Freeze(wallet),
            3..6 => Command::Unfreeze(wallet),
            6 => Command::Close { wallet, remainder: Remainder::Refund, force: dice.below(3) == 0 },
            _ => limit(dice, wallet),
        },
        (17, _) => {
            let row = RowId::new(book.now, LogPosition(1), u32::try_from(dice.below(6)).unwrap());
            Command::VoidCredit(VoidCredit { row, memo: Memo::default() })
        }
        _ => {
            let mut request = debit("1");
            request.charge.budget = dice.budget();
            request.asked = crate::command::Asked::Credits(dice.amount());
            request.partial = dice.below(2) == 0;
            Command::Debit(request)
        }
    }
}

fn credit(dice: &mut Dice, wallet: WalletId, now: Timestamp) -> crate::command::TopUp {
    let (start, end) = (now.plus_seconds(dice.seconds()), now.plus_seconds(12 + dice.seconds()));
    top_up(wallet, 1 + i64::try_from(dice.below(20)).unwrap(), |request| {
        request.effective_at = (dice.below(4) == 0).then_some(start);
        request.expires_at = (dice.below(4) > 0).then_some(end);
        if dice.below(3) == 0 {
            request.reason = CreditReason::FreeCreditGrant;
        }
        if dice.below(6) == 0 {
            request.scope = Some(Scope { price_types: PriceTypes::FIXED, features: None });
        }
    })
}

fn place(dice: &mut Dice, wallet: WalletId) -> PlaceHold {
    let (one, other) = (dice.amount(), dice.amount());
    let asked = match dice.below(2) {
        0 => HoldAsked::Exactly(one),
        _ => HoldAsked::Range { min: one.min(other), max: one.max(other) },
    };
    let mut charge = for_usage();
    charge.budget = dice.budget();
    charge.wallet = (dice.below(4) == 0).then_some(wallet);
    if dice.below(5) == 0 {
        charge.price_type = PriceType::Fixed;
    }
    let policies = [OverCapture::Reject, OverCapture::Draw, OverCapture::Overdraft];
    let over_capture = policies[dice.index(3)];
    PlaceHold { asked, charge, expires_in_s: dice.seconds(), over_capture, memo: Memo::default() }
}

fn limit(dice: &mut Dice, wallet: WalletId) -> Command {
    Command::UpdateWallet(UpdateWallet {
        alerts: None,
        auto_topup: None,
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: Some(u32::try_from(dice.below(3)).unwrap()),
        allowed_price_types: None,
        overdraft_limit: Some(dice.amount()),
    })
}

/// Numbers that look random and are the same for the same seed.
pub(in crate::decide::tests) struct Dice(pub(in crate::decide::tests) u64);

impl Dice {
    pub(in crate::decide::tests) fn below(&mut self, bound: u64) -> u64 {
        // A seed is small: spread it before it is used.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(in crate::decide::tests) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    /// 0.5 to 15, by halves.
    pub(in crate::decide::tests) fn amount(&mut self) -> Credits {
        Credits(i128::from(1 + self.below(30)) * crate::amount::ONE / 2)
    }

    fn budget(&mut self) -> Option<Box<str>> {
        (self.below(4) == 0).then(|| "team".into())
    }

    /// Short, so that many things fall on one instant.
    fn seconds(&mut self) -> u32 {
        1 + u32::try_from(self.below(12)).unwrap()
    }
}
