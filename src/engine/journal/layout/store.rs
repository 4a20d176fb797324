//! The file `store`: which store it is, in the first page, and the mark, in
//! two pages that are written by turns.
//!
//! | bytes | of the first page |
//! |---|---|
//! | 8 | `nanokv\r\n` |
//! | 4 | version of the format |
//! | 65 | `store_id`, its length first |
//! | 4 | CRC32C of the bytes before |
//!
//! | bytes | of a mark |
//! |---|---|
//! | 4 | `NKVM` |
//! | 8 | how often it was written: the larger one holds |
//! | 8 | sequence up to which all was synced |
//! | 8 | time, in milliseconds since 1970 |
//! | 4 | CRC32C of the bytes before |
//!
//! The first page keeps this form in every later format, so that an older
//! nanokv can say what it sees.

use crate::{
    engine::journal::layout::{Bytes, FORMAT, NAME_BYTES_MAX, PAGE, put_name, take_name, wide},
    model::time::UnixMillis,
};

/// Bytes of the file.
pub(in crate::engine::journal) const BYTES: usize = 3 * PAGE;

const MAGIC: [u8; 8] = *b"nanokv\r\n";
const HEADER: usize = 13 + NAME_BYTES_MAX;
const MARK_MAGIC: [u8; 4] = *b"NKVM";
const MARK: usize = 28;

/// Up to where everything was synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::journal) struct Mark {
    pub(in crate::engine::journal) generation: u64,
    pub(in crate::engine::journal) synced: u64,
    pub(in crate::engine::journal) wall: UnixMillis,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Store {
    pub(in crate::engine::journal) store_id: String,
    pub(in crate::engine::journal) mark: Mark,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Fault {
    /// It was written by a later nanokv.
    Newer(u32),
    /// From this byte on it is not what was written.
    Damaged(u64, &'static str),
}

impl Mark {
    /// Where it is written in the file.
    pub(in crate::engine::journal) fn offset(&self) -> u64 {
        wide(PAGE) * (1 + self.generation % 2)
    }

    /// What is written there.
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut mark = Vec::with_capacity(MARK + size_of::<u32>());
        mark.extend_from_slice(&MARK_MAGIC);
        mark.extend_from_slice(&self.generation.to_le_bytes());
        mark.extend_from_slice(&self.synced.to_le_bytes());
        mark.extend_from_slice(&self.wall.get().to_le_bytes());
        with_checksum(mark)
    }

    fn read(page: &[u8]) -> Option<Self> {
        let mut bytes = checked(page, MARK)?;
        if bytes.array()? != MARK_MAGIC {
            return None;
        }
        Some(Self {
            generation: bytes.u64()?,
            synced: bytes.u64()?,
            wall: UnixMillis::new(bytes.u64()?),
        })
    }
}

impl Store {
    /// The whole file.
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&FORMAT.to_le_bytes());
        put_name(&self.store_id, &mut header);
        let mut file = with_checksum(header);
        for _ in 0..2 {
            file.resize(file.len().next_multiple_of(PAGE), 0);
            file.extend_from_slice(&self.mark.write());
        }
        file.resize(BYTES, 0);
        file
    }

    /// What a file says.
    pub(in crate::engine::journal) fn read(file: &[u8]) -> Result<Self, Fault> {
        let header = Fault::Damaged(0, "its first page does not have its checksum");
        let mut bytes = checked(file, HEADER).ok_or(header)?;
        if bytes.array() != Some(MAGIC) {
            return Err(Fault::Damaged(0, "it is no store of nanokv"));
        }
        let format = bytes.u32().ok_or(header)?;
        if format > FORMAT {
            return Err(Fault::Newer(format));
        }
        let store_id = take_name(&mut bytes).ok_or(header)?;
        if file.len() != BYTES {
            return Err(Fault::Damaged(wide(file.len()), "it does not end here"));
        }
        let marks = file.chunks(PAGE).skip(1).filter_map(Mark::read);
        let mark = marks.max_by_key(|mark| mark.generation);
        let mark = mark.ok_or(Fault::Damaged(
            wide(PAGE),
            "neither of its marks has its checksum",
        ))?;
        Ok(Self { store_id, mark })
    }
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn checked(page: &[u8], len: usize) -> Option<Bytes<'_>> {
    let (covered, rest) = page.split_at_checked(len)?;
    let checksum = Bytes(rest).u32()?;
    (crc32c::crc32c(covered) == checksum).then_some(Bytes(covered))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store {
            store_id: "one".to_owned(),
            mark: Mark {
                generation: 1,
                synced: 258,
                wall: UnixMillis::new(3),
            },
        }
    }

    #[test]
    fn the_file_has_the_bytes_that_it_always_had() {
        let file = store().write();
        assert_eq!(&file[..16], b"nanokv\r\n\x01\0\0\0\x03one");
        assert_eq!(
            &file[PAGE..PAGE + 28],
            b"NKVM\x01\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"
        );
        assert_eq!(Store::read(&file), Ok(store()));
    }

    #[test]
    fn the_mark_that_was_written_last_holds() {
        let mut file = store().write();
        for generation in 2..7 {
            let mark = Mark {
                generation,
                synced: generation * 10,
                wall: UnixMillis::new(4),
            };
            let at = usize::try_from(mark.offset()).unwrap();
            let written = mark.write();
            file[at..at + written.len()].copy_from_slice(&written);
            assert_eq!(Store::read(&file).unwrap().mark, mark);
        }
        file[PAGE] ^= 1;
        assert_eq!(Store::read(&file).unwrap().mark.generation, 5);
        file[2 * PAGE + 5] ^= 1;
        assert!(matches!(Store::read(&file), Err(Fault::Damaged(4096, _))));
    }

    #[test]
    fn a_later_format_is_named_and_not_read() {
        let mut header = store().write()[..HEADER].to_vec();
        header[8..12].copy_from_slice(&7_u32.to_le_bytes());
        let mut file = with_checksum(header);
        assert_eq!(Store::read(&file), Err(Fault::Newer(7)));
        file[3] ^= 1;
        assert!(matches!(Store::read(&file), Err(Fault::Damaged(0, _))));
    }
}
