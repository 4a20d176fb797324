//! The requests of the last while by their ids, and what became of them. It
//! knows no lock and no time: whoever has locked it brings both.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use foldhash::quality::RandomState;

use crate::{
    engine::memory::{
        account::Account,
        requests::{config::Config, reply::Reply},
    },
    model::{
        error::Error,
        once::{Content, Once, RequestId},
        time::UnixMillis,
    },
};

/// How many requests leave at a time at most, since others wait meanwhile.
const STEP: usize = 64;

/// How many bytes are shown at a time, but for the last reply.
const STEP_BYTES: usize = 128 << 10;

/// What a request takes up beside its id and its reply: in two tables, which
/// are half empty when they have just grown.
const RECORD_BYTES: usize =
    2 * size_of::<(Arc<str>, Known)>() + 2 * size_of::<(Arc<str>, u64)>() + 4 * size_of::<usize>();

/// Requests by id, and in the order in which they were answered.
#[derive(Debug)]
pub(in crate::engine::memory) struct Window {
    config: Config,
    known: HashMap<Arc<str>, Known, RandomState>,
    /// Oldest first, each with its number.
    kept: VecDeque<(Arc<str>, u64)>,
    number: u64,
    bytes: usize,
    /// What the account of the store knows of it.
    settled: u64,
}

/// What is known of an id.
#[derive(Debug)]
enum Known {
    /// It is being carried out.
    Running {
        content: Content,
        waiting: Vec<Waker>,
    },
    /// It was answered, for the first time at `at`.
    Kept {
        content: Content,
        reply: Arc<Reply>,
        at: UnixMillis,
        number: u64,
    },
}

/// What shall become of a request.
#[derive(Debug)]
pub(super) enum Found {
    /// It is the first: it is to be carried out, and then
    /// [`Window::keep`] or [`Window::forget`] to be called.
    First,
    /// It was answered.
    Repeat(Arc<Reply>),
    /// It is being carried out: ask again when woken.
    Running,
}

/// What is to be done when the lock is not held any more.
#[derive(Debug, Default)]
#[must_use]
pub(in crate::engine::memory) struct After {
    /// Who waits.
    pub(super) wake: Vec<Waker>,
    /// Replies that nobody needs any more.
    pub(super) gone: Vec<Arc<Reply>>,
}

impl After {
    pub(in crate::engine::memory) fn run(self) {
        for waker in self.wake {
            waker.wake();
        }
    }
}

