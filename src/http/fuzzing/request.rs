//! One request as text, through routes, authorisation, parsing, engine and reply.
//!
//! The text is a request without its ceremony: `METHOD path?query`, headers, an empty line, the body; lines end with `\n`, and
//! `@wallet`, `@row`, `@credit`, `@hold` and `@key` stand for ids of the front's own things. What is no request for HTTP itself is passed over: hyper
//! would not let it in.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::Value;

use super::front::Front;

static FRONT: Mutex<Option<Front>> = Mutex::new(None);

/// Any bytes as a request. Whatever it asks, the answer is a success or an error of the caller's.
///
/// # Panics
/// When the answer is a 5xx, or an error without the fields that every error has.
pub fn request(data: &[u8]) {
    let mut kept = FRONT.lock().unwrap_or_else(PoisonError::into_inner);
    let front = kept.get_or_insert_with(Front::start);
    if let Some(request) = read(front, data) {
        let method = request.method().clone();
        let (status, body) = front.ask(request);
        if method != Method::HEAD {
            check(status, &body);
        }
        if front.is_worn() {
            *kept = None;
        }
    }
}

fn read(front: &Front, data: &[u8]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(end);
    let head = named(front, head);
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, path) = split_once(lines.next()?, b' ')?;
    let mut request = Request::builder().method(Method::from_bytes(method).ok()?).uri(path);
    let headers = request.headers_mut()?;
    for line in lines {
        let (name, value) = split_once(line, b':')?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        headers.append(HeaderName::from_bytes(name).ok()?, value);
    }
    if !headers.contains_key("x-api-key") {
        headers.insert("x-api-key", front.key.parse().ok()?);
    }
    request.body(named(front, body.get(2..).unwrap_or_default()).into()).ok()
}

fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|found| *found == byte)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// The bytes with ids in place of names.
fn named(front: &Front, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match front.names.iter().find(|(name, _)| rest.starts_with(name.as_bytes())) {
            Some((name, id)) => {
                out.extend_from_slice(id.as_bytes());
                rest = &rest[name.len()..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn check(status: StatusCode, body: &[u8]) {
    let shown = || String::from_utf8_lossy(body);
    assert!(!status.is_server_error(), "{status}: {}", shown());
    let json: Option<Value> = serde_json::from_slice(body).ok();
    if status.is_client_error() {
        let error = json.unwrap_or_else(|| panic!("{status} without JSON: {}", shown()));
        assert!(error["code"].is_string() && error["message"].is_string(), "{}", shown());
        assert_eq!(error["http_status_code"], status.as_u16(), "{}", shown());
    } else if let Some(results) = json.as_ref().and_then(|json| json["results"].as_array()) {
        let broken = |result: &&Value| result["status"].as_u64().is_none_or(|status| status >= 500);
        assert_eq!(results.iter().find(broken), None);
    }
}
