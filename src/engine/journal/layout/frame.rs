//! Frames: a group of changes that was committed together.
//!
//! | bytes | of the header |
//! |---|---|
//! | 4 | `NKVG` |
//! | 4 | length of the payload |
//! | 8 | sequence of the first record |
//! | 4 | number of records |
//! | 4 | chain: checksum of the header before this one |
//! | 8 | sequence up to which all was synced when this was written |
//! | 8 | time, in milliseconds since 1970 |
//! | 4 | CRC32C of the payload |
//! | 4 | CRC32C of the 44 bytes before |
//!
//! The payload, records one after the other, follows at once.

use crate::{
    engine::journal::layout::{
        Bytes,
        sector::{self, Place, Sector},
    },
    model::time::UnixMillis,
};

/// Bytes of a header.
pub(in crate::engine::journal) const HEADER: usize = 48;

const MAGIC: [u8; 4] = *b"NKVG";

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Header {
    pub(in crate::engine::journal) payload_bytes: u32,
    pub(in crate::engine::journal) first: u64,
    pub(in crate::engine::journal) count: u32,
    pub(in crate::engine::journal) chain: u32,
    pub(in crate::engine::journal) synced: u64,
    pub(in crate::engine::journal) wall: UnixMillis,
    pub(in crate::engine::journal) payload_checksum: u32,
    /// Of the header itself: the chain of the next one.
    pub(in crate::engine::journal) checksum: u32,
}

/// What is in a group, beside its records.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::journal) struct Group {
    pub(in crate::engine::journal) first: u64,
    pub(in crate::engine::journal) count: u32,
    pub(in crate::engine::journal) chain: u32,
    pub(in crate::engine::journal) synced: u64,
    pub(in crate::engine::journal) wall: UnixMillis,
}

/// What lies where a frame may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Found {
    /// A whole frame, with its payload in the buffer.
    Frame(Header),
    /// Nothing: a sector of zeros, or the end of the file.
    Nothing,
    /// Part of a frame: some of its sectors were never written.
    Torn,
    /// No frame, though there is something.
    Wrong(&'static str),
}

