//! What is written is read again, whole.

use coffer::engine::codec::{
    decode_customer, decode_for_replay, decode_record, decode_tenant, decode_tenant_for_replay,
    decode_tenant_record, encode_customer, encode_customer_frame, encode_tenant, encode_tenant_frame, kinds,
};
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, decode_frame};
use proptest::prelude::*;

use crate::any;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_customers_record_comes_back_whole_and_for_replay(record in any::record()) {
        let mut frame = b"before".to_vec();
        encode_customer_frame(&mut frame, &record, (any::TENANT, any::OWNER), Timestamp(43), Lsn(41)).unwrap();
        let (read, rest) = decode_frame(&frame[6..], Lsn(42)).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(kinds::kind_of(&read.header).unwrap(), kinds::Kind::Customer);
        prop_assert_eq!(read.header.subject.number, any::OWNER.0);
        prop_assert_eq!(read.header.subject.tenant, any::TENANT.0);
        prop_assert_eq!((read.header.time_ns, read.header.previous), (43, Lsn(41)));
        let view = decode_for_replay(read.header.version, read.public, read.personal).unwrap();
        prop_assert_eq!(view.idempotency_key, record.origin.idempotency_key.as_deref());
        prop_assert_eq!(&view.facts, &record.facts);
        prop_assert_eq!(decode_record(read.header.version, read.public, read.personal).unwrap(), record);
    }

    #[test]
    fn a_tenants_record_comes_back_whole_and_for_replay(record in any::tenant_record()) {
        let mut frame = Vec::new();
        encode_tenant_frame(&mut frame, &record, any::TENANT, Lsn::NONE).unwrap();
        let (read, _) = decode_frame(&frame, Lsn(42)).unwrap();
        prop_assert_eq!(kinds::kind_of(&read.header).unwrap(), kinds::Kind::Tenant);
        let view = decode_tenant_for_replay(read.header.version, read.public, read.personal).unwrap();
        prop_assert_eq!(view.idempotency_key, record.origin.idempotency_key.as_deref());
        prop_assert_eq!(&view.facts, &record.facts);
        prop_assert_eq!(decode_tenant_record(read.header.version, read.public, read.personal).unwrap(), record);
    }

    #[test]
    fn a_customers_state_comes_back_and_equal_states_have_equal_bytes(customer in any::customer()) {
        let mut bytes = Vec::new();
        encode_customer(&customer, &mut bytes);
        let read = decode_customer(&bytes).unwrap();
        prop_assert_eq!(&read, &customer);
        let mut again = Vec::new();
        encode_customer(&read, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn a_tenants_state_comes_back_and_equal_states_have_equal_bytes(tenant in any::tenant()) {
        let mut bytes = Vec::new();
        encode_tenant(&tenant, &mut bytes);
        let read = decode_tenant(&bytes).unwrap();
        prop_assert_eq!(&read, &tenant);
        let mut again = Vec::new();
        encode_tenant(&read, &mut again);
        prop_assert_eq!(again, bytes);
    }
}
