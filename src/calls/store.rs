//! Every call of the store, in three moves: decode, ask the engine, answer.

use std::sync::Arc;

use crate::{
    calls::{
        audit,
        backup::{Backup, Backups},
        batch::Batch,
        failure::Failure,
        list, permit, status,
        transact::Transact,
        watch::{Watches, Watching},
        wire::{once, request, response, watch},
    },
    engine::Engine,
    gate::{
        access::{caller::Caller, identity::Right},
        opening::Opening,
    },
    model::{
        entry::Entry,
        figure::Figure,
        limits::Limits,
        mutation::Mutation,
        once::Content,
        operation::{Applied, Read},
    },
    proto,
};

/// The store, as every wire asks it. A clone is the same store.
#[derive(Debug)]
pub struct Store<E> {
    parts: Arc<Parts<E>>,
    caller: Caller,
}

/// What is the same whoever asks.
#[derive(Debug)]
struct Parts<E> {
    opening: Opening<E>,
    watches: Watches,
    backups: Backups,
    limits: Limits,
    told: proto::Limits,
}

impl<E> Clone for Store<E> {
    fn clone(&self) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            caller: self.caller.clone(),
        }
    }
}

impl<E: Engine> Store<E> {
    /// The store on the engine that `opening` holds as soon as it is open, which
    /// tells the limits of all parts as `told`.
    #[must_use]
    pub fn new(
        opening: Opening<E>,
        watches: Watches,
        backups: Backups,
        limits: Limits,
        told: proto::Limits,
    ) -> Self {
        let parts = Parts {
            opening,
            watches,
            backups,
            limits,
            told,
        };
        Self {
            parts: Arc::new(parts),
            caller: Caller::anyone(),
        }
    }