impl Header {
    /// The sequence after its last record.
    pub(in crate::engine::journal) fn next(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// How many sectors the whole frame takes up.
    pub(in crate::engine::journal) fn sectors(&self) -> usize {
        sectors(usize::try_from(self.payload_bytes).unwrap_or(usize::MAX))
    }
}

/// How many sectors a frame takes up that has a payload of so many bytes.
pub(in crate::engine::journal) const fn sectors(payload_bytes: usize) -> usize {
    sector::sectors(payload_bytes.saturating_add(HEADER))
}

/// Adds the sectors of a frame that shall lie at `place`, and gives its
/// checksum.
pub(in crate::engine::journal) fn write(
    place: Place,
    group: Group,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> u32 {
    let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&payload_bytes.to_le_bytes());
    header.extend_from_slice(&group.first.to_le_bytes());
    header.extend_from_slice(&group.count.to_le_bytes());
    header.extend_from_slice(&group.chain.to_le_bytes());
    header.extend_from_slice(&group.synced.to_le_bytes());
    header.extend_from_slice(&group.wall.get().to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let checksum = crc32c::crc32c(&header);
    header.extend_from_slice(&checksum.to_le_bytes());
    sector::write(place, &header, payload, out);
    checksum
}

/// What a frame says of itself that begins with this sector.
pub(in crate::engine::journal) fn header(head: &[u8]) -> Option<Header> {
    let (covered, _) = head.split_at_checked(HEADER - size_of::<u32>())?;
    let mut bytes = Bytes(head);
    if bytes.array()? != MAGIC {
        return None;
    }
    let header = Header {
        payload_bytes: bytes.u32()?,
        first: bytes.u64()?,
        count: bytes.u32()?,
        chain: bytes.u32()?,
        synced: bytes.u64()?,
        wall: UnixMillis::new(bytes.u64()?),
        payload_checksum: bytes.u32()?,
        checksum: bytes.u32()?,
    };
    (crc32c::crc32c(covered) == header.checksum).then_some(header)
}

/// What lies at `place` of a segment, the whole of which is `segment`.
pub(in crate::engine::journal) fn read(
    place: Place,
    segment: &[u8],
    payload: &mut Vec<u8>,
) -> Found {
    payload.clear();
    let sectors_left = (segment.len() / sector::SECTOR).saturating_sub(place.sector);
    if sectors_left == 0 {
        return Found::Nothing;
    }
    let head = match place.look(segment) {
        Sector::Zero => return Found::Nothing,
        Sector::Bad => return Found::Wrong("a sector does not have its checksum"),
        Sector::Body(_) => return Found::Wrong("a group begins in its middle"),
        Sector::Head(head) => head,
    };
    let Some(header) = header(head) else {
        return Found::Wrong("the header of a group does not have its checksum");
    };
    if header.sectors() > sectors_left {
        return Found::Wrong("a group is longer than its segment");
    }
    let mut left = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
    let mut add = |content: &[u8]| {
        let (taken, _) = content.split_at(left.min(content.len()));
        payload.extend_from_slice(taken);
        left -= taken.len();
    };
    add(head.get(HEADER..).unwrap_or_default());
    let (mut is_torn, mut is_wrong) = (false, None);
    for sector in place.sector + 1..place.sector + header.sectors() {
        match (Place { sector, ..place }).look(segment) {
            Sector::Body(content) => add(content),
            Sector::Zero => is_torn = true,
            Sector::Head(_) => is_wrong = Some("a group begins within another"),
            Sector::Bad => is_wrong = Some("a sector does not have its checksum"),
        }
    }
    if let Some(what) = is_wrong {
        Found::Wrong(what)
    } else if is_torn {
        Found::Torn
    } else if crc32c::crc32c(payload) == header.payload_checksum {
        Found::Frame(header)
    } else {
        Found::Wrong("the records of a group do not have their checksum")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Group = Group {
        first: 5,
        count: 2,
        chain: 0xdead_beef,
        synced: 4,
        wall: UnixMillis::new(1_700_000_000_000),
    };
    const PLACE: Place = Place {
        segment: 1,
        sector: 8,
    };

    fn segment(payload: &[u8]) -> (Vec<u8>, u32) {
        let mut segment = vec![0; 4096];
        let checksum = write(PLACE, GROUP, payload, &mut segment);
        segment.resize(segment.len() + 1024, 0);
        (segment, checksum)
    }

    #[test]
    fn a_frame_has_the_bytes_that_it_always_had() {
        let (segment, checksum) = segment(b"payload");
        let expected = b"NKVG\x07\0\0\0\x05\0\0\0\0\0\0\0\x02\0\0\0\xef\xbe\xad\xde\x04\0\0\0\0\0\0\0\x00\x68\xe5\xcf\x8b\x01\0\0\x70\x69\xe3\xf4";
        assert_eq!(&segment[4096..4096 + 44], expected);
        assert_eq!(checksum, 0xb558_dd98);
        assert_eq!(&segment[4096 + 44..4096 + 48], checksum.to_le_bytes());
        assert_eq!(&segment[4096 + 48..4096 + 55], b"payload");
        assert_eq!(
            u32::from_le_bytes(segment[4096 + 508..4096 + 512].try_into().unwrap()),
            0x6f97_b07b
        );
    }

    #[test]
    fn frames_of_any_length_are_read_back() {
        let mut payload = Vec::new();
        for len in (0..2100).step_by(19).chain([460, 461, 968, 969]) {
            let written: Vec<u8> = (0..=250).cycle().take(len).collect();
            let (segment, checksum) = segment(&written);
            let Found::Frame(header) = read(PLACE, &segment, &mut payload) else {
                panic!("{len}");
            };
            assert_eq!((payload.as_slice(), header.checksum), (&*written, checksum));
            assert_eq!((header.first, header.next(), header.synced), (5, 7, 4));
            assert_eq!(
                (PLACE.sector + header.sectors()) * 512 + 1024,
                segment.len()
            );
        }
    }

    #[test]
    fn a_frame_with_a_missing_sector_is_torn_also_when_it_holds_zeros() {
        for fill in [0, 1] {
            let (segment, _) = segment(&[fill; 3000]);
            for missing in 1..7 {
                let mut segment = segment.clone();
                segment[4096 + missing * 512..4096 + (missing + 1) * 512].fill(0);
                let found = read(PLACE, &segment, &mut Vec::new());
                assert_eq!(found, if missing < 6 { Found::Torn } else { found });
                assert_eq!(missing < 6, found == Found::Torn);
            }
        }
    }

    #[test]
    fn a_frame_with_a_changed_bit_is_wrong() {
        let (segment, _) = segment(&[0; 1000]);
        for bit in (0..3 * 512 * 8).step_by(3) {
            let mut segment = segment.clone();
            segment[4096 + bit / 8] ^= 1 << (bit % 8);
            let found = read(PLACE, &segment, &mut Vec::new());
            assert!(matches!(found, Found::Wrong(_)), "{bit}: {found:?}");
        }
    }
}
