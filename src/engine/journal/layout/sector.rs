//! Sectors: what a disk writes whole or not at all, each with a checksum of
//! where it lies and what it holds.

use crate::engine::journal::layout::wide;

/// Bytes of a sector.
pub(in crate::engine::journal) const SECTOR: usize = 512;

/// One that was never written, compared as a whole: most of a log is such.
const ZERO: [u8; SECTOR] = [0; SECTOR];

/// Bytes in it beside its checksum, which stands at its end.
pub(in crate::engine::journal) const CONTENT: usize = SECTOR - size_of::<u32>();

/// What a sector turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Sector<'a> {
    /// The first of something.
    Head(&'a [u8]),
    /// One after it.
    Body(&'a [u8]),
    /// Never written, or made zero.
    Zero,
    /// None of these: changed, or of another place.
    Bad,
}

/// Where something lies: checksums hold for that place alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) struct Place {
    /// The number of the segment.
    pub(in crate::engine::journal) segment: u64,
    /// The number of the sector in it.
    pub(in crate::engine::journal) sector: usize,
}

impl Place {
    /// Where it begins in its file.
    pub(in crate::engine::journal) fn offset(self) -> u64 {
        wide(self.sector) * wide(SECTOR)
    }

    fn checksum(self, is_head: bool, content: &[u8]) -> u32 {
        let mut place = [0; 17];
        let (segment, rest) = place.split_at_mut(8);
        segment.copy_from_slice(&self.segment.to_le_bytes());
        let (sector, head) = rest.split_at_mut(8);
        sector.copy_from_slice(&wide(self.sector).to_le_bytes());
        head.fill(u8::from(is_head));
        crc32c::crc32c_append(crc32c::crc32c(&place), content)
    }

    /// What lies here in `segment`, the whole of it; [`Sector::Bad`] after its
    /// end.
    pub(in crate::engine::journal) fn look(self, segment: &[u8]) -> Sector<'_> {
        let from = self.sector.saturating_mul(SECTOR);
        let Some(sector) = segment.get(from..from.saturating_add(SECTOR)) else {
            return Sector::Bad;
        };
        let Some((content, checksum)) = sector.split_last_chunk() else {
            return Sector::Bad;
        };
        let checksum = u32::from_le_bytes(*checksum);
        // Before it is taken as zero: zeros may be what was written, and have a
        // checksum of zero.
        if checksum == self.checksum(false, content) {
            Sector::Body(content)
        } else if *sector == ZERO {
            Sector::Zero
        } else if checksum == self.checksum(true, content) {
            Sector::Head(content)
        } else {
            Sector::Bad
        }
    }
}

/// Puts `head` and then `body` into sectors that shall lie at `place`, the last
/// one filled up with zeros.
pub(in crate::engine::journal) fn write(place: Place, head: &[u8], body: &[u8], out: &mut Vec<u8>) {
    let room = CONTENT.saturating_sub(head.len());
    let (first, rest) = body.split_at_checked(room).unwrap_or((body, &[]));
    write_one(place, true, &[head, first], out);
    for (nth, content) in rest.chunks(CONTENT).enumerate() {
        let sector = place.sector + 1 + nth;
        write_one(Place { sector, ..place }, false, &[content], out);
    }
}

fn write_one(place: Place, is_head: bool, contents: &[&[u8]], out: &mut Vec<u8>) {
    let begin = out.len();
    for content in contents {
        out.extend_from_slice(content);
    }
    out.resize(begin + CONTENT, 0);
    let checksum = place.checksum(is_head, out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// How many sectors so many bytes take up.
pub(in crate::engine::journal) const fn sectors(bytes: usize) -> usize {
    bytes.div_ceil(CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_at_its_place_alone() {
        let place = Place {
            segment: 7,
            sector: 3,
        };
        let mut file = vec![0; 3 * SECTOR];
        write(place, b"head", &[0; 1000], &mut file);
        assert_eq!(file.len(), (3 + sectors(1004)) * SECTOR);
        assert!(matches!(place.look(&file), Sector::Head(content) if content.starts_with(b"head")));
        let next = Place { sector: 4, ..place };
        assert_eq!(next.look(&file), Sector::Body(&[0; CONTENT]));
        let before = Place { sector: 2, ..place };
        assert_eq!(before.look(&file), Sector::Zero);
        let elsewhere = Place {
            segment: 8,
            ..place
        };
        assert_eq!(elsewhere.look(&file), Sector::Bad);
        assert_eq!(
            Place { sector: 9, ..place }.look(&file),
            Sector::Bad,
            "after the end"
        );
        let moved = file.split_off(SECTOR);
        assert_eq!(before.look(&moved), Sector::Bad, "in another sector");
    }

    #[test]
    fn any_bit_changes_what_a_sector_is() {
        let place = Place {
            segment: 1,
            sector: 0,
        };
        let mut file = Vec::new();
        write(place, b"some content", &[], &mut file);
        for bit in 0..SECTOR * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(place.look(&changed), Sector::Bad, "bit {bit}");
        }
    }
}
