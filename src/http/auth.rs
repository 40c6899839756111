//! Who asks, and whether they may: API keys and scopes (API §1 "Auth").

use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use coffer_ledger::catalog::api_key::KeyScopes;
use sha2::{Digest, Sha256};

use super::error::{ApiError, Code};
use crate::engine::{Authenticated, Engine};

/// What a route asks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `debit`.
    Debit,
    /// `debit` or `read`: the balance, which both need.
    DebitOrRead,
    /// `read`.
    Read,
    /// `write`.
    Write,
    /// `admin`, by a key that is not bound to a customer.
    Admin,
}

impl Scope {
    /// As the documentation says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::DebitOrRead => "debit or read",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    const fn permits(self, scopes: KeyScopes) -> bool {
        match self {
            Self::Debit => scopes.debit,
            Self::DebitOrRead => scopes.debit || scopes.read,
            Self::Read => scopes.read,
            Self::Write => scopes.write,
            Self::Admin => scopes.admin,
        }
    }
}

/// The key that a connection showed last, hashed: a client shows the same one with every request. Whether it is good is looked up
/// each time.
#[derive(Default)]
pub(crate) struct KeyMemo(Mutex<Option<Shown>>);

struct Shown {
    secret: Box<[u8]>,
    sha256: [u8; 32],
}

impl KeyMemo {
    fn sha256(&self, secret: &[u8]) -> [u8; 32] {
        let mut last = self.0.lock().expect("nothing under this lock panics");
        if let Some(shown) = &*last
            && is_same(&shown.secret, secret)
        {
            return shown.sha256;
        }
        let sha256 = Sha256::digest(secret).into();
        *last = Some(Shown { secret: secret.into(), sha256 });
        sha256
    }
}

/// Takes the same time wherever two secrets of one length differ: who shares a connection behind a proxy learns nothing.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

/// Who showed a key, if it is good for `scope`.
pub(crate) fn authorize(
    engine: &Engine,
    memo: Option<&KeyMemo>,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Authenticated, ApiError> {
    let secret = secret(headers).ok_or_else(|| {
        ApiError::new(Code::Unauthorized, "send an API key as x-api-key or as Authorization: Bearer")
    })?;
    let sha256 = memo.map_or_else(|| Sha256::digest(secret).into(), |memo| memo.sha256(secret));
    let who = engine
        .authenticate(&sha256)
        .ok_or_else(|| ApiError::new(Code::Unauthorized, "unknown or revoked API key"))?;
    if !scope.permits(who.scopes) {
        return Err(ApiError::new(
            Code::PermissionDenied,
            format!("the API key lacks the scope {}", scope.as_str()),
        )
        .with("scope", scope.as_str()));
    }
    if scope == Scope::Admin && who.customer.is_some() {
        return Err(ApiError::new(Code::PermissionDenied, "the API key is bound to a customer"));
    }
    Ok(who)
}

/// `x-api-key` before `Authorization: Bearer`.
fn secret(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_connection_that_changes_its_key_is_known_by_the_new_one() {
        let memo = KeyMemo::default();
        for secret in [&b"one"[..], b"one", b"two", b"on", b"", b"one"] {
            assert_eq!(memo.sha256(secret), <[u8; 32]>::from(Sha256::digest(secret)));
        }
    }

    #[test]
    fn a_key_is_taken_from_either_header() {
        assert_eq!(secret(&headers(&[("x-api-key", "k")])), Some(&b"k"[..]));
        assert_eq!(secret(&headers(&[("authorization", "Bearer k")])), Some(&b"k"[..]));
        assert_eq!(secret(&headers(&[("authorization", "bearer  k")])), Some(&b"k"[..]));
        assert_eq!(secret(&headers(&[("authorization", "Basic k")])), None);
        assert_eq!(secret(&headers(&[("authorization", "Bear")])), None);
        assert_eq!(secret(&headers(&[])), None);
    }
}
