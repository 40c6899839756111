//! A record's public part stays for ever; nothing personal may stand in it.

use coffer_wal::{Lsn, decode_frame};

use crate::{customer_frame, samples, tenant_frame};

/// Every personal string of the samples.
const PERSONAL: [&str; 19] = [
    "6b1f0c3e-5d2a-4a77-9a8c-0d1e2f3a4b5c",
    "customer-ada",
    "customer-0123456",
    "Ada Lovelace",
    "ada@example.com",
    "+44 20 7946 0000",
    "12 St James's Square",
    "London",
    "SW1Y 4JH",
    "gold",
    "Prepaid Wallet",
    "Team wallet",
    "shared by the research team",
    "4711",
    "REQUEST",
    "req_8f14e45fceea167a",
    "personal words",
    "Ada's gateway",
    "Analytical Engines",
];

#[test]
fn no_personal_string_stands_in_a_public_part_and_each_stands_in_a_personal_one() {
    let customers =
        samples::customer_records().into_iter().map(|(name, record)| (name, customer_frame(&record)));
    let tenants = samples::tenant_records().into_iter().map(|(name, record)| (name, tenant_frame(&record)));
    let mut unseen = PERSONAL.to_vec();
    for (name, frame) in customers.chain(tenants) {
        let (record, _) = decode_frame(&frame, Lsn(1)).unwrap();
        for text in PERSONAL {
            assert!(!contains(record.public, text), "{name} tells {text:?} in public");
        }
        unseen.retain(|text| !contains(record.personal, text));
    }
    assert!(unseen.is_empty(), "no sample has {unseen:?}");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
