//! The engine at its plainest: one lock around one sorted map. What a store
//! means can be read off it, and it can be broken on purpose.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard},
};

use nanokv::{
    engine::{Description, Engine, ListQuery, Page},
    model::{
        clock::{Clock, held::HeldClock},
        entry::{Entry, reply_bytes},
        error::Error,
        expiry::{Expiry, ExpiryRules},
        mutation::{Change, Condition, Current, Effect, Mutation, TouchMode},
        operation::{Applied, Operation, Outcome, Read},
        time::UnixMillis,
        value::{Kind, Text, Value, ValueRef},
        version::Version,
    },
};

use crate::support::fault::Fault;

/// Everything under one lock.
pub(crate) struct PlainEngine {
    clock: HeldClock,
    rules: ExpiryRules,
    memory_max: u64,
    fault: Option<Fault>,
    store_id: String,
    store: Mutex<Store>,
}

#[derive(Clone)]
struct Store {
    entries: BTreeMap<String, Entry>,
    version: i64,
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
            store_id: uuid::Uuid::new_v4().to_string(),
            store: Mutex::new(Store {
                entries: BTreeMap::new(),
                version,
            }),
        }
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
        self.spoil(&mut mutation, current);
        let current = current.map(|entry| Current {
            version: entry.version(),
            deadline: entry.deadline(),
            kind: kind(entry.value()),
            number: match entry.value() {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            },
        });
        let effect = mutation.decide(current.as_ref(), self.clock.now(), self.rules)?;
        Ok(match effect {
            Effect::Put { value, deadline } => Effect::Put {
                value,
                deadline: self.spoilt_deadline(mutation, deadline),
            },
            other => other,
        })
    }

    fn apply(
        &self,
        store: &mut Store,
        mutation: Mutation<'_>,
        current: Option<Entry>,
        effect: Effect<'_>,
    ) -> Result<Applied, Error> {
        let key = mutation.key.as_str();
        match effect {
            Effect::Put { value, deadline } => {
                self.admit(store, key, value)?;
                self.expire(store, key);
                let version = match &current {
                    Some(entry) if self.has(Fault::VersionReused) => entry.version(),
                    _ => store.next_version(),
                };
                let entry = Entry::new(key.to_owned(), Some(self.stored(value)), version, deadline);
                store.entries.insert(key.to_owned(), entry.clone());
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
            Effect::Remove => {
                store.entries.remove(key);
                Ok(Applied {
                    version: Some(store.next_version()),
                    entry: current.filter(|_| returns_previous(mutation)),
                    ..Applied::default()
                })
            }
            Effect::Retime { deadline } => {
                let entry = current.expect("only an entry that is there is retimed");
                let version = if self.has(Fault::TouchTakesVersion) {
                    store.next_version()
                } else {
                    entry.version()
                };
                let entry = Entry::new(key.to_owned(), entry.value().cloned(), version, deadline);
                store.entries.insert(key.to_owned(), entry.clone());
                Ok(Applied {
                    retimed: true,
                    entry: Some(self.shown(&entry, omits_value(mutation))),
                    ..Applied::default()
                })
            }
            Effect::Nothing => {
                let deleted = matches!(mutation.change, Change::Delete { .. });
                let taken = deleted && self.has(Fault::AbsentDeleteTakesVersion);
                Ok(Applied {
                    version: taken.then(|| store.next_version()),
                    entry: current.map(|entry| self.shown(&entry, omits_value(mutation))),
                    ..Applied::default()
                })
            }
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
            store.entries.remove(key);
            if !self.has(Fault::ExpiryTakesNoVersion) {
                store.next_version();
            }
        }
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

    /// Puts into a change what the fault makes of it.
    fn spoil(&self, mutation: &mut Mutation<'_>, current: Option<&Entry>) {
        match self.fault {
            Some(Fault::ConditionIgnored) => mutation.condition = None,
            Some(Fault::VersionConditionMetByAny) => {
                if let (Some(Condition::Version(version)), Some(entry)) =
                    (&mut mutation.condition, current)
                {
                    *version = entry.version();
                }
            }
            _ => {}
        }
        match &mut mutation.change {
            Change::Set { expiry, .. } if self.has(Fault::KeepExpiryLost) => {
                if *expiry == Expiry::Keep {
                    *expiry = Expiry::Default;
                }
            }
            Change::Set { expiry, .. } if self.has(Fault::DefaultTtlIgnored) => {
                if *expiry == Expiry::Default {
                    *expiry = Expiry::Never;
                }
            }
            Change::Touch { mode, .. } if self.has(Fault::TouchModeIgnored) => {
                *mode = TouchMode::Any;
            }
            Change::Increment(increment) if self.has(Fault::BoundsIgnored) => {
                (increment.min, increment.max) = (i64::MIN, i64::MAX);
            }
            _ => {}
        }
    }

    fn spoilt_deadline(
        &self,
        mutation: Mutation<'_>,
        deadline: Option<UnixMillis>,
    ) -> Option<UnixMillis> {
        match (self.fault, mutation.change) {
            (Some(Fault::DeadlineInSeconds), _) => {
                deadline.map(|deadline| UnixMillis::new(deadline.get() / 1000 * 1000))
            }
            (Some(Fault::IncrementMovesDeadline), Change::Increment(increment)) => increment
                .expiry
                .deadline(self.clock.now(), None, self.rules)
                .unwrap_or(deadline),
            _ => deadline,
        }
    }

    /// How many bytes the answer to an operation has at most.
    fn answer_bytes(&self, store: &Store, operation: &Operation<'_>) -> usize {
        let answers = match operation {
            Operation::Read(read) => !read.omit_value,
            Operation::Mutate(mutation) => match mutation.change {
                Change::Set {
                    return_previous, ..
                }
                | Change::Delete { return_previous } => return_previous,
                Change::Touch { omit_value, .. } => !omit_value,
                Change::Increment(_) => false,
            },
        };
        store
            .entries
            .get(operation.key().as_str())
            .filter(|entry| self.alive(entry) && answers)
            .map_or(0, entry_bytes)
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

impl Engine for PlainEngine {
    fn describe(&self) -> Description {
        Description {
            engine: "plain",
            store_id: self.store_id.clone(),
            version: self.store().version(),
            now: self.clock.now(),
            capabilities: &[
                "Batch",
                "Delete",
                "Get",
                "Increment",
                "List",
                "Set",
                "Touch",
            ],
            memory_max: Some(self.memory_max),
        }
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        Ok(self.read(&self.store(), read))
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        if self.has(Fault::ReadAndWriteApart) {
            let current = self.current(&self.store(), mutation);
            tokio::task::yield_now().await;
            let effect = self.decide(mutation, current.as_ref())?;
            return self.apply(&mut self.store(), mutation, current, effect);
        }
        self.mutate_at_once(&mut self.store(), mutation)
    }

    async fn batch(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
    ) -> Vec<Result<Outcome, Error>> {
        let mut store = self.store();
        let before = store.clone();
        let mut bytes = 0;
        let mut results: Vec<Result<Outcome, Error>> = Vec::new();
        for operation in operations {
            if let (true, Some(Err(error))) = (self.has(Fault::BatchStopsAtFailure), results.last())
            {
                results.push(Err(error.clone()));
                continue;
            }
            let answer_bytes = self.answer_bytes(&store, operation);
            if bytes + answer_bytes > reply_bytes_max && !self.has(Fault::BatchBytesIgnored) {
                results.push(Err(Error::ReplyTooLarge { reply_bytes_max }));
                continue;
            }
            let result = match operation {
                Operation::Read(read) if self.has(Fault::BatchSeesStateBefore) => {
                    Ok(Outcome::Read(self.read(&before, *read)))
                }
                Operation::Read(read) => Ok(Outcome::Read(self.read(&store, *read))),
                Operation::Mutate(mutation) => self
                    .mutate_at_once(&mut store, *mutation)
                    .map(Outcome::Applied),
            };
            if result.is_ok() {
                bytes += answer_bytes;
            }
            results.push(result);
        }
        results
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        let store = self.store();
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        let after = match query.after {
            None => Bound::Unbounded,
            Some(last) if self.has(Fault::PageRepeatsEntry) => Bound::Included(last),
            Some(last) => Bound::Excluded(last),
        };
        let in_range = |entry: &&Entry| {
            let last = self.has(Fault::EndIsInclusive) && entry.key() == query.range.end();
            let unfixed = self.has(Fault::PrefixIgnored) && !query.range.prefix().is_empty();
            query.range.contains(entry.key().as_bytes()) || last || unfixed
        };
        let alive = |entry: &&Entry| self.alive(entry) || self.has(Fault::ExpiredStillListed);
        for (_, entry) in store.entries.range::<str, _>((after, Bound::Unbounded)) {
            if !in_range(&entry) || !alive(&entry) {
                continue;
            }
            let entry = self.shown(entry, query.omit_value);
            bytes += entry_bytes(&entry);
            let too_large = bytes > query.reply_bytes_max && !self.has(Fault::PageBytesIgnored);
            if entries.len() == query.entries_max || (too_large && !entries.is_empty()) {
                more = !self.has(Fault::PageEndsEarly);
                break;
            }
            entries.push(entry);
        }
        if self.has(Fault::ListUnordered) {
            entries.sort_by_key(|entry| entry.version());
        }
        Ok(Page {
            entries,
            more,
            version: store.version(),
        })
    }

    async fn tend(&self) {
        loop {
            // Before the sweep, so that a clock that moves meanwhile is seen.
            let next = self.clock.now().plus(1000);
            if !self.has(Fault::ExpiredNeverRemoved) {
                self.sweep();
            }
            self.clock.sleep_until(next).await;
        }
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
