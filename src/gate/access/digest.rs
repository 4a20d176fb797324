//! What the server keeps of a token.

use std::fmt::Write;

use sha2::{Digest as _, Sha256};

/// What is kept of a token. Tokens are random, so nothing slower is needed: it
/// cannot be guessed from this.
pub type Digest = [u8; 32];

/// What is kept of `token`.
#[must_use]
pub fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// The same as the file of identities says it.
#[must_use]
pub fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What [`hex`] gave; `None`: it gives nothing like that.
pub(super) fn parse(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() || !text.is_ascii() {
        return None;
    }
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}
