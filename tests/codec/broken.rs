//! Bytes that nobody wrote: cut, changed, swapped, of another version. A decoder answers with an error; it never panics, and it
//! never believes a length that the bytes do not back.

use coffer::engine::codec::{
    DecodeError, decode_customer, decode_for_replay, decode_record, decode_tenant, decode_tenant_for_replay,
    decode_tenant_record, encode_customer, encode_customer_frame, encode_tenant, kinds,
};
use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::record::Record;
use coffer_wal::{FrameHeader, Lsn, RecordBuf, Subject, decode_frame};
use proptest::prelude::*;

use crate::{any, customer_frame, samples, samples_tenant, samples_v2, samples_v3, samples_v4, tenant_frame};

fn parts(frame: &[u8]) -> RecordBuf {
    decode_frame(frame, Lsn(1)).unwrap().0.to_owned()
}

fn customer_parts() -> Vec<(&'static str, RecordBuf)> {
    let all = samples::customer_records().into_iter().chain(samples_v2::customer_records());
    let all = all.chain(samples_v3::customer_records()).chain(samples_v4::customer_records());
    all.map(|(name, record)| (name, parts(&customer_frame(&record)))).collect()
}

fn tenant_parts() -> Vec<(&'static str, RecordBuf)> {
    let all = samples_tenant::records().into_iter().chain(samples_v2::tenant::records());
    let all = all.chain(samples_v3::tenant_records()).chain(samples_v4::tenant_records());
    all.map(|(name, record)| (name, parts(&tenant_frame(&record)))).collect()
}

fn customer_at_rest(customer: &Customer) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_customer(customer, &mut bytes);
    bytes
}

fn tenant_at_rest(tenant: &Tenant) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_tenant(tenant, &mut bytes);
    bytes
}

fn customer_states() -> Vec<Vec<u8>> {
    let of_version_1 = [samples::customer(), samples::full_customer()];
    let of_version_2 = [samples_v2::state::with_a_hold(), samples_v2::state::full()];
    of_version_1.iter().chain(&of_version_2).chain([&samples_v3::customer()]).map(customer_at_rest).collect()
}

fn tenant_states() -> Vec<Vec<u8>> {
    [samples_tenant::tenant(), samples_v2::tenant::full(), samples_v3::tenant()]
        .iter()
        .map(tenant_at_rest)
        .collect()
}

#[test]
fn a_part_that_is_cut_anywhere_is_refused() {
    for (name, RecordBuf { header, public, personal, .. }) in customer_parts() {
        for end in 0..public.len() {
            assert!(
                decode_record(header.version, &public[..end], &personal).is_err(),
                "{name} public to {end}"
            );
        }
        for end in 0..personal.len() {
            assert!(
                decode_record(header.version, &public, &personal[..end]).is_err(),
                "{name} personal to {end}"
            );
        }
    }
    for (name, RecordBuf { header, public, personal, .. }) in tenant_parts() {
        for end in 0..public.len() {
            assert!(
                decode_tenant_record(header.version, &public[..end], &personal).is_err(),
                "{name} public to {end}"
            );
        }
        for end in 0..personal.len() {
            assert!(
                decode_tenant_record(header.version, &public, &personal[..end]).is_err(),
                "{name} personal to {end}"
            );
        }
    }
}

#[test]
fn a_state_that_is_cut_anywhere_is_refused() {
    for bytes in customer_states() {
        for end in 0..bytes.len() {
            assert!(decode_customer(&bytes[..end]).is_err(), "to {end}");
        }
    }
    for bytes in tenant_states() {
        for end in 0..bytes.len() {
            assert!(decode_tenant(&bytes[..end]).is_err(), "to {end}");
        }
    }
}

#[test]
fn a_byte_too_many_is_refused_by_whoever_reads_to_the_end() {
    let left_over =
        |result: Result<(), DecodeError>| matches!(result, Err(DecodeError::LeftOver { bytes: 1, .. }));
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    for (name, RecordBuf { header, public, personal, .. }) in customer_parts() {
        assert!(left_over(decode_record(header.version, &longer(&public), &personal).map(drop)), "{name}");
        assert!(left_over(decode_record(header.version, &public, &longer(&personal)).map(drop)), "{name}");
    }
    for (name, RecordBuf { header, public, personal, .. }) in tenant_parts() {
        assert!(
            left_over(decode_tenant_record(header.version, &longer(&public), &personal).map(drop)),
            "{name}"
        );
        assert!(
            left_over(decode_tenant_record(header.version, &public, &longer(&personal)).map(drop)),
            "{name}"
        );
    }
    for bytes in customer_states() {
        assert!(left_over(decode_customer(&longer(&bytes)).map(drop)));
    }
    for bytes in tenant_states() {
        assert!(left_over(decode_tenant(&longer(&bytes)).map(drop)));
    }
}

/// A small generator of numbers, so that a seed is all that a failure needs.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// Overwrites one to four bytes, and now and then cuts or doubles the end.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            // The largest bytes are bincode's marks of long numbers: claimed lengths come of them.
            bytes[at] = if self.below(3) == 0 { 251 + self.byte() % 5 } else { self.byte() };
        }
        match self.below(8) {
            0 => bytes.truncate(self.below(bytes.len())),
            1 => bytes.extend_from_within(bytes.len() / 2..),
            _ => {}
        }
        bytes
    }
}

