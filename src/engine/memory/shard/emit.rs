//! Reading a stretch of a shard for a snapshot.

use std::ops::{Bound, ControlFlow};

use crate::{
    engine::{
        journal,
        memory::{
            record::{Payload, Record},
            shard::{Shard, key_of},
        },
    },
    model::value::{Kind, Value, ValueRef},
};

/// How many entries, and how many bytes of them, one step reads at most: the
/// shard is locked meanwhile.
const STEP_ENTRIES: usize = 256;
const STEP_BYTES: usize = 128 << 10;

impl Shard {
    /// Emits some entries, in the order of their keys: those after the key
    /// `after`. The last key; `None`: there are no more.
    pub(in crate::engine::memory) fn emit(
        &self,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(journal::Record<'_>),
    ) -> Option<Vec<u8>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut entries, mut bytes, mut last) = (0, 0, None);
        self.order.scan(from, &self.slab, |handle| {
            let Some(record) = self.record(handle) else {
                return ControlFlow::Continue(());
            };
            if let (Some(key), Some(value)) = (key_of(record.key), self.value_of(&record)) {
                emit(journal::Record::Put {
                    key,
                    value,
                    version: record.version,
                    deadline: record.deadline,
                });
                bytes += record.key.len() + value.len();
            }
            entries += 1;
            if entries >= STEP_ENTRIES || bytes >= STEP_BYTES {
                last = Some(record.key.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        last
    }

    /// The value where it lies.
    pub(super) fn value_of<'a>(&'a self, record: &Record<'a>) -> Option<ValueRef<'a>> {
        let bytes = match record.payload {
            Payload::Inline(_) if record.kind == Kind::Number => {
                return record.number().map(ValueRef::Number);
            }
            Payload::Inline(bytes) => bytes,
            Payload::External(number) => match self.externals.get(number)? {
                Value::Data(data) => data,
                Value::Text(text) => text.as_bytes(),
                Value::Number(number) => return Some(ValueRef::Number(*number)),
            },
        };
        match record.kind {
            Kind::Text => str::from_utf8(bytes).ok().map(ValueRef::Text),
            Kind::Data | Kind::Number => Some(ValueRef::Data(bytes)),
        }
    }
}
