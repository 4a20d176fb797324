//! Writes a backup as a stream of bytes.

use sha2::{Digest, Sha256};

use crate::engine::journal::{
    backup::{About, Summary},
    layout::{
        backup::{First, Last},
        snapshot::Kind,
        wide,
    },
    packing::Packing,
    record::Record,
};

/// A backup that is being written.
#[derive(Debug)]
pub struct Writer {
    digest: Sha256,
    bytes: u64,
    packing: Packing,
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
            packing: Packing::default(),
            entries: 0,
            requests: 0,
        };
        let first = First {
            store_id: about.store_id.clone(),
            version: about.version,
            time: about.time,
        };
        writer.say(Kind::BackupFirst, &first.write(), out);
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
        self.packing.push(record);
    }

    /// Adds to `out` what was pushed, if that is enough for a block.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.packing.is_due() {
            self.end_block(out);
        }
    }

    /// Adds the rest to `out`.
    #[must_use]
    pub fn finish(mut self, out: &mut Vec<u8>) -> Summary {
        self.end_block(out);
        let last = Last {
            entries: self.entries,
            requests: self.requests,
            digest: self.digest.clone().finalize().into(),
        };
        self.say(Kind::BackupLast, &last.write(), out);
        Summary {
            entries: self.entries,
            requests: self.requests,
            bytes: self.bytes,
            sha256: self.digest.finalize().into(),
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        let begin = out.len();
        self.packing.pack(out);
        self.count(begin, out);
    }

    fn say(&mut self, kind: Kind, content: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        self.packing.say(kind, content, out);
        self.count(begin, out);
    }

    /// What was added to `out` belongs to it.
    fn count(&mut self, begin: usize, out: &[u8]) {
        let block = out.get(begin..).unwrap_or_default();
        self.digest.update(block);
        self.bytes += wide(block.len());
    }
}
