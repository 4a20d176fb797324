//! What the plain engine remembers of requests, in a list that is searched.

use nanokv::{
    engine::{RangeDeleted, memory::requests::Config},
    model::{
        clock::Clock,
        entry::Entry,
        error::Error,
        mutation::Mutation,
        once::{Content, Once},
        operation::Applied,
        range::Range,
        time::UnixMillis,
        transaction::{Transacted, Transaction, TransactionError},
    },
};

use crate::support::{fault::Fault, plain::PlainEngine};

/// A request that was answered.
#[derive(Clone)]
pub(super) struct Answered {
    id: String,
    content: Content,
    reply: Result<Reply, Error>,
    at: UnixMillis,
}

#[derive(Clone)]
pub(super) enum Reply {
    Applied(Applied),
    Transacted(Transacted),
    RangeDeleted(RangeDeleted),
}

impl PlainEngine {
    /// Remembers so much.
    pub(crate) fn remembering(self, requests: Config) -> Self {
        Self { requests, ..self }
    }

    pub(super) fn remembers(&self) -> bool {
        self.requests.ids_max > 0
    }

    pub(super) fn mutate_once_at_once(
        &self,
        once: Once<'_>,
        mutation: Mutation<'_>,
        reply_bytes_max: usize,
    ) -> Result<Applied, Error> {
        let too_large = Error::ReplyTooLarge { reply_bytes_max };
        let fits = |applied: &Applied| {
            let bytes = applied.entry.as_ref().map_or(0, Entry::reply_bytes);
            bytes <= reply_bytes_max || self.has(Fault::BatchBytesIgnored)
        };
        let reply = self.only_once(once, || {
            let mut store = self.store();
            let before = store.clone();
            let applied = self.mutate_at_once(&mut store, mutation)?;
            if !fits(&applied) {
                *store = before;
                return Err(too_large.clone());
            }
            Ok(Reply::Applied(applied))
        })?;
        match reply {
            Reply::Applied(mut applied) if fits(&applied) => {
                if self.has(Fault::RepeatForgetsPrevious) {
                    applied.entry = None;
                }
                Ok(applied)
            }
            Reply::Applied(_) => Err(too_large),
            _ => Err(Error::RequestIdReused),
        }
    }

    pub(super) fn transact_once_at_once(
        &self,
        once: Once<'_>,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        // A transaction fails in more ways than one reply can say.
        let mut refused = None;
        let reply = self.only_once(once, || {
            let transacted = self.transact_at_once(transaction, reply_bytes_max);
            transacted.map(Reply::Transacted).map_err(|error| {
                refused = Some(error);
                Error::KeyAbsent
            })
        });
        match (reply, refused) {
            (_, Some(error)) => Err(error),
            (Ok(Reply::Transacted(transacted)), None) => Ok(transacted),
            (Ok(_), None) => Err(TransactionError::Whole(Error::RequestIdReused)),
            (Err(error), None) => Err(TransactionError::Whole(error)),
        }
    }

    pub(super) fn delete_range_once_at_once(
        &self,
        once: Once<'_>,
        range: &Range,
        entries_max: usize,
    ) -> Result<RangeDeleted, Error> {
        let delete = || {
            Ok(Reply::RangeDeleted(
                self.delete_range_at_once(range, entries_max),
            ))
        };
        match self.only_once(once, delete)? {
            Reply::RangeDeleted(deleted) => Ok(deleted),
            _ => Err(Error::RequestIdReused),
        }
    }

    /// Nobody else comes in between, so nobody has to wait.
    fn only_once(
        &self,
        once: Once<'_>,
        carry_out: impl FnOnce() -> Result<Reply, Error>,
    ) -> Result<Reply, Error> {
        let mut answered = self.answered.lock().unwrap();
        let (
            now,
            Config {
                ids_max, window_ms, ..
            },
        ) = (self.clock.now(), self.requests);
        if ids_max == 0 {
            return Err(Error::Unsupported {
                capability: "request_id",
            });
        }
        if !self.has(Fault::RequestIdsForEver) {
            answered.retain(|it| now.since(it.at) < window_ms);
        }
        let known = answered.iter().find(|it| it.id == once.id.as_str());
        if let Some(known) = known.filter(|_| !self.has(Fault::RepeatDoneAgain)) {
            let same = known.content == once.content || self.has(Fault::RepeatOfAnotherAnswered);
            return if same {
                known.reply.clone()
            } else {
                Err(Error::RequestIdReused)
            };
        }
        let reply = carry_out();
        if reply.is_ok() || self.has(Fault::RefusalRemembered) {
            answered.push(Answered {
                id: once.id.as_str().to_owned(),
                content: once.content,
                reply: reply.clone(),
                at: now,
            });
        }
        if answered.len() > ids_max && !self.has(Fault::RequestIdsUnbounded) {
            answered.remove(0);
        }
        reply
    }
}
