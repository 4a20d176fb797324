//! Writes a backup as a stream of bytes.

use sha2::{Digest, Sha256};

use crate::engine::journal::{
    backup::{About, Summary},
    layout::{
        backup::{First, Last},
        record::{self, Item},
        snapshot::{self, Kind},
        wide,
    },
    record::Record,
};

/// A block is written when it has so many bytes.
const BLOCK_BYTES: usize = 256 << 10;

/// A backup that is being written.
#[derive(Debug)]
pub struct Writer {
    digest: Sha256,
    bytes: u64,
    blocks: u32,
    chain: u32,
    content: Vec<u8>,
    content_count: u32,
    entries: u64,
    requests: u64,
}

impl Writer {
    /// Begins a backup: its first bytes go to `out`.
    #[must_use]
    pub fn begin(about: &About, out: &mut Vec<u8>) -> Self {
        let mut writer = Self {
            digest: Sha256::new(),
            bytes: 0,
            blocks: 0,
            chain: 0,
            content: Vec::new(),
            content_count: 0,
            entries: 0,
            requests: 0,
        };
        let first = First {
            store_id: about.store_id.clone(),
            version: about.version,
            time: about.time,
        };
        writer.write(Kind::BackupFirst, 0, &first.write(), out);
        writer
    }

    /// How many entries were pushed.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds a record: [`Record::Put`], or [`Record::Remember`]; a backup with
    /// another is not read. Quick, for whoever calls may hold a lock: what is
    /// dear comes with [`Self::flush`].
    pub fn push(&mut self, record: Record<'_>) {
        match record {
            Record::Remember { .. } => self.requests += 1,
            Record::Put { .. } | Record::Remove { .. } | Record::Touch { .. } => self.entries += 1,
        }
        record::write(&Item::Record(record), &mut self.content);
        self.content_count = self.content_count.saturating_add(1);
    }

    /// Adds to `out` what was pushed, if that is enough for a block.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.content.len() >= BLOCK_BYTES {
            self.end_block(out);
        }
    }

    /// Adds the rest to `out`.
    #[must_use]
    pub fn finish(mut self, out: &mut Vec<u8>) -> Summary {
        if self.content_count > 0 {
            self.end_block(out);
        }
        let last = Last {
            entries: self.entries,
            requests: self.requests,
            digest: self.digest.clone().finalize().into(),
        };
        self.write(Kind::BackupLast, 0, &last.write(), out);
        Summary {
            entries: self.entries,
            requests: self.requests,
            bytes: self.bytes,
            sha256: self.digest.finalize().into(),
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        let count = std::mem::take(&mut self.content_count);
        let mut content = std::mem::take(&mut self.content);
        self.write(Kind::Records, count, &content, out);
        content.clear();
        // One that had a large value in it is not kept as large.
        content.shrink_to(2 * BLOCK_BYTES);
        self.content = content;
    }

    fn write(&mut self, kind: Kind, count: u32, content: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        self.chain = snapshot::write(kind, self.blocks, count, self.chain, content, out);
        self.blocks = self.blocks.wrapping_add(1);
        let block = out.get(begin..).unwrap_or_default();
        self.digest.update(block);
        self.bytes += wide(block.len());
    }
}
