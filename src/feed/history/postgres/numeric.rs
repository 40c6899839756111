//! Amounts as PostgreSQL's NUMERIC, in the binary form of its protocol, digit by digit: no rounding and no float on the way.
//!
//! The form: 16-bit numbers, big endian: how many digits, the weight of the first (a power of 10,000), the sign, digits behind the
//! decimal point to show; then the digits, to the base of 10,000.

use bytes::{BufMut, BytesMut};

/// Digits behind the decimal point of every amount.
const SCALE: u16 = 15;
const ONE: u128 = 10_u128.pow(SCALE as u32);
/// Groups of four digits behind the decimal point: one digit more than an amount has.
const PARTS: usize = 4;
const BASE: u128 = 10_000;
const PLUS: u16 = 0;
const MINUS: u16 = 0x4000;

/// Appends units of 10⁻¹⁵.
pub(super) fn write(units: i128, out: &mut BytesMut) {
    let (whole, part) = (units.unsigned_abs() / ONE, units.unsigned_abs() % ONE * 10);
    let mut digits = Vec::with_capacity(PARTS + 8);
    push(&mut digits, part, PARTS);
    let mut rest = whole;
    while rest > 0 {
        push(&mut digits, rest, 1);
        rest /= BASE;
    }
    let weight = i16::try_from(digits.len()).expect("an amount has a dozen of them") - 5;
    let sign = if units < 0 { MINUS } else { PLUS };
    let count = u16::try_from(digits.len()).expect("an amount has a dozen of them");
    for number in [count, weight.cast_unsigned(), sign, SCALE] {
        out.put_u16(number);
    }
    for digit in digits.iter().rev() {
        out.put_u16(*digit);
    }
}

/// So many of the lowest digits, the lowest first.
fn push(digits: &mut Vec<u16>, value: u128, count: usize) {
    let mut rest = value;
    for _ in 0..count {
        digits.push(u16::try_from(rest % BASE).expect("below the base"));
        rest /= BASE;
    }
}

/// Units of 10⁻¹⁵; `None`: no number that an amount can be.
pub(super) fn read(bytes: &[u8]) -> Option<i128> {
    let mut numbers = bytes.chunks(2).map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
    let mut next = || numbers.next().flatten();
    let (count, weight, sign, _) = (next()?, next()?.cast_signed(), next()?, next()?);
    let mut units: u128 = 0;
    for place in 0..count {
        let exponent = i32::from(weight) - i32::from(place);
        units = units.checked_add(at(u128::from(next()?), exponent)?)?;
    }
    match sign {
        PLUS => i128::try_from(units).ok(),
        MINUS => 0_i128.checked_sub_unsigned(units),
        _ => None,
    }
}

/// The units of a digit at this power of 10,000.
fn at(digit: u128, exponent: i32) -> Option<u128> {
    let power = exponent.checked_mul(4)?.checked_add(i32::from(SCALE))?;
    if digit == 0 {
        return Some(0);
    }
    if power >= 0 {
        return digit.checked_mul(10_u128.checked_pow(power.unsigned_abs())?);
    }
    let parts = 10_u128.checked_pow(power.unsigned_abs())?;
    digit.is_multiple_of(parts).then_some(digit / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(units: i128) -> Vec<u8> {
        let mut out = BytesMut::new();
        write(units, &mut out);
        out.to_vec()
    }

    #[test]
    fn every_amount_reads_back() {
        let mut amounts = vec![0, 1, -1, i128::MAX, i128::MIN, 10_i128.pow(15), -(10_i128.pow(15)) - 1];
        amounts.extend((0..38).flat_map(|power| [10_i128.pow(power), 10_i128.pow(power) - 1]));
        for units in amounts {
            assert_eq!(read(&bytes(units)), Some(units));
            assert_eq!(read(&bytes(-units.saturating_abs())), Some(-units.saturating_abs()));
        }
    }

    #[test]
    fn the_form_is_the_servers() {
        // 12345.5 = 1 × 10,000 + 2345 + 5000 / 10,000.
        let form = [6, 1, 0, 15, 1, 2_345, 5_000, 0, 0, 0].map(u16::to_be_bytes).concat();
        assert_eq!(bytes(12_345_500_000_000_000_000), form);
        // As the server sends it: without digits that are zero.
        let sent = [3, 1, 0x4000, 1, 1, 2_345, 5_000].map(u16::to_be_bytes).concat();
        assert_eq!(read(&sent), Some(-12_345_500_000_000_000_000));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        let nan = [0, 0, 0xc000, 0].map(u16::to_be_bytes).concat();
        let too_small = [1, 65_532, 0, 16, 1].map(u16::to_be_bytes).concat();
        let too_large = [1, 9, 0, 0, 9_999].map(u16::to_be_bytes).concat();
        for form in [nan, too_small, too_large, vec![], vec![0, 1]] {
            assert_eq!(read(&form), None, "{form:?}");
        }
    }
}
