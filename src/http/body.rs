//! Request bodies: read within a size and a time, then parsed from their bytes in one pass.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{ApiError, Code};

/// Bytes of an explanation: it can quote the request.
const EXPLANATION_BYTES_MAX: usize = 300;

/// Reads a body whole. One that has already arrived costs no timer and no copy.
pub(crate) async fn read<B>(body: B, bytes_max: usize, timeout: Duration) -> Result<Bytes, ApiError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let mut reading = pin!(collect(body, bytes_max));
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    tokio::time::timeout(timeout, reading).await.unwrap_or_else(|_| Err(late()))
}

async fn collect<B>(mut body: B, bytes_max: usize) -> Result<Bytes, ApiError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= bytes_max {
        return Ok(first);
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(bytes_max);
    let mut whole = Vec::with_capacity(first.len() + expected);
    let mut part = Some(first);
    while let Some(bytes) = part {
        if whole.len() + bytes.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        whole.extend_from_slice(&bytes);
        part = next(&mut body).await?;
    }
    Ok(whole.into())
}

/// The next piece of data; trailers are passed over.
async fn next<B>(body: &mut B) -> Result<Option<Bytes>, ApiError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::new(Code::ValidationError, "the body ended early"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::new(Code::PayloadTooLarge, format!("the body has more than {bytes_max} bytes"))
        .with("body_bytes_max", bytes_max)
}

fn late() -> ApiError {
    ApiError::new(Code::RequestTimeout, "the body did not arrive in time")
}

/// Whether a body may be read as JSON. A missing type passes: some clients send none with an empty body.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_json = essence.eq_ignore_ascii_case(b"application/json")
        || (essence.len() > 17
            && essence[..12].eq_ignore_ascii_case(b"application/")
            && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"));
    if is_json {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType, "send the body as application/json"))
}

/// Parses a JSON object; anything wrong names its field.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ApiError> {
    // Fields have names: serde would also take an array, by their order.
    match json.trim_ascii_start().first() {
        Some(b'{') | None => {}
        Some(_) if serde_json::from_slice::<IgnoredAny>(json).is_err() => {}
        Some(_) => return Err(ApiError::new(Code::ValidationError, "the body is no JSON object")),
    }
    parse_any(json)
}

/// As [`parse`], for what need not be an object.
pub(crate) fn parse_any<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(json).map_err(|error| explain::<T>(json, &error))
}

/// As [`parse`], where no body means `{}`.
pub(crate) fn parse_or_empty<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ApiError> {
    parse(if json.trim_ascii().is_empty() { b"{}" } else { json })
}

/// Parses once more, slowly, to learn where it went wrong.
#[cold]
fn explain<'a, T: Deserialize<'a>>(json: &'a [u8], error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::new(Code::ValidationError, clip(format!("the body is not JSON: {error}")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => error.path().to_string(),
        Ok(_) => ".".to_owned(),
    };
    let problem = error.to_string();
    let field = if path == "." { quoted_field(&problem).map(str::to_owned) } else { Some(path) };
    let explained = match &field {
        Some(field) => ApiError::new(Code::ValidationError, clip(format!("{field}: {problem}"))),
        None => ApiError::new(Code::ValidationError, clip(problem)),
    };
    match field {
        Some(field) => explained.with("field", clip(field)),
        None => explained,
    }
}

/// The name in an "unknown field `x`", "missing field `x`" or "duplicate field `x`".
fn quoted_field(problem: &str) -> Option<&str> {
    let (_, rest) = problem.split_once("field `")?;
    rest.split_once('`').map(|(name, _)| name)
}

fn clip(mut text: String) -> String {
    if text.len() > EXPLANATION_BYTES_MAX {
        let end = (0..=EXPLANATION_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
