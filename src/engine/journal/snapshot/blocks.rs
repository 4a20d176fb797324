//! The file of a snapshot while it is written: records become blocks.

use std::sync::Arc;

use crate::{
    engine::journal::{
        disk::{Disk, DiskFile},
        error::Fault,
        layout::{
            snapshot::{First, Kind, Last},
            wide,
        },
        names::SNAPSHOT_UNFINISHED,
        packing::Packing,
        record::Record,
    },
    model::time::UnixMillis,
};

/// After how many bytes there is a sync: what waits for the disk beside it
/// shall not wait long.
const SYNC_BYTES: u64 = 4 << 20;

/// A snapshot that has no name yet.
#[derive(Debug)]
pub(in crate::engine::journal) struct Blocks {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    packing: Packing,
    block: Vec<u8>,
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
            packing: Packing::default(),
            block: Vec::new(),
            offset: 0,
            synced: 0,
        };
        blocks.say(Kind::First, &first.write())?;
        Ok(blocks)
    }

    /// Bytes that were written.
    pub(in crate::engine::journal) const fn bytes(&self) -> u64 {
        self.offset
    }

    /// Records that were written.
    pub(in crate::engine::journal) const fn records(&self) -> u64 {
        self.packing.records()
    }

    /// Bytes that were pushed and not written.
    pub(in crate::engine::journal) fn waiting_bytes(&self) -> u64 {
        self.packing.waiting_bytes()
    }

    /// Adds a record. It is written later: whoever calls may hold a lock.
    pub(in crate::engine::journal) fn push(&mut self, record: Record<'_>) {
        self.packing.push(record);
    }

    /// Writes what was pushed, if that is enough for a block.
    pub(in crate::engine::journal) fn flush(&mut self) -> Result<(), Fault> {
        if self.packing.is_due() {
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
        self.end_block()?;
        let count = self.records();
        let last = Last { count, end, wall };
        self.say(Kind::Last, &last.write())?;
        self.sync()
    }

    fn end_block(&mut self) -> Result<(), Fault> {
        self.packing.pack(&mut self.block);
        if self.block.is_empty() {
            return Ok(());
        }
        self.write()?;
        if self.offset - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn say(&mut self, kind: Kind, content: &[u8]) -> Result<(), Fault> {
        self.packing.say(kind, content, &mut self.block);
        self.write()
    }

    /// Writes the block that was made.
    fn write(&mut self) -> Result<(), Fault> {
        let written = self.file.write_at(&self.block, self.offset);
        let disk = &*self.disk;
        written.map_err(Fault::of(disk, "write to", SNAPSHOT_UNFINISHED))?;
        self.offset += wide(self.block.len());
        self.block.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.synced = self.offset;
        let synced = self.file.sync();
        synced.map_err(Fault::of(&*self.disk, "sync", SNAPSHOT_UNFINISHED))
    }
}
