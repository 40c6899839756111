//! Bytes of each version, as they were on the day it was frozen. A difference is a broken log, not a test to adapt.
//!
//! `COFFER_WRITE_GOLDEN=1` writes files that are missing; it never overwrites one.

use std::path::PathBuf;

use coffer::engine::codec::{
    decode_customer, decode_record, decode_tenant, decode_tenant_record, encode_customer, encode_tenant,
    kinds,
};
use coffer_ledger::catalog::tenant::{Tenant, TenantRecord};
use coffer_ledger::customer::Customer;
use coffer_ledger::record::Record;
use coffer_wal::{Lsn, decode_frame};

use crate::{
    PREVIOUS, customer_frame, samples, samples_grants, samples_tenant, samples_v2, samples_v4, tenant_frame,
};

#[expect(clippy::disallowed_methods, reason = "golden files are the test's own, outside any simulation")]
fn golden(version: u8, name: &str, written: &[u8]) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/codec_v{version}"));
    let path = folder.join(format!("{name}.bin"));
    if !path.exists() && std::env::var_os("COFFER_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, written).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check_customers_record(version: u8, name: &str, record: &Record) {
    let written = customer_frame(record);
    let golden = golden(version, name, &written);
    assert_eq!(written, golden, "{name}");
    let (read, rest) = decode_frame(&golden, Lsn(100_000_000)).unwrap();
    assert_eq!((kinds::kind_of(&read.header).unwrap(), rest.len()), (kinds::Kind::Customer, 0), "{name}");
    assert_eq!((read.header.previous, read.header.version), (PREVIOUS, version), "{name}");
    assert_eq!(decode_record(version, read.public, read.personal).unwrap(), *record, "{name}");
}

fn check_tenants_record(version: u8, name: &str, record: &TenantRecord) {
    let written = tenant_frame(record);
    let golden = golden(version, name, &written);
    assert_eq!(written, golden, "{name}");
    let (read, _) = decode_frame(&golden, Lsn(100_000_000)).unwrap();
    assert_eq!(kinds::kind_of(&read.header).unwrap(), kinds::Kind::Tenant, "{name}");
    assert_eq!(read.header.version, version, "{name}");
    assert_eq!(decode_tenant_record(version, read.public, read.personal).unwrap(), *record, "{name}");
}

fn check_customer(version: u8, name: &str, customer: &Customer) {
    let mut written = Vec::new();
    encode_customer(customer, &mut written);
    let golden = golden(version, name, &written);
    assert_eq!((&written, written[0]), (&golden, version), "{name}");
    assert_eq!(decode_customer(&golden).unwrap(), *customer, "{name}");
}

fn check_tenant(version: u8, name: &str, tenant: &Tenant) {
    let mut written = Vec::new();
    encode_tenant(tenant, &mut written);
    let golden = golden(version, name, &written);
    assert_eq!((&written, written[0]), (&golden, version), "{name}");
    assert_eq!(decode_tenant(&golden).unwrap(), *tenant, "{name}");
}

#[test]
fn a_customers_record_of_each_kind_has_the_golden_bytes_and_is_read_from_them() {
    for (name, record) in samples::customer_records() {
        check_customers_record(1, name, &record);
    }
    for (name, record) in samples_v2::customer_records() {
        check_customers_record(2, name, &record);
    }
    for (name, record) in samples_grants::customer_records() {
        check_customers_record(3, name, &record);
    }
    for (name, record) in samples_v4::customer_records() {
        check_customers_record(4, name, &record);
    }
}

#[test]
fn a_tenants_record_of_each_kind_has_the_golden_bytes_and_is_read_from_them() {
    for (name, record) in samples_tenant::records() {
        check_tenants_record(1, name, &record);
    }
    for (name, record) in samples_v2::tenant::records() {
        check_tenants_record(2, name, &record);
    }
    for (name, record) in samples_grants::tenant_records() {
        check_tenants_record(3, name, &record);
    }
    for (name, record) in samples_v4::tenant_records() {
        check_tenants_record(4, name, &record);
    }
}

#[test]
fn states_have_the_golden_bytes_and_are_read_from_them() {
    check_customer(1, "state_customer", &samples::customer());
    check_customer(1, "state_customer_full", &samples::full_customer());
    check_customer(2, "state_customer_with_a_hold", &samples_v2::state::with_a_hold());
    check_customer(2, "state_customer_full", &samples_v2::state::full());
    check_tenant(1, "state_tenant", &samples_tenant::tenant());
    check_tenant(2, "state_tenant_full", &samples_v2::tenant::full());
    check_customer(3, "state_customer_granted", &samples_grants::customer_story().1);
    check_tenant(3, "state_tenant_plans", &samples_grants::tenant_story().1);
}

#[test]
fn a_wallet_with_three_tranches_rests_in_less_than_330_bytes() {
    let mut bytes = Vec::new();
    encode_customer(&samples::customer(), &mut bytes);
    assert!(bytes.len() < 330, "{} bytes", bytes.len());
}
