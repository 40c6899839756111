//! Bytes that nobody wrote: cut, changed, swapped, of another version. A decoder answers with an error; it never panics, and it
//! never believes a length that the bytes do not back.

use coffer::engine::codec::{
    DecodeError, decode_customer, decode_for_replay, decode_record, decode_tenant, decode_tenant_for_replay,
    decode_tenant_record, encode_customer, encode_customer_frame, encode_tenant, kinds,
};
use coffer_ledger::command::Command;
use coffer_wal::{FrameHeader, Lsn, RecordBuf, Subject, decode_frame};
use proptest::prelude::*;

use crate::{any, customer_frame, samples, tenant_frame};

fn parts(frame: &[u8]) -> RecordBuf {
    decode_frame(frame, Lsn(1)).unwrap().0.to_owned()
}

fn customer_parts() -> Vec<(&'static str, RecordBuf)> {
    samples::customer_records()
        .into_iter()
        .map(|(name, record)| (name, parts(&customer_frame(&record))))
        .collect()
}

fn tenant_parts() -> Vec<(&'static str, RecordBuf)> {
    samples::tenant_records()
        .into_iter()
        .map(|(name, record)| (name, parts(&tenant_frame(&record))))
        .collect()
}

fn states() -> [Vec<u8>; 3] {
    let (mut customer, mut full, mut tenant) = (Vec::new(), Vec::new(), Vec::new());
    encode_customer(&samples::customer(), &mut customer);
    encode_customer(&samples::full_customer(), &mut full);
    encode_tenant(&samples::tenant(), &mut tenant);
    [customer, full, tenant]
}

#[test]
fn a_part_that_is_cut_anywhere_is_refused() {
    for (name, RecordBuf { public, personal, .. }) in customer_parts() {
        for end in 0..public.len() {
            assert!(decode_record(1, &public[..end], &personal).is_err(), "{name} public to {end}");
        }
        for end in 0..personal.len() {
            assert!(decode_record(1, &public, &personal[..end]).is_err(), "{name} personal to {end}");
        }
    }
    for (name, RecordBuf { public, personal, .. }) in tenant_parts() {
        for end in 0..public.len() {
            assert!(decode_tenant_record(1, &public[..end], &personal).is_err(), "{name} public to {end}");
        }
        for end in 0..personal.len() {
            assert!(decode_tenant_record(1, &public, &personal[..end]).is_err(), "{name} personal to {end}");
        }
    }
}

#[test]
fn a_state_that_is_cut_anywhere_is_refused() {
    let [customer, full, tenant] = states();
    for bytes in [customer, full] {
        for end in 0..bytes.len() {
            assert!(decode_customer(&bytes[..end]).is_err(), "to {end}");
        }
    }
    for end in 0..tenant.len() {
        assert!(decode_tenant(&tenant[..end]).is_err(), "to {end}");
    }
}

