//! An erased record of any kind keeps its public part to the byte, says nothing personal, and is read like any other.

use coffer::engine::codec::{decode_record, decode_tenant_record};
use coffer_ledger::catalog::tenant::TenantEffect;
use coffer_ledger::erasure;
use coffer_ledger::record::Record;
use coffer_wal::{Lsn, decode_frame};

use crate::privacy::{PERSONAL, contains};
use crate::{
    customer_frame, samples, samples_grants, samples_tenant, samples_v2, samples_v3, samples_v4, tenant_frame,
};

/// What stays: an invoice must not be paid twice, and its id is how that is known. And what wallets without a name are called.
const STAYS: [&str; 2] = ["INV-2026-0042", "Prepaid Wallet"];

fn records() -> impl Iterator<Item = (&'static str, Record)> {
    let old = samples::customer_records().into_iter().chain(samples_v2::customer_records());
    let old = old.chain(samples_v3::customer_records()).chain(samples_grants::customer_records());
    old.chain(samples_v4::customer_records())
}

#[test]
fn an_erased_record_has_the_same_public_part_and_no_personal_string() {
    for (name, record) in records() {
        let erased = erasure::of_record(&record, samples::OWNER);
        let (before, after) = (customer_frame(&record), customer_frame(&erased));
        let (before, _) = decode_frame(&before, Lsn(1)).unwrap();
        let (after, _) = decode_frame(&after, Lsn(1)).unwrap();
        assert_eq!((before.header, before.public), (after.header, after.public), "{name}");
        for text in PERSONAL.into_iter().filter(|text| !STAYS.contains(text)) {
            assert!(!contains(after.personal, text), "{name} still tells {text:?}");
        }
        let read = decode_record(after.header.version, after.public, after.personal).unwrap();
        assert_eq!(read, erased, "{name}");
        assert_eq!(erasure::of_record(&read, samples::OWNER), read, "{name}: erased twice is erased once");
    }
}

#[test]
fn an_erased_request_is_what_the_same_request_comes_to_when_it_is_asked_again() {
    for (name, record) in records() {
        let stored = erasure::of_record(&record, samples::OWNER);
        assert_eq!(erasure::of_command(&record.command), stored.command, "{name}");
    }
}

#[test]
fn a_record_about_an_api_key_of_a_customer_is_erased_and_no_other_of_a_tenants() {
    let mut seen = 0;
    for (name, record) in samples_tenant::records().into_iter().chain(samples_v2::tenant::records()) {
        let owner = match &record.facts.effect {
            TenantEffect::KeySet(key) => key.customer.as_ref().map(|(number, _)| *number),
            _ => None,
        };
        assert!(owner.is_none_or(|owner| erasure::concerns(&record, owner)), "{name}");
        let Some(owner) = owner else { continue };
        assert!(!erasure::concerns(&record, coffer_ledger::ids::CustomerNumber(owner.0 + 1)), "{name}");
        let erased = erasure::of_tenant_record(&record);
        let (before, after) = (tenant_frame(&record), tenant_frame(&erased));
        let (before, _) = decode_frame(&before, Lsn(1)).unwrap();
        let (after, _) = decode_frame(&after, Lsn(1)).unwrap();
        assert_eq!((before.header, before.public), (after.header, after.public), "{name}");
        for text in PERSONAL {
            assert!(!contains(after.personal, text), "{name} still tells {text:?}");
        }
        let read = decode_tenant_record(after.header.version, after.public, after.personal).unwrap();
        assert_eq!(read, erased, "{name}");
        seen += 1;
    }
    assert!(seen > 0, "no sample is a key of a customer");
}