    /// The same, as `caller` asks it.
    #[must_use]
    pub fn of(&self, caller: Caller) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            caller,
        }
    }

    /// Who asks.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The place of the engine.
    #[must_use]
    pub fn opening(&self) -> &Opening<E> {
        &self.parts.opening
    }

    /// What one call may carry.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    /// The engine itself: whoever asks it sees to the caller's rights.
    ///
    /// # Errors
    /// `OPENING` until it is open.
    pub fn engine(&self) -> Result<&E, Failure> {
        self.parts.opening.engine().map_err(Failure::from)
    }

    /// The figures of the watches, and of the engine as soon as it is open.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::gauge(
                "nanokv_watchers",
                "Watches under way",
                self.parts.watches.count(),
            ),
            Figure::gauge(
                "nanokv_watchers_max",
                "How many of them may be",
                self.parts.watches.count_max(),
            ),
            Figure::gauge(
                "nanokv_backups",
                "Backups under way",
                self.parts.backups.count(),
            ),
        ];
        if let Ok(engine) = self.parts.opening.engine() {
            figures.extend(engine.figures());
        }
        figures
    }

    /// Carries out one change, only once if it has a `request_id`.
    ///
    /// # Errors
    /// What the engine refuses, with the key where it is about that.
    pub async fn mutate(
        &self,
        mutation: Mutation<'_>,
        request_id: &str,
    ) -> Result<Applied, Failure> {
        permit::mutation(&self.caller, &mutation)?;
        let once = once::of(request_id, || Content::of_mutation(&mutation));
        let engine = self.engine()?;
        let applied = match once? {
            None => engine.mutate(mutation).await,
            Some(once) => engine.mutate_once(once, mutation, usize::MAX).await,
        };
        applied.map_err(|error| status::of_key(&error, mutation.key))
    }

    /// Describe.
    ///
    /// # Errors
    /// `OPENING`.
    pub fn describe(&self) -> Result<proto::DescribeResponse, Failure> {
        let mut told = self.parts.told;
        if let Some(rates) = self.caller.rates() {
            told.calls_per_second_max = rates.calls_per_second_max.try_into().unwrap_or(i64::MAX);
            told.bytes_per_second_max = rates.bytes_per_second_max.try_into().unwrap_or(i64::MAX);
        }
        Ok(response::described(self.engine()?.describe(), &told))
    }

    /// Backup.
    ///
    /// # Errors
    /// `OPENING`, when there are too many, and what the engine refuses.
    pub async fn backup(&self) -> Result<Backup, Failure> {
        self.parts.backups.begin(self.engine()?, &self.caller).await
    }

    /// Get.
    ///
    /// # Errors
    /// A field that breaks a rule, or what the engine refuses; so with all
    /// calls.
    pub async fn get(&self, given: &proto::GetRequest) -> Result<proto::GetResponse, Failure> {
        let read = request::get(given, &self.parts.limits)?;
        Ok(response::get(self.entry(read).await?))
    }

    /// The entry that Get answers with, if there is one.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn entry(&self, read: Read<'_>) -> Result<Option<Entry>, Failure> {
        permit::read(&self.caller, read.key)?;
        let found = self.engine()?.get(read).await;
        found.map_err(|error| status::of_key(&error, read.key))
    }

    /// Set.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn set(&self, given: &proto::SetRequest) -> Result<proto::SetResponse, Failure> {
        let answer = async {
            let mutation = request::set(given, &self.parts.limits)?;
            let applied = self.mutate(mutation, &given.request_id).await?;
            Ok(response::set(applied))
        };
        let answer = answer.await;
        audit::single(&self.caller, "Set", &given.key, &answer, |answer| {
            answer.version
        });
        answer
    }

    /// Delete.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn delete(
        &self,
        given: &proto::DeleteRequest,
    ) -> Result<proto::DeleteResponse, Failure> {
        let answer = async {
            let mutation = request::delete(given, &self.parts.limits)?;
            let applied = self.mutate(mutation, &given.request_id).await?;
            Ok(response::delete(applied))
        };
        let answer = answer.await;
        audit::single(&self.caller, "Delete", &given.key, &answer, |answer| {
            answer.version
        });
        answer
    }

    /// Increment.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn increment(
        &self,
        given: &proto::IncrementRequest,
    ) -> Result<proto::IncrementResponse, Failure> {
        let answer = async {
            let mutation = request::increment(given, &self.parts.limits)?;
            let applied = self.mutate(mutation, &given.request_id).await?;
            Ok(response::increment(&applied))
        };
        let answer = answer.await;
        audit::single(&self.caller, "Increment", &given.key, &answer, |answer| {
            answer.version
        });
        answer
    }

    /// Touch.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn touch(
        &self,
        given: &proto::TouchRequest,
    ) -> Result<proto::TouchResponse, Failure> {
        let answer = async {
            let mutation = request::touch(given, &self.parts.limits)?;
            let applied = self.mutate(mutation, &given.request_id).await?;
            Ok(response::touch(applied))
        };
        let answer = answer.await;
        audit::single(&self.caller, "Touch", &given.key, &answer, |_| 0);
        answer
    }

    /// Batch.
    ///
    /// # Errors
    /// A list that is too long.
    pub async fn batch(
        &self,
        given: &proto::BatchRequest,
    ) -> Result<proto::BatchResponse, Failure> {
        let answer = async {
            let batch = Batch::decode(&given.operations, &self.parts.limits, &self.caller)?;
            let answers = batch.run(self.engine()?).await;
            let results = batch.reply(answers);
            Ok(proto::BatchResponse { results })
        };
        let answer = answer.await;
        audit::batch(&self.caller, given, &answer);
        answer
    }

    /// Transact.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn transact(
        &self,
        given: &proto::TransactRequest,
    ) -> Result<proto::TransactResponse, Failure> {
        let answer = async {
            let transact = Transact::decode(given, &self.parts.limits)?;
            transact.permit(&self.caller)?;
            transact.run(self.engine()?).await
        };
        let answer = answer.await;
        audit::transaction(&self.caller, given, &answer);
        answer
    }

    /// List.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn list(&self, given: proto::ListRequest) -> Result<proto::ListResponse, Failure> {
        let list = request::list(given, &self.parts.limits)?;
        permit::range(&self.caller, Right::Read, &list.range)?;
        Ok(list::page(self.engine()?, &list, &self.parts.limits).await?)
    }

    /// `DeleteRange`.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn delete_range(
        &self,
        given: &proto::DeleteRangeRequest,
    ) -> Result<proto::DeleteRangeResponse, Failure> {
        let answer = async {
            let range = request::delete_range(given, &self.parts.limits)?;
            permit::range(&self.caller, Right::Write, &range)?;
            let once = once::of(&given.request_id, || Content::of_delete_range(&range));
            let (engine, entries_max) =
                (self.engine()?, self.parts.limits.delete_range_entries_max);
            let deleted = match once? {
                None => engine.delete_range(&range, entries_max).await,
                Some(once) => engine.delete_range_once(once, &range, entries_max).await,
            };
            Ok(response::delete_range(deleted?))
        };
        let answer = answer.await;
        audit::range(&self.caller, given, &answer);
        answer
    }

    /// Watch.
    ///
    /// # Errors
    /// See [`Self::get`], and when there are too many.
    pub async fn watch(&self, given: proto::WatchRequest) -> Result<Watching<E::Watch>, Failure> {
        let query = watch::query(given, &self.parts.limits)?;
        for range in &query.ranges {
            permit::range(&self.caller, Right::Read, range)?;
        }
        let engine = self.engine()?;
        self.parts.watches.begin(engine, query, &self.caller).await
    }
}
