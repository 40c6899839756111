//! Amounts to and from text, by hand: exact, without allocation and without the format machinery.

use super::{AmountError, FRACTION_DIGITS, LIMIT, MAX_DIGITS};

/// Bytes that the text of a number may have.
pub const TEXT_BYTES_MAX: usize = 64;

/// The parts of a JSON number's text.
struct Parts<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// Reads a JSON number's text into units of 10⁻¹⁵.
///
/// # Errors
/// [`AmountError::NotANumber`] before [`AmountError::Precision`] before [`AmountError::Overflow`].
pub(super) fn parse(text: &str) -> Result<i128, AmountError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(AmountError::NotANumber);
    }
    let parts = split(text.as_bytes()).ok_or(AmountError::NotANumber)?;
    let magnitude = match short_magnitude(&parts) {
        Some(magnitude) => magnitude,
        None => magnitude(&parts)?,
    };
    Ok(if parts.negative { -magnitude } else { magnitude })
}

/// Splits by JSON's grammar: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
fn split(bytes: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let (integer, rest) = digits(rest);
    if integer.is_empty() || (integer.len() > 1 && integer[0] == b'0') {
        return None;
    }
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => Some(digits(rest)).filter(|(fraction, _)| !fraction.is_empty())?,
        _ => (&rest[..0], rest),
    };
    Some(Parts { negative, integer, fraction, exponent: exponent(rest)? })
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The exponent that fills the whole rest; 0 if there is no rest. Saturates far outside anything that could be in range.
fn exponent(rest: &[u8]) -> Option<i64> {
    let (negative, rest) = match rest {
        [] => return Some(0),
        [b'e' | b'E', b'-', rest @ ..] => (true, rest),
        [b'e' | b'E', b'+', rest @ ..] | [b'e' | b'E', rest @ ..] => (false, rest),
        _ => return None,
    };
    let (digits, rest) = digits(rest);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 32)
    });
    Some(if negative { -magnitude } else { magnitude })
}

/// The value of what nearly every request holds: no exponent, few enough digits that nothing can be wrong with them.
fn short_magnitude(parts: &Parts<'_>) -> Option<i128> {
    const POWERS: [i128; 16] = {
        let mut powers = [1; 16];
        let mut power = 1;
        while power < 16 {
            powers[power] = powers[power - 1] * 10;
            power += 1;
        }
        powers
    };
    let (integer, fraction) = (parts.integer.len(), parts.fraction.len());
    // Eighteen digits fit 64 bits; at most 12 before the point and 15 behind it break no limit.
    if parts.exponent != 0 || integer > 12 || fraction > 15 || integer + fraction > 18 {
        return None;
    }
    let digits = parts.integer.iter().chain(parts.fraction);
    let value = digits.fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some(i128::from(value) * POWERS[15 - fraction])
}

/// The value without its sign. The significant digits times 10^`power` is the number; both limits are judged on these two, so
/// that `1e3`, `1000` and `1000.000000000000000000` are the same.
fn magnitude(parts: &Parts<'_>) -> Result<i128, AmountError> {
    let mut significant = 0_i128;
    let mut count = 0_i64;
    let mut zeros = 0_i64;
    for digit in parts.integer.iter().chain(parts.fraction) {
        match (digit - b'0', count) {
            (0, 0) => {}
            (0, _) => zeros += 1,
            (digit, _) => {
                count += zeros + 1;
                // More digits than fit are refused below; until then they only must not overflow.
                let shift = 10_i128.checked_pow(u32::try_from(zeros + 1).unwrap_or(u32::MAX));
                significant = shift
                    .and_then(|shift| significant.checked_mul(shift))
                    .and_then(|shifted| shifted.checked_add(i128::from(digit)))
                    .unwrap_or(0);
                zeros = 0;
            }
        }
    }
    if count == 0 {
        return Ok(0);
    }
    let fraction = i64::try_from(parts.fraction.len()).expect("at most 64 bytes");
    let power = parts.exponent - fraction + zeros;
    if power < -i64::from(FRACTION_DIGITS) {
        return Err(AmountError::Precision);
    }
    if count + power > i64::from(MAX_DIGITS) {
        return Err(AmountError::Overflow);
    }
    let shift = u32::try_from(power + i64::from(FRACTION_DIGITS)).expect("0 to 27, by the two checks");
    Ok(significant * 10_i128.pow(shift))
}

/// The printed form of a number: sign, integer digits, and up to 15 fractional digits without trailing zeros.
pub struct Decimal {
    bytes: [u8; Self::BYTES_MAX],
    start: usize,
    end: usize,
}

impl Decimal {
    /// A sign, 24 integer digits (all of an `i128`), a point, 15 fractional digits.
    const BYTES_MAX: usize = 41;

    /// Prints `units` of 10⁻¹⁵.
    #[must_use]
    pub fn new(units: i128) -> Self {
        let magnitude = units.unsigned_abs();
        let (integer, fraction) = split_units(magnitude);
        let mut text = Self { bytes: [b'0'; Self::BYTES_MAX], start: Self::POINT - 1, end: Self::POINT };
        text.put_integer(integer);
        text.put_fraction(fraction);
        if units < 0 {
            text.start -= 1;
            text.bytes[text.start] = b'-';
        }
        text
    }

