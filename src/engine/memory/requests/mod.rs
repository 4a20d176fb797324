//! Requests that are carried out only once, however often they arrive.
//!
//! Their ids are looked up under a lock of their own, which calls without an id
//! never take, and which is not held while a request is carried out: a repeat
//! that comes meanwhile waits to be woken. Nobody who holds a ticket waits for
//! another, or for a lock beyond those of its own change and, in a store that is
//! full, of making room for it; nobody who holds one of those waits for a
//! ticket. So no two can wait for each other.
//!
//! A store that is kept tells its journal of a request in one turn with what it
//! changes, and remembers it before it lets go of the shard: a snapshot, which
//! reads the requests after all shards, then has whatever was told before it
//! began.

mod config;
mod note;
mod reply;
mod stored;
mod window;

#[cfg(test)]
mod tests;

use std::{future::poll_fn, sync::Arc, task::Poll};

pub use crate::engine::memory::requests::config::Config;

pub(super) use crate::engine::memory::requests::{
    note::Note,
    reply::Reply,
    window::{After, Window},
};

use crate::{
    engine::{
        journal::Record,
        memory::{
            account::Account,
            lock::{Lock, Mutex},
            requests::window::Found,
        },
    },
    model::{
        clock::Clock,
        error::Error,
        once::{Content, Once, RequestId},
        time::UnixMillis,
    },
};

/// The requests of the last while. `L` is the lock around them: a model checker
/// has its own.
#[derive(Debug)]
pub(super) struct Requests<L = Mutex<Window>> {
    window: L,
    ids_max: usize,
}

/// What shall become of a request.
#[derive(Debug)]
pub(super) enum Begun<'a, L: Lock<Window>> {
    /// It is the first, and is to be carried out.
    First(Ticket<'a, L>),
    /// It was answered, with this.
    Repeat(Arc<Reply>),
}

/// Held while a request is carried out. When it is dropped, nothing has come of
/// it, and a repeat is carried out anew.
#[derive(Debug)]
pub(super) struct Ticket<'a, L: Lock<Window>> {
    requests: &'a Requests<L>,
    id: RequestId<'a>,
    is_kept: bool,
}

impl<L: Lock<Window>> Requests<L> {
    pub(super) fn new(config: Config) -> Self {
        Self {
            window: L::new(Window::new(config)),
            ids_max: config.ids_max,
        }
    }

    /// Whether it remembers any.
    pub(super) const fn remembers(&self) -> bool {
        self.ids_max > 0
    }

    /// Waits until the request does not run, and says what shall become of it.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`] for the id of another request,
    /// [`Error::Unsupported`] when none are remembered.
    pub(super) async fn begin<'a, C: Clock>(
        &'a self,
        once: Once<'a>,
        clock: &C,
    ) -> Result<Begun<'a, L>, Error> {
        poll_fn(|context| {
            let now = clock.now();
            let found = self
                .window
                .with(|window| window.begin(once, now, context.waker()));
            Poll::Ready(Ok(match found {
                Ok(Found::Running) => return Poll::Pending,
                Ok(Found::Repeat(reply)) => Begun::Repeat(reply),
                Ok(Found::First) => Begun::First(Ticket {
                    requests: self,
                    id: once.id,
                    is_kept: false,
                }),
                Err(error) => return Poll::Ready(Err(error)),
            }))
        })
        .await
    }

    /// Knows a request again that was answered before the store was opened.
    /// False: the reply cannot be read.
    pub(super) fn restore(
        &self,
        id: &str,
        content: [u8; 16],
        reply: &[u8],
        at: UnixMillis,
        account: &Account,
    ) -> bool {
        let Some(reply) = stored::read(reply) else {
            return false;
        };
        // None of it is remembered any more, and nothing is lost by that.
        if !self.remembers() {
            return true;
        }
        let after = self.window.with(|window| {
            let after = window.restore(id, Content::from_bytes(content), reply, at);
            window.settle(account);
            after
        });
        after.run();
        true
    }

    /// The number of the one that was answered last.
    pub(super) fn last(&self) -> u64 {
        self.window.with(|window| window.last())
    }

    /// Shows some of the requests that were answered, after the one of this
    /// number and up to that of another, as the journal keeps them; the number
    /// of the last.
    pub(super) fn each_after(
        &self,
        number: u64,
        up_to: u64,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<u64> {
        let mut bytes = Vec::new();
        self.window.with(|window| {
            window.each_after(number, up_to, |id, content, reply, at| {
                bytes.clear();
                stored::write(reply, &mut bytes);
                emit(Record::Remember {
                    id,
                    content: *content.as_bytes(),
                    at,
                    reply: &bytes,
                });
            })
        })
    }

    /// Lets go of what is over, some at a time; whether that was all.
    pub(super) fn trim(&self, now: UnixMillis, account: &Account) -> bool {
        let mut gone = Vec::new();
        self.window.with(|window| {
            let is_done = window.trim(now, &mut gone);
            window.settle(account);
            is_done
        })
    }

    /// How many are remembered, or run.
    pub(super) fn count(&self) -> usize {
        self.window.with(|window| window.count())
    }

    /// What it takes up.
    pub(super) fn bytes(&self) -> usize {
        self.window.with(|window| window.bytes())
    }
}

impl<L: Lock<Window>> Ticket<'_, L> {
    /// Remembers the reply, from `now` on. What is left to do comes when no lock
    /// is held any more.
    pub(super) fn keep(mut self, reply: Reply, now: UnixMillis, account: &Account) -> After {
        self.is_kept = true;
        self.requests.window.with(|window| {
            let after = window.keep(self.id, reply, now);
            window.settle(account);
            after
        })
    }
}

impl<L: Lock<Window>> Drop for Ticket<'_, L> {
    fn drop(&mut self) {
        if !self.is_kept {
            let after = self.requests.window.with(|window| window.forget(self.id));
            after.run();
        }
    }
}
