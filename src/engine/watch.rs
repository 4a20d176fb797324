//! What a watch asks for, and what it tells.

use crate::model::{
    entry::Entry,
    event::{Event, EventKinds},
    range::Range,
    version::Version,
};

/// Asks to follow changes.
#[derive(Clone, Debug)]
pub struct WatchQuery {
    /// Which keys: those in any of these; at least one.
    pub ranges: Vec<Range>,
    /// From where on.
    pub start: WatchStart,
    /// Which kinds of events.
    pub kinds: EventKinds,
    /// Whether events hold the entry before.
    pub with_previous: bool,
    /// Whether values are left out.
    pub omit_value: bool,
    /// How many bytes events and entries of one item may have together, counted
    /// by [`Event::reply_bytes`] and [`crate::model::entry::reply_bytes`]. The
    /// first is given whatever its size.
    pub reply_bytes_max: usize,
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchStart {
    /// With the next change.
    Now,
    /// With the change after this version; `None`: before the first.
    After(Option<Version>),
    /// With all entries that there are.
    Snapshot,
}

/// A part of what a watch tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchItem {
    /// In the order of their versions, each once.
    pub events: Vec<Event>,
    /// Entries of the snapshot, in no order; before any event.
    pub snapshot_entries: Vec<Entry>,
    /// All events that were asked for up to here were told; `None` while a
    /// snapshot is under way.
    pub resume: Option<Version>,
    /// Whether the snapshot is complete, as of `resume`.
    pub snapshot_complete: bool,
}
