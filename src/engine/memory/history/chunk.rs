//! A stretch of the history: events that follow each other, in one place that
//! never changes again.

use crate::{
    engine::memory::history::buffer::{Buffer, Recorded},
    model::version::Version,
};

/// A chunk is closed when it has so many events, or so many bytes.
const CHUNK_EVENTS: usize = 256;
const CHUNK_BYTES: usize = 64 << 10;

/// What a chunk takes up beside its events.
const OVERHEAD_BYTES: usize = size_of::<Chunk>() + 2 * size_of::<usize>();

/// Some events, at least one.
#[derive(Debug)]
pub(super) struct Chunk {
    events: Buffer,
    last: Version,
}

impl Chunk {
    /// The version of its last event.
    pub(super) const fn last(&self) -> Version {
        self.last
    }

    pub(super) const fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.events.bytes() + OVERHEAD_BYTES
    }

    /// Its events from `version` on.
    pub(super) fn from(&self, version: Version) -> impl Iterator<Item = Recorded<'_>> {
        self.events.iter_from(self.events.count_before(version))
    }

    /// All of its events.
    pub(super) fn iter(&self) -> impl Iterator<Item = Recorded<'_>> {
        self.events.iter_from(0)
    }
}

/// Merges what was noted in shards, up to `version`, into chunks in the order of
/// versions.
pub(super) fn merge(buffers: &[Buffer], version: Version) -> Vec<Chunk> {
    let mut order: Vec<(Version, Recorded<'_>)> = buffers
        .iter()
        .flat_map(|buffer| buffer.iter_from(0).take(buffer.count_to(version)))
        .map(|event| (event.version, event))
        .collect();
    order.sort_unstable_by_key(|(version, _)| *version);
    let mut chunks = Vec::new();
    let mut rest = order.as_slice();
    while let Some((_, first)) = rest.first() {
        let mut bytes = first.bytes();
        let more = rest.iter().skip(1).take_while(|(_, event)| {
            bytes += event.bytes();
            bytes <= CHUNK_BYTES
        });
        let count = 1 + more.take(CHUNK_EVENTS - 1).count();
        let (events, later) = rest.split_at(count);
        chunks.extend(chunk(events));
        rest = later;
    }
    chunks
}

fn chunk(events: &[(Version, Recorded<'_>)]) -> Option<Chunk> {
    let (last, _) = events.last()?;
    let inline = events.iter().map(|(_, event)| event.inline_bytes()).sum();
    let mut buffer = Buffer::with_capacity(events.len(), inline);
    for (_, event) in events {
        buffer.push(event);
    }
    Some(Chunk {
        events: buffer,
        last: *last,
    })
}
