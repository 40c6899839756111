//! Budgets: caps in a tree, windows of the calendar, what may be set (SEMANTICS §18).

use crate::amount::{Credits, Rate};
use crate::budget::{Budget, Window};
use crate::command::{Command, SetBudget};
use crate::customer::Profile;
use crate::fact::{Debited, Effect};
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, second};
use crate::time::Timestamp;
use crate::unit::{Currency, PriceUnit};

/// A budget of dollars.
fn budget(id: &str, parent: Option<&str>, limits: &[(Window, &str)]) -> SetBudget {
    SetBudget {
        id: Some(id.into()),
        create: true,
        parent: parent.map(Into::into),
        currency: USD,
        price_unit: None,
        limits: limits.iter().map(|(window, text)| (*window, credits(text))).collect(),
    }
}

fn set(book: &mut Book, request: SetBudget) -> Result<Budget, Refusal> {
    let effect = book.ask(Command::SetBudget(request))?.effect;
    let Effect::BudgetSet(budget) = effect else { panic!("{effect:?}") };
    Ok(*budget)
}

fn replace(book: &mut Book, request: SetBudget) -> Result<Budget, Refusal> {
    set(book, SetBudget { create: false, ..request })
}

/// A customer with 1,000 dollars.
fn rich() -> Book {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 1_000, |_| {});
    book
}

fn debit(book: &mut Book, amount: &str, leaf: &str) -> Result<Debited, Refusal> {
    book.charge(amount, |request| request.charge.budget = Some(leaf.into()))
}

/// What was used of each cap, in the order of the caps, as it stands there.
fn used(book: &Book, id: &str) -> Vec<String> {
    book.customer.budgets[id].limits.iter().map(|limit| limit.used_at(book.now).to_string()).collect()
}

fn exceeded(budget: &str, window: Window, limit: &str, used: &str, end: Option<(u64, u64)>) -> Refusal {
    let (resets_at, left_s) = end.unzip();
    Refusal::BudgetExceeded {
        budget: budget.into(),
        window,
        limit: credits(limit),
        used: credits(used),
        resets_at: resets_at.map(second),
        retry_after_s: left_s,
    }
}

/// Seconds of the tests' time until the next midnight (it begins on 14 November 2023, 22:13:20 UTC).
const MIDNIGHT: u64 = 6_400;

#[test]
fn a_child_and_its_parent_are_checked_and_counted_in_one_step() {
    let mut book = rich();
    set(&mut book, budget("team", None, &[(Window::Lifetime, "100")])).unwrap();
    set(&mut book, budget("alice", Some("team"), &[(Window::Lifetime, "80")])).unwrap();
    set(&mut book, budget("bob", Some("team"), &[(Window::Lifetime, "80")])).unwrap();
    let debited = debit(&mut book, "60", "alice").unwrap();
    let counted: Vec<_> = debited.budget().iter().map(|used| &*used.budget).collect();
    assert_eq!(counted, ["alice", "team"], "leaf to root");
    let refused = exceeded("team", Window::Lifetime, "100", "60", None);
    assert_eq!(debit(&mut book, "41", "bob"), Err(refused), "the parent lacks it though the leaf does not");
    let refused = exceeded("alice", Window::Lifetime, "80", "60", None);
    assert_eq!(debit(&mut book, "41", "alice"), Err(refused), "the leaf is asked first");
    debit(&mut book, "40", "bob").unwrap();
    assert_eq!([used(&book, "alice"), used(&book, "bob"), used(&book, "team")], [["60"], ["40"], ["100"]]);
    book.debit("1").unwrap();
    assert_eq!(used(&book, "team"), ["100"], "what names no budget counts in none");
    book.replay();
}

#[test]
fn caps_are_checked_in_the_order_of_their_windows_however_they_were_given() {
    let mut book = rich();
    let caps = [(Window::Month, "5"), (Window::Hour, "5"), (Window::Week, "5"), (Window::Day, "5")];
    let made = set(&mut book, budget("all", None, &caps)).unwrap();
    let order: Vec<_> = made.limits.iter().map(|limit| limit.window).collect();
    assert_eq!(order, Window::ALL[1..]);
    let refused = exceeded("all", Window::Hour, "5", "0", Some((MIDNIGHT - 3_600, MIDNIGHT - 3_600)));
    assert_eq!(debit(&mut book, "6", "all"), Err(refused), "22:13, the hour ends at 23:00");
}

