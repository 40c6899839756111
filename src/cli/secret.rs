//! API keys as text: `ck_` and 32 random bytes in base64url. Only the SHA-256 is ever stored.

use coffer_wal::Entropy;
use sha2::{Digest, Sha256};

/// Bytes of a key that people choose themselves (`COFFER_BOOTSTRAP_KEY`), at least and at most.
pub(crate) const CHOSEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A new key.
pub(crate) fn generate(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    format!("ck_{}", base64url(&bytes))
}

/// What is stored of a key.
pub(crate) fn sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Whether a chosen key can be sent in a header and is long enough to be one.
pub(crate) fn is_usable(key: &str) -> bool {
    CHOSEN_BYTES.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Without padding (RFC 4648 §5).
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[word >> (18 - 6 * place) & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xff, 0xfe, 0xfd]), "__79");
    }

    #[test]
    fn a_new_key_has_its_prefix_and_43_characters() {
        struct Zeroes;
        impl Entropy for Zeroes {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0);
            }
        }
        let key = generate(&Zeroes);
        assert_eq!(key, format!("ck_{}", "A".repeat(43)));
        assert!(is_usable(&key));
        assert!(!is_usable("short"));
        assert!(!is_usable("a key with spaces in it"));
    }
}
