//! An engine whose expired entries stay where they are.

use nanokv::{
    engine::{Description, Engine, ListQuery, Page, WatchQuery},
    model::{
        entry::Entry,
        error::Error,
        mutation::Mutation,
        operation::{Applied, Operation, Outcome, Read},
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

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        self.0.list(query).await
    }

    type Watch = E::Watch;

    async fn watch(&self, query: WatchQuery) -> Result<Self::Watch, Error> {
        self.0.watch(query).await
    }

    async fn tend(&self) {
        std::future::pending::<()>().await;
    }
}