#[test]
fn windows_roll_at_their_ends_and_not_before() {
    let mut book = rich();
    let caps = [(Window::Hour, "10"), (Window::Day, "15"), (Window::Lifetime, "100")];
    set(&mut book, budget("team", None, &caps)).unwrap();
    debit(&mut book, "10", "team").unwrap();
    book.now = Timestamp(second(MIDNIGHT - 3_600).0 - 1);
    let refused = exceeded("team", Window::Hour, "10", "10", Some((MIDNIGHT - 3_600, 1)));
    assert_eq!(debit(&mut book, "1", "team"), Err(refused));
    book.now = second(MIDNIGHT - 3_600);
    assert_eq!(used(&book, "team"), ["10", "0", "10"], "the hour has ended, the day has not");
    let refused = exceeded("team", Window::Day, "15", "10", Some((MIDNIGHT, 3_600)));
    assert_eq!(debit(&mut book, "6", "team"), Err(refused));
    debit(&mut book, "5", "team").unwrap();
    book.now = second(MIDNIGHT);
    debit(&mut book, "10", "team").unwrap();
    assert_eq!(used(&book, "team"), ["25", "10", "10"]);
    book.replay();
}

#[test]
fn windows_are_those_of_the_customers_time_zone() {
    let mut book = rich();
    let profile = Profile { timezone: Some("Asia/Kolkata".into()), ..Profile::default() };
    book.ask(Command::UpdateCustomer { profile }).unwrap();
    set(&mut book, budget("team", None, &[(Window::Hour, "1"), (Window::Day, "2")])).unwrap();
    debit(&mut book, "1", "team").unwrap();
    // 03:43:20 there.
    let limits = &book.customer.budgets["team"].limits;
    let ends: Vec<_> = limits.iter().map(|limit| limit.resets_at(book.now).unwrap()).collect();
    assert_eq!(ends, [second(1_000), second(1_000 + 20 * 3_600)]);
}

#[test]
fn a_budget_counts_one_unit_and_refuses_others() {
    let mut book = rich();
    set(&mut book, budget("team", None, &[])).unwrap();
    debit(&mut book, "1", "team").unwrap();
    assert_eq!(debit(&mut book, "1", "nobody"), Err(Refusal::NotFound("budget")));
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    book.credit(euros, 5, |_| {});
    let refused = book.charge("1", |request| {
        request.charge.wallet = Some(euros);
        request.charge.budget = Some("team".into());
    });
    assert_eq!(refused, Err(Refusal::UnitMismatch));
    let half = book.wallet(|request| request.conversion_rate = Rate::parse_json("0.5").unwrap());
    book.credit(half, 5, |_| {});
    let mixed = book.charge("1", |request| {
        request.asked = crate::command::Asked::Amount(crate::testing::money("1001"));
        request.charge.currency = Some(USD);
        request.charge.budget = Some("team".into());
    });
    assert_eq!(mixed, Err(Refusal::UnitMismatch), "credits of two rates are not added");
}

#[test]
fn a_partial_debit_counts_what_it_took() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 7, |_| {});
    set(&mut book, budget("team", None, &[(Window::Lifetime, "8")])).unwrap();
    let partial = |request: &mut crate::command::Debit| {
        request.partial = true;
        request.charge.budget = Some("team".into());
    };
    book.charge("10", partial).unwrap();
    assert_eq!(used(&book, "team"), ["7"]);
}

#[test]
fn a_replaced_budget_keeps_what_was_used_of_windows_that_stay() {
    let mut book = rich();
    set(&mut book, budget("team", None, &[(Window::Day, "10"), (Window::Lifetime, "50")])).unwrap();
    debit(&mut book, "8", "team").unwrap();
    let caps = [(Window::Day, "5"), (Window::Month, "20")];
    replace(&mut book, budget("team", None, &caps)).unwrap();
    assert_eq!(used(&book, "team"), ["8", "0"], "the lifetime's is gone, the month's begins");
    let refused = exceeded("team", Window::Day, "5", "8", Some((MIDNIGHT, MIDNIGHT)));
    assert_eq!(debit(&mut book, "1", "team"), Err(refused), "lowered below what was used");
    book.ask(Command::ResetBudget("team".into())).unwrap();
    assert_eq!(used(&book, "team"), ["0", "0"]);
    debit(&mut book, "5", "team").unwrap();
    book.replay();
}

#[test]
fn a_budget_is_made_once_and_replaced_only_if_it_is_there() {
    let mut book = rich();
    let unknown = Refusal::NotFound("budget");
    assert_eq!(replace(&mut book, budget("team", None, &[])), Err(unknown.clone()));
    set(&mut book, budget("team", None, &[])).unwrap();
    assert_eq!(set(&mut book, budget("team", None, &[])), Err(Refusal::AlreadyExists("budget")));
    let other = SetBudget { price_unit: Some(PriceUnit("gpu".into())), ..budget("team", None, &[]) };
    assert_eq!(replace(&mut book, other), Err(Refusal::UnitMismatch), "its unit never changes");
    let minted = set(&mut book, SetBudget { id: None, ..budget("", None, &[]) }).unwrap();
    assert!(minted.id.starts_with("bud_"), "{}", minted.id);
    for id in [Some("nobody"), None] {
        let refused = match id {
            Some(id) => book.ask(Command::DeleteBudget(id.into())),
            None => book.ask(Command::ResetBudget("nobody".into())),
        };
        assert_eq!(refused, Err(unknown.clone()));
    }
    book.limits.budgets_max = 2;
    let full = Refusal::LimitReached { limit: "budgets_max", max: 2 };
    assert_eq!(set(&mut book, budget("third", None, &[])), Err(full));
    assert_eq!(set(&mut Book::empty(), budget("team", None, &[])), Err(Refusal::CustomerNotFound));
}

