//! Records as blocks, of which a snapshot and a backup are made: each follows on
//! the one before.

use crate::engine::journal::{
    layout::{
        record::{self, Item},
        snapshot::{self, Kind},
        wide,
    },
    record::Record,
};

/// A block is made of so many bytes of records, and of what the last one has more.
const BLOCK_BYTES: usize = 256 << 10;

/// Blocks that are being made.
#[derive(Debug, Default)]
pub(super) struct Packing {
    number: u32,
    chain: u32,
    content: Vec<u8>,
    count: u32,
    records: u64,
}

impl Packing {
    /// Records that are in a block.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of records that are in none yet.
    pub(super) fn waiting_bytes(&self) -> u64 {
        wide(self.content.len())
    }

    /// Whether they are enough for a block.
    pub(super) const fn is_due(&self) -> bool {
        self.content.len() >= BLOCK_BYTES
    }

    /// Adds a record to those. Quick, for whoever calls may hold a lock.
    pub(super) fn push(&mut self, record: Record<'_>) {
        record::write(&Item::Record(record), &mut self.content);
        self.count += 1;
    }

    /// Makes a block of them behind what is in `out`, if there are any.
    pub(super) fn pack(&mut self, out: &mut Vec<u8>) {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return;
        }
        let mut content = std::mem::take(&mut self.content);
        self.write(Kind::Records, count, &content, out);
        self.records += u64::from(count);
        content.clear();
        // One that had a large value in it is not kept as large.
        content.shrink_to(2 * BLOCK_BYTES);
        self.content = content;
    }

    /// Makes a block that says how all of it begins or ends.
    pub(super) fn say(&mut self, kind: Kind, content: &[u8], out: &mut Vec<u8>) {
        self.write(kind, 0, content, out);
    }

    fn write(&mut self, kind: Kind, count: u32, content: &[u8], out: &mut Vec<u8>) {
        self.chain = snapshot::write(kind, self.number, count, self.chain, content, out);
        self.number = self.number.wrapping_add(1);
    }
}
