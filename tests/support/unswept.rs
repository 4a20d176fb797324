//! An engine whose expired entries stay where they are.

use nanokv::{
    engine::{
        Description, Engine, ListQuery, Page, RangeDeleted, WatchQuery, journal::backup::Image,
    },
    model::{
        entry::{Entry, EntryRef},
        error::Error,
        mutation::Mutation,
        once::Once,
        operation::{Applied, Operation, Outcome, Read},
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
    },
};

/// The engine inside, but never tended: so a test can look at what is between
/// its deadline and its removal.
pub(crate) struct Unswept<E>(pub(crate) E);

impl<E: Engine> Engine for Unswept<E> {
    fn describe(&self) -> Description {
        self.0.describe()
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        self.0.get(read).await
    }

    async fn view<T: Send>(
        &self,
        read: Read<'_>,
        view: impl FnOnce(Option<EntryRef<'_>>) -> T + Send,
    ) -> Result<T, Error> {
        self.0.view(read, view).await
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        self.0.mutate(mutation).await
    }

    async fn batch(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
    ) -> Vec<Result<Outcome, Error>> {
        self.0.batch(operations, reply_bytes_max).await
    }

    async fn mutate_once(
        &self,
        once: Once<'_>,
        mutation: Mutation<'_>,
        reply_bytes_max: usize,
    ) -> Result<Applied, Error> {
        self.0.mutate_once(once, mutation, reply_bytes_max).await
    }

    async fn transact_once(
        &self,
        once: Once<'_>,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        self.0
            .transact_once(once, transaction, reply_bytes_max)
            .await
    }

    async fn delete_range_once(
        &self,
        once: Once<'_>,
        range: &Range,
        entries_max: usize,
    ) -> Result<RangeDeleted, Error> {
        self.0.delete_range_once(once, range, entries_max).await
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        self.0.list(query).await
    }

    async fn transact(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        self.0.transact(transaction, reply_bytes_max).await
    }

    async fn delete_range(&self, range: &Range, entries_max: usize) -> Result<RangeDeleted, Error> {
        self.0.delete_range(range, entries_max).await
    }

    type Watch = E::Watch;

    async fn watch(&self, query: WatchQuery) -> Result<Self::Watch, Error> {
        self.0.watch(query).await
    }

    async fn image(&self) -> Result<Box<dyn Image>, Error> {
        self.0.image().await
    }

    async fn tend(&self) {
        std::future::pending::<()>().await;
    }
}
