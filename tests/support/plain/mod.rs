//! The engine at its plainest: one lock around one sorted map. What a store
//! means can be read off it, and it can be broken on purpose.

mod calls;
mod history;
mod image;
mod once;
mod transact;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use nanokv::{
    engine::memory,
    model::{
        clock::{Clock, held::HeldClock},
        entry::{Entry, reply_bytes},
        error::Error,
        event::{Event, EventKind},
        expiry::ExpiryRules,
        mutation::{Change, Current, Effect, Mutation},
        operation::{Applied, Read},
        time::UnixMillis,
        value::{Kind, Text, Value, ValueRef},
        version::Version,
    },
};

use crate::support::{
    fault::Fault,
    plain::{history::History, once::Answered},
};

/// Everything under one lock.
pub(crate) struct PlainEngine {
    clock: HeldClock,
    rules: ExpiryRules,
    memory_max: u64,
    fault: Option<Fault>,
    requests: memory::requests::Config,
    answered: Mutex<Vec<Answered>>,
    store_id: String,
    began: Version,
    store: Arc<Mutex<Store>>,
    earlier: Mutex<Option<Store>>,
}

#[derive(Clone)]
struct Store {
    entries: BTreeMap<String, Entry>,
    version: i64,
    history: History,
}

impl PlainEngine {
    /// An empty store; `fault` is what is wrong with it.
    pub(crate) fn new(
        clock: HeldClock,
        rules: ExpiryRules,
        memory_max: u64,
        fault: Option<Fault>,
    ) -> Self {
        let version = i64::try_from(clock.now().get() * 1000).unwrap();
        Self {
            clock,
            rules,
            memory_max,
            fault,
            requests: memory::requests::Config::default(),
            answered: Mutex::default(),
            began: Version::new(version).unwrap(),
            store_id: uuid::Uuid::new_v4().to_string(),
            store: Arc::new(Mutex::new(Store {
                entries: BTreeMap::new(),
                version,
                history: History::new(
                    memory::history::Config::default(),
                    Version::new(version).unwrap(),
                ),
            })),
            earlier: Mutex::default(),
        }
    }

