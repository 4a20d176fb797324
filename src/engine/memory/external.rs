//! Large values, which stand outside the slots of their entries.

use crate::model::value::Value;

/// Most values that can be held: a record has 24 bits for the number of one.
const VALUES_MAX: usize = 1 << 24;

/// What a value takes up beside its bytes: its place here, and the count of
/// who shares it.
const OVERHEAD_BYTES: usize = size_of::<Option<Value>>() + 32;

/// Values by number. A number is given again when it is free.
#[derive(Debug, Default)]
pub(super) struct Externals {
    values: Vec<Option<Value>>,
    free: Vec<u32>,
    bytes: usize,
}

impl Externals {
    /// What all values take up.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a value of so many bytes takes up.
    pub(super) const fn cost(value_bytes: usize) -> usize {
        value_bytes + OVERHEAD_BYTES
    }

    /// Whether there is a number left.
    pub(super) fn has_room(&self) -> bool {
        self.numbers_left() > 0
    }

    /// How many values more can be held.
    pub(super) fn numbers_left(&self) -> usize {
        self.free.len() + VALUES_MAX.saturating_sub(self.values.len())
    }

    pub(super) fn get(&self, number: u32) -> Option<&Value> {
        self.values.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// Keeps a value under the number that is returned.
    pub(super) fn insert(&mut self, value: Value) -> u32 {
        self.bytes += Self::cost(value.len());
        if let Some(number) = self.free.pop() {
            if let Some(place) = usize::try_from(number)
                .ok()
                .and_then(|at| self.values.get_mut(at))
            {
                *place = Some(value);
            }
            return number;
        }
        self.values.push(Some(value));
        u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
    }

    /// Gives the value back, for its memory to be freed outside of the lock.
    pub(super) fn remove(&mut self, number: u32) -> Option<Value> {
        let value = self.values.get_mut(usize::try_from(number).ok()?)?.take()?;
        self.bytes -= Self::cost(value.len());
        self.free.push(number);
        if self.free.len() == self.values.len() {
            self.values = Vec::new();
            self.free = Vec::new();
        }
        Some(value)
    }

    #[cfg(test)]
    pub(super) fn check(&self) -> usize {
        let held: Vec<_> = self.values.iter().flatten().collect();
        let bytes: usize = held.iter().map(|value| Self::cost(value.len())).sum();
        assert_eq!(self.bytes, bytes, "bytes of external values");
        assert_eq!(self.free.len() + held.len(), self.values.len());
        held.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_number_is_given_again_and_nothing_is_kept_when_empty() {
        let value = |byte| Value::Data(Bytes::from(vec![byte; 9000]));
        let mut externals = Externals::default();
        let (a, b) = (externals.insert(value(1)), externals.insert(value(2)));
        assert_eq!(externals.remove(a), Some(value(1)));
        assert_eq!(externals.remove(a), None);
        assert_eq!(externals.insert(value(3)), a);
        assert_eq!(externals.get(a), Some(&value(3)));
        assert_eq!(externals.get(b), Some(&value(2)));
        externals.check();
        externals.remove(a);
        externals.remove(b);
        assert_eq!(externals.bytes(), 0);
        assert_eq!(externals.values.capacity(), 0);
    }
}
