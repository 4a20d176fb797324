//! How the plain engine does several things as one: on a copy of its store,
//! which takes the place of the other if nothing is refused.

use nanokv::{
    engine::RangeDeleted,
    model::{
        error::Error,
        mutation::{Change, Effect, Mutation},
        operation::{Operation, Outcome},
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
        version::Version,
    },
};

use crate::support::{
    fault::Fault,
    plain::{PlainEngine, Store},
};

impl PlainEngine {
    pub(super) fn transact_at_once(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        let mut store = self.store();
        let before = store.clone();
        self.must_be_right(&before, transaction)?;
        if !self.has(Fault::ChecksIgnored) {
            self.must_hold(&before, transaction)?;
        }
        let mut after = before.clone();
        if !self.has(Fault::TransactExpiresLate) {
            for mutation in mutations(transaction) {
                self.make_way(&mut after, mutation);
            }
        }
        let (mut outcomes, mut left) = (Vec::new(), reply_bytes_max);
        for (index, operation) in transaction.operations().iter().enumerate() {
            let outcome = self.fits(&before, operation, &mut left, reply_bytes_max);
            let outcome = outcome.and_then(|()| self.run(&before, &mut after, operation));
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    if self.has(Fault::TransactHalfDone) {
                        *store = after;
                    }
                    let index = index + usize::from(self.has(Fault::TransactIndexFromOne));
                    return Err(TransactionError::Operation { index, error });
                }
            }
        }
        let took_any = after.version > before.version;
        let version = if self.has(Fault::TransactTellsFirstVersion) {
            before.version + 1
        } else {
            after.version
        };
        *store = after;
        Ok(Transacted {
            outcomes,
            version: Version::new(version).filter(|_| took_any),
        })
    }

    /// As two transactions, with others in between.
    pub(super) async fn transact_in_halves(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        let (first, second) = transaction
            .operations()
            .split_at(transaction.operations().len() / 2);
        let first = Transaction::new(transaction.checks(), first)?;
        let second = Transaction::new(&[], second)?;
        let mut done = self.transact_at_once(first, reply_bytes_max)?;
        tokio::task::yield_now().await;
        let rest = self.transact_at_once(second, reply_bytes_max);
        let rest = rest.map_err(|error| match error {
            TransactionError::Operation { index, error } => TransactionError::Operation {
                index: index + first.operations().len(),
                error,
            },
            other => other,
        })?;
        done.outcomes.extend(rest.outcomes);
        done.version = rest.version.or(done.version);
        Ok(done)
    }

    fn run(
        &self,
        before: &Store,
        after: &mut Store,
        operation: &Operation<'_>,
    ) -> Result<Outcome, Error> {
        match operation {
            Operation::Read(read) => {
                let seen = if self.has(Fault::TransactSeesItself) {
                    after
                } else {
                    before
                };
                Ok(Outcome::Read(self.read(seen, *read)))
            }
            Operation::Mutate(mutation) => {
                let applied = self.mutate_at_once(after, *mutation)?;
                if self.has(Fault::TransactLeavesGaps) {
                    after.next_version();
                }
                Ok(Outcome::Applied(applied))
            }
        }
    }

    /// Refuses what no store would let pass.
    fn must_be_right(
        &self,
        store: &Store,
        transaction: Transaction<'_>,
    ) -> Result<(), TransactionError> {
        for (index, operation) in transaction.operations().iter().enumerate() {
            if let Operation::Mutate(mutation) = operation
                && let Err(error @ Error::Invalid(_)) = self.decide_in(store, *mutation)
            {
                return Err(TransactionError::Operation { index, error });
            }
        }
        Ok(())
    }

    fn must_hold(
        &self,
        store: &Store,
        transaction: Transaction<'_>,
    ) -> Result<(), TransactionError> {
        for (index, check) in transaction.checks().iter().enumerate() {
            // A Delete on this condition is refused just when it does not hold.
            let mutation = Mutation {
                key: check.key,
                change: Change::Delete {
                    return_previous: false,
                },
                condition: Some(check.condition),
            };
            let decided = self.decide_in(store, mutation);
            decided.map_err(|error| TransactionError::Check { index, error })?;
        }
        Ok(())
    }

    fn make_way(&self, store: &mut Store, mutation: Mutation<'_>) {
        if let Ok(Effect::Put { .. }) = self.decide_in(store, mutation) {
            self.expire(store, mutation.key.as_str());
        }
    }

    fn decide_in<'a>(&self, store: &Store, mutation: Mutation<'a>) -> Result<Effect<'a>, Error> {
        self.decide(mutation, self.current(store, mutation).as_ref())
    }

    fn fits(
        &self,
        store: &Store,
        operation: &Operation<'_>,
        left: &mut usize,
        reply_bytes_max: usize,
    ) -> Result<(), Error> {
        match left.checked_sub(self.answer_bytes(store, operation)) {
            Some(rest) => *left = rest,
            None if self.has(Fault::TransactBytesIgnored) => {}
            None => return Err(Error::ReplyTooLarge { reply_bytes_max }),
        }
        Ok(())
    }

    pub(super) fn delete_range_at_once(&self, range: &Range, entries_max: usize) -> RangeDeleted {
        let mut store = self.store();
        let last = |key: &str| self.has(Fault::DeleteRangeTakesEnd) && key == range.end();
        let found: Vec<String> = store
            .entries
            .values()
            .filter(|entry| self.alive(entry) || self.has(Fault::DeleteRangeTakesExpired))
            .map(|entry| entry.key().to_owned())
            .filter(|key| range.contains(key.as_bytes()) || last(key))
            .collect();
        let entries_max = if self.has(Fault::DeleteRangeUnbounded) {
            usize::MAX
        } else {
            entries_max
        };
        let mut deleted = RangeDeleted {
            more: found.len() > entries_max && !self.has(Fault::DeleteRangeNeverMore),
            ..RangeDeleted::default()
        };
        for key in found.iter().take(entries_max) {
            store.entries.remove(key);
            deleted.count += 1;
            if deleted.version.is_none() || !self.has(Fault::DeleteRangeTakesOneVersion) {
                deleted.version = Some(store.next_version());
            }
        }
        deleted
    }
}

fn mutations(transaction: Transaction<'_>) -> impl Iterator<Item = Mutation<'_>> {
    let operations = transaction.operations().iter();
    operations.filter_map(|operation| match operation {
        Operation::Read(_) => None,
        Operation::Mutate(mutation) => Some(*mutation),
    })
}
