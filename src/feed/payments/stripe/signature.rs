//! Stripe's signatures of what it sends: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]`, where each `v1` is HMAC-SHA256 over
//! `<t>.<body>` with the endpoint's secret; while a secret is rolled there are several (Stripe, "Verify webhook signatures manually").

use ring::hmac;

/// Seconds that a signature may be old, or ahead: what is older may be somebody's copy.
const TOLERANCE_S: u64 = 300;
/// Signatures that are looked at.
const SIGNATURES_MAX: usize = 8;
const DIGEST_BYTES: usize = 32;

/// Why a message is not Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header, or none of this form.
    #[error("the Stripe-Signature header is missing or not of the form t=…,v1=…")]
    Malformed,
    /// Signed too long ago, or in the future.
    #[error("the signature's time is more than 5 minutes away")]
    Stale,
    /// By somebody else, or for another body.
    #[error("no signature fits")]
    Forged,
}

/// Whether a body is signed with this secret, at about `now_s` (seconds since 1970).
///
/// # Errors
/// [`SignatureError`].
pub(super) fn verify(secret: &str, header: &str, body: &[u8], now_s: u64) -> Result<(), SignatureError> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut times = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let (Some(time), None) = (times.next(), times.next()) else { return Err(SignatureError::Malformed) };
    let at: u64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let mut signatures = parts().filter(|(name, _)| *name == "v1").take(SIGNATURES_MAX).peekable();
    if signatures.peek().is_none() {
        return Err(SignatureError::Malformed);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    // In constant time per signature. The time is judged after it: who cannot sign learns nothing of our clock.
    let fits = |hex: &str| bytes_of(hex).is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if !signatures.any(|(_, hex)| fits(hex)) {
        return Err(SignatureError::Forged);
    }
    if at.abs_diff(now_s) > TOLERANCE_S {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

fn bytes_of(hex: &str) -> Option<[u8; DIGEST_BYTES]> {
    let mut bytes = [0; DIGEST_BYTES];
    if hex.len() != 2 * DIGEST_BYTES || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..hex.len()).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test_secret";
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
    const AT: u64 = 1_700_000_000;
    /// By Python's hmac: hmac.new(b"whsec_test_secret", b"1700000000." + BODY, "sha256").hexdigest().
    const SIGNED: &str = "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd";

    fn check(header: &str, body: &[u8], now_s: u64) -> Result<(), SignatureError> {
        verify(SECRET, header, body, now_s)
    }

    #[test]
    fn what_stripe_signs_is_taken() {
        assert_eq!(check(&format!("t={AT},v1={SIGNED}"), BODY, AT + 10), Ok(()));
    }

    #[test]
    fn one_of_several_signatures_is_enough_and_other_schemes_are_passed_over() {
        let other = "0".repeat(64);
        let header = format!("t={AT},v0={other},v1={other},v1={SIGNED}");
        assert_eq!(check(&header, BODY, AT), Ok(()));
        assert_eq!(check(&format!("t={AT},v0={SIGNED}"), BODY, AT), Err(SignatureError::Malformed));
    }

    #[test]
    fn another_body_time_or_secret_is_forged() {
        let header = format!("t={AT},v1={SIGNED}");
        assert_eq!(check(&header, b"{}", AT), Err(SignatureError::Forged));
        assert_eq!(check(&format!("t={},v1={SIGNED}", AT + 1), BODY, AT), Err(SignatureError::Forged));
        assert_eq!(verify("whsec_other", &header, BODY, AT), Err(SignatureError::Forged));
    }

    #[test]
    fn five_minutes_are_the_limit_both_ways() {
        let header = format!("t={AT},v1={SIGNED}");
        assert_eq!(check(&header, BODY, AT + 300), Ok(()));
        assert_eq!(check(&header, BODY, AT + 301), Err(SignatureError::Stale));
        assert_eq!(check(&header, BODY, AT - 301), Err(SignatureError::Stale));
    }

    #[test]
    fn anything_else_is_malformed_or_forged() {
        for header in ["", "v1=00", "t=1700000000", "t=x,v1=00", "t=1,t=2,v1=00"] {
            assert_eq!(check(header, BODY, AT), Err(SignatureError::Malformed), "{header}");
        }
        for tag in ["", "00", &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(check(&format!("t={AT},v1={tag}"), BODY, AT), Err(SignatureError::Forged), "{tag}");
        }
    }
}
