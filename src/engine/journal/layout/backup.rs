//! What the first and the last block of a backup say. Its blocks are those of
//! a snapshot, by which each has a checksum and follows on the one before.
//!
//! | bytes | of the first, `NKVI` |
//! |---|---|
//! | 4 | version of the format |
//! | 8 | the last version that was given out |
//! | 8 | time, in milliseconds since 1970 |
//! | 65 | `store_id`, its length first |
//!
//! Between them stand blocks of records, `NKVB`: requests that are remembered,
//! then entries, each key once.
//!
//! | bytes | of the last, `NKVF` |
//! |---|---|
//! | 8 | number of entries |
//! | 8 | number of requests |
//! | 32 | SHA-256 of all bytes before the header of this block |

use crate::{
    engine::journal::layout::{Bytes, NAME_BYTES_MAX, put_name, take_name},
    model::{time::UnixMillis, version::Version},
};

/// The version of the form of a backup.
pub(in crate::engine::journal) const FORMAT: u32 = 1;

/// Bytes of a SHA-256.
pub(in crate::engine::journal) const DIGEST: usize = 32;

/// What the first block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct First {
    pub(in crate::engine::journal) store_id: String,
    pub(in crate::engine::journal) version: Version,
    pub(in crate::engine::journal) time: UnixMillis,
}

/// What the last block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Last {
    pub(in crate::engine::journal) entries: u64,
    pub(in crate::engine::journal) requests: u64,
    pub(in crate::engine::journal) digest: [u8; DIGEST],
}

/// Why a first block cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Fault {
    /// It is of this later format.
    Newer(u32),
    /// It is none.
    Wrong,
}

impl First {
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut content = FORMAT.to_le_bytes().to_vec();
        content.extend_from_slice(&self.version.get().to_le_bytes());
        content.extend_from_slice(&self.time.get().to_le_bytes());
        put_name(&self.store_id, &mut content);
        content
    }

    pub(in crate::engine::journal) fn read(content: &[u8]) -> Result<Self, Fault> {
        let mut bytes = Bytes(content);
        match bytes.u32() {
            Some(FORMAT) => {
                let first = Self::read_known(bytes).ok_or(Fault::Wrong)?;
                // There is one way to write it.
                let is_written_so = first.write() == content;
                is_written_so.then_some(first).ok_or(Fault::Wrong)
            }
            Some(newer) if newer > FORMAT => Err(Fault::Newer(newer)),
            Some(_) | None => Err(Fault::Wrong),
        }
    }

    fn read_known(mut bytes: Bytes<'_>) -> Option<Self> {
        let first = Self {
            version: Version::new(bytes.i64()?)?,
            time: UnixMillis::new(bytes.u64()?),
            store_id: take_name(&mut bytes)?,
        };
        (first.time <= UnixMillis::MAX).then_some(first)
    }
}

impl Last {
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut content = self.entries.to_le_bytes().to_vec();
        content.extend_from_slice(&self.requests.to_le_bytes());
        content.extend_from_slice(&self.digest);
        content
    }

    pub(in crate::engine::journal) fn read(content: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(content);
        let last = Self {
            entries: bytes.u64()?,
            requests: bytes.u64()?,
            digest: bytes.array()?,
        };
        bytes.0.is_empty().then_some(last)
    }
}

const _: () = assert!(NAME_BYTES_MAX == 64, "the table above says so");

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> First {
        First {
            store_id: "s".to_owned(),
            version: Version::new(0x0102).unwrap(),
            time: UnixMillis::new(3),
        }
    }

    #[test]
    fn blocks_have_the_bytes_that_they_always_had() {
        let written = first().write();
        assert_eq!(
            &written[..22],
            b"\x01\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01s"
        );
        assert_eq!((written.len(), First::read(&written)), (85, Ok(first())));
        let last = Last {
            entries: 1,
            requests: 2,
            digest: [7; DIGEST],
        };
        let mut expected = b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(&[7; DIGEST]);
        assert_eq!(last.write(), expected);
        assert_eq!(Last::read(&expected), Some(last));
    }

    #[test]
    fn what_is_too_short_too_long_or_later_is_not_read() {
        let written = first().write();
        for len in 0..written.len() {
            assert_eq!(First::read(&written[..len]), Err(Fault::Wrong), "{len}");
        }
        assert_eq!(First::read(&[&*written, b"."].concat()), Err(Fault::Wrong));
        let mut later = written;
        later[0] = 9;
        assert_eq!(First::read(&later), Err(Fault::Newer(9)));
        let last = [0; 16 + DIGEST];
        assert!(
            Last::read(&last[1..]).is_none() && Last::read(&[&last[..], b"."].concat()).is_none()
        );
    }
}
