//! Transactions and ranges on both.

use super::*;
use crate::model::transaction::{Check, Transacted, Transaction, TransactionError};

impl Pair {
    pub(super) fn transact(
        &mut self,
        checks: &[(String, If)],
        ops: &[Op],
        room: usize,
    ) -> Result<(), String> {
        let checks: Vec<_> = checks
            .iter()
            .filter_map(|check| self.check(check))
            .collect();
        let operations: Vec<_> = ops.iter().map(|op| self.operation(op)).collect();
        let twice = Model::written_twice(&operations);
        let checked = if self.fault == Fault::Checks {
            &[]
        } else {
            &checks[..]
        };
        let transaction = match Transaction::new(checked, &operations) {
            Ok(transaction) => transaction,
            Err(TransactionError::Operation { index, .. }) => {
                same!(Some(index), twice, "written twice");
                return Ok(());
            }
            Err(error) => return Err(format!("{error:?}")),
        };
        same!(None, twice, "written twice");
        let engine = if self.fault == Fault::Apart {
            self.apart(&operations)
        } else {
            block(self.memory.transact(transaction, room))
        };
        let expected = self.model.transact(&checks, &operations, room);
        same!(
            engine.map_err(blurred_whole),
            expected.map_err(blurred_whole),
            format!("transaction of {checks:?} and {operations:?}")
        );
        Ok(())
    }

    /// Carries out each operation for itself.
    fn apart(&self, operations: &[Operation<'_>]) -> Result<Transacted, TransactionError> {
        let before = self.memory.describe().version;
        let mut outcomes = Vec::new();
        let answers = block(self.memory.batch(operations, usize::MAX));
        for (index, answer) in answers.into_iter().enumerate() {
            outcomes.push(answer.map_err(|error| TransactionError::Operation { index, error })?);
        }
        let version = self.memory.describe().version;
        Ok(Transacted {
            outcomes,
            version: Some(version).filter(|version| *version > before),
        })
    }

    fn check<'a>(&self, (key, holds): &'a (String, If)) -> Option<Check<'a>> {
        Some(Check {
            key: Key::new(key, 64).unwrap(),
            condition: self.condition(key, *holds)?,
        })
    }

    pub(super) fn delete_range(
        &mut self,
        prefix: &str,
        bounds: Option<&(String, String)>,
        entries_max: usize,
    ) -> Result<(), String> {
        let (range, is_in) = range(prefix, bounds);
        let expected = self.model.delete_range(is_in, entries_max);
        let more = usize::from(self.fault == Fault::Range);
        let deleted = block(self.memory.delete_range(&range, entries_max + more));
        let deleted = deleted.map_err(|error| format!("{error:?}"))?;
        same!((deleted.count, deleted.more), expected, "range");
        let last = (expected.0 > 0).then_some(self.model.version);
        same!(
            deleted.version.map(Version::get),
            last,
            "version of a range"
        );
        Ok(())
    }
}

fn blurred_whole(error: TransactionError) -> TransactionError {
    match error {
        TransactionError::Check { .. } => error,
        TransactionError::Operation { index, error } => TransactionError::Operation {
            index,
            error: blurred(error),
        },
        TransactionError::Whole(error) => TransactionError::Whole(blurred(error)),
    }
}
