//! Backups: a whole store as it was at one moment, in one stream of bytes with
//! a checksum over all of it; and the store that is made of one.

mod error;
mod image;
mod read;
mod restore;
mod write;

#[cfg(test)]
mod tests;

pub use crate::engine::journal::backup::{
    error::Error,
    image::Image,
    read::{Reader, verify},
    restore::{Restored, restore},
    write::Writer,
};

use crate::model::{time::UnixMillis, version::Version};

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Which store; at most 64 bytes.
    pub store_id: String,
    /// The last version that it had given out.
    pub version: Version,
    /// The moment, by the store's clock.
    pub time: UnixMillis,
}

/// What a whole backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Entries.
    pub entries: u64,
    /// Remembered requests.
    pub requests: u64,
    /// Bytes of all of it.
    pub bytes: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
}