#[test]
fn a_byte_too_many_is_refused_by_whoever_reads_to_the_end() {
    let left_over =
        |result: Result<(), DecodeError>| matches!(result, Err(DecodeError::LeftOver { bytes: 1, .. }));
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    for (name, RecordBuf { public, personal, .. }) in customer_parts() {
        assert!(left_over(decode_record(1, &longer(&public), &personal).map(drop)), "{name}");
        assert!(left_over(decode_record(1, &public, &longer(&personal)).map(drop)), "{name}");
    }
    for (name, RecordBuf { public, personal, .. }) in tenant_parts() {
        assert!(left_over(decode_tenant_record(1, &longer(&public), &personal).map(drop)), "{name}");
        assert!(left_over(decode_tenant_record(1, &public, &longer(&personal)).map(drop)), "{name}");
    }
    let [customer, full, tenant] = states();
    assert!(left_over(decode_customer(&longer(&customer)).map(drop)));
    assert!(left_over(decode_customer(&longer(&full)).map(drop)));
    assert!(left_over(decode_tenant(&longer(&tenant)).map(drop)));
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
fn a_thousand_random_changes_of_each_sample_never_panic() {
    for seed in 0..1_000 {
        let mut random = Random(seed);
        println!("seed {seed}");
        for (_, RecordBuf { public, personal, .. }) in customer_parts() {
            let (bad_public, bad_personal) = (random.damage(&public), random.damage(&personal));
            for (public, personal) in [(&bad_public, &personal), (&public, &bad_personal)] {
                let whole = decode_record(1, public, personal);
                let view = decode_for_replay(1, public, personal);
                if let Ok(record) = whole {
                    assert_eq!(record.facts, view.unwrap().facts, "what is read whole is read for replay");
                }
            }
        }
        for (_, RecordBuf { public, personal, .. }) in tenant_parts() {
            let _ = decode_tenant_record(1, &random.damage(&public), &personal);
            let _ = decode_tenant_for_replay(1, &public, &random.damage(&personal));
        }
        let [customer, full, tenant] = states();
        let _ = decode_customer(&random.damage(&customer));
        let _ = decode_customer(&random.damage(&full));
        let _ = decode_tenant(&random.damage(&tenant));
    }
}

proptest! {
    #[test]
    fn any_bytes_at_all_never_panic(
        public in prop::collection::vec(any::<u8>(), 0..200),
        personal in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = decode_record(1, &public, &personal);
        let _ = decode_for_replay(1, &public, &personal);
        let _ = decode_tenant_record(1, &public, &personal);
        let _ = decode_tenant_for_replay(1, &public, &personal);
        let state = [&[1], &public[..]].concat();
        let _ = decode_customer(&state);
        let _ = decode_tenant(&state);
    }

    #[test]
    fn parts_of_different_records_never_panic(one in any::record(), other in any::record()) {
        let (one, other) = (parts(&customer_frame(&one)), parts(&customer_frame(&other)));
        let _ = decode_record(1, &one.public, &other.personal);
        let _ = decode_for_replay(1, &one.public, &other.personal);
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
    let (debit, freeze, create) = (by_name("debit_1_slice"), by_name("freeze"), by_name("create_wallet"));
    let disagree = |public: &RecordBuf, personal: &RecordBuf| {
        let read = decode_record(1, &public.public, &personal.personal);
        matches!(read, Err(DecodeError::PartsDisagree { .. }))
    };
    assert!(disagree(debit, freeze));
    assert!(disagree(freeze, debit));
    assert!(disagree(create, freeze));
    assert!(disagree(freeze, create));
}

#[test]
fn another_version_is_refused_and_named() {
    let RecordBuf { public, personal, .. } = &customer_parts()[0].1;
    for version in [0, 2, 255] {
        let refused = decode_record(version, public, personal).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "a customer's record has version {version}, this build reads up to 1: a newer Coffer is needed to read it"
            )
        );
        assert!(decode_for_replay(version, public, personal).is_err());
        assert!(decode_tenant_record(version, public, personal).is_err());
        assert!(decode_tenant_for_replay(version, public, personal).is_err());
        let [mut customer, _, mut tenant] = states();
        (customer[0], tenant[0]) = (version, version);
        assert!(matches!(decode_customer(&customer), Err(DecodeError::Version { newest: 1, .. })));
        assert!(matches!(decode_tenant(&tenant), Err(DecodeError::Version { newest: 1, .. })));
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
    assert_eq!(kinds::kind_of(&header(1, 2, 1)).unwrap(), kinds::Kind::Customer);
    assert_eq!(kinds::kind_of(&header(2, 1, 1)).unwrap(), kinds::Kind::Tenant);
    for (record_type, kind) in [(0, 0), (1, 1), (2, 2), (3, 2), (u16::MAX, 0)] {
        let refused = kinds::kind_of(&header(record_type, kind, 1)).unwrap_err();
        assert!(
            matches!(refused, DecodeError::RecordType { found, subject } if (found, subject) == (record_type, kind))
        );
        assert!(refused.to_string().contains("a newer Coffer is needed"), "{refused}");
    }
    assert!(matches!(kinds::kind_of(&header(1, 2, 2)), Err(DecodeError::Version { found: 2, .. })));
}

#[test]
fn a_record_that_the_log_would_not_take_leaves_the_buffer_as_it_was() {
    let mut record = samples::debit(1);
    let Command::Debit(debit) = &mut record.command else { panic!("a debit") };
    debit.memo.description = Some("x".repeat(240 * 1024).into());
    let mut out = vec![1, 2, 3];
    let refused =
        encode_customer_frame(&mut out, &record, samples::TENANT, samples::OWNER, Lsn(7)).unwrap_err();
    assert!(refused.to_string().contains("larger than"), "{refused}");
    assert_eq!(out, [1, 2, 3]);
}
