//! Watching the plain engine: a task a watch.

use std::sync::{Arc, Mutex, MutexGuard};

use nanokv::{
    engine::{WatchItem, WatchQuery, WatchStart},
    model::{
        clock::{Clock, held::HeldClock},
        entry::Entry,
        error::Error,
        event::{Event, EventKind},
        version::Version,
    },
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{
    fault::Fault,
    plain::{PlainEngine, Store, entry_bytes},
};

pub(crate) type Watch = ReceiverStream<Result<WatchItem, Error>>;

const QUIET_MS: u64 = 4_500;

/// A watcher on its way.
struct Watcher {
    store: Arc<Mutex<Store>>,
    clock: HeldClock,
    fault: Option<Fault>,
    query: WatchQuery,
    cursor: Version,
    changed: watch::Receiver<()>,
    told: mpsc::Sender<Result<WatchItem, Error>>,
}

impl PlainEngine {
    pub(super) fn begin(&self, query: WatchQuery) -> Result<Watch, Error> {
        let mut store = self.store();
        let current = store.version();
        store.history.arm(self.clock.now(), current);
        let oldest = store.history.floor;
        let cursor = match query.start {
            WatchStart::Now | WatchStart::Snapshot => current,
            WatchStart::After(Some(version)) if version > current => {
                if !self.has(Fault::WatchTakesAhead) {
                    return Err(Error::VersionAhead { current });
                }
                current
            }
            WatchStart::After(version) if version < Some(oldest) => {
                if !self.has(Fault::WatchSkipsCompacted) {
                    return Err(Error::VersionCompacted { oldest });
                }
                oldest
            }
            WatchStart::After(version) => version.unwrap(),
        };
        let cursor = match query.start {
            WatchStart::After(_) if self.has(Fault::WatchRepeatsEvent) => {
                Version::new(cursor.get() - 1).unwrap()
            }
            _ => cursor,
        };
        let (told, receiver) = mpsc::channel(1);
        let watcher = Watcher {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            fault: self.fault,
            query,
            cursor,
            changed: store.history.enter(),
            told,
        };
        tokio::spawn(watcher.run());
        Ok(ReceiverStream::new(receiver))
    }
}

impl Watcher {
    async fn run(mut self) {
        if self.query.start == WatchStart::Snapshot {
            self.tell_snapshot().await;
        }
        let mut is_due = !self.has(Fault::WatchBeginsQuiet);
        let mut until = self.clock.now().plus(QUIET_MS);
        loop {
            self.changed.mark_unchanged();
            let item = self.next();
            let is_something = match &item {
                Ok(item) => !item.events.is_empty(),
                Err(_) => true,
            };
            let is_over = self.clock.now() >= until && !self.has(Fault::WatchStaysQuiet);
            if is_something || is_due || is_over {
                let ends = item.is_err();
                until = self.clock.now().plus(QUIET_MS);
                if self.told.send(item).await.is_err() || ends {
                    break;
                }
                is_due = false;
                continue;
            }
            tokio::select! {
                _ = self.changed.changed() => {}
                () = self.clock.sleep_until(until) => {
                    if self.has(Fault::WatchStaysQuiet) {
                        until = until.plus(1_000_000);
                    }
                }
                () = self.told.closed() => break,
            }
        }
        let now = self.clock.now();
        self.store().history.leave(now);
    }

    /// The next events, and how far they go.
    fn next(&mut self) -> Result<WatchItem, Error> {
        let store = Arc::clone(&self.store);
        let store = store.lock().unwrap();
        let oldest = store.history.floor;
        if self.cursor < oldest && !self.has(Fault::WatchSlowSilently) {
            let resume = Some(self.cursor);
            return Err(Error::WatchTooSlow { resume, oldest });
        }
        let (mut item, mut bytes) = (WatchItem::default(), 0);
        let mut cursor = store.version();
        for event in store.history.after(self.cursor) {
            let Some(told) = self.told_as(event) else {
                continue;
            };
            bytes += told.reply_bytes();
            if bytes > self.query.reply_bytes_max && !item.events.is_empty() {
                let last = item.events.last().unwrap().entry.version();
                cursor = last;
                break;
            }
            item.events.push(told);
        }
        item.resume = Some(cursor);
        if self.has(Fault::WatchProgressAhead) {
            item.resume = Version::new(store.version().get() + 1);
        }
        if self.has(Fault::WatchUnordered) {
            item.events.reverse();
        }
        self.cursor = cursor;
        Ok(item)
    }

    /// As this watcher is told of an event, if it is.
    fn told_as(&self, event: &Event) -> Option<Event> {
        let key = event.entry.key().as_bytes();
        let mut ranges = self.query.ranges.iter();
        let is_in = ranges.any(|range| range.contains(key)) || self.has(Fault::WatchIgnoresRanges);
        let kinds = self.query.kinds.contains(event.kind) || self.has(Fault::WatchIgnoresTypes);
        if !is_in
            || !kinds
            || (event.kind == EventKind::Expire && self.has(Fault::WatchSkipsExpiry))
        {
            return None;
        }
        let previous = event
            .previous
            .as_ref()
            .filter(|_| self.query.with_previous != self.has(Fault::WatchPreviousWrong));
        Some(Event {
            kind: event.kind,
            entry: self.shown(&event.entry),
            previous: previous.map(|entry| self.shown(entry)),
        })
    }

    async fn tell_snapshot(&mut self) {
        let entries: Vec<Entry> = {
            let store = self.store();
            let now = self.clock.now();
            let alive = |entry: &&Entry| entry.deadline().is_none_or(|deadline| now < deadline);
            let entries = store.entries.values().filter(alive);
            let is_in = |entry: &&Entry| {
                let key = entry.key().as_bytes();
                self.query.ranges.iter().any(|range| range.contains(key))
            };
            entries
                .filter(is_in)
                .map(|entry| self.shown(entry))
                .collect()
        };
        let mut item = WatchItem::default();
        let mut bytes = 0;
        for entry in entries {
            bytes += entry_bytes(&entry);
            if bytes > self.query.reply_bytes_max && !item.snapshot_entries.is_empty() {
                bytes = entry_bytes(&entry);
                let full = std::mem::take(&mut item);
                let _ = self.told.send(Ok(full)).await;
            }
            item.snapshot_entries.push(entry);
        }
        if self.has(Fault::SnapshotLosesEntry) {
            item.snapshot_entries.pop();
        }
        if self.has(Fault::SnapshotLosesEvents) {
            // As if the version were read at the end.
            let version = self.store().version();
            self.cursor = version;
        }
        item.snapshot_complete = true;
        item.resume = Some(self.cursor);
        let _ = self.told.send(Ok(item)).await;
    }

    fn shown(&self, entry: &Entry) -> Entry {
        let omit = self.query.omit_value && !self.has(Fault::WatchShowsOmitted);
        let value = entry.value().filter(|_| !omit).cloned();
        let (version, deadline) = (entry.version(), entry.deadline());
        Entry::new(entry.key().to_owned(), value, version, deadline)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}
