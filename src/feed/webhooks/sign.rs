//! Signatures, as the Standard Webhooks specification has them: HMAC-SHA256 of `{id}.{timestamp}.{body}`, in base 64 behind `v1,`.
//!
//! The specification's own crate is not used: it signs in five lines, and brings older versions of others (docs/DEPENDENCIES.md). Checked against
//! its Python library in `tests/python/webhooks.py`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffer_ledger::catalog::webhook::WebhookSecret;
use ring::hmac::{self, HMAC_SHA256};

/// What a printed secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// The value of `webhook-signature`: one signature per secret, newest first.
pub(super) fn signatures<'a>(
    secrets: impl Iterator<Item = &'a WebhookSecret>,
    (id, timestamp_s): (&str, u64),
    body: &[u8],
) -> String {
    let signed: Vec<_> = secrets.map(|secret| signature(secret, (id, timestamp_s), body)).collect();
    signed.join(" ")
}

fn signature(secret: &WebhookSecret, (id, timestamp_s): (&str, u64), body: &[u8]) -> String {
    signed_with(&secret.0, (id, timestamp_s), body)
}

fn signed_with(key: &[u8], (id, timestamp_s): (&str, u64), body: &[u8]) -> String {
    let mut signing = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
    signing.update(format!("{id}.{timestamp_s}.").as_bytes());
    signing.update(body);
    format!("v1,{}", STANDARD.encode(signing.sign()))
}

/// A secret as whoever checks signatures needs it.
pub(crate) fn shown(secret: &WebhookSecret) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_specifications() {
        // The specification's own example: secret, id, timestamp, body, signature.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signed_with(&key, ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330), br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures_and_a_secret_is_shown_with_its_prefix() {
        let (new, old) = (WebhookSecret([1; 32]), WebhookSecret([2; 32]));
        let both = signatures([&new, &old].into_iter(), ("evt_1", 7), b"{}");
        let (one, other) = both.split_once(' ').unwrap();
        assert_eq!(one, signature(&new, ("evt_1", 7), b"{}"));
        assert_eq!(other, signature(&old, ("evt_1", 7), b"{}"));
        assert_ne!(one, other);
        assert_eq!(shown(&new), "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    }
}
