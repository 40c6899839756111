//! Amounts: their text against a big rational that is read by other code, and what is printed against what is read.

use coffer_ledger::amount::text::{Decimal, TEXT_BYTES_MAX};
use coffer_ledger::amount::{AmountError, Credits, LIMIT, Money, ONE, Rate};
use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::value::RawValue;

/// Beyond it no text of 64 bytes is in range, whatever its digits are.
const POWER_MAX: u32 = 1_000;

/// Any bytes as the text of an amount, and the first 16 of them as an amount to print.
///
/// # Panics
/// When text and value do not agree.
pub fn amount(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        reads_as_a_rational_says(text);
    }
    if let Some(units) = data.first_chunk() {
        prints_what_it_is(i128::from_le_bytes(*units));
    }
}

fn reads_as_a_rational_says(text: &str) {
    let read = Credits::parse_json(text).map(|credits| credits.0);
    assert_eq!(read, judged(text), "{text:?}");
    assert_eq!(read, Money::parse_json(text).map(|money| money.0), "{text:?}");
    assert_eq!(read, Rate::parse_json(text).map(|rate| rate.0), "{text:?}");
    if let Ok(units) = read {
        prints_what_it_is(units);
    }
}

/// What parsing must answer.
fn judged(text: &str) -> Result<i128, AmountError> {
    let (digits, power) = number(text).ok_or(AmountError::NotANumber)?;
    if digits == BigInt::ZERO {
        return Ok(0);
    }
    if power.unsigned_abs() > POWER_MAX {
        return Err(if power < 0 { AmountError::Precision } else { AmountError::Overflow });
    }
    let units = BigRational::from_integer(digits * ONE) * BigRational::from_integer(10.into()).pow(power);
    if !units.is_integer() {
        return Err(AmountError::Precision);
    }
    let units = i128::try_from(units.to_integer()).ok().filter(|units| units.abs() < LIMIT);
    units.ok_or(AmountError::Overflow)
}

/// Digits and power of ten of a JSON number, if it is one: serde_json judges the grammar.
fn number(text: &str) -> Option<(BigInt, i32)> {
    let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let ends = text.ends_with(|last: char| last.is_ascii_digit());
    if text.len() > TEXT_BYTES_MAX || !begins || !ends {
        return None;
    }
    serde_json::from_str::<&RawValue>(text).ok()?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}").parse().ok()?;
    let exponent: BigInt = exponent.parse().ok()?;
    let power = exponent - BigInt::from(fraction.len());
    let far = if power < BigInt::ZERO { i32::MIN } else { i32::MAX };
    Some((digits, i32::try_from(power).unwrap_or(far)))
}

/// The printed form of any number, also of one that no request could hold.
fn prints_what_it_is(units: i128) {
    let printed = Decimal::new(units);
    let text = printed.as_str();
    assert_eq!(text, shown(units), "{units}");
    assert_eq!(Credits(units).to_string(), text);
    if Credits(units).is_in_range() {
        assert_eq!(Credits::parse_json(text), Ok(Credits(units)), "{text}");
    }
}

fn shown(units: i128) -> String {
    let digits = format!("{:016}", BigInt::from(units).magnitude());
    let (integer, fraction) = digits.split_at(digits.len() - 15);
    let number = format!("{integer}.{fraction}");
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}", number.trim_end_matches('0').trim_end_matches('.'))
}