    /// Where the point stands.
    const POINT: usize = 25;

    fn put_integer(&mut self, integer: u128) {
        let mut at = Self::POINT;
        let mut high = integer;
        while high > u128::from(u64::MAX) {
            at -= 1;
            self.bytes[at] = ascii(u64::try_from(high % 10).expect("a digit"));
            high /= 10;
        }
        let mut low = u64::try_from(high).expect("checked by the loop");
        while low > 0 {
            at -= 1;
            self.bytes[at] = ascii(low % 10);
            low /= 10;
        }
        self.start = at.min(Self::POINT - 1);
    }

    fn put_fraction(&mut self, fraction: u64) {
        if fraction == 0 {
            return;
        }
        self.bytes[Self::POINT] = b'.';
        let mut rest = fraction;
        for at in (Self::POINT + 1..Self::BYTES_MAX).rev() {
            let digit = rest % 10;
            rest /= 10;
            self.bytes[at] = ascii(digit);
            if digit != 0 && self.end == Self::POINT {
                self.end = at + 1;
            }
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..self.end]).expect("only ASCII is put in")
    }
}

/// Integer and fractional part. A division of 64 bits is several times as fast as one of 128, of which there is one at most.
fn split_units(magnitude: u128) -> (u128, u64) {
    const ONE_SHORT: u64 = 10_u64.pow(FRACTION_DIGITS);
    match u64::try_from(magnitude) {
        Ok(short) => (u128::from(short / ONE_SHORT), short % ONE_SHORT),
        Err(_) => {
            let integer = magnitude / u128::from(ONE_SHORT);
            let rest = magnitude - integer * u128::from(ONE_SHORT);
            (integer, u64::try_from(rest).expect("less than 10^15"))
        }
    }
}

fn ascii(digit: u64) -> u8 {
    b'0' + u8::try_from(digit).expect("a digit is less than 10")
}

// Every accepted number, sign included, keeps away from the ends of an i128.
const _: () = assert!(LIMIT < i128::MAX / 100_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::{Credits, ONE};

    #[test]
    fn json_numbers_are_read_from_their_text() {
        for (text, units) in [
            ("0", 0),
            ("-0", 0),
            ("0.000", 0),
            ("0e99999999999999999999", 0),
            ("1", ONE),
            ("-3", -3 * ONE),
            ("1e3", 1_000 * ONE),
            ("1E+3", 1_000 * ONE),
            ("1.5e-3", ONE * 15 / 10_000),
            ("1000.0000000000000000000000000000", 1_000 * ONE),
            ("7954.136132619662", 7_954_136_132_619_662_000),
            ("181.8940595834384", 181_894_059_583_438_400),
            ("0.000000000000001", 1),
            ("1e-15", 1),
            ("10e-16", 1),
            ("999999999999.999999999999999", LIMIT - 1),
            ("0.0000000000000000000000000000000000000000000000000000000001e60", 100 * ONE),
        ] {
            assert_eq!(parse(text), Ok(units), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        let long = "1".repeat(65);
        for text in [
            "", "-", "+1", ".5", "5.", "1,5", "1_000", "NaN", "Infinity", "01", "-01", "1e", "1e+", "1e1.5",
            " 1", "1 ", "0x10", "١", "1.e3", "--1", "1e5x", "\"1\"", &long,
        ] {
            assert_eq!(parse(text), Err(AmountError::NotANumber), "{text}");
        }
    }

    #[test]
    fn limits_are_judged_after_zeros_went() {
        assert_eq!(parse("0.0000000000000001"), Err(AmountError::Precision));
        assert_eq!(parse("1e-16"), Err(AmountError::Precision));
        assert_eq!(parse("1e-99999999999999999999"), Err(AmountError::Precision));
        assert_eq!(parse("1000000000000"), Err(AmountError::Overflow));
        assert_eq!(parse("1e12"), Err(AmountError::Overflow));
        assert_eq!(parse("-1e12"), Err(AmountError::Overflow));
        assert_eq!(parse("1e99999999999999999999"), Err(AmountError::Overflow));
        assert_eq!(
            parse("99999999999999999999999999999999999999999999999999999999999999"),
            Err(AmountError::Overflow)
        );
        assert_eq!(parse("9999999999999.0000000000000001"), Err(AmountError::Precision));
        assert_eq!(
            parse("100000000000000000000000000000000000000000000000000.000000001"),
            Err(AmountError::Overflow)
        );
    }

    #[test]
    fn text_is_normalised() {
        for (units, text) in [
            (0, "0"),
            (10 * ONE, "10"),
            (ONE / 2, "0.5"),
            (-3 * ONE, "-3"),
            (1, "0.000000000000001"),
            (-1, "-0.000000000000001"),
            (LIMIT - 1, "999999999999.999999999999999"),
            (10_100_000_000_000_000, "10.1"),
            (i128::MAX, "170141183460469231731687.303715884105727"),
            (i128::MIN, "-170141183460469231731687.303715884105728"),
        ] {
            assert_eq!(Decimal::new(units).as_str(), text);
            assert_eq!(Credits(units).to_string(), text);
            let mut out = String::from("x");
            Credits(units).write_to(&mut out);
            assert_eq!(out, format!("x{text}"));
        }
    }
}
