//! Reads a snapshot.

use crate::engine::journal::{
    disk::{Disk, DiskFile},
    error::{Fault, OpenError},
    layout::{
        Bytes, narrow,
        record::{self, Item},
        snapshot::{self, First, HEADER, Header, Kind, Last},
        wide,
    },
    load::damaged,
    record::Record,
};

/// Reads the snapshot of this number and `store_id` in `file`. Gives the last
/// record of the log that is not needed, what its end says, and its bytes.
pub(in crate::engine::journal) fn read(
    disk: &dyn Disk,
    name: &str,
    file: &dyn DiskFile,
    (number, store_id): (u64, &str),
    take: &mut dyn FnMut(Record<'_>) -> Result<(), String>,
    progress: &mut dyn FnMut(u64),
) -> Result<(u64, Last, u64), OpenError> {
    let bytes = file.bytes().map_err(Fault::of(disk, "measure", name))?;
    let mut blocks = Blocks {
        disk,
        name,
        file,
        bytes,
        offset: 0,
        number: 0,
        chain: 0,
        content: Vec::new(),
    };
    let header = blocks.next()?;
    let first = First::read(&blocks.content).filter(|_| header.kind == Kind::First);
    let first = first.ok_or_else(|| blocks.wrong("it has no beginning"))?;
    if first.store_id != store_id || first.number != number {
        return Err(blocks.wrong("it is another snapshot"));
    }
    let mut count = 0;
    loop {
        let before = blocks.offset;
        let header = blocks.next()?;
        progress(blocks.offset - before);
        match header.kind {
            Kind::First => return Err(blocks.wrong("it begins twice")),
            Kind::BackupFirst | Kind::BackupLast => {
                return Err(blocks.wrong("a block is that of a backup"));
            }
            Kind::Records => {
                count += u64::from(header.count);
                blocks.records(header.count, take)?;
            }
            Kind::Last => {
                let last = Last::read(&blocks.content);
                let last = last.ok_or_else(|| blocks.wrong("it has no end"))?;
                if last.count != count {
                    return Err(blocks.wrong("it does not have as many records as it says"));
                }
                if blocks.offset != bytes {
                    return Err(blocks.wrong("it goes on after its end"));
                }
                return Ok((first.begin, last, bytes));
            }
        }
    }
}

struct Blocks<'a> {
    disk: &'a dyn Disk,
    name: &'a str,
    file: &'a dyn DiskFile,
    bytes: u64,
    /// Where the next block begins.
    offset: u64,
    number: u32,
    chain: u32,
    content: Vec<u8>,
}

impl Blocks<'_> {
    fn wrong(&self, what: &str) -> OpenError {
        damaged(self.disk, self.name, self.offset, what.to_owned())
    }

    /// Reads the next block into `content`.
    fn next(&mut self) -> Result<Header, OpenError> {
        let mut header = [0; HEADER];
        if self.bytes - self.offset < wide(HEADER) {
            return Err(self.wrong("it ends too early"));
        }
        self.read(&mut header, self.offset)?;
        let header = snapshot::header(&header);
        let header = header.ok_or_else(|| self.wrong("a block does not have its checksum"))?;
        if header.number != self.number || header.chain != self.chain {
            return Err(self.wrong("a block does not follow on the one before"));
        }
        let begin = self.offset + wide(HEADER);
        if self.bytes - begin < u64::from(header.content_bytes) {
            return Err(self.wrong("it ends too early"));
        }
        let mut content = std::mem::take(&mut self.content);
        content.resize(narrow(u64::from(header.content_bytes)), 0);
        self.read(&mut content, begin)?;
        self.content = content;
        if crc32c::crc32c(&self.content) != header.content_checksum {
            return Err(self.wrong("the content of a block does not have its checksum"));
        }
        self.number = self.number.wrapping_add(1);
        self.chain = header.checksum;
        self.offset = begin + u64::from(header.content_bytes);
        Ok(header)
    }

    fn records(
        &self,
        count: u32,
        take: &mut dyn FnMut(Record<'_>) -> Result<(), String>,
    ) -> Result<(), OpenError> {
        let mut bytes = Bytes(&self.content);
        for _ in 0..count {
            match record::read(&mut bytes) {
                Some(Item::Record(record)) => take(record).map_err(OpenError::Load)?,
                Some(Item::Reserve(_)) | None => {
                    return Err(self.wrong("a record of a block is none"));
                }
            }
        }
        if bytes.0.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("a block has more bytes than records"))
        }
    }

    fn read(&self, into: &mut [u8], offset: u64) -> Result<(), OpenError> {
        let read = self.file.read_at(into, offset);
        Ok(read.map_err(Fault::of(self.disk, "read", self.name))?)
    }
}
