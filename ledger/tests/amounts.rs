//! Amounts against big rationals: text, products and quotients are exact and rounded once, in the direction that the name says
//! (SEMANTICS §2).

use coffer_ledger::amount::wide::{ExactCredits, ExactMoney};
use coffer_ledger::amount::{AmountError, Credits, LIMIT, Money, ONE, Rate, Usage};
use coffer_ledger::unit::Currency;
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

/// Units of 10⁻¹⁵ as a rational number.
fn exact(units: i128) -> BigRational {
    BigRational::new(units.into(), ONE.into())
}

/// A rational number of units, cut to what 12 integer digits hold.
fn bounded(units: BigInt) -> Option<i128> {
    i128::try_from(units).ok().filter(|units| units.abs() < LIMIT)
}

fn units(number: &BigRational) -> BigRational {
    number * BigInt::from(ONE)
}

fn up(number: &BigRational) -> Option<i128> {
    bounded(units(number).ceil().to_integer())
}

fn down(number: &BigRational) -> Option<i128> {
    bounded(units(number).floor().to_integer())
}

fn half_even(number: &BigRational) -> Option<i128> {
    let units = units(number);
    let floor = units.floor().to_integer();
    let half = BigRational::new(1.into(), 2.into());
    let rest = units - &floor;
    let odd = &floor % BigInt::from(2) == BigInt::from(1);
    let up = rest > half || (rest == half && odd);
    bounded(floor + BigInt::from(i32::from(up)))
}

/// Amounts of every size: most interesting things happen at the ends and at round numbers.
fn any_units() -> impl Strategy<Value = i128> {
    prop_oneof![
        0..LIMIT,
        0..1_000_i128,
        (LIMIT - 1_000)..LIMIT,
        (0..1_000_000_i128).prop_map(|whole| whole * ONE),
        (0..1_000_000_000_i128).prop_map(|micros| micros * (ONE / 1_000_000)),
        (0_u32..27).prop_map(|power| 10_i128.pow(power)),
        (0_u32..27).prop_map(|power| 10_i128.pow(power) / 2),
    ]
}

fn any_rate() -> impl Strategy<Value = Rate> {
    any_units().prop_map(|units| Rate(units.max(1)))
}

/// A JSON number's text of any shape, with the value that it has.
fn any_text() -> impl Strategy<Value = String> {
    let integer = prop_oneof![Just("0".to_owned()), "[1-9][0-9]{0,14}".prop_map(|text| text)];
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,18}", "\\.[0-9]{1,9}0{1,9}"];
    let exponent = prop_oneof![3 => Just(String::new()), 2 => "[eE][+-]?[0-9]{1,2}"];
    (any::<bool>(), integer, fraction, exponent).prop_map(|(minus, integer, fraction, exponent)| {
        format!("{}{integer}{fraction}{exponent}", if minus { "-" } else { "" })
    })
}

/// What a JSON number's text means, slowly.
fn meaning(text: &str) -> BigRational {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().expect("two digits")),
        None => (text, 0),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{integer}{fraction}").parse().expect("digits");
    let power = exponent - i32::try_from(fraction.len()).expect("short");
    let ten = BigRational::from_integer(10.into());
    BigRational::from_integer(digits) * ten.pow(power)
}

/// What parsing must answer.
fn judged(text: &str) -> Result<i128, AmountError> {
    let units = units(&meaning(text));
    if !units.is_integer() {
        return Err(AmountError::Precision);
    }
    bounded(units.to_integer()).ok_or(AmountError::Overflow)
}

