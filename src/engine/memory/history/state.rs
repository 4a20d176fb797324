//! The changes that are kept, and who is waiting for more: one for all shards.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use crate::{
    engine::{
        WatchStart,
        memory::history::{
            chunk::Chunk,
            config::Config,
            index::{Concern, WatcherId},
            interval::Intervals,
        },
    },
    model::{error::Error, event::EventKinds, time::UnixMillis, version::Version},
};

/// How many may have come and gone before the index is told, though nothing is to be
/// gathered.
const NEWS_MAX: usize = 1 << 10;

/// The history. While it is armed, every change after `floor` is recorded.
#[derive(Debug)]
pub(super) struct State {
    /// Until when it is armed; `None`: it is not.
    armed_until: Option<UnixMillis>,
    /// What was changed up to here is not kept, or not all of it.
    floor: Version,
    /// What was changed up to here was gathered.
    complete: Version,
    chunks: VecDeque<Arc<Chunk>>,
    events: usize,
    bytes: usize,
    watchers: BTreeMap<WatcherId, Watcher>,
    next_watcher: WatcherId,
    /// Who has come and gone since the index was told.
    news: Vec<News>,
}

/// A watcher, as the history knows it: a place, and whom to wake.
#[derive(Debug)]
struct Watcher {
    kinds: EventKinds,
    /// It follows what comes after this.
    after: Version,
    /// No event that concerns it and that it has not read is before this one;
    /// `None`: there is none.
    behind: Option<Version>,
    waker: Option<Waker>,
}

/// What is kept, and how far watchers are behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::memory) struct Backlog {
    /// Whether changes are kept at all.
    pub(in crate::engine::memory) is_armed: bool,
    /// How many changes are kept.
    pub(in crate::engine::memory) events: usize,
    /// Watchers for whom there is something to read.
    pub(in crate::engine::memory) watchers_behind: usize,
    /// How many of the changes that are kept the last one of them has yet to pass, in
    /// whole chunks.
    pub(in crate::engine::memory) lag: usize,
}

/// Somebody has come or gone.
#[derive(Debug)]
pub(super) enum News {
    Came(WatcherId, Arc<Intervals>),
    Gone(WatcherId, Arc<Intervals>),
}

/// What there is to read.
#[derive(Debug)]
pub(super) enum Next {
    /// A chunk with events from this version on.
    Chunk(Version, Arc<Chunk>),
    /// Nothing: all that concerns it up to here was read.
    UpTo(Version),
}

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) events_max: usize,
    pub(super) bytes_max: usize,
}

impl State {
    pub(super) const fn new(version: Version) -> Self {
        Self {
            armed_until: None,
            floor: version,
            complete: version,
            chunks: VecDeque::new(),
            events: 0,
            bytes: 0,
            watchers: BTreeMap::new(),
            next_watcher: 0,
            news: Vec::new(),
        }
    }

    /// What is kept takes up so many bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_armed(&self) -> bool {
        self.armed_until.is_some()
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    pub(super) const fn complete(&self) -> Version {
        self.complete
    }

    pub(super) fn backlog(&self) -> Backlog {
        let behind = || self.watchers.values().filter_map(|watcher| watcher.behind);
        // Not by versions, which leave out a million at each restart.
        let left = behind().min().map(|first| {
            let at = self.chunks.partition_point(|chunk| chunk.last() < first);
            self.chunks.range(at..).map(|chunk| chunk.len()).sum()
        });
        Backlog {
            is_armed: self.is_armed(),
            events: self.events,
            watchers_behind: behind().count(),
            lag: left.unwrap_or_default(),
        }
    }

    /// When it is to be disarmed, if nothing happens until then.
    pub(super) fn lapses(&self) -> Option<UnixMillis> {
        self.armed_until.filter(|_| !self.is_watched())
    }

    /// Stays armed for a while from `now` on; false: it was not armed, or that
    /// is over.
    pub(super) fn stay_armed(&mut self, now: UnixMillis, config: &Config) -> bool {
        let over = self.lapses().is_some_and(|until| until <= now);
        if let (Some(until), false) = (self.armed_until, over) {
            self.armed_until = Some(until.max(now.plus(config.armed_ms)));
            return true;
        }
        false
    }

    /// Where it is armed, stays so for a while from `now` on, and no longer.
    pub(super) fn renew(&mut self, now: UnixMillis, config: &Config) {
        if let Some(until) = &mut self.armed_until {
            *until = now.plus(config.armed_ms);
        }
    }

    /// Is armed from `version` on.
    pub(super) fn begin(&mut self, version: Version, until: UnixMillis) {
        self.forget();
        self.armed_until = Some(until);
        (self.floor, self.complete) = (version, version);
    }

    /// Is not armed any more.
    pub(super) fn end(&mut self) {
        self.forget();
        self.armed_until = None;
    }

