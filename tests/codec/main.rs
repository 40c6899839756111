//! The codec from outside: what it writes it reads again, it survives any bytes, and the bytes of each version stay what they are.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod any;
mod broken;
mod erasure;
mod golden;
mod oldest;
mod privacy;
mod round_trip;
mod samples;
mod samples_grants;
mod samples_tenant;
mod samples_v2;
mod samples_v3;
mod samples_v4;

use coffer::engine::codec::{encode_customer_frame, encode_tenant_frame};
use coffer_ledger::catalog::tenant::TenantRecord;
use coffer_ledger::record::Record;
use coffer_wal::Lsn;

const PREVIOUS: Lsn = Lsn(98_765_432);

fn customer_frame(record: &Record) -> Vec<u8> {
    let mut frame = Vec::new();
    let subject = (samples::TENANT, samples::OWNER);
    encode_customer_frame(&mut frame, record, subject, record.facts.at, PREVIOUS).unwrap();
    frame
}

fn tenant_frame(record: &TenantRecord) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_tenant_frame(&mut frame, record, samples::TENANT, PREVIOUS).unwrap();
    frame
}
