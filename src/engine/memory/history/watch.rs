//! A watcher: first the snapshot, if it was asked for, then what changes.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio_stream::Stream;

use crate::{
    engine::{
        WatchItem, WatchQuery, WatchStart,
        memory::{
            Memory,
            history::{
                armed, chunk::Chunk, index::WatcherId, interval::Intervals, sequencer,
                snapshot::Snapshot, state::Next,
            },
        },
    },
    model::{clock::Clock, error::Error, time::UnixMillis, version::Version},
};

/// Milliseconds after which something is told even if nothing has happened: a
/// little less than the 5 seconds that are promised.
const QUIET_MS: u64 = 4_750;

/// Moments at which that happens lie so many milliseconds apart, so that the
/// watches of a connection tell it together, in one write.
const QUIET_EVERY_MS: u64 = 250;

/// How many chunks are read at a time.
const CHUNKS_MAX: usize = 16;

/// What a watch tells: see [`crate::engine::Engine::watch`]. It holds nothing
/// but a place in the history, so one that is not read costs nobody anything.
pub struct Watch<C: Clock> {
    memory: Memory<C>,
    id: WatcherId,
    intervals: Arc<Intervals>,
    /// What was asked for; its ranges are the intervals.
    query: WatchQuery,
    stage: Stage,
    /// All events up to here were told.
    cursor: Version,
    /// What is being put together.
    item: WatchItem,
    item_bytes: usize,
    /// Until what the item holds of the snapshot is durable.
    settling: Option<Settling>,
    /// Whether something is to be told however little it is.
    is_due: bool,
    /// Whether others are let go on first.
    yields: bool,
    /// When something is to be told even if nothing happens.
    quiet_until: UnixMillis,
    quiet: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

type Settling = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// How far a watch is.
#[derive(Debug)]
enum Stage {
    Snapshot(Snapshot),
    Following,
    Ended,
}

/// What a look for something to tell came to.
enum Looked {
    /// It may be told.
    Full,
    /// There may be more.
    More,
    /// There is no more.
    All,
}

/// Begins to watch. See [`crate::engine::Engine::watch`].
///
/// # Errors
/// [`Error::VersionCompacted`] or [`Error::VersionAhead`].
pub(in crate::engine::memory) fn watch<C: Clock>(
    memory: &Memory<C>,
    mut query: WatchQuery,
) -> Result<Watch<C>, Error> {
    let intervals = Arc::new(Intervals::of(&std::mem::take(&mut query.ranges)));
    let history = &memory.history;
    // First gather what there is: else it could push out where the watch begins,
    // or the oldest version that it is told.
    if matches!(query.start, WatchStart::After(_)) && sequencer::step(memory) {
        history.signal.raise();
    }
    sequencer::learn_if_much(memory);
    let mut armed = armed(memory);
    let current = memory.versions.last();
    let (id, cursor) = armed.enter(query.start, current, query.kinds, &intervals)?;
    history.signal.set_eager(true);
    drop(armed);
    // For what was noted when nobody watched, and for the index to know.
    history.signal.raise();
    let stage = match query.start {
        WatchStart::Snapshot => {
            let intervals = Arc::clone(&intervals);
            Stage::Snapshot(Snapshot::new(cursor, intervals, query.omit_value))
        }
        WatchStart::Now | WatchStart::After(_) => Stage::Following,
    };
    Ok(Watch {
        memory: memory.clone(),
        id,
        intervals,
        query,
        stage,
        cursor,
        item: WatchItem::default(),
        item_bytes: 0,
        settling: None,
        is_due: true,
        yields: false,
        quiet_until: quiet_until(memory.clock.now()),
        quiet: None,
    })
}

impl<C: Clock> Stream for Watch<C> {
    type Item = Result<WatchItem, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watch = self.get_mut();
        if std::mem::take(&mut watch.yields) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(settling) = &mut watch.settling {
            let settled = ready!(settling.as_mut().poll(context));
            watch.settling = None;
            if let Err(error) = settled {
                watch.stage = Stage::Ended;
                return Poll::Ready(Some(Err(error)));
            }
            return watch.tell(&Looked::More, context);
        }
        let looked = match &mut watch.stage {
            Stage::Ended => return Poll::Ready(None),
            Stage::Snapshot(_) => match watch.look_at_snapshot() {
                // To be told when it is durable: what a snapshot has not,
                // because it is gone, must not come back either.
                Ok(_) if watch.settles() => return Pin::new(watch).poll_next(context),
                looked => looked,
            },
            Stage::Following => watch.look_at_history(context),
        };
        match looked {
            Err(oldest) => {
                let resume = match watch.stage {
                    Stage::Following => Some(watch.cursor),
                    Stage::Snapshot(_) | Stage::Ended => None,
                };
                watch.stage = Stage::Ended;
                Poll::Ready(Some(Err(Error::WatchTooSlow { resume, oldest })))
            }
            Ok(looked) => watch.tell(&looked, context),
        }
    }
}

