//! The header of a segment, which has a page of its own.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `NKVL` |
//! | 4 | version of the format |
//! | 8 | number of the segment |
//! | 8 | its length in bytes |
//! | 8 | sequence of its first record |
//! | 4 | chain: checksum of the last header of the segment before |
//! | 8 | version up to which versions are reserved |
//! | 65 | `store_id`, its length first |

use crate::engine::journal::layout::{
    Bytes, FORMAT, NAME_BYTES_MAX, PAGE, put_name,
    sector::{self, Place, SECTOR, Sector},
    take_name,
};

/// The first sector that a frame may begin with.
pub(in crate::engine::journal) const FIRST_SECTOR: usize = PAGE / SECTOR;

const MAGIC: [u8; 4] = *b"NKVL";
const HEADER: usize = 45 + NAME_BYTES_MAX;

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Header {
    pub(in crate::engine::journal) number: u64,
    pub(in crate::engine::journal) bytes: u64,
    pub(in crate::engine::journal) first: u64,
    pub(in crate::engine::journal) chain: u32,
    pub(in crate::engine::journal) ceiling: i64,
    pub(in crate::engine::journal) store_id: String,
}

impl Header {
    /// The page that it is.
    pub(in crate::engine::journal) fn write(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&FORMAT.to_le_bytes());
        header.extend_from_slice(&self.number.to_le_bytes());
        header.extend_from_slice(&self.bytes.to_le_bytes());
        header.extend_from_slice(&self.first.to_le_bytes());
        header.extend_from_slice(&self.chain.to_le_bytes());
        header.extend_from_slice(&self.ceiling.to_le_bytes());
        put_name(&self.store_id, &mut header);
        let mut page = Vec::with_capacity(PAGE);
        sector::write(place(self.number), &header, &[], &mut page);
        page.resize(PAGE, 0);
        page
    }

    /// The header of the segment that should have this number.
    pub(in crate::engine::journal) fn read(number: u64, segment: &[u8]) -> Option<Self> {
        let Sector::Head(head) = place(number).look(segment) else {
            return None;
        };
        let mut bytes = Bytes(head);
        if bytes.array()? != MAGIC || bytes.u32()? != FORMAT {
            return None;
        }
        let header = Self {
            number: bytes.u64()?,
            bytes: bytes.u64()?,
            first: bytes.u64()?,
            chain: bytes.u32()?,
            ceiling: bytes.i64()?,
            store_id: take_name(&mut bytes)?,
        };
        (header.number == number).then_some(header)
    }
}

const fn place(number: u64) -> Place {
    Place {
        segment: number,
        sector: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_bytes_that_it_always_had() {
        let header = Header {
            number: 3,
            bytes: 1 << 16,
            first: 77,
            chain: 0x0102_0304,
            ceiling: 1 << 20,
            store_id: "store".to_owned(),
        };
        let page = header.write();
        assert_eq!(
            &page[..50],
            b"NKVL\x01\0\0\0\x03\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\x4d\0\0\0\0\0\0\0\x04\x03\x02\x01\0\0\x10\0\0\0\0\0\x05store"
        );
        assert_eq!(Header::read(3, &page), Some(header));
        assert_eq!(Header::read(4, &page), None, "of another segment");
    }
}
