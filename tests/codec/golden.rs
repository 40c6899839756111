//! Bytes of version 1, as they were on the day it was frozen. A difference is a broken log, not a test to adapt.
//!
//! `COFFER_WRITE_GOLDEN=1` writes files that are missing; it never overwrites one.

use std::path::PathBuf;

use coffer::engine::codec::{
    decode_customer, decode_record, decode_tenant, decode_tenant_record, encode_customer, encode_tenant,
    kinds,
};
use coffer_wal::{Lsn, decode_frame};

use crate::{PREVIOUS, customer_frame, samples, tenant_frame};

#[expect(clippy::disallowed_methods, reason = "golden files are the test's own, outside any simulation")]
fn golden(name: &str, written: &[u8]) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codec_v1");
    let path = folder.join(format!("{name}.bin"));
    if !path.exists() && std::env::var_os("COFFER_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, written).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_customers_record_of_each_kind_has_the_golden_bytes_and_is_read_from_them() {
    for (name, record) in samples::customer_records() {
        let written = customer_frame(&record);
        let golden = golden(name, &written);
        assert_eq!(written, golden, "{name}");
        let (read, rest) = decode_frame(&golden, Lsn(100_000_000)).unwrap();
        assert_eq!((kinds::kind_of(&read.header).unwrap(), rest.len()), (kinds::Kind::Customer, 0), "{name}");
        assert_eq!(read.header.previous, PREVIOUS, "{name}");
        assert_eq!(decode_record(read.header.version, read.public, read.personal).unwrap(), record, "{name}");
    }
}

#[test]
fn a_tenants_record_of_each_kind_has_the_golden_bytes_and_is_read_from_them() {
    for (name, record) in samples::tenant_records() {
        let written = tenant_frame(&record);
        let golden = golden(name, &written);
        assert_eq!(written, golden, "{name}");
        let (read, _) = decode_frame(&golden, Lsn(100_000_000)).unwrap();
        assert_eq!(kinds::kind_of(&read.header).unwrap(), kinds::Kind::Tenant, "{name}");
        let decoded = decode_tenant_record(read.header.version, read.public, read.personal).unwrap();
        assert_eq!(decoded, record, "{name}");
    }
}

#[test]
fn states_have_the_golden_bytes_and_are_read_from_them() {
    for (name, customer) in
        [("state_customer", samples::customer()), ("state_customer_full", samples::full_customer())]
    {
        let mut written = Vec::new();
        encode_customer(&customer, &mut written);
        let golden = golden(name, &written);
        assert_eq!(written, golden, "{name}");
        assert_eq!(decode_customer(&golden).unwrap(), customer, "{name}");
    }
    let mut written = Vec::new();
    encode_tenant(&samples::tenant(), &mut written);
    let golden = golden("state_tenant", &written);
    assert_eq!(written, golden);
    assert_eq!(decode_tenant(&golden).unwrap(), samples::tenant());
}

#[test]
fn a_wallet_with_three_tranches_rests_in_less_than_330_bytes() {
    let mut bytes = Vec::new();
    encode_customer(&samples::customer(), &mut bytes);
    assert!(bytes.len() < 330, "{} bytes", bytes.len());
}
