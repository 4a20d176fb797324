//! Reading a stretch of a shard in key order.

use std::ops::{Bound, ControlFlow};

use crate::{
    engine::memory::shard::Shard,
    model::{entry::Entry, range::Range, time::UnixMillis},
};

/// How many entries one scan looks at, expired ones among them.
const SCAN_MAX: usize = 256;

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::memory) struct Scan<'a> {
    pub(in crate::engine::memory) range: &'a Range,
    /// From where on.
    pub(in crate::engine::memory) from: Bound<&'a [u8]>,
    pub(in crate::engine::memory) now: UnixMillis,
    /// Stops after so many entries.
    pub(in crate::engine::memory) entries_max: usize,
    /// Stops when the entries have so many bytes, or more.
    pub(in crate::engine::memory) reply_bytes_max: usize,
    pub(in crate::engine::memory) omit_value: bool,
}

/// What was found.
#[derive(Debug)]
pub(in crate::engine::memory) struct Scanned {
    /// In key order; none of them expired.
    pub(in crate::engine::memory) entries: Vec<Entry>,
    /// The last key that was looked at, to go on after it; `None`: that was
    /// all.
    pub(in crate::engine::memory) resume: Option<Box<[u8]>>,
}

impl Shard {
    /// Reads on from where the last scan stopped.
    pub(in crate::engine::memory) fn scan(&self, scan: Scan<'_>) -> Scanned {
        let mut scanned = Scanned {
            entries: Vec::new(),
            resume: None,
        };
        let (mut looked, mut bytes) = (0, 0);
        self.order.scan(scan.from, &self.slab, |handle| {
            let Some(record) = self.record(handle) else {
                return ControlFlow::Continue(());
            };
            if !scan.range.contains(record.key) {
                return ControlFlow::Break(());
            }
            looked += 1;
            if !record.is_expired(scan.now) {
                bytes += self.reply_bytes(&record, scan.omit_value);
                scanned.entries.push(self.entry(&record, scan.omit_value));
            }
            let is_enough = looked >= SCAN_MAX
                || scanned.entries.len() >= scan.entries_max
                || bytes >= scan.reply_bytes_max;
            if is_enough {
                scanned.resume = Some(record.key.into());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        scanned
    }
}
