//! What is done all together or not at all, and what came of it.

use std::collections::HashMap;

use crate::model::{
    error::{Error, Invalid, Rule},
    key::Key,
    mutation::Condition,
    operation::{Operation, Outcome},
    version::Version,
};

/// Something that must hold for a transaction to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// The key that is looked at.
    pub key: Key<'a>,
    /// What must hold of it.
    pub condition: Condition,
}

/// Checks and operations on any keys, no key written by two of them. Who holds
/// one need not look for such a key again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction<'a> {
    checks: &'a [Check<'a>],
    operations: &'a [Operation<'a>],
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transacted {
    /// What came of each operation, in the same order.
    pub outcomes: Vec<Outcome>,
    /// The last version that it took; `None`: it has taken none.
    pub version: Option<Version>,
}

/// Why a transaction was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// A check does not hold: read again, then decide.
    Check {
        /// Which one, counted from 0.
        index: usize,
        /// What [`Condition::check`] says of it.
        error: Error,
    },
    /// An operation is refused, and with it all.
    Operation {
        /// Which one, counted from 0.
        index: usize,
        /// What the operation alone would have been refused with.
        error: Error,
    },
    /// All of it together is refused.
    Whole(Error),
}

impl<'a> Transaction<'a> {
    /// Puts a transaction together.
    ///
    /// # Errors
    /// [`TransactionError::Operation`] with an [`Invalid`] for `key`: the first
    /// operation that changes a key which an earlier one changes.
    pub fn new(
        checks: &'a [Check<'a>],
        operations: &'a [Operation<'a>],
    ) -> Result<Self, TransactionError> {
        let mut written = HashMap::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let Operation::Mutate(mutation) = operation else {
                continue;
            };
            if let Some(first) = written.insert(mutation.key, index) {
                let description = format!("operation {first} changes this key too");
                let error = Invalid::new("key", Rule::Conflict, description).into();
                return Err(TransactionError::Operation { index, error });
            }
        }
        Ok(Self { checks, operations })
    }

    /// What must hold.
    #[must_use]
    pub const fn checks(&self) -> &'a [Check<'a>] {
        self.checks
    }

    /// What is done then.
    #[must_use]
    pub const fn operations(&self) -> &'a [Operation<'a>] {
        self.operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        mutation::{Change, Mutation},
        operation::Read,
    };

    fn key(text: &str) -> Key<'_> {
        Key::new(text, 8).unwrap()
    }

    fn read(text: &str) -> Operation<'_> {
        Operation::Read(Read {
            key: key(text),
            omit_value: false,
        })
    }

    fn delete(text: &str) -> Operation<'_> {
        Operation::Mutate(Mutation {
            key: key(text),
            change: Change::Delete {
                return_previous: false,
            },
            condition: None,
        })
    }

    #[test]
    fn a_key_is_changed_by_one_operation_and_looked_at_by_any_number() {
        let checks = [Condition::Present, Condition::Absent].map(|condition| Check {
            key: key("a"),
            condition,
        });
        let operations = [read("a"), delete("a"), read("a"), delete("b")];
        let transaction = Transaction::new(&checks, &operations).unwrap();
        assert_eq!(transaction.checks(), checks);
        assert_eq!(transaction.operations(), operations);
    }

    #[test]
    fn the_second_change_of_a_key_is_refused_with_its_place() {
        let operations = [read("b"), delete("a"), read("a"), delete("b"), delete("a")];
        match Transaction::new(&[], &operations) {
            Err(TransactionError::Operation {
                index: 4,
                error: Error::Invalid(invalid),
            }) => {
                assert_eq!((&*invalid.field, invalid.rule), ("key", Rule::Conflict));
                assert!(invalid.description.contains("operation 1"), "{invalid:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