#[test]
fn a_tree_has_no_loops_and_eight_levels() {
    let mut book = rich();
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    set(&mut book, budget("1", None, &[])).unwrap();
    for pair in names.windows(2) {
        set(&mut book, budget(pair[1], Some(pair[0]), &[])).unwrap();
    }
    let deep = Refusal::LimitReached { limit: "budget_levels_max", max: 8 };
    assert_eq!(set(&mut book, budget("9", Some("8"), &[])), Err(deep.clone()));
    let below_itself = Refusal::InvalidOperation("a budget cannot stand below itself");
    assert_eq!(replace(&mut book, budget("1", Some("1"), &[])), Err(below_itself.clone()));
    assert_eq!(replace(&mut book, budget("2", Some("6"), &[])), Err(below_itself));
    set(&mut book, budget("top", None, &[])).unwrap();
    assert_eq!(replace(&mut book, budget("1", Some("top"), &[])), Err(deep), "with all that stands below it");
    replace(&mut book, budget("2", Some("top"), &[])).unwrap();
    debit(&mut book, "1", "8").unwrap();
}

#[test]
fn a_parent_must_be_there_and_of_the_same_unit() {
    let mut book = rich();
    let orphan = set(&mut book, budget("child", Some("nobody"), &[]));
    assert_eq!(orphan, Err(Refusal::NotFound("parent budget")));
    set(&mut book, budget("team", None, &[])).unwrap();
    let euros = SetBudget { currency: Currency(*b"eur"), ..budget("child", Some("team"), &[]) };
    assert_eq!(set(&mut book, euros), Err(Refusal::UnitMismatch));
    set(&mut book, budget("child", Some("team"), &[])).unwrap();
    let leaned_on = Refusal::InvalidOperation("the budget has others below it");
    assert_eq!(book.ask(Command::DeleteBudget("team".into())), Err(leaned_on));
    book.ask(Command::DeleteBudget("child".into())).unwrap();
    book.ask(Command::DeleteBudget("team".into())).unwrap();
    assert!(book.customer.budgets.is_empty());
}

#[test]
fn caps_and_names_that_make_no_sense_are_refused() {
    let mut book = rich();
    let invalid = |field, problem| Err(Refusal::Invalid { field, problem });
    let twice = budget("team", None, &[(Window::Day, "1"), (Window::Day, "2")]);
    assert_eq!(set(&mut book, twice), invalid("limits", "names a window twice"));
    let negative = set(&mut book, budget("team", None, &[(Window::Day, "-1")]));
    assert_eq!(negative, Err(Refusal::AmountInvalid("a budget's limit must be 0 or more")));
    let beyond = SetBudget { limits: vec![(Window::Day, Credits(i128::MAX))], ..budget("team", None, &[]) };
    assert_eq!(set(&mut book, beyond), Err(Refusal::AmountOverflow("a budget's limit")));
    for name in [String::new(), "x".repeat(129)] {
        let refused = set(&mut book, budget(&name, None, &[]));
        assert_eq!(refused, invalid("budget_id", "must have 1 to 128 bytes"));
    }
    set(&mut book, budget(&"x".repeat(128), None, &[])).unwrap();
}

#[test]
fn a_name_cannot_use_up_the_customers_ids() {
    use crate::ids::{CustomerNumber, MintedBudgetId, ThingId};
    let mut book = rich();
    let id = |customer, counter| MintedBudgetId(ThingId::new(second(0), customer, counter)).to_string();
    let last = id(book.customer.number, (1 << 40) - 1);
    let refused = Refusal::Invalid { field: "budget_id", problem: "is the form of ids that are made here" };
    assert_eq!(set(&mut book, budget(&last, None, &[])), Err(refused));
    set(&mut book, budget(&id(CustomerNumber(8), (1 << 40) - 1), None, &[])).unwrap();
    assert!(book.customer.counter < 100, "another customer's id moves no counter of this one's");
}

#[test]
fn items_of_an_atomic_batch_count_for_those_after_them() {
    let mut book = rich();
    set(&mut book, budget("team", None, &[(Window::Lifetime, "100")])).unwrap();
    let item = |amount| {
        let mut request = crate::testing::debit(amount);
        request.charge.budget = Some("team".into());
        Command::Debit(request)
    };
    let refused = book.ask(Command::Atomic(vec![item("60"), item("41")]));
    let exceeded = Box::new(exceeded("team", Window::Lifetime, "100", "60", None));
    assert_eq!(refused, Err(Refusal::Item { index: 1, refusal: exceeded }));
    assert_eq!(used(&book, "team"), ["0"], "nothing of the batch happened");
    book.ask(Command::Atomic(vec![item("60"), item("40")])).unwrap();
    assert_eq!(used(&book, "team"), ["100"]);
    book.replay();
}
