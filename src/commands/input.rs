//! What is read from a file or from stdin.

use std::{
    fs::File,
    io::{Read, stdin},
};

use crate::commands::{failure::Failure, words::key};

/// More than any server takes in one message.
const BYTES_MAX: u64 = 64 << 20;

/// All of a file; `-` is stdin.
///
/// # Errors
/// It cannot be read, or is too large to be meant.
pub fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path {
        "-" => stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes),
        path => {
            let file = File::open(path);
            file.and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        }
    };
    let read =
        read.map_err(|error| Failure::misused(format!("{} cannot be read: {error}", key(path))))?;
    if u64::try_from(read).is_ok_and(|read| read <= BYTES_MAX) {
        Ok(bytes)
    } else {
        let what = format!("{} has more than {BYTES_MAX} bytes", key(path));
        Err(Failure::misused(what))
    }
}

/// [`read`], of text.
///
/// # Errors
/// As there, and that it is not UTF-8.
pub fn read_text(path: &str) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|_| Failure::misused(format!("{} is not UTF-8 text", key(path))))
}
