//! Lists of plain operations: what a Batch and a message of a Pipeline carry.

use bytes::{BufMut, BytesMut};
use prost::Message as _;

use crate::{
    calls::batch::{RESULT_BYTES_MAX, refused},
    engine::Engine,
    grpc::hot::encode,
    model::{
        entry::{Entry, EntryRef, EntrySeen},
        error::Error,
        limits::Limits,
        operation::{Operation, Seen},
    },
};

/// For so much of a result room is made before it is written.
const RESULT_BYTES_USUAL: usize = 128;

/// The results of a list, as they are written.
struct Results {
    /// The number of the field that each of them is.
    field: u8,
    buffer: BytesMut,
    count: usize,
    /// What is written later, without a lock: where, and what.
    later: Vec<(usize, Later)>,
}

enum Later {
    Entry(Entry),
    /// Which operation failed.
    Failure(usize, Error),
}

/// The message that results are written to.
pub(super) struct Message {
    /// The number of the field that each result is.
    pub(super) field: u8,
    /// What comes before the results.
    pub(super) buffer: BytesMut,
    /// How many bytes of it count against `reply_bytes_max`, at most.
    pub(super) besides_bytes_max: usize,
}

/// Carries out `operations`, and writes their results behind what `message`
/// begins with.
pub(super) async fn carry_out<E: Engine>(
    engine: &E,
    operations: &[Operation<'_>],
    limits: &Limits,
    message: Message,
) -> BytesMut {
    let besides = operations.len().saturating_mul(RESULT_BYTES_MAX);
    let besides = besides.saturating_add(message.besides_bytes_max);
    let entries_bytes_max = limits.reply_bytes_max.saturating_sub(besides);
    let Message {
        field, mut buffer, ..
    } = message;
    buffer.reserve(operations.len() * RESULT_BYTES_USUAL);
    let mut results = Results {
        field,
        buffer,
        count: 0,
        later: Vec::new(),
    };
    let before = results.buffer.len();
    let see = |seen: Result<Seen<'_>, Error>| results.put(seen);
    let seen = engine.batch_seen(operations, entries_bytes_max, see).await;
    if let Err(error) = seen {
        results.buffer.truncate(before);
        results.later = (0..operations.len())
            .map(|number| (before, Later::Failure(number, error.clone())))
            .collect();
    }
    results.whole(operations, limits.reply_bytes_max)
}

impl Results {
    fn put(&mut self, seen: Result<Seen<'_>, Error>) {
        let later = match seen {
            Ok(Seen::Read(None)) => {
                encode::get_result(self.field, None, &mut self.buffer);
                None
            }
            Ok(Seen::Read(Some(EntrySeen::Here(entry)))) => {
                encode::get_result(self.field, Some(&entry), &mut self.buffer);
                None
            }
            Ok(Seen::Read(Some(EntrySeen::Shared(entry)))) => Some(Later::Entry(entry)),
            Ok(Seen::Applied(applied)) => {
                encode::set_result(self.field, &applied, &mut self.buffer);
                None
            }
            Err(error) => Some(Later::Failure(self.count, error)),
        };
        self.later
            .extend(later.map(|later| (self.buffer.len(), later)));
        self.count += 1;
    }

    /// With what was left for later in its places.
    fn whole(self, operations: &[Operation<'_>], reply_bytes_max: usize) -> BytesMut {
        if self.later.is_empty() {
            return self.buffer;
        }
        let mut rest = self.buffer;
        let mut whole = BytesMut::with_capacity(rest.len());
        let mut done = 0;
        for (at, later) in self.later {
            whole.put(rest.split_to(at - done));
            done = at;
            match later {
                Later::Entry(entry) => {
                    encode::get_result(self.field, Some(&EntryRef::from(&entry)), &mut whole);
                }
                Later::Failure(number, error) => {
                    if let Some(operation) = operations.get(number) {
                        let failure = refused(error, operation, kind(operation), reply_bytes_max);
                        encode::nested(self.field, &failure.encode_to_vec(), &mut whole);
                    }
                }
            }
        }
        whole.put(rest);
        whole
    }
}

const fn kind(operation: &Operation<'_>) -> &'static str {
    match operation {
        Operation::Read(_) => "get",
        // No other change is plain.
        Operation::Mutate(_) => "set",
    }
}

#[cfg(test)]
mod tests;
