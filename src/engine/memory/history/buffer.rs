//! Events laid out one after the other: for each the record before the change,
//! then the record after it, as they stood in their slots.

use crate::{
    engine::memory::record::{self, Payload, Record},
    model::{
        entry::Entry,
        event::{Event, EventKind},
        value::Value,
        version::Version,
    },
};

/// What an event takes up beside its bytes.
pub(super) const PLACE_BYTES: usize = size_of::<Place>();

/// Events in the order of their versions.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// Values that stood outside of their slots.
    large: Vec<Value>,
    large_bytes: usize,
}

/// Where an event is.
#[derive(Clone, Copy, Debug)]
struct Place {
    version: Version,
    kind: EventKind,
    at: usize,
    before_bytes: u32,
    after_bytes: u32,
    large_at: usize,
}

/// An event, read where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorded<'a> {
    pub(super) version: Version,
    pub(super) kind: EventKind,
    before: &'a [u8],
    after: &'a [u8],
    /// Of the record before, if its value is large, then of that after.
    large: &'a [Value],
}

impl Buffer {
    /// Room for so many events of so many bytes together.
    pub(super) fn with_capacity(events: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            places: Vec::with_capacity(events),
            ..Self::default()
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What its events take up.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len() + self.places.len() * PLACE_BYTES + self.large_bytes
    }

    pub(super) fn last_version(&self) -> Option<Version> {
        self.places.last().map(|place| place.version)
    }

    /// Opens the next event with the record before the change, empty where
    /// there was none.
    pub(super) fn open(&mut self, kind: EventKind, version: Version, before: &[u8]) {
        self.places.push(Place {
            version,
            kind,
            at: self.bytes.len(),
            before_bytes: length(before),
            after_bytes: 0,
            large_at: self.large.len(),
        });
        self.bytes.extend_from_slice(before);
    }

    /// Adds the record after the change to the event that was opened last.
    pub(super) fn close(&mut self, after: &[u8]) {
        if let Some(place) = self.places.last_mut() {
            place.after_bytes = length(after);
            self.bytes.extend_from_slice(after);
        }
    }

    /// Adds a large value of the record that was added last.
    pub(super) fn push_large(&mut self, value: Value) {
        self.large_bytes += value.len();
        self.large.push(value);
    }

    /// Adds an event of another buffer.
    pub(super) fn push(&mut self, event: &Recorded<'_>) {
        self.open(event.kind, event.version, event.before);
        self.close(event.after);
        for value in event.large {
            self.push_large(value.clone());
        }
    }

    /// How many events are of this version or an earlier one.
    pub(super) fn count_to(&self, version: Version) -> usize {
        self.places
            .partition_point(|place| place.version <= version)
    }

    /// How many events are of an earlier version than this.
    pub(super) fn count_before(&self, version: Version) -> usize {
        self.places.partition_point(|place| place.version < version)
    }

    fn get(&self, number: usize) -> Option<Recorded<'_>> {
        let place = self.places.get(number)?;
        let (before, rest) = self
            .bytes
            .get(place.at..)?
            .split_at_checked(usize::try_from(place.before_bytes).ok()?)?;
        Some(Recorded {
            version: place.version,
            kind: place.kind,
            before,
            after: rest.get(..usize::try_from(place.after_bytes).ok()?)?,
            large: self.large.get(place.large_at..self.large_end(number))?,
        })
    }

    /// The events from `number` on.
    pub(super) fn iter_from(&self, number: usize) -> impl Iterator<Item = Recorded<'_>> {
        (number..self.len()).map_while(|number| self.get(number))
    }

    /// Forgets all events and keeps the room for `bytes_max` bytes of others.
    pub(super) fn clear(&mut self, bytes_max: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes_max);
        self.places.clear();
        self.places.shrink_to(bytes_max / PLACE_BYTES);
        self.large = Vec::new();
        self.large_bytes = 0;
    }

    fn large_end(&self, number: usize) -> usize {
        let next = self.places.get(number + 1);
        next.map_or(self.large.len(), |place| place.large_at)
    }
}

impl Recorded<'_> {
    /// The key that it is about.
    pub(super) fn key(&self) -> &[u8] {
        if self.after.is_empty() {
            record::key(self.before)
        } else {
            record::key(self.after)
        }
    }

    /// What its records take up.
    pub(super) const fn inline_bytes(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// What it takes up.
    pub(super) fn bytes(&self) -> usize {
        let large: usize = self.large.iter().map(Value::len).sum();
        PLACE_BYTES + self.inline_bytes() + large
    }

    /// As it is told.
    pub(super) fn event(&self, with_previous: bool, omit_value: bool) -> Event {
        let (before, after) = (record::read(self.before), record::read(self.after));
        let mut large = self.large.iter();
        let mut large_of = |record: &Option<Record<'_>>| match record.map(|it| it.payload) {
            Some(Payload::External(_)) => large.next(),
            Some(Payload::Inline(_)) | None => None,
        };
        let (large_before, large_after) = (large_of(&before), large_of(&after));
        let entry = match after {
            Some(record) => stored(&record, large_after, omit_value),
            None => Entry::new(record::text(self.key()), None, self.version, None),
        };
        let previous = before.filter(|_| with_previous);
        Event {
            kind: self.kind,
            entry,
            previous: previous.map(|record| stored(&record, large_before, omit_value)),
        }
    }
}

fn stored(record: &Record<'_>, large: Option<&Value>, omit_value: bool) -> Entry {
    let value = match record.payload {
        _ if omit_value => None,
        Payload::External(_) => large.cloned(),
        Payload::Inline(bytes) => record.value(bytes),
    };
    record.entry(value)
}

fn length(record: &[u8]) -> u32 {
    // A slot has far fewer bytes.
    u32::try_from(record.len()).unwrap_or(u32::MAX)
}
