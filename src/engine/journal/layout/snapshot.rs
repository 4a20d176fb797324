//! Snapshots: blocks of records, each with a checksum, between a first block
//! that says which snapshot it is and a last one that says that it is whole.
//!
//! | bytes | before each block |
//! |---|---|
//! | 4 | `NKVS` the first, `NKVB` a block of records, `NKVE` the last |
//! | 4 | number of the block |
//! | 4 | length of its content |
//! | 4 | number of records |
//! | 4 | CRC32C of the content |
//! | 4 | chain: checksum of the header of the block before, of the first 0 |
//! | 4 | CRC32C of the 24 bytes before |
//!
//! The content of the first is the version of the format u32, the number of the
//! snapshot u64, the sequence u64 from which on the log is to be applied, and
//! the `store_id`; of the last the number of all records u64, the sequence u64
//! that the log has to reach, and the time u64.

use crate::{
    engine::journal::layout::{Bytes, FORMAT, put_name, take_name},
    model::time::UnixMillis,
};

/// Bytes before each block.
pub(in crate::engine::journal) const HEADER: usize = 28;

/// Which block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Kind {
    First,
    Records,
    Last,
    /// The first of a backup, and its last: see [`super::backup`].
    BackupFirst,
    BackupLast,
}

/// What stands before a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Header {
    pub(in crate::engine::journal) kind: Kind,
    pub(in crate::engine::journal) number: u32,
    pub(in crate::engine::journal) content_bytes: u32,
    pub(in crate::engine::journal) count: u32,
    pub(in crate::engine::journal) content_checksum: u32,
    pub(in crate::engine::journal) chain: u32,
    pub(in crate::engine::journal) checksum: u32,
}

/// What the first block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct First {
    pub(in crate::engine::journal) number: u64,
    /// The last sequence that need not be applied.
    pub(in crate::engine::journal) begin: u64,
    pub(in crate::engine::journal) store_id: String,
}

/// What the last block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Last {
    pub(in crate::engine::journal) count: u64,
    /// The sequence that the log has to reach.
    pub(in crate::engine::journal) end: u64,
    pub(in crate::engine::journal) wall: UnixMillis,
}

impl Kind {
    const fn magic(self) -> [u8; 4] {
        match self {
            Self::First => *b"NKVS",
            Self::Records => *b"NKVB",
            Self::Last => *b"NKVE",
            Self::BackupFirst => *b"NKVI",
            Self::BackupLast => *b"NKVF",
        }
    }
}

/// Adds a block, and gives its checksum.
pub(in crate::engine::journal) fn write(
    kind: Kind,
    number: u32,
    count: u32,
    chain: u32,
    content: &[u8],
    out: &mut Vec<u8>,
) -> u32 {
    let begin = out.len();
    let content_bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&kind.magic());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&content_bytes.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    out.extend_from_slice(&chain.to_le_bytes());
    let checksum = crc32c::crc32c(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(content);
    checksum
}

/// What stands before a block.
pub(in crate::engine::journal) fn header(bytes: &[u8; HEADER]) -> Option<Header> {
    let (covered, _) = bytes.split_last_chunk::<4>()?;
    let mut bytes = Bytes(bytes);
    let magic = bytes.array()?;
    let kinds = [
        Kind::First,
        Kind::Records,
        Kind::Last,
        Kind::BackupFirst,
        Kind::BackupLast,
    ];
    let header = Header {
        kind: kinds.into_iter().find(|kind| kind.magic() == magic)?,
        number: bytes.u32()?,
        content_bytes: bytes.u32()?,
        count: bytes.u32()?,
        content_checksum: bytes.u32()?,
        chain: bytes.u32()?,
        checksum: bytes.u32()?,
    };
    (crc32c::crc32c(covered) == header.checksum).then_some(header)
}

impl First {
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut content = FORMAT.to_le_bytes().to_vec();
        content.extend_from_slice(&self.number.to_le_bytes());
        content.extend_from_slice(&self.begin.to_le_bytes());
        put_name(&self.store_id, &mut content);
        content
    }

    pub(in crate::engine::journal) fn read(content: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(content);
        if bytes.u32()? != FORMAT {
            return None;
        }
        Some(Self {
            number: bytes.u64()?,
            begin: bytes.u64()?,
            store_id: take_name(&mut bytes)?,
        })
    }
}

impl Last {
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut content = self.count.to_le_bytes().to_vec();
        content.extend_from_slice(&self.end.to_le_bytes());
        content.extend_from_slice(&self.wall.get().to_le_bytes());
        content
    }

    pub(in crate::engine::journal) fn read(content: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(content);
        Some(Self {
            count: bytes.u64()?,
            end: bytes.u64()?,
            wall: UnixMillis::new(bytes.u64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_bytes_that_they_always_had() {
        let first = First {
            number: 2,
            begin: 9,
            store_id: "s".to_owned(),
        };
        assert_eq!(
            &first.write()[..22],
            b"\x01\0\0\0\x02\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01s"
        );
        assert_eq!(First::read(&first.write()), Some(first));
        let last = Last {
            count: 1,
            end: 2,
            wall: UnixMillis::new(3),
        };
        assert_eq!(
            last.write(),
            b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"
        );
        assert_eq!(Last::read(&last.write()), Some(last));

        let mut block = Vec::new();
        let checksum = write(Kind::Records, 3, 4, 5, b"payload", &mut block);
        assert_eq!(
            &block[..24],
            b"NKVB\x03\0\0\0\x07\0\0\0\x04\0\0\0\x70\x69\xe3\xf4\x05\0\0\0"
        );
        let head = block.first_chunk().unwrap();
        let header = header(head).unwrap();
        assert_eq!(
            (header.kind, header.number, header.count),
            (Kind::Records, 3, 4)
        );
        assert_eq!(
            (header.checksum, &block[HEADER..]),
            (checksum, &b"payload"[..])
        );
    }
}
