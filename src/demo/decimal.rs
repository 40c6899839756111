//! Credits of the demo: whole multiples of 10⁻⁷, read from and written as decimal text. It shares nothing with the ledger's
//! amounts, so that a mistake there cannot hide here.

use std::fmt;

/// Credits in units of 10⁻⁷.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(pub(crate) i128);

const DIGITS: usize = 7;
const ONE: i128 = 10_000_000;

impl Amount {
    /// Nothing.
    pub(crate) const ZERO: Self = Self(0);

    /// So many thousandths.
    pub(crate) const fn thousandths(number: u64) -> Self {
        Self(number as i128 * (ONE / 1_000))
    }

    /// Reads `-12.5`; `None` for anything that is no plain decimal with at most seven fractional digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > DIGITS {
            return None;
        }
        let padded = format!("{whole}{fraction:0<DIGITS$}");
        padded.parse::<i128>().ok().map(|units| Self(sign * units))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, sign) = (self.0.unsigned_abs(), if self.0 < 0 { "-" } else { "" });
        let (whole, fraction) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
        let text = format!("{sign}{whole}.{fraction:07}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl std::ops::Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_units_are_the_same_amount() {
        for (text, units) in [("0", 0), ("12.5", 125_000_000), ("-0.0000001", -1), ("100", 1_000_000_000)] {
            assert_eq!(Amount::parse(text), Some(Amount(units)));
            assert_eq!(Amount(units).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_not_read() {
        for text in ["", ".5", "1e3", "+1", "1.12345678", "1,5", "-"] {
            assert_eq!(Amount::parse(text), None, "{text:?}");
        }
    }
}
