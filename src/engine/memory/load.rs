//! Opening a store that is kept: what was there is taken in, and from then on
//! the journal is told of every change.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    engine::{
        journal::{
            self, Cut, Durability, Journal, Made, OpenError, Opened, Origin, Progress, Record,
        },
        memory::{Config, Memory, history, room, shard::Kept, source::Parts, versions::Versions},
    },
    model::{clock::Clock, key::Key, time::UnixMillis, version::Version},
};

/// So many records of the log are taken in before what they tell is gathered.
const GATHER_EVERY: usize = 1 << 10;

/// More than a tick of the sweeper.
const SWEPT_BEFORE_MS: u64 = 1000;

impl<C: Clock> Memory<C> {
    /// The store that is kept in `journal.dir`, or a new one when nothing is
    /// there. Takes as long as reading it does, and holds the thread meanwhile.
    /// All of it is taken in, whatever `memory_max` is now; where entries make
    /// room, they do before this returns.
    ///
    /// The clock is moved on to the last time that the store has noted, if it is
    /// behind that. `progress` is told now and then how far it has come.
    ///
    /// # Errors
    /// [`OpenError`]: nothing was changed.
    pub fn load(
        config: Config,
        journal: journal::Config,
        clock: C,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, OpenError> {
        let now = clock.now();
        let made = Made {
            store_id: Uuid::new_v4().to_string(),
            version: Versions::starting(now).last(),
            now,
        };
        let durability = journal.durability;
        // A little before, so that what has expired is due at once.
        let swept = UnixMillis::new(now.get().saturating_sub(SWEPT_BEFORE_MS));
        let shared = Self::empty(config, clock, Versions::nothing(), swept);
        let mut memory = Self(Arc::new(shared));
        let mut loader = Loader {
            memory: &memory,
            // A change that was seen and then lost cannot be taken back from
            // those who follow: where there may be such, they begin anew.
            resumes: durability == Durability::Always,
            knows_version: false,
            untold: None,
        };
        let opened = Journal::open(
            journal,
            &made,
            &mut |origin, record| loader.take(origin, record),
            progress,
        )?;
        loader.end(&opened);
        memory.keep(opened, durability)?;
        let shrunk = room::shrink(&memory);
        shrunk.map_err(|_| {
            let why = "there is more than memory_max, and the journal takes no removals";
            OpenError::Load(why.to_owned())
        })?;
        // What was armed on the way was by a clock that may have been behind, and
        // reading it may have taken long.
        history::renew(&memory);
        Ok(memory)
    }

    /// Goes on with a journal.
    fn keep(&mut self, opened: Opened, durability: Durability) -> Result<(), OpenError> {
        self.clock.not_before(opened.wall);
        if let Some(Cut {
            file,
            offset,
            bytes,
            saved,
        }) = &opened.cut
        {
            tracing::warn!(
                file = %file.display(),
                offset,
                bytes,
                saved = %saved.display(),
                "the log ends with something half written, which was never synced; it was set aside"
            );
        }
        let journal = opened.journal;
        let cannot = |why: String| OpenError::Load(why);
        let shared = Arc::get_mut(&mut self.0);
        let shared = shared.ok_or_else(|| cannot("the store is in use".to_owned()))?;
        shared.store_id = opened.store_id;
        shared.versions.begin();
        shared.journal = Some(journal.clone());
        shared.durability = Some(durability);
        let source = Parts {
            shared: Arc::downgrade(&self.0),
            shards: self.shards.len(),
        };
        let kept = journal.keep_snapshots(Arc::new(source));
        kept.map_err(|error| cannot(error.to_string()))
    }
}

/// Takes in what was kept, in a store that nobody else has yet.
struct Loader<'a, C: Clock> {
    memory: &'a Memory<C>,
    /// Whether watches may go on from before.
    resumes: bool,
    /// Whether the last version that was given out is known: the last one of the
    /// log. A snapshot does not tell it, since it has nothing of a key that is gone.
    knows_version: bool,
    /// How many changes were recorded for watches and not gathered; `None`: none
    /// are recorded yet.
    untold: Option<usize>,
}

impl<C: Clock> Loader<'_, C> {
    /// # Errors
    /// Why it cannot be taken in.
    fn take(&mut self, origin: Origin, record: Record<'_>) -> Result<(), String> {
        if let (Origin::Overlap | Origin::Log, Some(version)) = (origin, record.takes()) {
            // What was before an event is certain only where the store is as it was
            // then, which it is not while a snapshot is ahead of the log.
            if self.resumes && origin == Origin::Log && self.untold.is_none() {
                self.arm(Version::new(version.get() - 1));
                self.untold = Some(0);
            }
            self.knows_version = true;
        }
        self.apply(record)?;
        if let Some(untold) = &mut self.untold {
            *untold += 1;
            if *untold >= GATHER_EVERY {
                *untold = 0;
                history::sequencer::step(self.memory);
            }
        }
        Ok(())
    }

    /// Records changes for watches that go on after the last version that was given
    /// out, which is none after `version`.
    fn arm(&self, version: Option<Version>) {
        if let (false, Some(version)) = (self.knows_version, version) {
            self.memory.versions.pass(version);
        }
        history::arm(self.memory);
    }

    fn apply(&self, record: Record<'_>) -> Result<(), String> {
        let memory = self.memory;
        let locked = |key: Key<'_>| {
            let hash = memory.hash(key);
            let shard = memory.lock(memory.shard_of(hash));
            shard.map(|shard| (shard, hash)).ok_or("no shard")
        };
        match record {
            Record::Put {
                key,
                value,
                version,
                deadline,
            } => {
                let (mut shard, hash) = locked(key)?;
                let kept = Kept {
                    key,
                    value,
                    version,
                    deadline,
                };
                if !shard.load(kept, hash) {
                    return Err("a part of the store has more entries than it can hold".to_owned());
                }
                shard.settle(&memory.account);
                drop(shard.take_gone());
                memory.versions.pass(version);
            }
            Record::Remove { kind, key, version } => {
                let (mut shard, hash) = locked(key)?;
                shard.load_removal(kind, key, version, hash);
                shard.settle(&memory.account);
                drop(shard.take_gone());
                memory.versions.pass(version);
            }
            Record::Touch {
                key,
                version,
                deadline,
            } => {
                let (mut shard, hash) = locked(key)?;
                shard.load_touch(key, version, deadline, hash);
                shard.settle(&memory.account);
            }
            Record::Remember {
                id,
                content,
                at,
                reply,
            } => {
                let account = &memory.account;
                if !memory.requests.restore(id, content, reply, at, account) {
                    return Err(format!("the reply to request {id} cannot be read"));
                }
            }
        }
        Ok(())
    }

    /// Nothing more comes: versions go on from where the journal says.
    fn end(self, opened: &Opened) {
        let memory = self.memory;
        let resumes = self.resumes && !opened.created;
        if resumes && self.untold.is_none() {
            // Nothing has changed since, and that can be told.
            self.arm(Some(opened.version));
        }
        memory.versions.pass(opened.version);
        if resumes {
            // Again where a gathering leaves something.
            while history::sequencer::step(memory) {}
        } else {
            memory.history.begin(opened.version);
        }
    }
}
