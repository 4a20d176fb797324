//! Transactions and ranges on the plain store.

use super::*;
use crate::model::transaction::{Check, Transacted, TransactionError};

impl Model {
    /// The first operation that changes a key which an earlier one changes.
    pub(in super::super) fn written_twice(operations: &[Operation<'_>]) -> Option<usize> {
        let written = |operation: &Operation<'_>| match operation {
            Operation::Read(_) => None,
            Operation::Mutate(mutation) => Some(mutation.key.as_str().to_owned()),
        };
        let keys: Vec<_> = operations.iter().map(written).collect();
        (0..keys.len()).find(|at| keys[*at].is_some() && keys[..*at].contains(&keys[*at]))
    }

    pub(in super::super) fn transact(
        &mut self,
        checks: &[Check<'_>],
        operations: &[Operation<'_>],
        room: usize,
    ) -> Result<Transacted, TransactionError> {
        let before = self.clone();
        for (index, operation) in operations.iter().enumerate() {
            if let Err(error @ Error::Invalid(_)) = before.clone().run(operation, usize::MAX) {
                return Err(TransactionError::Operation { index, error });
            }
        }
        for (index, check) in checks.iter().enumerate() {
            let there = before.entries.get(check.key.as_str());
            let there = there.filter(|stored| before.now < stored.deadline);
            condition(Some(check.condition), there)
                .map_err(|error| TransactionError::Check { index, error })?;
        }
        let mut left = room;
        for (index, operation) in operations.iter().enumerate() {
            let outcome = before.clone().run(operation, left);
            let outcome = outcome.map_err(|error| TransactionError::Operation { index, error })?;
            left -= entry_of(&outcome).map_or(0, size);
        }
        for key in operations.iter().filter_map(stored_under) {
            let there = self.entries.get(key);
            if there.is_some_and(|stored| stored.deadline <= self.now) {
                self.entries.remove(key);
                self.version += 1;
            }
        }
        let outcomes = operations.iter().map(|operation| match operation {
            Operation::Read(_) => before.clone().run(operation, usize::MAX).unwrap(),
            Operation::Mutate(_) => self.run(operation, usize::MAX).unwrap(),
        });
        let outcomes = outcomes.collect();
        let version = Some(self.version).filter(|version| *version > before.version);
        Ok(Transacted {
            outcomes,
            version: version.and_then(Version::new),
        })
    }

    /// Removes the first of the keys; how many, and whether there are more.
    pub(in super::super) fn delete_range(
        &mut self,
        is_in: impl Fn(&str) -> bool,
        entries_max: usize,
    ) -> (usize, bool) {
        let present = self.present().map(|(key, _)| key.clone());
        let keys: Vec<_> = present.filter(|key| is_in(key)).collect();
        for key in keys.iter().take(entries_max) {
            self.entries.remove(key);
            self.version += 1;
        }
        (keys.len().min(entries_max), keys.len() > entries_max)
    }
}

/// The key under which an operation stores a value, if it does.
fn stored_under<'a>(operation: &Operation<'a>) -> Option<&'a str> {
    let Operation::Mutate(mutation) = operation else {
        return None;
    };
    match mutation.change {
        Change::Set { .. } | Change::Increment(_) => Some(mutation.key.as_str()),
        Change::Delete { .. } | Change::Touch { .. } => None,
    }
}

pub(in super::super) fn entry_of(outcome: &Outcome) -> Option<&Entry> {
    match outcome {
        Outcome::Read(entry) => entry.as_ref(),
        Outcome::Applied(applied) => applied.entry.as_ref(),
    }
}