impl Window {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            known: HashMap::default(),
            kept: VecDeque::new(),
            number: 0,
            bytes: 0,
            settled: 0,
        }
    }

    /// Asks for a request at `now`. `waker` is woken when it runs no more.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`] for the id of another request,
    /// [`Error::Unsupported`] when none are remembered.
    pub(super) fn begin(
        &mut self,
        once: Once<'_>,
        now: UnixMillis,
        waker: &Waker,
    ) -> Result<Found, Error> {
        if self.config.ids_max == 0 {
            return Err(Error::Unsupported {
                capability: "request_id",
            });
        }
        let window_ms = self.config.window_ms;
        match self.known.get_mut(once.id.as_str()) {
            Some(Known::Running { content, waiting }) => {
                if *content != once.content {
                    return Err(Error::RequestIdReused);
                }
                if !waiting.iter().any(|other| other.will_wake(waker)) {
                    waiting.push(waker.clone());
                }
                return Ok(Found::Running);
            }
            Some(Known::Kept {
                content, reply, at, ..
            }) if now.since(*at) < window_ms => {
                if *content != once.content {
                    return Err(Error::RequestIdReused);
                }
                return Ok(Found::Repeat(Arc::clone(reply)));
            }
            Some(Known::Kept { reply, .. }) => {
                // Its place in the order is left behind, with its old number.
                self.bytes = self.bytes.saturating_sub(bytes(once.id.as_str(), reply));
            }
            None => {}
        }
        let running = Known::Running {
            content: once.content,
            waiting: Vec::new(),
        };
        self.known.insert(once.id.as_str().into(), running);
        Ok(Found::First)
    }

    /// Remembers what a request that runs was answered, at `now`.
    pub(super) fn keep(&mut self, id: RequestId<'_>, reply: Reply, now: UnixMillis) -> After {
        let mut after = After::default();
        let Some((name, content, waiting)) = self.stop(id) else {
            return after;
        };
        after.wake = waiting;
        self.number += 1;
        self.bytes += bytes(id.as_str(), &reply);
        self.kept.push_back((Arc::clone(&name), self.number));
        let kept = Known::Kept {
            content,
            reply: Arc::new(reply),
            at: now,
            number: self.number,
        };
        self.known.insert(name, kept);
        self.trim(now, &mut after.gone);
        after
    }

    /// Knows a request again that was answered before the store was opened.
    /// They come in the order in which they were answered, some of them twice.
    pub(super) fn restore(
        &mut self,
        id: &str,
        content: Content,
        reply: Reply,
        at: UnixMillis,
    ) -> After {
        let mut after = After::default();
        match self.known.get(id) {
            Some(Known::Running { .. }) => return after,
            Some(Known::Kept { at: known, .. }) if *known >= at => return after,
            Some(Known::Kept { reply: old, .. }) => {
                // Its place in the order is left behind, with its old number.
                self.bytes = self.bytes.saturating_sub(bytes(id, old));
            }
            None => {}
        }
        self.number += 1;
        self.bytes += bytes(id, &reply);
        let name = Arc::<str>::from(id);
        self.kept.push_back((Arc::clone(&name), self.number));
        let kept = Known::Kept {
            content,
            reply: Arc::new(reply),
            at,
            number: self.number,
        };
        self.known.insert(name, kept);
        self.trim(at, &mut after.gone);
        after
    }

    /// The number of the request that was answered last.
    pub(super) const fn last(&self) -> u64 {
        self.number
    }

    /// Some of the requests that were answered, in the order in which they were:
    /// those after the one of this number and up to another. `see` is given
    /// each; the number of the last; `None`: there are no more.
    pub(super) fn each_after(
        &self,
        number: u64,
        up_to: u64,
        mut see: impl FnMut(&str, &Content, &Reply, UnixMillis),
    ) -> Option<u64> {
        let from = self.kept.partition_point(|(_, its)| *its <= number);
        let (mut last, mut seen) = (None, 0);
        let kept = self.kept.range(from..).take(STEP);
        for (id, its) in kept.take_while(|(_, its)| *its <= up_to) {
            if seen >= STEP_BYTES {
                break;
            }
            last = Some(*its);
            if let Some(Known::Kept {
                content,
                reply,
                at,
                number,
            }) = self.known.get(id)
                && number == its
            {
                seen += bytes(id, reply);
                see(id, content, reply, *at);
            }
        }
        last
    }

    /// A request that runs has changed nothing: the next one is the first.
    pub(super) fn forget(&mut self, id: RequestId<'_>) -> After {
        let stopped = self.stop(id);
        After {
            wake: stopped.map_or_else(Vec::new, |(_, _, waiting)| waiting),
            gone: Vec::new(),
        }
    }

    /// Lets go of what is too old or too much, some at a time; whether that was
    /// all. The newest always stays, however large.
    pub(super) fn trim(&mut self, now: UnixMillis, gone: &mut Vec<Arc<Reply>>) -> bool {
        for _ in 0..STEP {
            let Some((id, number)) = self.kept.front() else {
                break;
            };
            let (number, count) = (*number, self.kept.len());
            let is_over = match self.known.get(id) {
                Some(Known::Kept {
                    number: its, at, ..
                }) if *its == number => {
                    now.since(*at) >= self.config.window_ms
                        || count > self.config.ids_max
                        || (count > 1 && self.bytes > self.config.bytes_max)
                }
                // Left behind.
                _ => true,
            };
            if !is_over {
                return true;
            }
            self.pop(gone);
        }
        if self.kept.is_empty() && self.known.is_empty() {
            self.known = HashMap::default();
            self.kept = VecDeque::new();
        }
        self.kept.is_empty()
    }

    /// Tells the account what it takes up now.
    pub(super) fn settle(&mut self, account: &Account) {
        let bytes = u64::try_from(self.bytes).unwrap_or(u64::MAX);
        account.settle(self.settled, bytes);
        self.settled = bytes;
    }

    /// How many it knows.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// What the requests that were answered take up.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it takes up, after checking that everything is counted and stands
    /// in the order once.
    #[cfg(test)]
    pub(super) fn check(&self) -> usize {
        let mut total = 0;
        for (id, known) in &self.known {
            if let Known::Kept { reply, number, .. } = known {
                total += bytes(id, reply);
                let places = self
                    .kept
                    .iter()
                    .filter(|place| **place == (Arc::clone(id), *number));
                assert_eq!(places.count(), 1, "{id}");
            }
        }
        assert!(self.kept.iter().is_sorted_by_key(|(_, number)| number));
        assert_eq!(total, self.bytes);
        total
    }

    /// Takes out a request that runs: its id, what it asks for, and who waits.
    fn stop(&mut self, id: RequestId<'_>) -> Option<(Arc<str>, Content, Vec<Waker>)> {
        let known = self.known.get(id.as_str());
        known.filter(|known| matches!(known, Known::Running { .. }))?;
        match self.known.remove_entry(id.as_str())? {
            (name, Known::Running { content, waiting }) => Some((name, content, waiting)),
            (_, Known::Kept { .. }) => None,
        }
    }

    fn pop(&mut self, gone: &mut Vec<Arc<Reply>>) {
        let Some((id, number)) = self.kept.pop_front() else {
            return;
        };
        let is_its =
            matches!(self.known.get(&id), Some(Known::Kept { number: its, .. }) if *its == number);
        if is_its && let Some(Known::Kept { reply, .. }) = self.known.remove(&id) {
            self.bytes = self.bytes.saturating_sub(bytes(&id, &reply));
            gone.push(reply);
        }
    }
}

/// What a request that was answered takes up.
pub(super) fn bytes(id: &str, reply: &Reply) -> usize {
    RECORD_BYTES + id.len() + reply.bytes()
}
