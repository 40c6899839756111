//! The codec: what it reads out of any bytes it writes again, and reads the same.

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::frame::{FRAME_HEADER_BYTES, decode_frame_unchecked};
use coffer_wal::{Lsn, Record, decode_frame};

use crate::engine::codec::{
    decode_customer, decode_for_replay, decode_record, decode_tenant, decode_tenant_for_replay,
    decode_tenant_record, encode_customer, encode_customer_frame, encode_tenant, encode_tenant_frame,
};

/// Any bytes as a state, and as a frame whose length and checksum are right.
///
/// # Panics
/// When what was read does not come back after it was written.
pub fn codec(data: &[u8]) {
    customers_state(data);
    tenants_state(data);
    let Some(frame) = whole_frame(data) else { return };
    if let Ok((record, _)) = decode_frame_unchecked(&frame, Lsn::FIRST) {
        customers_record(&record);
        tenants_record(&record);
    }
}

/// The bytes with their own number in the frame's length.
fn whole_frame(data: &[u8]) -> Option<Vec<u8>> {
    let mut frame = data.to_vec();
    let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() >= FRAME_HEADER_BYTES)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Some(frame)
}

fn customers_state(bytes: &[u8]) {
    let Ok(customer) = decode_customer(bytes) else { return };
    let mut written = Vec::new();
    encode_customer(&customer, &mut written);
    assert_eq!(decode_customer(&written).as_ref().ok(), Some(&customer));
}

fn tenants_state(bytes: &[u8]) {
    let Ok(tenant) = decode_tenant(bytes) else { return };
    let mut written = Vec::new();
    encode_tenant(&tenant, &mut written);
    assert_eq!(decode_tenant(&written).as_ref().ok(), Some(&tenant));
}

fn customers_record(Record { header, public, personal, .. }: &Record<'_>) {
    let replayed = decode_for_replay(header.version, public, personal);
    let Ok(record) = decode_record(header.version, public, personal) else { return };
    let view = replayed.expect("a record that is read whole is read for replay");
    assert_eq!(view.facts, record.facts);
    assert_eq!(view.idempotency_key, record.origin.idempotency_key.as_deref());
    let tenant = TenantNumber(header.subject.tenant);
    let number = CustomerNumber(header.subject.number & CustomerNumber::MAX.0);
    let mut written = Vec::new();
    encode_customer_frame(
        &mut written,
        &record,
        (tenant, number),
        Timestamp(header.time_ns),
        header.previous,
    )
    .expect("it was one record");
    let (again, rest) = decode_frame(&written, Lsn::FIRST).expect("a frame that was just written");
    assert!(rest.is_empty());
    let again = decode_record(again.header.version, again.public, again.personal);
    assert_eq!(again.as_ref().ok(), Some(&record));
}

fn tenants_record(Record { header, public, personal, .. }: &Record<'_>) {
    let replayed = decode_tenant_for_replay(header.version, public, personal);
    let Ok(record) = decode_tenant_record(header.version, public, personal) else { return };
    let view = replayed.expect("a record that is read whole is read for replay");
    assert_eq!(view.facts, record.facts);
    assert_eq!(view.idempotency_key, record.origin.idempotency_key.as_deref());
    let mut written = Vec::new();
    let tenant = TenantNumber(header.subject.tenant);
    encode_tenant_frame(&mut written, &record, tenant, header.previous).expect("it was one record");
    let (again, rest) = decode_frame(&written, Lsn::FIRST).expect("a frame that was just written");
    assert!(rest.is_empty());
    let again = decode_tenant_record(again.header.version, again.public, again.personal);
    assert_eq!(again.as_ref().ok(), Some(&record));
}
