//! Products and quotients of amounts: exact inside, in 256 bits, rounded once in the direction that the name says.
//!
//! Every function has a short path for what fits 128 bits, which is nearly everything; both paths are the same formula.

use ethnum::U256;

use super::{Credits, LIMIT, Money, ONE, Rate, Usage};
use crate::unit::Currency;

/// An exact, non-negative amount of money in units of 10⁻³⁰: what is left of an amount between wallets of different rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactMoney(U256);

impl ExactMoney {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The same money, exactly. `money` must not be negative.
    #[must_use]
    pub fn of(money: Money) -> Self {
        Self(wide(money.0) * wide(ONE))
    }

    /// What so many credits are worth, exactly. Neither may be negative.
    #[must_use]
    pub fn of_credits(credits: Credits, rate: Rate) -> Self {
        Self(wide(credits.0) * wide(rate.0))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// What is left after taking `other`; nothing if `other` is more.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == U256::ZERO
    }

    /// The fewest credits that are worth at least this much: rounded up at 15 digits. Saturates at [`Credits::MAX`] + 1.
    #[must_use]
    pub fn credits_up(self, rate: Rate) -> Credits {
        let credits = divide_up(self.0, wide(rate.0)).min(wide(LIMIT));
        Credits(narrow(credits))
    }

    /// Rounded up at 15 digits; `None` if that has more than 12 integer digits.
    #[must_use]
    pub fn money_up(self) -> Option<Money> {
        in_range(divide_up(self.0, wide(ONE))).map(Money)
    }

    /// Rounded half-up to the currency's minor unit, once from the exact figure; `None` if that has more than 12 integer digits.
    #[must_use]
    pub fn to_minor_half_up(self, currency: Currency) -> Option<Money> {
        let minor = ONE / 10_i128.pow(currency.minor_digits());
        let units = (self.0 + wide(minor) * wide(ONE) / wide(2)) / (wide(minor) * wide(ONE));
        in_range(units * wide(minor)).map(Money)
    }

    /// Rounded down to the currency's minor unit; `None` if that has more than 12 integer digits.
    #[must_use]
    pub fn to_minor_down(self, currency: Currency) -> Option<Money> {
        let minor = ONE / 10_i128.pow(currency.minor_digits());
        in_range(self.0 / (wide(minor) * wide(ONE)) * wide(minor)).map(Money)
    }

    /// Rounded half-even at 15 digits; `None` if that has more than 12 integer digits.
    #[must_use]
    pub fn money_half_even(self) -> Option<Money> {
        in_range(divide_half_even(self.0, wide(ONE))).map(Money)
    }
}

/// An exact, non-negative price in units of 10⁻³⁰ credits: what tiers add up to before it is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactCredits(U256);

impl ExactCredits {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// What so much usage costs, exactly. Neither may be negative.
    #[must_use]
    pub fn of_usage(usage: Usage, per_unit: Rate) -> Self {
        Self(wide(usage.0) * wide(per_unit.0))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Rounded up at 15 digits; `None` if that has more than 12 integer digits.
    #[must_use]
    pub fn credits_up(self) -> Option<Credits> {
        in_range(divide_up(self.0, wide(ONE))).map(Credits)
    }
}

impl Money {
    /// What so many credits are worth, half-even at 15 digits; `None` if that has more than 12 integer digits. Neither may be
    /// negative.
    #[must_use]
    pub fn of_credits_half_even(credits: Credits, rate: Rate) -> Option<Self> {
        if rate == Rate::ONE {
            return Some(Self(credits.0)).filter(|money| money.is_in_range());
        }
        match credits.0.checked_mul(rate.0) {
            Some(product) => {
                Some(Self(divide_half_even_short(product, ONE))).filter(|money| money.is_in_range())
            }
            None => ExactMoney::of_credits(credits, rate).money_half_even(),
        }
    }

    /// Rounded half-up to the currency's minor unit (7954.136… USD is 7954.14); `None` if that has more than 12 integer digits.
    /// `self` must not be negative.
    #[must_use]
    pub fn to_minor_half_up(self, currency: Currency) -> Option<Self> {
        debug_assert!(!self.is_negative(), "money that is charged or paid out is not negative");
        let minor = ONE / 10_i128.pow(currency.minor_digits());
        let rounded = (self.0 + minor / 2) / minor * minor;
        Some(Self(rounded)).filter(|money| money.is_in_range())
    }

    /// Whether it is in whole minor units of the currency.
    #[must_use]
    pub const fn is_in_minor_units(self, currency: Currency) -> bool {
        self.0 % (ONE / 10_i128.pow(currency.minor_digits())) == 0
    }