#[test]
fn a_thousand_random_changes_of_each_sample_never_panic_and_what_is_still_read_is_written_again() {
    let (customers, tenants) = (customer_parts(), tenant_parts());
    let (customers_at_rest, tenants_at_rest) = (customer_states(), tenant_states());
    for seed in 0..1_000 {
        let mut random = Random(seed);
        println!("seed {seed}");
        for (_, RecordBuf { header, public, personal, .. }) in &customers {
            let (bad_public, bad_personal) = (random.damage(public), random.damage(personal));
            for (public, personal) in [(&bad_public, personal), (public, &bad_personal)] {
                let whole = decode_record(header.version, public, personal);
                let view = decode_for_replay(header.version, public, personal);
                if let Ok(record) = whole {
                    assert_eq!(record.facts, view.unwrap().facts, "what is read whole is read for replay");
                    let again = parts(&customer_frame(&record));
                    let again = decode_record(again.header.version, &again.public, &again.personal);
                    assert_eq!(again.unwrap(), record, "what is read is written");
                }
            }
        }
        for (_, RecordBuf { header, public, personal, .. }) in &tenants {
            let _ = decode_tenant_record(header.version, &random.damage(public), personal);
            let _ = decode_tenant_for_replay(header.version, public, &random.damage(personal));
        }
        for bytes in &customers_at_rest {
            if let Ok(customer) = decode_customer(&random.damage(bytes)) {
                assert_eq!(decode_customer(&customer_at_rest(&customer)).unwrap(), customer);
            }
        }
        for bytes in &tenants_at_rest {
            if let Ok(tenant) = decode_tenant(&random.damage(bytes)) {
                assert_eq!(decode_tenant(&tenant_at_rest(&tenant)).unwrap(), tenant);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_at_all_never_panic(
        public in prop::collection::vec(any::<u8>(), 0..200),
        personal in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for version in [1, 2, 3, 4] {
            let _ = decode_record(version, &public, &personal);
            let _ = decode_for_replay(version, &public, &personal);
            let _ = decode_tenant_record(version, &public, &personal);
            let _ = decode_tenant_for_replay(version, &public, &personal);
            let state = [&[version], &public[..]].concat();
            let _ = decode_customer(&state);
            let _ = decode_tenant(&state);
        }
    }

    #[test]
    fn parts_of_different_records_never_panic(one in any::record(), other in any::record()) {
        let (one, other) = (parts(&customer_frame(&one)), parts(&customer_frame(&other)));
        for version in [1, 2, 3, 4] {
            let _ = decode_record(version, &one.public, &other.personal);
            let _ = decode_for_replay(version, &one.public, &other.personal);
        }
    }
}

#[test]
fn a_length_that_the_bytes_do_not_back_reserves_nothing() {
    // Tenant 3, number 1, no identity, three zeros for time, position and counter; then 2^62 wallets are claimed.
    let mut claim = vec![1, 3, 1, 0, 0, 0, 0, 253];
    claim.extend((1_u64 << 62).to_le_bytes());
    assert!(matches!(decode_customer(&claim), Err(DecodeError::Malformed { .. })));
    // An idempotency key of 2^62 bytes.
    let mut claim = vec![1, 253];
    claim.extend((1_u64 << 62).to_le_bytes());
    let public = &customer_parts()[0].1.public;
    assert!(matches!(decode_record(1, public, &claim), Err(DecodeError::Malformed { .. })));
}

#[test]
fn words_of_another_record_are_refused() {
    let samples = customer_parts();
    let by_name = |wanted: &str| &samples.iter().find(|(name, _)| *name == wanted).unwrap().1;
    let disagree = |public: &str, personal: &str| {
        let (public, personal) = (by_name(public), by_name(personal));
        assert_eq!(public.header.version, personal.header.version);
        let read = decode_record(public.header.version, &public.public, &personal.personal);
        matches!(read, Err(DecodeError::PartsDisagree { .. }))
    };
    for (one, other) in [
        ("debit_1_slice", "freeze"),
        ("create_wallet", "freeze"),
        ("settle", "void_invoice"),
        ("settle", "hold_grow"),
        ("batch", "hold_capture"),
        ("event", "hold_grow"),
        ("transfer", "hold_extend"),
        ("hold_place", "hold_place_metered"),
        ("close_forced", "hold_extend"),
        ("change_customer", "create_wallet_in_default_currency"),
    ] {
        assert!(disagree(one, other), "numbers of {one}, words of {other}");
        assert!(disagree(other, one), "numbers of {other}, words of {one}");
    }
}

#[test]
fn a_batch_in_a_batch_is_refused_before_anything_is_written() {
    let inner = |depth: usize| (0..depth).fold(Command::Tick, |inner, _| Command::Atomic(vec![inner]));
    let effect = |depth: usize| (0..depth).fold(Effect::Ticked, |inner, _| Effect::Atomic(vec![inner]));
    for (commands, effects, is_taken) in [(1, 1, true), (2, 1, false), (1, 2, false), (9, 9, false)] {
        let mut record = samples::debit(1);
        (record.command, record.facts.effect) = (inner(commands), effect(effects));
        let mut out = vec![1, 2, 3];
        let subject = (samples::TENANT, samples::OWNER);
        let encoded = encode_customer_frame(&mut out, &record, subject, record.facts.at, Lsn(7));
        assert_eq!(encoded.is_ok(), is_taken, "{commands} and {effects} deep");
        assert_eq!(out.len() > 3, is_taken);
    }
}

#[test]
fn a_request_of_version_4_in_a_batch_is_refused_before_anything_is_written() {
    let (_, alone) = samples_v4::customer_records().remove(0);
    let batch =
        Record { command: Command::Atomic(vec![Command::Tick, alone.command.clone()]), ..alone.clone() };
    for (record, is_taken) in [(alone, true), (batch, false)] {
        let mut out = vec![1, 2, 3];
        let subject = (samples::TENANT, samples::OWNER);
        let encoded = encode_customer_frame(&mut out, &record, subject, record.facts.at, Lsn(7));
        assert_eq!((encoded.is_ok(), out.len() > 3), (is_taken, is_taken));
    }
}

#[test]
fn what_is_kept_by_a_key_is_read_only_in_order() {
    // Tenant 3, number 1, no identity, zeros for time, position and counter, no wallets, holds, budgets; then rows of what was given
    // back (record, row, credits), no invoices, no transfers, nothing closed.
    let state = |rows: &[[u8; 2]]| {
        let rows: Vec<u8> = rows.iter().flat_map(|[record, row]| [*record, *row, 0]).collect();
        let count = u8::try_from(rows.len() / 3).unwrap();
        [&[2, 3, 1, 0, 0, 0, 0, 0, 0, 0, count], &rows[..], &[0, 0, 0, 0]].concat()
    };
    assert_eq!(decode_customer(&state(&[[7, 1], [7, 2], [8, 0]])).unwrap().given_back.len(), 3);
    for rows in [[[7, 1], [7, 1]], [[7, 2], [7, 1]], [[8, 0], [7, 1]]] {
        assert!(matches!(decode_customer(&state(&rows)), Err(DecodeError::OutOfOrder { .. })), "{rows:?}");
    }
}

#[test]
fn another_version_is_refused_and_named() {
    let RecordBuf { public, personal, .. } = &customer_parts()[0].1;
    for version in [0, 5, 255] {
        let refused = decode_record(version, public, personal).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "a customer's record has version {version}, this build reads up to 4: a newer Coffer is needed to read it"
            )
        );
        assert!(decode_for_replay(version, public, personal).is_err());
        assert!(decode_tenant_record(version, public, personal).is_err());
        assert!(decode_tenant_for_replay(version, public, personal).is_err());
    }
    // What came after version 3 are requests, which no state holds.
    for version in [0, 4, 5, 255] {
        let (mut customer, mut tenant) = (customer_states().remove(0), tenant_states().remove(0));
        (customer[0], tenant[0]) = (version, version);
        assert!(matches!(decode_customer(&customer), Err(DecodeError::Version { newest: 3, .. })));
        assert!(matches!(decode_tenant(&tenant), Err(DecodeError::Version { newest: 3, .. })));
    }
}

#[test]
fn a_record_type_is_known_only_with_its_subject_and_version() {
    let header = |record_type, kind, version| FrameHeader {
        record_type,
        version,
        subject: Subject { kind, tenant: 1, number: 1 },
        ..FrameHeader::default()
    };
    for version in [1, 2, 3, 4] {
        assert_eq!(kinds::kind_of(&header(1, 2, version)).unwrap(), kinds::Kind::Customer);
        assert_eq!(kinds::kind_of(&header(2, 1, version)).unwrap(), kinds::Kind::Tenant);
    }
    for (record_type, kind) in [(0, 0), (1, 1), (2, 2), (3, 2), (u16::MAX, 0)] {
        let refused = kinds::kind_of(&header(record_type, kind, 1)).unwrap_err();
        assert!(
            matches!(refused, DecodeError::RecordType { found, subject } if (found, subject) == (record_type, kind))
        );
        assert!(refused.to_string().contains("a newer Coffer is needed"), "{refused}");
    }
    assert!(matches!(kinds::kind_of(&header(1, 2, 5)), Err(DecodeError::Version { found: 5, .. })));
}

#[test]
fn a_record_that_the_log_would_not_take_leaves_the_buffer_as_it_was() {
    let mut record = samples::debit(1);
    let Command::Debit(debit) = &mut record.command else { panic!("a debit") };
    debit.memo.description = Some("x".repeat(240 * 1024).into());
    let mut out = vec![1, 2, 3];
    let subject = (samples::TENANT, samples::OWNER);
    let refused = encode_customer_frame(&mut out, &record, subject, record.facts.at, Lsn(7)).unwrap_err();
    assert!(refused.to_string().contains("larger than"), "{refused}");
    assert_eq!(out, [1, 2, 3]);
}
