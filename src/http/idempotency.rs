//! Idempotency keys of requests (SEMANTICS §9).

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};

use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ApiError;

/// Bytes of a key.
const KEY_BYTES_MAX: usize = 255;
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const FIELD: &str = "idempotency_key";

/// The body of a write that says all in its path; none is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = KeyAlone)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    /// As the `Idempotency-Key` header.
    pub(super) idempotency_key: Option<Box<str>>,
}

/// The key of a request: the header's or the body's. Both and different is refused.
pub(crate) fn of_request(
    headers: &HeaderMap,
    body_key: Option<Box<str>>,
) -> Result<Option<Box<str>>, ApiError> {
    let header_key = of_header(headers)?;
    match (header_key, checked(body_key)?) {
        (Some(header), Some(body)) if header != *body => {
            Err(ApiError::field(FIELD, "differs from the Idempotency-Key header"))
        }
        (Some(header), _) => Ok(Some(header.into())),
        (None, body) => Ok(body),
    }
}

/// The key of a batch's item: its own, else the request's with the item's index.
pub(crate) fn of_item(
    header_key: Option<&str>,
    index: usize,
    item_key: Option<Box<str>>,
) -> Result<Option<Box<str>>, ApiError> {
    match (checked(item_key)?, header_key) {
        (Some(own), _) => Ok(Some(own)),
        (None, Some(header)) => checked(Some(format!("{header}/{index}").into())),
        (None, None) => Ok(None),
    }
}

/// The header's key.
pub(crate) fn of_header(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::field(FIELD, "more than one Idempotency-Key header"));
    }
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| ApiError::field(FIELD, "the Idempotency-Key header is not UTF-8"))?;
    let key = unquoted(text.trim()).ok_or_else(|| {
        ApiError::field(FIELD, "the Idempotency-Key header is neither bare nor a quoted string")
    })?;
    check(&key)?;
    Ok(Some(key))
}

/// A bare key as it is, a quoted one (RFC 8941 string) without its quotes and escapes.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = text.strip_prefix('"') else { return Some(text.into()) };
    let mut key = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key.into()),
            '\\' => key.push(characters.next().filter(|character| matches!(character, '"' | '\\'))?),
            character => key.push(character),
        }
    }
}

fn checked(key: Option<Box<str>>) -> Result<Option<Box<str>>, ApiError> {
    if let Some(key) = &key {
        check(key)?;
    }
    Ok(key)
}

fn check(key: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ApiError::field(FIELD, "1 to 255 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> Result<Option<String>, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        of_header(&headers).map(|key| key.map(Cow::into_owned))
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same_key() {
        for value in ["abc", "\"abc\"", " \"abc\" "] {
            assert_eq!(header(value).unwrap().as_deref(), Some("abc"), "{value}");
        }
        assert_eq!(header(r#""a\"b\\c""#).unwrap().as_deref(), Some(r#"a"b\c"#));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for value in ["\"abc", "\"a\"b\"", "\"a\\n\"", "", "\"\"", &"k".repeat(256)] {
            header(value).unwrap_err();
        }
    }

    #[test]
    fn header_and_body_must_agree() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "\"k\"".parse().unwrap());
        assert_eq!(of_request(&headers, Some("k".into())).unwrap().as_deref(), Some("k"));
        of_request(&headers, Some("other".into())).unwrap_err();
        assert_eq!(of_request(&HeaderMap::new(), Some("b".into())).unwrap().as_deref(), Some("b"));
        assert_eq!(of_request(&HeaderMap::new(), None).unwrap(), None);
    }

    #[test]
    fn an_item_without_a_key_borrows_the_requests() {
        assert_eq!(of_item(Some("h"), 7, None).unwrap().as_deref(), Some("h/7"));
        assert_eq!(of_item(Some("h"), 7, Some("own".into())).unwrap().as_deref(), Some("own"));
        assert_eq!(of_item(None, 7, None).unwrap(), None);
        of_item(Some(&"k".repeat(254)), 7, None).unwrap_err();
    }
}
