//! Exact fractions for the model, and the three ways of rounding that SEMANTICS §2 names.

use std::fmt;
use std::ops::{Add, Mul, Sub};

use num_bigint::BigInt;
use num_rational::BigRational;

/// Digits after the point of every recorded figure.
pub(crate) const DIGITS: u32 = 15;

/// An exact fraction. Nothing is rounded until somebody asks for it by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Q(BigRational);

impl Q {
    /// A figure in units of 10⁻¹⁵, as the ledger's own types hold it.
    pub(crate) fn raw(units: i128) -> Self {
        Self(BigRational::new_raw(units.into(), power_of_ten(DIGITS)))
    }

    /// A whole number.
    pub(crate) fn whole(number: i64) -> Self {
        Self::raw(i128::from(number) * 10_i128.pow(DIGITS))
    }

    /// 0.
    pub(crate) fn zero() -> Self {
        Self::whole(0)
    }

    /// Whether it is above 0.
    pub(crate) fn is_positive(&self) -> bool {
        *self > Self::zero()
    }

    /// The exact quotient. The divisor is not 0.
    pub(crate) fn over(&self, divisor: &Self) -> Self {
        Self(&self.0 / &divisor.0)
    }

    /// Rounded down at so many digits.
    pub(crate) fn down(&self, digits: u32) -> Self {
        self.scaled(digits, |scaled| scaled.floor())
    }

    /// Rounded up at so many digits.
    pub(crate) fn up(&self, digits: u32) -> Self {
        self.scaled(digits, |scaled| scaled.ceil())
    }

    /// Rounded to the nearest at so many digits, a half upwards. For figures that are not negative.
    pub(crate) fn half_up(&self, digits: u32) -> Self {
        self.scaled(digits, |scaled| (scaled + one_half()).floor())
    }

    /// Rounded to the nearest at so many digits, a half to the even neighbour.
    pub(crate) fn half_even(&self, digits: u32) -> Self {
        self.scaled(digits, |scaled| {
            let below = scaled.floor();
            let rest = scaled - &below;
            let even = below.to_integer() % BigInt::from(2) == BigInt::from(0);
            if rest > one_half() || (rest == one_half() && !even) { below + whole(1) } else { below }
        })
    }

    fn scaled(&self, digits: u32, round: impl Fn(BigRational) -> BigRational) -> Self {
        let scale = BigRational::from_integer(power_of_ten(digits));
        Self(round(&self.0 * &scale) / scale)
    }
}

fn whole(number: i64) -> BigRational {
    BigRational::from_integer(number.into())
}

fn one_half() -> BigRational {
    BigRational::new(1.into(), 2.into())
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// The sum of all.
pub(crate) fn total<'a>(parts: impl IntoIterator<Item = &'a Q>) -> Q {
    parts.into_iter().fold(Q::zero(), |sum, part| &sum + part)
}

/// Whether a figure has more than 12 integer digits (§2).
pub(crate) fn leaves_12_digits(figure: &Q) -> bool {
    *figure >= Q::whole(1_000_000_000_000)
}

impl Add for &Q {
    type Output = Q;
    fn add(self, other: Self) -> Q {
        Q(combined(&self.0, &other.0, |a, b| a + b))
    }
}

impl Sub for &Q {
    type Output = Q;
    fn sub(self, other: Self) -> Q {
        Q(combined(&self.0, &other.0, |a, b| a - b))
    }
}

/// Adds or subtracts. Parts of one size are counted without looking for a smaller size: histories are long.
fn combined(a: &BigRational, b: &BigRational, with: impl Fn(&BigInt, &BigInt) -> BigInt) -> BigRational {
    if a.denom() == b.denom() {
        return BigRational::new_raw(with(a.numer(), b.numer()), a.denom().clone());
    }
    let (first, second) = (a.numer() * b.denom(), b.numer() * a.denom());
    BigRational::new(with(&first, &second), a.denom() * b.denom())
}

impl Mul for &Q {
    type Output = Q;
    fn mul(self, other: Self) -> Q {
        Q(&self.0 * &other.0)
    }
}

impl fmt::Debug for Q {
    /// Prints 30 digits after the point without the zeros at the end, so that a difference can be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = (&self.0 * BigRational::from_integer(power_of_ten(30))).floor().to_integer();
        let sign = if scaled < BigInt::from(0) { "-" } else { "" };
        let digits = format!("{:0>31}", scaled.magnitude().to_string());
        let (integer, fraction) = digits.split_at(digits.len() - 30);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{integer}{point}{fraction}")
    }
}
