//! Money as Stripe counts it: whole numbers of a currency's smallest unit, which is not always ISO 4217's.

use coffer_ledger::amount::{FRACTION_DIGITS, Money};
use coffer_ledger::unit::Currency;

/// What Stripe asks for; `None` = it cannot charge exactly this.
///
/// Sixteen currencies have no minor unit there, five have three digits of which the last must be 0, and Iceland's and Uganda's are sent
/// as if they had two (Stripe, "Supported currencies").
pub(super) fn minor_units(money: Money, currency: Currency) -> Option<u64> {
    let (digits, multiple) = match &currency.0 {
        b"bif" | b"clp" | b"djf" | b"gnf" | b"jpy" | b"kmf" | b"krw" | b"mga" | b"pyg" | b"rwf" | b"vnd"
        | b"vuv" | b"xaf" | b"xof" | b"xpf" => (0, 1),
        b"isk" | b"ugx" => (2, 100),
        b"bhd" | b"jod" | b"kwd" | b"omr" | b"tnd" => (3, 10),
        _ => (2, 1),
    };
    let unit = 10_i128.pow(FRACTION_DIGITS - digits);
    let units = money.0 / unit;
    let is_exact = money.0 % unit == 0 && units % multiple == 0;
    u64::try_from(units).ok().filter(|units| is_exact && *units > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str, currency: &str) -> Option<u64> {
        minor_units(Money::parse_json(text).unwrap(), Currency::parse(currency).unwrap())
    }

    #[test]
    fn most_currencies_have_two_digits() {
        assert_eq!(minor("7954.13", "usd"), Some(795_413));
        assert_eq!(minor("0.01", "eur"), Some(1));
    }

    #[test]
    fn currencies_without_a_minor_unit_are_sent_as_they_are() {
        assert_eq!(minor("500", "jpy"), Some(500));
        assert_eq!(minor("500", "mga"), Some(500));
    }

    #[test]
    fn three_digits_end_in_a_zero() {
        assert_eq!(minor("5.120", "kwd"), Some(5_120));
        assert_eq!(minor("5.124", "kwd"), None);
    }

    #[test]
    fn iceland_and_uganda_are_sent_with_two_digits_that_are_zero() {
        assert_eq!(minor("5", "isk"), Some(500));
        assert_eq!(minor("5", "ugx"), Some(500));
    }

    #[test]
    fn what_cannot_be_charged_exactly_is_not_charged() {
        assert_eq!(minor("0.005", "usd"), None);
        assert_eq!(minor("10.5", "mga"), None);
        assert_eq!(minor("0", "usd"), None);
    }
}
