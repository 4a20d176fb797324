//! Reading a stretch of a shard as of a version.

use std::ops::{Bound, ControlFlow};

use crate::{
    engine::memory::{history::Interval, shard::Shard},
    model::{entry::Entry, time::UnixMillis, version::Version},
};

/// How many entries one look sees, those among them that are not given out.
const LOOK_MAX: usize = 256;

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::memory) struct Look<'a> {
    pub(in crate::engine::memory) interval: &'a Interval,
    /// Only keys from here on.
    pub(in crate::engine::memory) from: &'a [u8],
    pub(in crate::engine::memory) now: UnixMillis,
    /// Only entries of this version or an earlier one.
    pub(in crate::engine::memory) version: Version,
    /// The entries have so many bytes at most.
    pub(in crate::engine::memory) reply_bytes_max: usize,
    /// Whether one entry is given in any case.
    pub(in crate::engine::memory) at_least_one: bool,
    pub(in crate::engine::memory) omit_value: bool,
}

/// What was found.
#[derive(Debug)]
pub(in crate::engine::memory) struct Looked {
    /// None of them expired.
    pub(in crate::engine::memory) entries: Vec<Entry>,
    /// How many bytes these have in a reply.
    pub(in crate::engine::memory) reply_bytes: usize,
    /// Where to go on; `None`: that was all.
    pub(in crate::engine::memory) resume: Option<Box<[u8]>>,
}

impl Shard {
    /// Reads a little of what there is.
    pub(in crate::engine::memory) fn look_as_of(&self, look: Look<'_>) -> Looked {
        let mut looked = Looked {
            entries: Vec::new(),
            reply_bytes: 0,
            resume: None,
        };
        let mut seen = 0;
        self.order
            .scan(Bound::Included(look.from), &self.slab, |handle| {
                let Some(record) = self.record(handle) else {
                    return ControlFlow::Continue(());
                };
                if look.interval.ends_by(record.key) {
                    return ControlFlow::Break(());
                }
                let is_told = !record.is_expired(look.now) && record.version <= look.version;
                let bytes = looked.reply_bytes + self.reply_bytes(&record, look.omit_value);
                let has_room = bytes <= look.reply_bytes_max
                    || (look.at_least_one && looked.entries.is_empty());
                if seen >= LOOK_MAX || (is_told && !has_room) {
                    looked.resume = Some(record.key.into());
                    return ControlFlow::Break(());
                }
                seen += 1;
                if is_told {
                    looked.reply_bytes = bytes;
                    looked.entries.push(self.entry(&record, look.omit_value));
                }
                ControlFlow::Continue(())
            });
        looked
    }
}
