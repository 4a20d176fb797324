//! What a request asks for, in sixteen bytes that two requests share only when
//! they ask for the same.
//!
//! SHA-256, cut to half: what an id stands for may be compared by another
//! process after a restart, so it has no secret; and nobody can make two
//! requests alike on purpose, to be given what another one was answered. What is
//! hashed is what the model knows of a request, each part with its length or of
//! a fixed one, so that it does not matter which wire it came over, and whether
//! it came alone or in a list. Written down by a test: it may not change.

use sha2::{Digest, Sha256};

use crate::model::{
    expiry::Expiry,
    mutation::{Change, Condition, Mutation, TouchMode},
    operation::Operation,
    range::Range,
    transaction::Transaction,
    value::ValueRef,
};

/// A fingerprint of what a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content([u8; 16]);

impl Content {
    /// Of a change of one key.
    #[must_use]
    pub fn of_mutation(mutation: &Mutation<'_>) -> Self {
        let mut writer = Writer::new(1);
        writer.mutation(mutation);
        writer.end()
    }

    /// Of a transaction.
    #[must_use]
    pub fn of_transaction(transaction: &Transaction<'_>) -> Self {
        let mut writer = Writer::new(2);
        writer.count(transaction.checks().len());
        for check in transaction.checks() {
            writer.bytes(check.key.as_bytes());
            writer.condition(Some(check.condition));
        }
        writer.count(transaction.operations().len());
        for operation in transaction.operations() {
            match operation {
                Operation::Read(read) => {
                    writer.tag(0);
                    writer.bytes(read.key.as_bytes());
                    writer.flag(read.omit_value);
                }
                Operation::Mutate(mutation) => {
                    writer.tag(1);
                    writer.mutation(mutation);
                }
            }
        }
        writer.end()
    }

    /// Of the removal of a range.
    #[must_use]
    pub fn of_delete_range(range: &Range) -> Self {
        let mut writer = Writer::new(3);
        for bound in [range.prefix(), range.start(), range.end()] {
            writer.bytes(bound.as_bytes());
        }
        writer.end()
    }

    /// One that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As it is kept.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Writes what is hashed.
struct Writer(Sha256);

impl Writer {
    /// Which kind of request it is comes first.
    fn new(kind: u8) -> Self {
        let mut writer = Self(Sha256::new());
        writer.tag(kind);
        writer
    }

    fn end(self) -> Content {
        let whole: [u8; 32] = self.0.finalize().into();
        let (half, _) = whole.split_at(16);
        let mut content = [0; 16];
        content.copy_from_slice(half);
        Content(content)
    }

    fn mutation(&mut self, mutation: &Mutation<'_>) {
        self.bytes(mutation.key.as_bytes());
        self.condition(mutation.condition);
        match mutation.change {
            Change::Set {
                value,
                expiry,
                return_previous,
            } => {
                self.tag(1);
                self.value(value);
                self.expiry(expiry);
                self.flag(return_previous);
            }
            Change::Delete { return_previous } => {
                self.tag(2);
                self.flag(return_previous);
            }
            Change::Increment(increment) => {
                self.tag(3);
                self.signed(increment.delta);
                self.signed(increment.initial);
                self.signed(increment.min);
                self.signed(increment.max);
                self.expiry(increment.expiry);
            }
            Change::Touch {
                expiry,
                mode,
                omit_value,
            } => {
                self.tag(4);
                self.expiry(expiry);
                self.tag(match mode {
                    TouchMode::Any => 0,
                    TouchMode::OnlyExtend => 1,
                    TouchMode::OnlyShorten => 2,
                });
                self.flag(omit_value);
            }
        }
    }

    fn condition(&mut self, condition: Option<Condition>) {
        match condition {
            None => self.tag(0),
            Some(Condition::Absent) => self.tag(1),
            Some(Condition::Present) => self.tag(2),
            Some(Condition::Version(version)) => {
                self.tag(3);
                self.signed(version.get());
            }
        }
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Data(data) => {
                self.tag(1);
                self.bytes(data);
            }
            ValueRef::Text(text) => {
                self.tag(2);
                self.bytes(text.as_bytes());
            }
            ValueRef::Number(number) => {
                self.tag(3);
                self.signed(number);
            }
        }
    }

    fn expiry(&mut self, expiry: Expiry) {
        match expiry {
            Expiry::Default => self.tag(0),
            Expiry::After(millis) => {
                self.tag(1);
                self.number(millis);
            }
            Expiry::At(time) => {
                self.tag(2);
                self.number(time.get());
            }
            Expiry::Never => self.tag(3),
            Expiry::Keep => self.tag(4),
        }
    }

    fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    fn flag(&mut self, set: bool) {
        self.tag(u8::from(set));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn signed(&mut self, number: i64) {
        self.0.update(number.to_le_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