    /// The money that was paid for the last `unspent` of `original` credits: `paid` minus the share of what was released before, so that
    /// the shares of all parts add up to `paid` (SEMANTICS §6). `0 ≤ unspent ≤ original`, `original > 0`.
    #[must_use]
    pub fn unspent_share(paid: Self, unspent: Credits, original: Credits) -> Self {
        paid - Self::share_down(paid, original - unspent, original)
    }

    /// The share of `paid` that `part` of `original` credits stands for, rounded down. `0 ≤ part ≤ original`, `original > 0`, so
    /// it is never more than `paid`.
    #[must_use]
    pub fn share_down(paid: Self, part: Credits, original: Credits) -> Self {
        debug_assert!(
            !part.is_negative() && part <= original && original.is_positive(),
            "a part of the whole"
        );
        match paid.0.checked_mul(part.0) {
            Some(product) => Self(product / original.0),
            None => Self(narrow(wide(paid.0) * wide(part.0) / wide(original.0))),
        }
    }
}

impl Credits {
    /// A share of them, rounded down at 15 digits: `share` 0 is nothing, 1 is all. Neither may be negative, nor `share` more than 1.
    #[must_use]
    pub fn part_down(self, share: Rate) -> Self {
        debug_assert!(!share.is_negative() && share <= Rate::ONE, "a part of the whole");
        Self(narrow(wide(self.0) * wide(share.0) / wide(ONE)))
    }

    /// `part` of `whole` equal parts of them, rounded down at 15 digits. `whole > 0`; at most 12 integer digits and less than
    /// 2³⁰ parts, so that the product fits.
    #[must_use]
    pub fn parts_down(self, part: u32, whole: u32) -> Self {
        debug_assert!(part <= whole && whole > 0 && whole < 1 << 30, "a part of the whole");
        Self(self.0 * i128::from(part) / i128::from(whole))
    }

    /// So many percent of it, rounded down. What is less than 0, or more than amounts can be, counts as the nearest that is not.
    #[must_use]
    pub fn percent_down(self, percent: Self) -> Self {
        let bounded = |amount: Self| wide(amount.0.clamp(0, LIMIT - 1));
        Self(narrow(bounded(self) * bounded(percent) / wide(100 * ONE)))
    }

    /// The fewest credits that are worth at least `amount`: rounded up at 15 digits, as a debit takes them. `None` if that has
    /// more than 12 integer digits. `amount ≥ 0`, `rate > 0`.
    #[must_use]
    pub fn for_amount_up(amount: Money, rate: Rate) -> Option<Self> {
        match amount.0.checked_mul(ONE) {
            Some(product) => {
                let up = i128::from(product % rate.0 != 0);
                Some(Self(product / rate.0 + up)).filter(|credits| credits.is_in_range())
            }
            None => in_range(divide_up(wide(amount.0) * wide(ONE), wide(rate.0))).map(Self),
        }
    }

    /// The credits that `amount` buys: rounded down at 15 digits, as a credit gives them. `None` if that has more than 12 integer
    /// digits. `amount ≥ 0`, `rate > 0`.
    #[must_use]
    pub fn for_amount_down(amount: Money, rate: Rate) -> Option<Self> {
        match amount.0.checked_mul(ONE) {
            Some(product) => Some(Self(product / rate.0)).filter(|credits| credits.is_in_range()),
            None => in_range(wide(amount.0) * wide(ONE) / wide(rate.0)).map(Self),
        }
    }
}

fn wide(units: i128) -> U256 {
    U256::from(u128::try_from(units).expect("products are taken of amounts that are not negative"))
}

fn narrow(value: U256) -> i128 {
    i128::try_from(value).expect("bounded by the caller")
}

fn in_range(value: U256) -> Option<i128> {
    (value < wide(LIMIT)).then(|| narrow(value))
}

fn divide_up(dividend: U256, divisor: U256) -> U256 {
    let quotient = dividend / divisor;
    if dividend % divisor == U256::ZERO { quotient } else { quotient + U256::ONE }
}

fn divide_half_even(dividend: U256, divisor: U256) -> U256 {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let doubled = remainder + remainder;
    let up = doubled > divisor || (doubled == divisor && quotient % U256::new(2) == U256::ONE);
    if up { quotient + U256::ONE } else { quotient }
}

fn divide_half_even_short(dividend: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let doubled = remainder * 2;
    let up = doubled > divisor || (doubled == divisor && quotient % 2 == 1);
    if up { quotient + 1 } else { quotient }
}
