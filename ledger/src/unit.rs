//! Currencies, price units and what a credit is worth (SEMANTICS §1 "unit", §2).

use std::fmt;
use std::sync::Arc;

use crate::amount::Rate;

/// A three-letter currency code, lower case, as ISO 4217 lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(pub [u8; 3]);

/// A code of the caller's own for what a wallet counts in: `[a-z0-9_]{2,32}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceUnit(pub Arc<str>);

/// What one credit of a wallet is. Never changes for a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The money behind the credit.
    pub currency: Currency,
    /// The caller's own code, if the wallet has one.
    pub price_unit: Option<PriceUnit>,
    /// Money per credit when spending.
    pub conversion_rate: Rate,
}

/// What a charge is for. Decides which wallets and tranches may pay it (SEMANTICS §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceType {
    /// Metered use.
    Usage,
    /// A fixed fee, such as a subscription's.
    Fixed,
}

/// Why a text is no currency or price unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not three ASCII letters.
    #[error("a currency is three ASCII letters")]
    Currency,
    /// Not `[a-z0-9_]{2,32}`.
    #[error("a price unit is 2 to 32 of a-z, 0-9 and _")]
    PriceUnit,
}

impl Currency {
    /// Reads three ASCII letters in any case. There is no list of known currencies.
    ///
    /// # Errors
    /// [`UnitError::Currency`].
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let mut code: [u8; 3] = text.as_bytes().try_into().map_err(|_| UnitError::Currency)?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return Err(UnitError::Currency);
        }
        code.make_ascii_lowercase();
        Ok(Self(code))
    }

    /// The code in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is ASCII letters")
    }

    /// Digits of the minor unit, as ISO 4217 lists them: 2 for most.
    #[must_use]
    pub const fn minor_digits(self) -> u32 {
        match &self.0 {
            b"bif" | b"clp" | b"djf" | b"gnf" | b"isk" | b"jpy" | b"kmf" | b"krw" | b"pyg" | b"rwf"
            | b"ugx" | b"vnd" | b"vuv" | b"xaf" | b"xof" | b"xpf" => 0,
            b"bhd" | b"iqd" | b"jod" | b"kwd" | b"lyd" | b"omr" | b"tnd" => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PriceUnit {
    /// Reads a code of 2 to 32 bytes of `a-z`, `0-9` and `_`.
    ///
    /// # Errors
    /// [`UnitError::PriceUnit`].
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let admitted = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (2..=32).contains(&text.len()) && text.bytes().all(admitted) {
            Ok(Self(text.into()))
        } else {
            Err(UnitError::PriceUnit)
        }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_letters_of_any_case_kept_in_lower() {
        assert_eq!(Currency::parse("USD"), Ok(Currency(*b"usd")));
        assert_eq!(Currency::parse("jPy").unwrap().to_string(), "jpy");
        for text in ["", "us", "usdt", "u5d", "us ", "€"] {
            assert_eq!(Currency::parse(text), Err(UnitError::Currency), "{text}");
        }
    }

    #[test]
    fn minor_units_follow_the_list() {
        for (code, digits) in [("usd", 2), ("jpy", 0), ("kwd", 3), ("zzz", 2)] {
            assert_eq!(Currency::parse(code).unwrap().minor_digits(), digits, "{code}");
        }
    }

    #[test]
    fn a_price_unit_is_a_short_lower_case_code() {
        assert_eq!(PriceUnit::parse("gpu_h100").unwrap().to_string(), "gpu_h100");
        for text in ["", "a", "GPU", "gpu-h", "gpu h", &"a".repeat(33)] {
            assert_eq!(PriceUnit::parse(text), Err(UnitError::PriceUnit), "{text}");
        }
    }
}
