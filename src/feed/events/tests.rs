//! The size of an event, and that its parts are where they should be.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{Asked, Charge, Command, Debit, Memo, Origin, OverCapture};
use coffer_ledger::fact::{DebitRow, Debited, Due, Effect, Facts, Giver, HoldEnd, Posting, Slice};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{HoldId, ThingId, TrancheId, WalletId};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::{Source, Terms};
use coffer_ledger::unit::Currency;
use serde_json::json;
use smallvec::SmallVec;

use super::*;

const WALLET: WalletId = WalletId(ThingId(7 << 40));

/// A debit of so many slices, with as many words as a request may have.
fn debit(slices: u128, word: &str) -> Record {
    let metadata = (0..20).map(|pair| (format!("key-{pair:02}").into(), word.into())).collect();
    let charge = Charge::usage();
    let memo = Memo { description: Some(word.into()), metadata, ..Memo::default() };
    let terms = Terms {
        source: Source::Purchased,
        priority: 50,
        scope: Scope { price_types: PriceTypes::ALL, features: None },
        original: Credits(9),
        paid: Money(9),
        effective_at: Timestamp(1),
        expires_at: None,
    };
    let slice = |number| Slice {
        wallet: WALLET,
        credits: Credits(1),
        giver: Giver::Tranche { id: TrancheId(ThingId(number)), terms: terms.clone() },
    };
    let posting = Posting { wallet: WALLET, sequence: 1, before: Credits(9), after: Credits(8) };
    let debited = Debited {
        rows: [DebitRow { credits: Credits(1), amount: Money(1), posting }].into_iter().collect(),
        slices: (0..slices).map(slice).collect(),
        credits: Credits(1),
        amount: Money(1),
        currency: Currency(*b"usd"),
        mixed_units: false,
        shortfall: Credits::ZERO,
        balance_before: Credits(9),
        balance_after: Credits(8),
        available: Credits(8),
        extra: None,
    };
    let asked = Asked::Credits(Credits(1));
    Record {
        origin: Origin::default(),
        command: Command::Debit(Debit { charge, memo, ..Debit::new(asked) }),
        facts: Facts {
            set_off: None,
            at: Timestamp(1_764_000_000_000_000_000),
            due: Vec::new(),
            effect: Effect::Debited(debited),
        },
    }
}

fn told(record: &Record) -> serde_json::Value {
    let of = Of {
        tenant: TenantNumber(1),
        customer: Some(CustomerNumber(1)),
        position: LogPosition(42),
        names: None,
        other: None,
    };
    let happened = of_record::all(record, of.position);
    let events = derive(record.facts.at, happened, Some(record), &of, EventFilter::ALL, 0);
    assert_eq!(events.len(), 1);
    assert!(events[0].ends_record && events[0].json.len() <= EVENT_BYTES_MAX, "{}", events[0].json.len());
    serde_json::from_slice(&events[0].json).unwrap()
}

#[test]
fn a_hold_that_ends_in_parts_is_told_once_with_its_last() {
    let ended = |status| {
        let hold = Hold {
            id: HoldId(ThingId(3)),
            status,
            charge: Charge::usage(),
            wallet: WALLET,
            priced: None,
            over_capture: OverCapture::Draw,
            placed_at: Timestamp(1),
            expires_at: Timestamp(2),
            credits: Credits(9),
            captured: Credits::ZERO,
            released: Credits(9),
            pins: SmallVec::new(),
            budget: Vec::new(),
        };
        let (returned, lapsed, freed) = (SmallVec::new(), Vec::new(), Vec::new());
        let end = HoldEnd { at: Timestamp(2), hold, returned, lapsed, freed };
        let due = vec![Due::HoldExpired(Box::new(end))];
        let facts = Facts { at: Timestamp(3), due, effect: Effect::Ticked, set_off: None };
        let record = Record { origin: Origin::default(), command: Command::Tick, facts };
        of_record::all(&record, LogPosition(42)).len()
    };
    assert_eq!([HoldStatus::Open, HoldStatus::Expired].map(ended), [0, 1]);
}

#[test]
fn an_event_stays_below_its_limit_and_says_what_was_left_out() {
    let whole = told(&debit(20, "tea"));
    assert_eq!((&whole["omitted"], &whole["data"]["description"]), (&json!([]), &json!("tea")));
    assert_eq!(whole["data"]["slices"].as_array().unwrap().len(), 20);
    let many = told(&debit(2_000, "tea"));
    assert_eq!((&many["omitted"], &many["data"]["description"]), (&json!(["slices"]), &json!("tea")));
    assert_eq!(many["data"]["slices"].as_array().unwrap().len(), 20);
    // Each of these is six bytes as JSON.
    let wordy = told(&debit(2_000, &"\u{1}".repeat(512)));
    assert_eq!(wordy["omitted"], json!(["slices", "description", "metadata"]));
    assert_eq!((&wordy["data"]["description"], &wordy["data"]["metadata"]), (&json!(null), &json!(null)));
    assert_eq!(wordy["data"]["credit_balance_after"], json!("0.000000000000008"));
}

#[test]
fn ids_are_of_the_record_and_the_event_in_it() {
    let event = told(&debit(1, "tea"));
    let id: EventId = event["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id, EventId::new(Timestamp(1_764_000_000_000_000_000), LogPosition(42), 0));
    assert_eq!(event["log_position"], json!("42"));
}
