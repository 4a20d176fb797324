//! The file of a snapshot while it is written: records become blocks.

use std::sync::Arc;

use crate::{
    engine::journal::{
        disk::{Disk, DiskFile},
        error::Fault,
        layout::{
            record::{self, Item},
            snapshot::{self, First, Kind, Last},
            wide,
        },
        names::SNAPSHOT_UNFINISHED,
        record::Record,
    },
    model::time::UnixMillis,
};

/// A block is written when it has so many bytes.
const BLOCK_BYTES: usize = 256 << 10;

/// After how many bytes there is a sync: what waits for the disk beside it
/// shall not wait long.
const SYNC_BYTES: u64 = 4 << 20;

/// A snapshot that has no name yet.
#[derive(Debug)]
pub(in crate::engine::journal) struct Blocks {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    content: Vec<u8>,
    content_count: u32,
    records: u64,
    block: Vec<u8>,
    number: u32,
    chain: u32,
    offset: u64,
    synced: u64,
}

impl Blocks {
    /// Begins the file.
    pub(in crate::engine::journal) fn begin(
        disk: Arc<dyn Disk>,
        first: &First,
    ) -> Result<Self, Fault> {
        let file = disk.create(SNAPSHOT_UNFINISHED);
        let file = file.map_err(Fault::of(&*disk, "make", SNAPSHOT_UNFINISHED))?;
        let mut blocks = Self {
            disk,
            file,
            content: Vec::new(),
            content_count: 0,
            records: 0,
            block: Vec::new(),
            number: 0,
            chain: 0,
            offset: 0,
            synced: 0,
        };
        blocks.write(Kind::First, 0, &first.write())?;
        Ok(blocks)
    }

    /// Bytes that were written.
    pub(in crate::engine::journal) const fn bytes(&self) -> u64 {
        self.offset
    }

    /// Records that were written.
    pub(in crate::engine::journal) const fn records(&self) -> u64 {
        self.records
    }

    /// Bytes that were pushed and not written.
    pub(in crate::engine::journal) fn waiting_bytes(&self) -> u64 {
        wide(self.content.len())
    }

    /// Adds a record. It is written later: whoever calls may hold a lock.
    pub(in crate::engine::journal) fn push(&mut self, record: Record<'_>) {
        record::write(&Item::Record(record), &mut self.content);
        self.content_count += 1;
    }

    /// Writes what was pushed, if that is enough for a block.
    pub(in crate::engine::journal) fn flush(&mut self) -> Result<(), Fault> {
        if self.content.len() >= BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(())
    }

    /// Writes the rest, with what the last block says, and brings all of it to
    /// the disk.
    pub(in crate::engine::journal) fn finish(
        &mut self,
        end: u64,
        wall: UnixMillis,
    ) -> Result<(), Fault> {
        if !self.content.is_empty() {
            self.end_block()?;
        }
        let count = self.records;
        let last = Last { count, end, wall };
        self.write(Kind::Last, 0, &last.write())?;
        self.sync()
    }

    fn end_block(&mut self) -> Result<(), Fault> {
        let count = std::mem::take(&mut self.content_count);
        self.records += u64::from(count);
        let mut content = std::mem::take(&mut self.content);
        let written = self.write(Kind::Records, count, &content);
        content.clear();
        self.content = content;
        written?;
        if self.offset - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn write(&mut self, kind: Kind, count: u32, content: &[u8]) -> Result<(), Fault> {
        self.block.clear();
        let (number, chain) = (self.number, self.chain);
        self.chain = snapshot::write(kind, number, count, chain, content, &mut self.block);
        self.number = number.wrapping_add(1);
        let written = self.file.write_at(&self.block, self.offset);
        let disk = &*self.disk;
        written.map_err(Fault::of(disk, "write to", SNAPSHOT_UNFINISHED))?;
        self.offset += wide(self.block.len());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.synced = self.offset;
        let synced = self.file.sync();
        synced.map_err(Fault::of(&*self.disk, "sync", SNAPSHOT_UNFINISHED))
    }
}
