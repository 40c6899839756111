//! Replies as JSON: one writer for all of them, so that a reply and its replay are the same bytes.
//!
//! sonic-rs and not serde_json: a reply is nearly all short strings, and it looks for what must be escaped in them by the vector
//! instead of by the byte. Requests are read by serde_json (`body`), whose errors say where and why.

use serde::Serialize;

/// Appends `value`.
pub(crate) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    sonic_rs::to_writer(out, value).expect("replies have string keys and a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_json_writes(
            texts in prop::collection::vec(prop_oneof![".*", "[\\x00-\\x7f]{0,70}", "\\PC{0,70}"], 0..8),
            number: u64,
            truth: Option<bool>,
        ) {
            let pairs: BTreeMap<_, _> = texts.iter().map(|text| (text, text)).collect();
            let value = (&texts, number, truth, pairs);
            let mut out = Vec::new();
            write(&mut out, &value);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&value).unwrap());
        }
    }
}