    /// Keeps so much of the past.
    pub(crate) fn keeping(self, config: memory::history::Config) -> Self {
        let history = History::new(config, self.began);
        self.store().history = history;
        self
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    fn alive(&self, entry: &Entry) -> bool {
        let late = u64::from(self.has(Fault::ExpiredOneMillisecondLate));
        entry
            .deadline()
            .is_none_or(|deadline| self.clock.now() < deadline.plus(late))
    }

    fn shown(&self, entry: &Entry, omit_value: bool) -> Entry {
        let value = entry
            .value()
            .filter(|_| !omit_value || self.has(Fault::OmitValueIgnored))
            .cloned();
        Entry::new(
            entry.key().to_owned(),
            value,
            entry.version(),
            entry.deadline(),
        )
    }

    fn read(&self, store: &Store, read: Read<'_>) -> Option<Entry> {
        store
            .entries
            .get(read.key.as_str())
            .filter(|entry| self.alive(entry) || self.has(Fault::ExpiredStillRead))
            .map(|entry| self.shown(entry, read.omit_value))
    }

    /// Keeps the state for the next read, which sees that one.
    fn read_stale(&self, read: Read<'_>) -> Option<Entry> {
        let mut earlier = self.earlier.lock().unwrap();
        let Some(store) = earlier.take() else {
            let store = self.store();
            *earlier = Some(store.clone());
            return self.read(&store, read);
        };
        self.read(&store, read)
    }

    /// The entry that a change decides by.
    fn current(&self, store: &Store, mutation: Mutation<'_>) -> Option<Entry> {
        store
            .entries
            .get(mutation.key.as_str())
            .filter(|entry| self.alive(entry) || self.has(Fault::ExpiredStillDecides))
            .cloned()
    }

    fn mutate_at_once(&self, store: &mut Store, mutation: Mutation<'_>) -> Result<Applied, Error> {
        let current = self.current(store, mutation);
        let decided = self.decide(mutation, current.as_ref());
        let applied = decided.and_then(|effect| self.apply(store, mutation, current, effect));
        if applied.is_err() && self.has(Fault::RefusalTakesVersion) {
            store.next_version();
        }
        applied
    }

    fn decide<'a>(
        &self,
        mut mutation: Mutation<'a>,
        current: Option<&Entry>,
    ) -> Result<Effect<'a>, Error> {
        let now = self.clock.now();
        let current = current.map(|entry| Current {
            version: entry.version(),
            deadline: entry.deadline(),
            kind: kind(entry.value()),
            number: match entry.value() {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            },
        });
        if let Some(fault) = self.fault {
            fault.spoil(&mut mutation, current.as_ref());
        }
        let mut effect = mutation.decide(current.as_ref(), now, self.rules)?;
        if let (Some(fault), Effect::Put { deadline, .. }) = (self.fault, &mut effect) {
            fault.spoil_deadline(deadline, mutation.change, now);
        }
        Ok(effect)
    }

    fn apply(
        &self,
        store: &mut Store,
        mutation: Mutation<'_>,
        current: Option<Entry>,
        effect: Effect<'_>,
    ) -> Result<Applied, Error> {
        match (effect, current) {
            (Effect::Put { value, deadline }, current) => {
                self.put(store, mutation, current, value, deadline)
            }
            (Effect::Remove, current) => {
                store.entries.remove(mutation.key.as_str());
                let version = store.next_version();
                self.record_removal(store, EventKind::Delete, current.as_ref(), version);
                Ok(Applied {
                    version: Some(version),
                    entry: current.filter(|_| returns_previous(mutation)),
                    ..Applied::default()
                })
            }
            (Effect::Retime { deadline }, Some(entry)) => {
                Ok(self.retime(store, mutation, &entry, deadline))
            }
            (Effect::Retime { .. } | Effect::Nothing, current) => {
                let deletes = matches!(mutation.change, Change::Delete { .. });
                let takes = deletes && self.has(Fault::AbsentDeleteTakesVersion);
                Ok(Applied {
                    version: takes.then(|| store.next_version()),
                    entry: current.map(|entry| self.shown(&entry, omits_value(mutation))),
                    ..Applied::default()
                })
            }
        }
    }

    fn put(
        &self,
        store: &mut Store,
        mutation: Mutation<'_>,
        current: Option<Entry>,
        value: ValueRef<'_>,
        deadline: Option<UnixMillis>,
    ) -> Result<Applied, Error> {
        let key = mutation.key.as_str();
        self.admit(store, key, value)?;
        self.expire(store, key);
        let version = match &current {
            Some(entry) if self.has(Fault::VersionReused) => entry.version(),
            _ => store.next_version(),
        };
        let stored = Some(self.stored(value));
        let entry = Entry::new(key.to_owned(), stored, version, deadline);
        store.entries.insert(key.to_owned(), entry.clone());
        self.record(store, EventKind::Put, entry.clone(), current.clone());
        let previous = if self.has(Fault::PreviousIsNew) {
            current.and(Some(entry))
        } else {
            current
        };
        Ok(Applied {
            version: Some(version),
            deadline,
            number: value.number(),
            entry: previous.filter(|_| returns_previous(mutation)),
            ..Applied::default()
        })
    }

    fn retime(
        &self,
        store: &mut Store,
        mutation: Mutation<'_>,
        entry: &Entry,
        deadline: Option<UnixMillis>,
    ) -> Applied {
        let version = if self.has(Fault::TouchTakesVersion) {
            store.next_version()
        } else {
            entry.version()
        };
        let key = entry.key().to_owned();
        let entry = Entry::new(key.clone(), entry.value().cloned(), version, deadline);
        let shown = self.shown(&entry, omits_value(mutation));
        if self.has(Fault::WatchTellsTouch) {
            let (key, value) = entry.clone().into_parts();
            let told = Entry::new(key, value, store.next_version(), deadline);
            self.record(store, EventKind::Put, told, None);
        }
        store.entries.insert(key, entry);
        Applied {
            retimed: true,
            entry: Some(shown),
            ..Applied::default()
        }
    }

    /// Refuses what would make a full store grow.
    fn admit(&self, store: &Store, key: &str, value: ValueRef<'_>) -> Result<(), Error> {
        let new = reply_bytes(key.len(), value.len());
        let old = store.entries.get(key).map_or(0, entry_bytes);
        let total: usize = store.entries.values().map(entry_bytes).sum();
        let after = if self.has(Fault::MemoryFullRefusesAll) {
            total + new
        } else {
            total - old + new
        };
        let full = u64::try_from(after).unwrap() > self.memory_max;
        let grows = new > old || self.has(Fault::MemoryFullRefusesAll);
        if full && grows && !self.has(Fault::MemoryUnbounded) {
            return Err(Error::MemoryFull {
                memory_max: self.memory_max,
            });
        }
        Ok(())
    }

    /// Removes what is under a key if it has expired.
    fn expire(&self, store: &mut Store, key: &str) {
        if store
            .entries
            .get(key)
            .is_some_and(|entry| !self.alive(entry))
        {
            let expired = store.entries.remove(key);
            if !self.has(Fault::ExpiryTakesNoVersion) {
                store.next_version();
            }
            let version = store.version();
            self.record_removal(store, EventKind::Expire, expired.as_ref(), version);
        }
    }

    fn record_removal(
        &self,
        store: &mut Store,
        kind: EventKind,
        removed: Option<&Entry>,
        version: Version,
    ) {
        if let Some(removed) = removed {
            let gone = Entry::new(removed.key().to_owned(), None, version, None);
            self.record(store, kind, gone, Some(removed.clone()));
        }
    }

    fn record(&self, store: &mut Store, kind: EventKind, entry: Entry, previous: Option<Entry>) {
        let event = Event {
            kind,
            entry,
            previous,
        };
        store.history.record(event, self.clock.now());
    }

    fn sweep(&self) {
        let mut store = self.store();
        let keys: Vec<String> = store.entries.keys().cloned().collect();
        for key in keys {
            self.expire(&mut store, &key);
        }
    }

    fn stored(&self, value: ValueRef<'_>) -> Value {
        match value {
            ValueRef::Number(number) if self.has(Fault::NumberBecomesText) => {
                Value::Text(Text::from(number.to_string()))
            }
            value => value.to_value(),
        }
    }
}

impl Store {
    fn next_version(&mut self) -> Version {
        self.version += 1;
        self.version()
    }

    fn version(&self) -> Version {
        Version::new(self.version).unwrap()
    }
}

fn kind(value: Option<&Value>) -> Kind {
    match value.expect("a stored entry has a value") {
        Value::Data(_) => Kind::Data,
        Value::Text(_) => Kind::Text,
        Value::Number(_) => Kind::Number,
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    reply_bytes(entry.key().len(), entry.value().map_or(0, Value::len))
}

fn returns_previous(mutation: Mutation<'_>) -> bool {
    match mutation.change {
        Change::Set {
            return_previous, ..
        }
        | Change::Delete { return_previous } => return_previous,
        Change::Increment(_) | Change::Touch { .. } => false,
    }
}

fn omits_value(mutation: Mutation<'_>) -> bool {
    matches!(
        mutation.change,
        Change::Touch {
            omit_value: true,
            ..
        }
    )
}
