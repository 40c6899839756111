//! The slices of a row as one value beside it: a line of a table for each would cost as much as the row.
//!
//! The form: how many they are, as a byte or more; then a head of 17 bytes for each, which is its kind and the tranche's id, zeros for debt;
//! then the rest of each: a byte of flags, the wallet unless it is the row's, credits; of a tranche its source, original and paid; when
//! that ends, if it does; the share, if there is one. Amounts as in `values`, which say their own length. Who paid is found by
//! looking for a head among the bytes, without reading the rest.

use std::fmt::Write;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::{ThingId, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;

use super::values::{amount, amount_of, length_of};
use crate::feed::history::batch::{SliceKind, SliceLine};
use crate::feed::history::row::OfTranche;

/// Kinds by their numbers. New ones come to the end.
const KINDS: [&str; 19] = [
    "spent",
    "issued",
    "scheduled",
    "arrived",
    "regranted",
    "rolled_in",
    "returned",
    "repaid",
    "expired",
    "voided",
    "forfeited",
    "paid_out",
    "sent",
    "rolled_out",
    "cancelled",
    "written_off",
    "pinned",
    "unpinned",
    "regranted_from",
];
/// Sources by their numbers. New ones come to the end.
const SOURCES: [Source; 6] = [
    Source::Purchased,
    Source::Promotional,
    Source::PlanIncluded,
    Source::Refund,
    Source::Adjustment,
    Source::Rollover,
];

const HEAD_BYTES: usize = 17;
const OTHER_WALLET: u8 = 1;
const ENDS: u8 = 2;
const HAS_SHARE: u8 = 4;
const NO_TRANCHE: u128 = 0;

/// What a slice of this kind and tranche begins with. `None`: there is no number for the kind.
pub(super) fn head(kind: &str, tranche: Option<TrancheId>) -> Option<[u8; HEAD_BYTES]> {
    let mut head = [0; HEAD_BYTES];
    let number = KINDS.iter().position(|known| *known == kind)?;
    head[0] = u8::try_from(number).ok()?;
    head[1..].copy_from_slice(&tranche.map_or(NO_TRANCHE, |id| id.0.0).to_be_bytes());
    Some(head)
}

/// The slices of a row of this wallet. `None`: there is no number for a kind or a source.
pub(in crate::feed::history) fn written(wallet: WalletId, lines: &[SliceLine]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(lines.len() * 80 + 1);
    let mut count = lines.len();
    while count >= 0x80 {
        out.push(0x80 | low_bits(count));
        count >>= 7;
    }
    out.push(low_bits(count));
    for line in lines {
        out.extend_from_slice(&head(line.kind.as_str(), line.tranche.as_ref().map(|of| of.id))?);
    }
    for line in lines {
        rest(wallet, line, &mut out)?;
    }
    Some(out)
}

fn low_bits(count: usize) -> u8 {
    u8::try_from(count & 0x7f).expect("seven bits")
}

fn rest(wallet: WalletId, line: &SliceLine, out: &mut Vec<u8>) -> Option<()> {
    let ends = line.tranche.as_ref().and_then(|of| of.expires_at);
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    out.push(
        flag(line.wallet != wallet, OTHER_WALLET)
            | flag(ends.is_some(), ENDS)
            | flag(line.share.is_some(), HAS_SHARE),
    );
    if line.wallet != wallet {
        out.extend_from_slice(&line.wallet.0.0.to_be_bytes());
    }
    out.extend_from_slice(&amount(line.credits.0));
    if let Some(of) = &line.tranche {
        let source = SOURCES.iter().position(|source| source.as_str() == of.source)?;
        out.push(u8::try_from(source).ok()?);
        out.extend_from_slice(&amount(of.original.0));
        out.extend_from_slice(&amount(of.paid.0));
    }
    out.extend(ends.iter().flat_map(|at| at.0.to_be_bytes()));
    if let Some(share) = line.share {
        out.extend_from_slice(&amount(share.0));
    }
    Some(())
}

/// The slices, read back. `None`: these bytes are none.
pub(super) fn read(wallet: WalletId, bytes: &[u8]) -> Option<Vec<SliceLine>> {
    let mut from = From(bytes);
    let count = from.count()?;
    let mut heads = From(from.take(count.checked_mul(HEAD_BYTES)?)?);
    let lines = (0..count).map(|_| line(wallet, &mut heads, &mut from)).collect::<Option<Vec<_>>>()?;
    from.0.is_empty().then_some(lines)
}

fn line(wallet: WalletId, heads: &mut From<'_>, from: &mut From<'_>) -> Option<SliceLine> {
    let kind = SliceKind::of(KINDS.get(usize::from(heads.byte()?))?)?;
    let tranche = heads.bits()?;
    let flags = from.byte()?;
    let has = |flag| flags & flag != 0;
    let wallet = if has(OTHER_WALLET) { WalletId(ThingId(from.bits()?)) } else { wallet };
    let credits = Credits(from.amount()?);
    let of = match tranche {
        NO_TRANCHE => None,
        id => {
            let source = SOURCES.get(usize::from(from.byte()?))?.as_str().into();
            let (original, paid) = (Credits(from.amount()?), Money(from.amount()?));
            Some(OfTranche { id: TrancheId(ThingId(id)), source, original, paid, expires_at: None })
        }
    };
    let expires_at = if has(ENDS) { Some(Timestamp(u64::from_be_bytes(from.array()?))) } else { None };
    let share = if has(HAS_SHARE) { Some(Money(from.amount()?)) } else { None };
    Some(SliceLine { wallet, kind, credits, tranche: of.map(|of| OfTranche { expires_at, ..of }), share })
}

/// The slices in words. `None`: these bytes are none.
pub(super) fn told(bytes: &[u8]) -> Option<String> {
    let of_row = WalletId(ThingId(0));
    let mut told = String::from("[");
    for SliceLine { wallet, kind, credits, tranche, share } in read(of_row, bytes)? {
        let comma = if told.len() > 1 { "; " } else { "" };
        write!(told, "{comma}{} {credits}", kind.as_str()).ok()?;
        if let Some(of) = tranche {
            write!(told, " of {} ({} {} paid {}", of.id, of.source, of.original, of.paid).ok()?;
            of.expires_at.map_or(Ok(()), |at| write!(told, " until {}", at.0)).ok()?;
            told.push(')');
        }
        share.map_or(Ok(()), |share| write!(told, " share {share}")).ok()?;
        if wallet != of_row {
            write!(told, " in {wallet}").ok()?;
        }
    }
    told.push(']');
    Some(told)
}

/// Bytes that are still to be read.
struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn bits(&mut self) -> Option<u128> {
        Some(u128::from_be_bytes(self.array()?))
    }

    fn amount(&mut self) -> Option<i128> {
        let length = length_of(*self.0.first()?)?;
        amount_of(self.take(length)?)
    }

    fn count(&mut self) -> Option<usize> {
        let (mut count, mut shift) = (0_usize, 0);
        loop {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(count);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::view::MoveKind;

    use super::*;

    const WALLET: WalletId = WalletId(ThingId(7));

    fn lines() -> Vec<SliceLine> {
        let kinds = MoveKind::ALL.into_iter().map(SliceKind::Moved);
        let kinds = kinds.chain([SliceKind::Pinned, SliceKind::Unpinned, SliceKind::RegrantedFrom]);
        let mut lines = Vec::new();
        for (number, kind) in (1_u128..).zip(kinds) {
            let of = |source: Source, expires_at| OfTranche {
                id: TrancheId(ThingId(u128::MAX - number)),
                source: source.as_str().into(),
                original: Credits(i128::MAX),
                paid: Money(-1),
                expires_at,
            };
            let sources = Source::ALL.map(|source| Some(of(source, Some(Timestamp(u64::MAX)))));
            for tranche in sources.into_iter().chain([Some(of(Source::Refund, None)), None]) {
                let share = tranche.is_some().then_some(Money(i128::MIN));
                let wallet = if share.is_some() { WALLET } else { WalletId(ThingId(u128::MAX)) };
                lines.push(SliceLine { wallet, kind, credits: Credits(0), tranche, share });
            }
        }
        lines
    }

    #[test]
    fn slices_of_every_kind_and_source_read_back() {
        let all = lines();
        assert!(all.len() > 128, "more than one byte counts");
        for lines in [&all[..0], &all[..1], &all[..127], &all] {
            assert_eq!(read(WALLET, &written(WALLET, lines).unwrap()).unwrap(), lines);
        }
    }

    #[test]
    fn a_head_stands_in_the_bytes_of_whoever_paid() {
        let all = lines();
        let bytes = written(WALLET, &all).unwrap();
        let has = |head: [u8; HEAD_BYTES]| bytes.windows(HEAD_BYTES).any(|found| found == head);
        for line in &all {
            assert!(has(head(line.kind.as_str(), line.tranche.as_ref().map(|of| of.id)).unwrap()));
        }
        assert!(!has(head("spent", Some(TrancheId(ThingId(u128::MAX)))).unwrap()));
        assert_eq!(head("eaten", None), None);
    }

    #[test]
    fn bytes_that_were_cut_or_go_on_are_no_slices() {
        let bytes = written(WALLET, &lines()[..9]).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(read(WALLET, &bytes[..end]), None, "{end}");
        }
        assert_eq!(read(WALLET, &[&bytes[..], &[0]].concat()), None);
        assert!(told(&bytes).unwrap().contains("share"));
    }
}
