//! A watch that comes back by itself, without a gap or a duplicate.

mod follow;
mod progress;

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream::BoxStream;
use tokio_stream::{Stream, StreamExt};

use crate::{
    client::{
        Client,
        entry::Entry,
        error::Error,
        range::Range,
        watch::{follow::follow, progress::Told},
    },
    proto as pb,
};

/// A watch that is to be opened, by awaiting it: the server has then begun it,
/// and every change from there on is told.
#[derive(Clone, Debug)]
#[must_use = "nothing is done before it is awaited"]
pub struct WatchCall {
    client: Client,
    message: pb::WatchRequest,
    timeout: Option<Duration>,
    begins_again: bool,
}

/// The changes of keys, in the order of their versions, each once. When the
/// connection breaks, or the server says that it stops, the watch goes on where
/// it was as soon as it can. It ends with an error: when what it has not told
/// yet is gone, when the server refuses it, or when the server stays away for
/// longer than
/// [`watch_reconnect_max`](crate::client::config::Config::watch_reconnect_max).
#[must_use = "updates are in it"]
pub struct Watch {
    told: BoxStream<'static, Result<Told, Error>>,
    updates: VecDeque<Update>,
    resume_version: i64,
    resume_version_after: i64,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// A snapshot begins: what was known before is to be forgotten. Comes again
    /// when a snapshot broke before it was complete.
    SnapshotBegins,
    /// An entry of the snapshot.
    Snapshot(Entry),
    /// The snapshot is complete: together with the events from here on it shows
    /// the store as it is.
    SnapshotComplete {
        /// The version of the store that it shows.
        version: i64,
    },
    /// A change.
    Event(Event),
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The entry as stored; of a removal its key and the version that the
    /// removal took.
    pub entry: Entry,
    /// The entry before, if it was asked for and there was one.
    pub previous: Option<Entry>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A value was stored.
    Put,
    /// The key was removed by a caller.
    Delete,
    /// The key was removed because its deadline had passed.
    Expire,
    /// The key was removed to make room.
    Evict,
}

impl WatchCall {
    pub(crate) fn new(client: &Client, range: Range) -> Self {
        let ranges = vec![range.into()];
        Self {
            client: client.clone(),
            message: pb::WatchRequest {
                ranges,
                ..pb::WatchRequest::default()
            },
            timeout: None,
            begins_again: false,
        }
    }

    /// Also the keys of this range.
    pub fn or(mut self, range: Range) -> Self {
        self.message.ranges.push(range.into());
        self
    }

    /// From the change after this version on, instead of from now:
    /// [`Watch::resume_version`] of an earlier watch, or the version of a
    /// listing.
    pub fn after_version(mut self, version: i64) -> Self {
        self.message.start = Some(pb::watch_request::Start::AfterVersion(version));
        self
    }

    /// First all entries that there are, then every change.
    pub fn snapshot(mut self) -> Self {
        self.message.start = Some(pb::watch_request::Start::Snapshot(true));
        self
    }

    /// When changes are gone that it has not told, after a restart of the server
    /// for example, it begins again with a snapshot, and says so, instead of
    /// ending. For mirrors; whoever must see every change wants the error.
    pub fn begin_again(mut self) -> Self {
        self.begins_again = true;
        self
    }

    /// With each event the entry before it.
    pub fn with_previous(mut self) -> Self {
        self.message.with_previous = true;
        self
    }

    /// Without values.
    pub fn omit_value(mut self) -> Self {
        self.message.omit_value = true;
        self
    }

    /// Only events of these kinds.
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        let kinds = kinds
            .into_iter()
            .map(|kind| pb::EventType::from(kind).into());
        self.message.event_types = kinds.collect();
        self
    }

    /// How long opening it may take, instead of
    /// [`call_timeout`](crate::client::config::Config::call_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for WatchCall {
    type Output = Result<Watch, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(follow(self))
    }
}

impl Watch {
    /// After what it has told already, with more to come.
    fn new(first: Told, told: BoxStream<'static, Result<Told, Error>>) -> Self {
        let mut watch = Self {
            told,
            updates: VecDeque::new(),
            resume_version: 0,
            resume_version_after: 0,
        };
        watch.receive(first);
        watch
    }

    /// The next update; waits for it as long as it takes. Nothing after an
    /// error.
    ///
    /// # Errors
    /// What the watch ended with.
    pub async fn next(&mut self) -> Option<Result<Update, Error>> {
        StreamExt::next(self).await
    }

    /// Every change up to this version was given out: another watch can go on
    /// [after it](WatchCall::after_version). 0 in the middle of a snapshot.
    /// Grows while it is waited for [`Self::next`], also when nothing happens.
    #[must_use]
    pub fn resume_version(&self) -> i64 {
        self.resume_version
    }

    fn receive(&mut self, told: Told) {
        self.updates.extend(told.updates);
        self.resume_version_after = told.resume_version;
        if self.updates.is_empty() {
            self.resume_version = self.resume_version_after;
        }
    }
}

impl Stream for Watch {
    type Item = Result<Update, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(update) = self.updates.pop_front() {
                if self.updates.is_empty() {
                    self.resume_version = self.resume_version_after;
                }
                return Poll::Ready(Some(Ok(update)));
            }
            match self.told.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(told))) => self.receive(told),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Watch")
            .field("resume_version", &self.resume_version)
            .finish_non_exhaustive()
    }
}

impl From<EventKind> for pb::EventType {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Put => Self::Put,
            EventKind::Delete => Self::Delete,
            EventKind::Expire => Self::Expire,
            EventKind::Evict => Self::Evict,
        }
    }
}
