//! The end of the log, where groups are added.

use std::sync::Arc;

use crate::engine::journal::{
    disk::{Disk, DiskFile},
    error::Fault,
    layout::{
        frame, narrow,
        sector::{Place, SECTOR},
        segment::{FIRST_SECTOR, Header},
        wide,
    },
    names,
    queue::Group,
    spares::Spare,
};

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    /// What the file is called.
    name: String,
    /// Where the next group goes.
    place: Place,
    /// How many sectors the segment has.
    sectors: usize,
    /// The checksum of the last header.
    chain: u32,
    buffer: Vec<u8>,
}

impl Log {
    /// The segment `file`, of `bytes`, goes on at `place`.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        file: Arc<dyn DiskFile>,
        place: Place,
        bytes: u64,
        chain: u32,
    ) -> Self {
        Self {
            disk,
            file,
            name: names::segment(place.segment),
            place,
            sectors: narrow(bytes) / SECTOR,
            chain,
            buffer: Vec::new(),
        }
    }

    /// Makes a segment of `spare`: it has its header and its name, on the disk.
    pub(super) fn begin(
        disk: Arc<dyn Disk>,
        spare: &Spare,
        header: &Header,
    ) -> Result<Self, Fault> {
        let write = spare.file.write_at(&header.write(), 0);
        write.map_err(Fault::of(&*disk, "write to", &spare.name))?;
        let sync = spare.file.sync();
        sync.map_err(Fault::of(&*disk, "sync", &spare.name))?;
        let name = names::segment(header.number);
        let rename = disk.rename(&spare.name, &name);
        rename.map_err(Fault::of(&*disk, "rename to", &name))?;
        let sync = disk.sync_names();
        sync.map_err(Fault::of(&*disk, "sync the names of", ""))?;
        let place = Place {
            segment: header.number,
            sector: FIRST_SECTOR,
        };
        let file = Arc::clone(&spare.file);
        Ok(Self::new(disk, file, place, header.bytes, header.chain))
    }

    /// The same, each group of which is synced at once.
    pub(super) fn synced_each_time(mut self) -> Self {
        self.file = self.disk.direct(&self.name, self.file);
        self
    }

    /// Which segment it is.
    pub(super) const fn number(&self) -> u64 {
        self.place.segment
    }

    /// The checksum that the next segment begins with.
    pub(super) const fn chain(&self) -> u32 {
        self.chain
    }

    /// Bytes that it has left.
    pub(super) fn room_bytes(&self) -> u64 {
        wide(self.sectors.saturating_sub(self.place.sector)) * wide(SECTOR)
    }

    /// Whether a group has room.
    pub(super) fn has_room(&self, group: &Group) -> bool {
        self.place.sector + frame::sectors(group.bytes.len()) <= self.sectors
    }

    /// Writes a group, and gives its bytes. It is on the disk after
    /// [`Self::sync`].
    pub(super) fn append(
        &mut self,
        group: &Group,
        synced: u64,
        is_chained: bool,
    ) -> Result<u64, Fault> {
        self.buffer.clear();
        let about = frame::Group {
            first: group.first,
            count: group.count,
            chain: if is_chained { self.chain } else { 0 },
            synced,
            wall: group.now,
        };
        let chain = frame::write(self.place, about, &group.bytes, &mut self.buffer);
        self.file
            .write_at(&self.buffer, self.place.offset())
            .map_err(Fault::of(&*self.disk, "write to", &self.name))?;
        self.chain = chain;
        self.place.sector += frame::sectors(group.bytes.len());
        Ok(wide(self.buffer.len()))
    }

    /// Returns when all that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.file
            .sync()
            .map_err(Fault::of(&*self.disk, "sync", &self.name))
    }
}
