//! Readers of texts that stand outside of bodies: times, idempotency keys, query strings, names.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use coffer_ledger::time::Timestamp;

use crate::http::page::PageFields;
use crate::http::query::Query;
use crate::http::{fields, idempotency, rfc3339};

/// Any bytes as each of them.
///
/// # Panics
/// When something that was read or printed does not come back the same.
pub fn texts(data: &[u8]) {
    if let Some(ns) = data.first_chunk() {
        prints_what_it_reads(Timestamp(u64::from_le_bytes(*ns)));
    }
    header(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    times(text);
    query(text);
    names(text);
}

fn times(text: &str) {
    if let Some(at) = rfc3339::parse(text) {
        prints_what_it_reads(at);
    }
    if let Some(at) = text.parse().ok().and_then(rfc3339::parse_day) {
        let day = &rfc3339::Text::new(at).as_str().replace('-', "")[..8];
        assert_eq!(text.parse(), day.parse::<u32>());
    }
}

fn prints_what_it_reads(at: Timestamp) {
    let printed = rfc3339::Text::new(at);
    // Later than that is shown and not read: a request cannot name it.
    let readable = i64::try_from(at.0).is_ok();
    assert_eq!(rfc3339::parse(printed.as_str()), readable.then_some(at), "{}", printed.as_str());
}

fn header(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        headers.insert(HeaderName::from_static("idempotency-key"), value);
    }
    let _ = idempotency::of_request(&headers, Some((*text).into()));
    let Ok(Some(key)) = idempotency::of_header(&headers) else { return };
    assert!((1..=255).contains(&key.len()), "{key:?}");
    let _ = idempotency::of_item(Some(&key), data.len(), Some((*text).into()));
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    let mut again = HeaderMap::new();
    again.insert("idempotency-key", quoted.parse().expect("its characters stood in a header before"));
    assert_eq!(idempotency::of_header(&again).ok().flatten().as_deref(), Some(&*key));
}

fn query(text: &str) {
    let Ok(uri) = format!("/v1/wallets?{text}").parse::<Uri>() else { return };
    let Ok(query) = Query::of(&uri) else { return };
    let _ = query.flag("dry_run");
    let _ = query.only(&["dry_run"]);
    let _ = query.number("limit");
    let _ = query.lists("expand", "wallets");
    assert!(query.words("expand").all(|word| !word.is_empty() && !word.contains(',')));
    let _ = PageFields::of_query(&query);
}

fn names(text: &str) {
    let known = fields::known_name("id", text);
    assert!(fields::new_name("id", text).is_err() || known.is_ok());
    let _ = fields::time("at", Some(text));
    let _ = fields::time_zone("time_zone", text);
    let _ = fields::price_unit(Some(text));
    if let Ok(currency) = fields::currency(text) {
        assert!(fields::currency(currency.as_str()).is_ok_and(|again| again == currency));
    }
    if let Ok(id) = fields::wallet_id("id", text) {
        assert!(fields::wallet_id("id", &id.to_string()).is_ok_and(|again| again == id));
    }
}