/// `COFFER_TEST_LONG=1` runs many more. A failure prints what failed, smallest first.
fn cases() -> u32 {
    if std::env::var_os("COFFER_TEST_LONG").is_some() { 100_000 } else { 1_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn text_means_what_a_rational_says(text in any_text()) {
        prop_assert_eq!(Credits::parse_json(&text).map(|credits| credits.0), judged(&text));
    }

    #[test]
    fn bytes_never_panic_and_only_numbers_are_read(text in "[-+0-9.eE_,a ]{0,70}") {
        let json = is_json_number(&text);
        let read = Credits::parse_json(&text);
        prop_assert_eq!(json && text.len() <= 64, read != Err(AmountError::NotANumber), "{:?}", read);
    }

    #[test]
    fn what_is_printed_is_read_back_and_is_normal(units in any_units(), minus in any::<bool>()) {
        let credits = Credits(if minus { -units } else { units });
        let text = credits.to_string();
        prop_assert_eq!(Credits::parse_json(&text), Ok(credits));
        prop_assert!(!text.contains('.') || !text.ends_with('0'), "{}", text);
        prop_assert!(!text.ends_with('.') && text != "-0", "{}", text);
    }

    #[test]
    fn credits_are_worth_their_product_half_even(credits in any_units(), rate in any_rate()) {
        let product = exact(credits) * exact(rate.0);
        let worth = Money::of_credits_half_even(Credits(credits), rate);
        prop_assert_eq!(worth.map(|money| money.0), half_even(&product));
        let wide = ExactMoney::of_credits(Credits(credits), rate).money_half_even();
        prop_assert_eq!(wide, worth, "the short path and the long one are the same");
    }

    #[test]
    fn an_amount_takes_credits_up_and_buys_credits_down(amount in any_units(), rate in any_rate()) {
        let quotient = exact(amount) / exact(rate.0);
        prop_assert_eq!(Credits::for_amount_up(Money(amount), rate).map(|credits| credits.0), up(&quotient));
        prop_assert_eq!(Credits::for_amount_down(Money(amount), rate).map(|credits| credits.0), down(&quotient));
        let wide = ExactMoney::of(Money(amount)).credits_up(rate);
        prop_assert_eq!(wide.0, up(&quotient).unwrap_or(LIMIT));
    }

    #[test]
    fn what_is_left_of_an_amount_is_exact(amount in any_units(), credits in any_units(), rate in any_rate()) {
        let left = ExactMoney::of(Money(amount)).less(ExactMoney::of_credits(Credits(credits), rate));
        let expected = exact(amount) - exact(credits) * exact(rate.0);
        let expected = expected.max(exact(0));
        prop_assert_eq!(left.is_zero(), expected == exact(0));
        prop_assert_eq!(left.money_up().map(|money| money.0), up(&expected));
    }

    #[test]
    fn usage_costs_the_sum_of_its_products_rounded_up_once(
        parts in prop::collection::vec((any_units(), any_units()), 0..5),
    ) {
        let products = parts.iter().map(|(usage, rate)| ExactCredits::of_usage(Usage(*usage), Rate(*rate)));
        let price = products.fold(ExactCredits::ZERO, ExactCredits::plus).credits_up();
        let products = parts.iter().map(|(usage, rate)| exact(*usage) * exact(*rate));
        let expected = products.fold(exact(0), |sum, product| sum + product);
        prop_assert_eq!(price.map(|credits| credits.0), up(&expected));
    }

    #[test]
    fn shares_are_rounded_down_and_add_up(paid in any_units(), original in 1..LIMIT, spent in 0..=LIMIT) {
        let part = spent % (original + 1);
        let share = Money::share_down(Money(paid), Credits(part), Credits(original));
        let expected = exact(paid) * exact(part) / exact(original);
        prop_assert_eq!(Some(share.0), down(&expected));
        prop_assert!(share.0 <= paid);
    }

    #[test]
    fn money_is_charged_half_up_in_the_minor_unit(amount in any_units(), code in "usd|jpy|kwd") {
        let currency = Currency::parse(&code).unwrap();
        let minor = BigInt::from(10_i128.pow(currency.minor_digits()));
        let half = BigRational::new(1.into(), 2.into());
        let minors = (exact(amount) * &minor + half).floor();
        let expected = down(&(minors / minor));
        prop_assert_eq!(Money(amount).to_minor_half_up(currency).map(|money| money.0), expected);
        prop_assert_eq!(ExactMoney::of(Money(amount)).to_minor_half_up(currency).map(|money| money.0), expected);
    }

    #[test]
    fn what_credits_pay_of_an_invoice_is_whole_minor_units_rounded_down(
        credits in any_units(), rate in any_rate(), code in "usd|jpy|kwd",
    ) {
        let currency = Currency::parse(&code).unwrap();
        let minor = BigInt::from(10_i128.pow(currency.minor_digits()));
        let minors = (exact(credits) * exact(rate.0) * &minor).floor();
        let paid = ExactMoney::of_credits(Credits(credits), rate).to_minor_down(currency);
        prop_assert_eq!(paid.map(|money| money.0), down(&(minors / &minor)));
        prop_assert!(paid.is_none_or(|paid| paid.is_in_minor_units(currency)));
        let whole = (exact(credits) * minor).is_integer();
        prop_assert_eq!(Money(credits).is_in_minor_units(currency), whole);
        // It never takes more credits than were counted.
        let taken = paid.and_then(|paid| Credits::for_amount_up(paid, rate));
        prop_assert!(taken.is_none_or(|taken| taken.0 <= credits));
    }

    #[test]
    fn a_product_is_charged_rounded_once(credits in any_units(), rate in any_rate(), code in "usd|jpy|kwd") {
        let currency = Currency::parse(&code).unwrap();
        let minor = BigInt::from(10_i128.pow(currency.minor_digits()));
        let half = BigRational::new(1.into(), 2.into());
        let minors = (exact(credits) * exact(rate.0) * &minor + half).floor();
        let charged = ExactMoney::of_credits(Credits(credits), rate).to_minor_half_up(currency);
        prop_assert_eq!(charged.map(|money| money.0), down(&(minors / minor)));
    }
}

/// JSON's grammar of numbers, written as a table of states, so that it shares nothing with the parser.
fn is_json_number(text: &str) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Start,
        Minus,
        Zero,
        Integer,
        Point,
        Fraction,
        E,
        Sign,
        Exponent,
    }
    let step = |at: At, byte: u8| match (at, byte) {
        (At::Start, b'-') => Some(At::Minus),
        (At::Start | At::Minus, b'0') => Some(At::Zero),
        (At::Start | At::Minus, b'1'..=b'9') | (At::Integer, b'0'..=b'9') => Some(At::Integer),
        (At::Zero | At::Integer, b'.') => Some(At::Point),
        (At::Point | At::Fraction, b'0'..=b'9') => Some(At::Fraction),
        (At::Zero | At::Integer | At::Fraction, b'e' | b'E') => Some(At::E),
        (At::E, b'+' | b'-') => Some(At::Sign),
        (At::E | At::Sign | At::Exponent, b'0'..=b'9') => Some(At::Exponent),
        _ => None,
    };
    let end = text.bytes().try_fold(At::Start, step);
    matches!(end, Some(At::Zero | At::Integer | At::Fraction | At::Exponent))
}

