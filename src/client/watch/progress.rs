//! How far a watch has come, and from where it goes on: no I/O.

use crate::{
    client::{
        entry::{Entry, entry},
        error::Error,
        watch::{Event, EventKind, Update},
    },
    proto::{self as pb, watch_request::Start},
};

/// How far a watch has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    phase: Phase,
    /// The version of the last event that was told.
    last_event: i64,
    /// A snapshot begins with the next reply.
    announce: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// Nothing was heard yet.
    Fresh(Option<Start>),
    /// In the middle of a snapshot.
    Snapshot,
    /// Every change up to this version was told.
    Live(i64),
}

/// What one reply tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) updates: Vec<Update>,
    /// Where to go on after these; 0 in the middle of a snapshot.
    pub(crate) resume_version: i64,
}

impl Progress {
    pub(crate) fn new(start: Option<Start>) -> Self {
        let announce = matches!(start, Some(Start::Snapshot(_)));
        Self {
            phase: Phase::Fresh(start),
            last_event: 0,
            announce,
        }
    }

    /// From where the next stream begins.
    pub(crate) fn start(&self) -> Option<Start> {
        match &self.phase {
            Phase::Fresh(start) => *start,
            Phase::Snapshot => Some(Start::Snapshot(true)),
            Phase::Live(version) => Some(Start::AfterVersion(*version)),
        }
    }

    /// The stream broke. What a part of a snapshot showed can have changed
    /// unseen, so that it begins again.
    pub(crate) fn broken(&mut self) {
        if self.phase == Phase::Snapshot {
            self.announce = true;
        }
    }

    /// What comes next is gone: everything begins again.
    pub(crate) fn begin_again(&mut self) {
        // Events of a store that has started anew may have any version.
        *self = Self::new(Some(Start::Snapshot(true)));
    }

    /// Takes in a reply.
    pub(crate) fn take(&mut self, reply: pb::WatchResponse) -> Result<Told, Error> {
        let mut updates = Vec::new();
        if std::mem::take(&mut self.announce) {
            updates.push(Update::SnapshotBegins);
            self.phase = Phase::Snapshot;
        }
        for entry in reply.snapshot_entries {
            updates.push(Update::Snapshot(Entry::try_from(entry)?));
        }
        if reply.snapshot_complete {
            let version = reply.resume_version;
            updates.push(Update::SnapshotComplete { version });
            self.phase = Phase::Live(version);
        }
        for told in reply.events {
            let event = event(told)?;
            // After a break some may come again: those of a transaction whose
            // events did not all come with the version to resume from.
            if event.entry.version > self.last_event {
                self.last_event = event.entry.version;
                updates.push(Update::Event(event));
            }
        }
        if self.phase != Phase::Snapshot {
            self.phase = Phase::Live(reply.resume_version);
        }
        Ok(Told {
            updates,
            resume_version: match self.phase {
                Phase::Live(version) => version,
                Phase::Fresh(_) | Phase::Snapshot => 0,
            },
        })
    }
}

fn event(told: pb::Event) -> Result<Event, Error> {
    let kind = match told.r#type() {
        pb::EventType::Put => EventKind::Put,
        pb::EventType::Delete => EventKind::Delete,
        pb::EventType::Expire => EventKind::Expire,
        pb::EventType::Evict => EventKind::Evict,
        pb::EventType::Unspecified => return Err(Error::answer("an event of a type unknown here")),
    };
    let Some(after) = entry(told.entry)? else {
        return Err(Error::answer("an event without an entry"));
    };
    Ok(Event {
        kind,
        entry: after,
        previous: entry(told.previous)?,
    })
}

#[cfg(test)]
mod tests;
