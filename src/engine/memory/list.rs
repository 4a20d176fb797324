//! Pages in key order over all shards.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    ops::Bound,
    vec,
};

use crate::{
    engine::{
        ListQuery, Page,
        memory::{
            Memory,
            lock::MutexGuard,
            shard::{Scan, Scanned},
        },
    },
    model::{clock::Clock, entry::Entry},
};

/// After so many looks into shards others on this thread get their turn.
const LOOKS_MAX: usize = 64;

/// What has been read of a shard and not been given yet.
struct Source {
    entries: vec::IntoIter<Entry>,
    resume: Resume,
}

enum Resume {
    /// At the beginning of the page.
    Start,
    /// After this key.
    After(Box<[u8]>),
    /// Nowhere: that was all.
    End,
}

/// The next entry of a source.
struct Head {
    entry: Entry,
    source: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.entry.key().cmp(other.entry.key())
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// A page. See [`crate::engine::Engine::list`].
///
/// Shards are read one at a time, each a little more than its likely share, and
/// merged: the least of the next entries of all shards comes next. When a shard
/// has nothing left that was read, it is read on from there.
pub(super) async fn run<C: Clock>(memory: &Memory<C>, query: ListQuery<'_>) -> Page {
    let version = memory.versions.last();
    let mut merge = Merge::new(memory, query);
    for number in 0..memory.shards.len() {
        merge.advance(number).await;
    }
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    while let Some(Reverse(head)) = merge.heads.peek() {
        let more = head.entry.reply_bytes();
        let is_full = entries.len() >= query.entries_max
            || (!entries.is_empty() && bytes.saturating_add(more) > query.reply_bytes_max);
        if is_full {
            break;
        }
        let Some(Reverse(head)) = merge.heads.pop() else {
            break;
        };
        bytes = bytes.saturating_add(more);
        entries.push(head.entry);
        merge.advance(head.source).await;
    }
    Page {
        entries,
        more: !merge.heads.is_empty(),
        version,
    }
}

/// The next entry of each shard that has one, and what comes after them.
struct Merge<'a, C> {
    memory: &'a Memory<C>,
    query: ListQuery<'a>,
    sources: Vec<Source>,
    heads: BinaryHeap<Reverse<Head>>,
    // Of one look into one shard.
    entries_max: usize,
    reply_bytes_max: usize,
    looks: usize,
}

impl<'a, C: Clock> Merge<'a, C> {
    fn new(memory: &'a Memory<C>, query: ListQuery<'a>) -> Self {
        let shards = memory.shards.len();
        let share = |whole: usize| (whole.saturating_add(whole / 4) / shards).saturating_add(2);
        let sources = (0..shards).map(|_| Source {
            entries: Vec::new().into_iter(),
            resume: Resume::Start,
        });
        Self {
            memory,
            query,
            sources: sources.collect(),
            heads: BinaryHeap::with_capacity(shards),
            entries_max: share(query.entries_max),
            reply_bytes_max: share(query.reply_bytes_max),
            looks: 0,
        }
    }

    /// Puts the next entry of a shard among the heads, if there is one.
    async fn advance(&mut self, number: usize) {
        loop {
            let Some(source) = self.sources.get_mut(number) else {
                return;
            };
            if let Some(entry) = source.entries.next() {
                let source = number;
                self.heads.push(Reverse(Head { entry, source }));
                return;
            }
            if matches!(source.resume, Resume::End) {
                return;
            }
            self.look(number);
            self.looks += 1;
            if self.looks.is_multiple_of(LOOKS_MAX) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads a shard on from where it was left.
    fn look(&mut self, number: usize) {
        let Some(source) = self.sources.get_mut(number) else {
            return;
        };
        let Some(shard) = self.memory.lock(number) else {
            source.resume = Resume::End;
            return;
        };
        let first = self.query.range.first();
        let from = match (&source.resume, self.query.after) {
            (Resume::After(key), _) => Bound::Excluded(&**key),
            (_, Some(after)) if after.as_bytes() >= first => Bound::Excluded(after.as_bytes()),
            _ => Bound::Included(first),
        };
        let scan = Scan {
            range: self.query.range,
            from,
            // After the lock, or others were answered at a later time.
            now: self.memory.clock.now(),
            entries_max: self.entries_max,
            reply_bytes_max: self.reply_bytes_max,
            omit_value: self.query.omit_value,
        };
        let Scanned { entries, resume } = shard.scan(scan);
        MutexGuard::unlock_fair(shard);
        source.entries = entries.into_iter();
        source.resume = resume.map_or(Resume::End, Resume::After);
    }
}