#[test]
fn rates_of_a_millionth_and_of_a_third_work() {
    let millionth = Rate::parse_json("0.000001").unwrap();
    assert_eq!(Money::of_credits_half_even(Credits::whole(1_000_000), millionth), Some(Money::ONE));
    let three = Rate::whole(3);
    assert_eq!(Credits::for_amount_up(Money::whole(10), three).unwrap().to_string(), "3.333333333333334");
    assert_eq!(Credits::for_amount_down(Money::whole(10), three).unwrap().to_string(), "3.333333333333333");
}

#[test]
fn the_smallest_product_and_the_largest_are_not_lost() {
    let tiny = Money::of_credits_half_even(Credits(1), Rate(1));
    assert_eq!(tiny, Some(Money::ZERO), "10⁻³⁰ rounds to nothing, once");
    assert!(!ExactMoney::of_credits(Credits(1), Rate(1)).is_zero(), "but is not nothing inside");
    assert_eq!(Money::of_credits_half_even(Credits::MAX, Rate::MAX), None);
    assert_eq!(Money::of_credits_half_even(Credits::MAX, Rate::ONE), Some(Money::MAX));
    assert_eq!(Credits::MAX.checked_add(Credits(1)), None);
    assert_eq!(Credits::ZERO.checked_sub(Credits::MAX), Some(-Credits::MAX));
}
