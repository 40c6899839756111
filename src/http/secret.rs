//! Secrets of API keys: `ck_` and 32 random bytes in base64url. The engine learns only their SHA-256.

use sha2::{Digest, Sha256};

use crate::engine::Engine;

/// What every secret begins with.
const PREFIX: &str = "ck_";
const BYTES: usize = 32;

/// The text that a client shows as its API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one, from the engine's source of randomness.
    #[must_use]
    pub fn generate(engine: &Engine) -> Self {
        let mut bytes = [0; BYTES];
        engine.random(&mut bytes);
        let mut text = String::with_capacity(PREFIX.len() + 43);
        text.push_str(PREFIX);
        base64url(&bytes, &mut text);
        Self(text)
    }

    /// A secret that was chosen elsewhere. Any text will do; a short one is easily guessed.
    #[must_use]
    pub fn chosen(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the engine keeps.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The text itself: shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    /// Never shows the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

fn base64url(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let six = usize::try_from(bits >> (18 - 6 * place) & 63).expect("six bits");
            out.push(char::from(ALPHABET[six]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_rfc_4648_without_padding() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        {
            let mut out = String::new();
            base64url(bytes.as_bytes(), &mut out);
            assert_eq!(out, text);
        }
        let mut out = String::new();
        base64url(&[0xfb; 32], &mut out);
        assert_eq!(out.len(), 43);
        assert!(out.contains('-') || out.contains('_'));
    }

    #[test]
    fn debugging_never_shows_a_secret() {
        assert_eq!(format!("{:?}", Secret::chosen("ck_hidden")), "Secret");
    }
}
