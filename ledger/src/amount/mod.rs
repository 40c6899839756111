//! Amounts: decimal numbers as integers in units of 10⁻¹⁵ (SEMANTICS §2, DESIGN decision 3).
//!
//! Four types that cannot be mixed: [`Credits`], [`Money`], [`Rate`] (money per credit) and [`Usage`] (units of a meter). What comes from outside has at
//! most 15 fractional and 12 integer digits; sums of such numbers cannot leave an `i128`. Products and quotients go through 256
//! bits, are rounded once, and say in their name in which direction ([`wide`]). Reading and printing is in [`text`].
//!
//! Deliberately absent: floating point, `rust_decimal` (its sums lose digits silently), division operators, a rounding mode as an
//! argument. Tested against big rationals in `tests/amounts.rs`.

pub mod text;
pub mod wide;

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Digits after the point.
pub const FRACTION_DIGITS: u32 = 15;

/// Digits before the point that a request, a wallet's total or a product may have.
pub const MAX_DIGITS: u32 = 12;

/// One whole credit, currency unit or rate, in units of 10⁻¹⁵.
pub const ONE: i128 = 10_i128.pow(FRACTION_DIGITS);

/// The first number with more than [`MAX_DIGITS`] integer digits, in units of 10⁻¹⁵.
pub const LIMIT: i128 = 10_i128.pow(FRACTION_DIGITS + MAX_DIGITS);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// 400: not the text of a JSON number, or longer than 64 bytes.
    #[error("not a JSON number of at most 64 bytes")]
    NotANumber,
    /// 422 `amount_precision`.
    #[error("more than 15 fractional digits")]
    Precision,
    /// 422 `amount_overflow`.
    #[error("more than 12 integer digits")]
    Overflow,
}

macro_rules! amounts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i128);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// Exactly one.
            pub const ONE: Self = Self(ONE);
            /// The largest number that a request can hold: 12 nines, a point, 15 nines.
            pub const MAX: Self = Self(LIMIT - 1);

            /// A whole number.
            #[must_use]
            pub fn whole(number: i64) -> Self {
                Self(i128::from(number) * ONE)
            }

            /// Reads the text of a JSON number (string quotes are the caller's to strip).
            ///
            /// # Errors
            /// [`AmountError`], as SEMANTICS §2 says.
            pub fn parse_json(text: &str) -> Result<Self, AmountError> {
                text::parse(text).map(Self)
            }

            /// Appends the normalised decimal text: `"10"`, `"0.5"`, `"-3"`.
            pub fn write_to(&self, out: &mut String) {
                out.push_str(text::Decimal::new(self.0).as_str());
            }

            /// Whether it is more than nothing.
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// Whether it is less than nothing.
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            /// Whether it is nothing.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether it has at most 12 integer digits.
            #[must_use]
            pub const fn is_in_range(self) -> bool {
                -LIMIT < self.0 && self.0 < LIMIT
            }

            /// The sum; `None` if it has more than 12 integer digits.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self).filter(|sum| sum.is_in_range())
            }

            /// The difference; `None` if it has more than 12 integer digits.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self).filter(|difference| difference.is_in_range())
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.checked_add(other.0).expect("amounts are below 10^27 units: 10^11 of them fit"))
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect("amounts are below 10^27 units: 10^11 of them fit"))
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self::ZERO - self
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
                amounts.fold(Self::ZERO, Add::add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(text::Decimal::new(self.0).as_str())
            }
        }
    )*};
}

amounts! {
    /// Credits of some unit, in units of 10⁻¹⁵. May be negative where the type of a field says so (posted, own).
    Credits,
    /// Money of some currency, in units of 10⁻¹⁵.
    Money,
    /// Money per credit, in units of 10⁻¹⁵; on a rate card, credits per unit of usage.
    Rate,
    /// Units of a meter, such as tokens, in units of 10⁻¹⁵.
    Usage,
}
