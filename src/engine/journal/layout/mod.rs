//! Every byte that the journal keeps, and nothing else: numbers are
//! little-endian and of fixed width.
//!
//! A segment of the log is a header in a page of its own, then frames, each a
//! group of changes that was committed together, then zeros. All of it lies in
//! sectors that carry their own checksum, so that a sector which was never
//! written can be told from one that was changed.

pub(super) mod backup;
pub(super) mod frame;
pub(super) mod record;
pub(super) mod sector;
pub(super) mod segment;
pub(super) mod snapshot;
pub(super) mod store;

/// The version of all of it.
pub(super) const FORMAT: u32 = 1;

/// What a page is to disks and systems: what shall not be torn together lies in
/// pages of its own.
pub(super) const PAGE: usize = 4096;

/// Bytes that are read one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

/// A size as the files have it.
pub(super) fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// A size of a file as memory has it.
pub(super) fn narrow(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Adds a short text, its length first.
fn put_name(name: &str, out: &mut Vec<u8>) {
    let name = name.get(..NAME_BYTES_MAX).unwrap_or(name);
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(name.as_bytes());
    out.resize(out.len() + NAME_BYTES_MAX.saturating_sub(name.len()), 0);
}

/// The longest `store_id`.
pub(super) const NAME_BYTES_MAX: usize = 64;

fn take_name(bytes: &mut Bytes<'_>) -> Option<String> {
    let len = usize::from(bytes.u8()?);
    let name = bytes.take(NAME_BYTES_MAX)?.get(..len)?;
    Some(std::str::from_utf8(name).ok()?.to_owned())
}