impl<C: Clock> Watch<C> {
    /// Gives out what there is to tell, if that is something or it is time.
    fn tell(
        &mut self,
        looked: &Looked,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<WatchItem, Error>>> {
        let is_over = self.is_quiet_over(context);
        let is_something = self.item.snapshot_complete
            || !self.item.events.is_empty()
            || !self.item.snapshot_entries.is_empty();
        let is_more = matches!(looked, Looked::Full | Looked::More);
        if !is_something && !is_over && !self.is_due {
            if is_more {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        self.yields = is_more;
        self.is_due = false;
        self.quiet_until = quiet_until(self.memory.clock.now());
        self.quiet = None;
        let mut item = std::mem::take(&mut self.item);
        self.item_bytes = 0;
        item.resume = match self.stage {
            Stage::Following => Some(self.cursor),
            Stage::Snapshot(_) | Stage::Ended => None,
        };
        Poll::Ready(Some(Ok(item)))
    }

    fn is_quiet_over(&mut self, context: &mut Context<'_>) -> bool {
        let quiet = self.quiet.get_or_insert_with(|| {
            let (clock, until) = (self.memory.clock.clone(), self.quiet_until);
            Box::pin(async move { clock.sleep_until(until).await })
        });
        quiet.as_mut().poll(context).is_ready()
    }

    /// Whether what was just read of the snapshot has to wait.
    fn settles(&mut self) -> bool {
        let memory = self.memory.clone();
        let rest = memory.barrier();
        if memory.is_settled(rest) {
            return false;
        }
        self.settling = Some(Box::pin(async move { memory.settled(rest).await }));
        true
    }

    fn look_at_snapshot(&mut self) -> Result<Looked, Version> {
        self.memory.history.state.lock().check(self.id)?;
        let Stage::Snapshot(snapshot) = &mut self.stage else {
            return Ok(Looked::All);
        };
        self.item.snapshot_entries = snapshot.read(&self.memory, self.query.reply_bytes_max);
        if snapshot.is_done(&self.memory) {
            self.item.snapshot_complete = true;
            self.stage = Stage::Following;
        }
        Ok(Looked::More)
    }

    fn look_at_history(&mut self, context: &mut Context<'_>) -> Result<Looked, Version> {
        for _ in 0..CHUNKS_MAX {
            let next = {
                let mut state = self.memory.history.state.lock();
                state.next(self.id, self.cursor, context.waker())?
            };
            match next {
                Next::Chunk(from, chunk) => {
                    if matches!(self.read(from, &chunk), Looked::Full) {
                        return Ok(Looked::Full);
                    }
                }
                Next::UpTo(version) => {
                    self.cursor = version;
                    return Ok(Looked::All);
                }
            }
        }
        Ok(Looked::More)
    }

    /// Reads the events of a chunk from a version on, until there is no room.
    fn read(&mut self, from: Version, chunk: &Chunk) -> Looked {
        for event in chunk.from(from) {
            if self.query.kinds.contains(event.kind) && self.intervals.contain(event.key()) {
                let event = event.event(self.query.with_previous, self.query.omit_value);
                let bytes = self.item_bytes.saturating_add(event.reply_bytes());
                if bytes > self.query.reply_bytes_max && !self.item.events.is_empty() {
                    return Looked::Full;
                }
                self.item_bytes = bytes;
                self.item.events.push(event);
            }
            self.cursor = event.version;
        }
        self.cursor = chunk.last();
        Looked::More
    }
}

impl<C: Clock> Drop for Watch<C> {
    fn drop(&mut self) {
        let history = &self.memory.history;
        let mut state = history.state.lock();
        let now = self.memory.clock.now();
        state.leave(self.id, Arc::clone(&self.intervals), now, &history.config);
        history.signal.set_eager(state.is_watched());
        drop(state);
        history.signal.raise();
    }
}

impl<C: Clock> fmt::Debug for Watch<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Watch")
            .field("id", &self.id)
            .field("stage", &self.stage)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

fn quiet_until(now: UnixMillis) -> UnixMillis {
    let latest = now.plus(QUIET_MS).get();
    UnixMillis::new(latest - latest % QUIET_EVERY_MS)
}