    /// Adds a watcher; tells who it is and after which version it begins.
    ///
    /// # Errors
    /// [`Error::VersionAhead`] or [`Error::VersionCompacted`].
    pub(super) fn enter(
        &mut self,
        start: WatchStart,
        current: Version,
        kinds: EventKinds,
        intervals: &Arc<Intervals>,
    ) -> Result<(WatcherId, Version), Error> {
        let after = match start {
            WatchStart::Now | WatchStart::Snapshot => current,
            WatchStart::After(Some(version)) if version > current => {
                return Err(Error::VersionAhead { current });
            }
            WatchStart::After(Some(version)) if version >= self.floor => version,
            WatchStart::After(_) => {
                return Err(Error::VersionCompacted { oldest: self.floor });
            }
        };
        let watcher = self.next_watcher;
        self.next_watcher += 1;
        let place = Watcher {
            kinds,
            after,
            behind: (self.complete > after).then(|| after.next()),
            waker: None,
        };
        self.watchers.insert(watcher, place);
        self.news.push(News::Came(watcher, Arc::clone(intervals)));
        Ok((watcher, after))
    }

    /// Takes a watcher out; armed stays for a while from `now` on.
    pub(super) fn leave(
        &mut self,
        watcher: WatcherId,
        intervals: Arc<Intervals>,
        now: UnixMillis,
        config: &Config,
    ) {
        self.stay_armed(now, config);
        self.watchers.remove(&watcher);
        self.news.push(News::Gone(watcher, intervals));
    }

    /// Whether there is so much to be told to the index that it is to be told now.
    pub(super) fn has_much_news(&self) -> bool {
        self.news.len() >= NEWS_MAX
    }

    /// What has to be told to the index.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What `watcher`, who has read up to `cursor`, has to read next. Where that
    /// is nothing, `waker` is woken when there is something.
    ///
    /// # Errors
    /// The oldest version that is kept, when what it has to read is not.
    pub(super) fn next(
        &mut self,
        watcher: WatcherId,
        cursor: Version,
        waker: &Waker,
    ) -> Result<Next, Version> {
        let Some(place) = self.watchers.get_mut(&watcher) else {
            return Ok(Next::UpTo(cursor));
        };
        let from = place.behind.map(|behind| behind.max(cursor.next()));
        if from.is_some_and(|from| from <= self.floor) {
            return Err(self.floor);
        }
        let chunk = from.and_then(|from| {
            let at = self.chunks.partition_point(|chunk| chunk.last() < from);
            Some((from, self.chunks.get(at)?))
        });
        if let Some((from, chunk)) = chunk {
            return Ok(Next::Chunk(from, Arc::clone(chunk)));
        }
        place.behind = None;
        place.waker = Some(waker.clone());
        Ok(Next::UpTo(cursor.max(self.complete)))
    }

    /// # Errors
    /// As [`Self::next`].
    pub(super) fn check(&self, watcher: WatcherId) -> Result<(), Version> {
        let behind = self.watchers.get(&watcher).and_then(|it| it.behind);
        match behind {
            Some(behind) if behind <= self.floor => Err(self.floor),
            Some(_) | None => Ok(()),
        }
    }

    /// Adds what was gathered next, drops what there is no room for, and gives
    /// out who is to be woken.
    pub(super) fn append(&mut self, chunk: Chunk, concerns: &[Concern], room: Room) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let last = chunk.last();
        for concern in concerns {
            if let Some(watcher) = self.watchers.get_mut(&concern.watcher)
                && watcher.kinds.contains(concern.kind)
            {
                wakers.extend(watcher.concern(concern.version, last));
            }
        }
        // Whom the index does not know yet is told of everything.
        for news in &self.news {
            if let News::Came(id, _) = news
                && let Some(watcher) = self.watchers.get_mut(id)
            {
                wakers.extend(watcher.concern(self.complete.next(), last));
            }
        }
        self.complete = last;
        self.events += chunk.len();
        self.bytes += chunk.bytes();
        self.chunks.push_back(Arc::new(chunk));
        self.trim(room);
        wakers
    }

    /// Everything up to `version` was gathered.
    pub(super) fn advance(&mut self, version: Version) {
        self.complete = self.complete.max(version);
    }

    /// What was changed up to `version` was not all gathered, and never will be.
    /// Gives out who is to be woken, to be told.
    pub(super) fn lose(&mut self, version: Version) -> Vec<Waker> {
        self.floor = self.floor.max(version);
        while let Some(first) = self.chunks.front().filter(|it| it.last() <= version) {
            self.events -= first.len();
            self.bytes -= first.bytes();
            self.chunks.pop_front();
        }
        // Whom it would have concerned, nobody knows.
        let next = self.complete.next();
        let watchers = self.watchers.values_mut();
        watchers
            .filter_map(|watcher| watcher.concern(next, version))
            .collect()
    }

    fn trim(&mut self, room: Room) {
        while (self.events > room.events_max || self.bytes > room.bytes_max)
            && self.chunks.len() > 1
            && let Some(first) = self.chunks.pop_front()
        {
            self.floor = self.floor.max(first.last());
            self.events -= first.len();
            self.bytes -= first.bytes();
        }
    }

    fn forget(&mut self) {
        self.chunks = VecDeque::new();
        (self.events, self.bytes) = (0, 0);
    }
}

impl Watcher {
    /// There is something for it from `version` to `last`, if that is after
    /// where it begins. Whom to wake for that.
    fn concern(&mut self, version: Version, last: Version) -> Option<Waker> {
        if last <= self.after || self.behind.is_some() {
            return None;
        }
        self.behind = Some(version.max(self.after.next()));
        self.waker.take()
    }
}
