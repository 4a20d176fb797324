//! A list of operations: each is decoded, and answered, for itself.

use prost::Message;

use crate::{
    calls::{
        failure::Failure,
        permit, status,
        wire::{once, request, response},
    },
    engine::Engine,
    gate::access::caller::Caller,
    model::{
        error::Error,
        limits::Limits,
        once::Once,
        operation::{Operation, Outcome},
    },
    proto,
};

/// How many bytes of a reply are set aside for each operation, for what
/// it answers beside an entry: numbers and times, or a failure.
pub const RESULT_BYTES_MAX: usize = 704;

/// A list that was decoded: what is asked of the engine, and what is answered
/// without it.
#[derive(Debug)]
pub struct Batch<'a> {
    /// One for each operation: its kind, and the failure of one that broke a
    /// rule.
    slots: Vec<(&'static str, Option<proto::OperationResult>)>,
    /// Those without a failure, in the same order.
    operations: Vec<Operation<'a>>,
    /// Those of them that are to be carried out only once, by their place.
    onces: Vec<(usize, Once<'a>)>,
    /// What is left for entries.
    pub entries_bytes_max: usize,
    /// What the whole reply may have.
    reply_bytes_max: usize,
}

impl<'a> Batch<'a> {
    /// Decodes each operation for itself, as `caller` asks it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a list that is too long.
    pub fn decode(
        given: &'a [proto::Operation],
        limits: &Limits,
        caller: &Caller,
    ) -> Result<Self, Error> {
        request::batch(given, limits)?;
        let mut batch = Self {
            slots: Vec::with_capacity(given.len()),
            operations: Vec::with_capacity(given.len()),
            onces: Vec::new(),
            entries_bytes_max: limits.reply_bytes_max,
            reply_bytes_max: limits.reply_bytes_max,
        };
        for operation in given {
            let kind = operation.kind.as_ref().map_or("kind", request::kind_name);
            let decoded = request::operation(operation, limits).and_then(|decoded| {
                let once = once::in_list(operation, &decoded)?;
                Ok((decoded, once))
            });
            let decoded = decoded.map_err(Failure::from).and_then(|decoded| {
                permit::operation(caller, &decoded.0)?;
                Ok(decoded)
            });
            let (failed, bytes) = match decoded {
                Ok((operation, once)) => {
                    let place = batch.operations.len();
                    batch.onces.extend(once.map(|once| (place, once)));
                    batch.operations.push(operation);
                    (None, RESULT_BYTES_MAX)
                }
                Err(failure) => {
                    let failed = response::failed(failure);
                    let bytes = framed_bytes(&failed);
                    (Some(failed), bytes)
                }
            };
            batch.slots.push((kind, failed));
            batch.entries_bytes_max = batch.entries_bytes_max.saturating_sub(bytes);
        }
        Ok(batch)
    }

    /// Has them carried out: one answer for each of `operations`.
    ///
    /// What lies between two that are carried out only once goes to the engine
    /// as a list. Such a one goes alone: while it waits for a repeat of itself,
    /// it must hold nothing that others wait for.
    pub async fn run<E: Engine>(&self, engine: &E) -> Vec<Result<Outcome, Error>> {
        if self.onces.is_empty() {
            return engine.batch(&self.operations, self.entries_bytes_max).await;
        }
        let mut answers = Answers {
            given: Vec::with_capacity(self.operations.len()),
            bytes_left: self.entries_bytes_max,
        };
        let (mut rest, mut done) = (self.operations.as_slice(), 0);
        for (place, once) in &self.onces {
            let (before, from) = rest.split_at(place.saturating_sub(done).min(rest.len()));
            if !before.is_empty() {
                answers.add(engine.batch(before, answers.bytes_left).await);
            }
            if let Some((Operation::Mutate(mutation), after)) = from.split_first() {
                let answer = engine.mutate_once(*once, *mutation, answers.bytes_left);
                answers.add([answer.await.map(Outcome::Applied)]);
                rest = after;
            }
            done = place + 1;
        }
        if !rest.is_empty() {
            answers.add(engine.batch(rest, answers.bytes_left).await);
        }
        answers.given
    }

    /// A result for each operation, with the engine's answer to each of
    /// `operations`.
    #[must_use]
    pub fn reply(self, answers: Vec<Result<Outcome, Error>>) -> Vec<proto::OperationResult> {
        // An engine answers each operation, so no slot is left out.
        let mut answers = self.operations.iter().zip(answers);
        self.slots
            .into_iter()
            .filter_map(|(kind, failed)| {
                failed.or_else(|| {
                    let (operation, answer) = answers.next()?;
                    Some(match answer {
                        Ok(outcome) => response::result(operation, outcome),
                        Err(error) => refused(error, operation, kind, self.reply_bytes_max),
                    })
                })
            })
            .collect()
    }
}

/// What was answered, and what is left for entries.
struct Answers {
    given: Vec<Result<Outcome, Error>>,
    bytes_left: usize,
}

impl Answers {
    fn add(&mut self, answers: impl IntoIterator<Item = Result<Outcome, Error>>) {
        for answer in answers {
            let bytes = answer.as_ref().map_or(0, Outcome::reply_bytes);
            self.bytes_left = self.bytes_left.saturating_sub(bytes);
            self.given.push(answer);
        }
    }
}

/// The failure of an operation of `kind` that the engine refused.
#[must_use]
pub fn refused(
    error: Error,
    operation: &Operation<'_>,
    kind: &str,
    reply_bytes_max: usize,
) -> proto::OperationResult {
    let error = match error {
        // The engine knows what was left for entries only.
        Error::ReplyTooLarge { .. } => Error::ReplyTooLarge { reply_bytes_max },
        other => request::within(other, kind),
    };
    response::failed(status::of_key(&error, operation.key()))
}

/// The bytes of a result inside a reply: itself, its tag and its length.
fn framed_bytes(result: &proto::OperationResult) -> usize {
    let bytes = result.encoded_len();
    1 + prost::length_delimiter_len(bytes) + bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            entry::Entry, key::Key, operation::Applied, value::Kind, value::Value, version::Version,
        },
        proto::{operation, operation_result},
    };

    fn get(key: &str) -> proto::Operation {
        proto::Operation {
            kind: Some(operation::Kind::Get(proto::GetRequest {
                key: key.into(),
                omit_value: false,
            })),
        }
    }

    fn delete(key: &str) -> proto::Operation {
        proto::Operation {
            kind: Some(operation::Kind::Delete(proto::DeleteRequest {
                key: key.into(),
                ..Default::default()
            })),
        }
    }

    fn kinds(results: Vec<proto::OperationResult>) -> Vec<operation_result::Kind> {
        results
            .into_iter()
            .map(|result| result.kind.unwrap())
            .collect()
    }

    #[test]
    fn a_bad_operation_fails_its_own_slot() {
        let request = [get("a"), get(""), proto::Operation::default(), delete("b")];
        let batch = Batch::decode(&request, &Limits::default(), &Caller::anyone()).unwrap();
        assert_eq!(batch.operations.len(), 2);
        let answers = vec![
            Ok(Outcome::Read(None)),
            Ok(Outcome::Applied(Applied::default())),
        ];
        let kinds = kinds(batch.reply(answers));
        assert!(matches!(kinds[0], operation_result::Kind::Get(_)));
        let field = |kind: &operation_result::Kind| match kind {
            operation_result::Kind::Failure(failure) => failure.metadata["field"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(field(&kinds[1]), "get.key");
        assert_eq!(field(&kinds[2]), "kind");
        assert!(
            matches!(&kinds[3], operation_result::Kind::Delete(answer) if answer.deleted == Some(false))
        );
    }

    #[test]
    fn what_the_engine_refuses_is_named_within_its_operation() {
        let request = [get(""), delete("a")];
        let batch = Batch::decode(&request, &Limits::default(), &Caller::anyone()).unwrap();
        let refused = Error::Invalid(crate::model::error::Invalid::new(
            "ttl",
            crate::model::error::Rule::OutOfRange,
            "too far",
        ));
        let kinds = kinds(batch.reply(vec![Err(refused)]));
        assert!(matches!(&kinds[1], operation_result::Kind::Failure(failure)
                if failure.metadata["field"] == "delete.ttl" && failure.code == 3));
    }

    #[test]
    fn no_operations_are_fine() {
        let batch = Batch::decode(&[], &Limits::default(), &Caller::anyone()).unwrap();
        assert!(batch.reply(Vec::new()).is_empty());
    }

    #[test]
    fn what_an_operation_answers_beside_an_entry_fits_what_is_set_aside() {
        let version = Version::new(i64::MAX).unwrap();
        let mut invalid = crate::model::error::Invalid::new(
            "expire_time",
            crate::model::error::Rule::OutOfRange,
            "at most 18446744073709551615 ms from now, which is ttl_max",
        );
        invalid.limit = Some(("ttl_max", u64::MAX));
        let errors = [
            request::within(invalid.into(), "increment"),
            Error::KeyPresent { current: version },
            Error::KeyAbsent,
            Error::VersionMismatch {
                current: Some(version),
            },
            Error::WrongKind { kind: Kind::Data },
            Error::CounterOutOfBounds {
                number: i64::MIN,
                min: i64::MIN,
                max: i64::MIN,
            },
            Error::CounterOverflow { number: i64::MIN },
            Error::MemoryFull {
                memory_max: u64::MAX,
            },
            Error::ReplyTooLarge {
                reply_bytes_max: usize::MAX,
            },
            Error::Unsupported {
                capability: "request_id",
            },
        ];
        let long = "\u{10ffff}".repeat(256);
        let key = Key::new(&long, 1024).unwrap();
        for error in errors {
            let bytes = framed_bytes(&response::failed(status::of_key(&error, key)));
            assert!(bytes <= RESULT_BYTES_MAX, "{bytes} for {error:?}");
        }
    }

    #[test]
    fn a_reply_full_of_entries_and_failures_stays_within_its_limit() {
        let limits = Limits {
            reply_bytes_max: 64 * 1024,
            batch_operations_max: 100,
            ..Limits::default()
        };
        let mut operations = vec![get(&"k".repeat(9)); 50];
        operations.extend(vec![get(""); 50]);
        let batch = Batch::decode(&operations, &limits, &Caller::anyone()).unwrap();
        assert!(batch.entries_bytes_max > 0);

        // An engine that gives as much as it is let to, and refuses the rest.
        let value_bytes = 4000;
        let mut left = batch.entries_bytes_max;
        let answers: Vec<_> = (0..50)
            .map(|_| {
                let bytes = crate::model::entry::reply_bytes(9, value_bytes);
                let Some(rest) = left.checked_sub(bytes) else {
                    return Err(Error::ReplyTooLarge {
                        reply_bytes_max: limits.reply_bytes_max,
                    });
                };
                left = rest;
                Ok(Outcome::Read(Some(Entry::new(
                    "k".repeat(9),
                    Some(Value::Data(vec![0; value_bytes].into())),
                    Version::new(i64::MAX).unwrap(),
                    None,
                ))))
            })
            .collect();
        assert!(answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err));
        let results = batch.reply(answers);
        assert_eq!(results.len(), 100);
        let reply = proto::BatchResponse { results };
        assert!(reply.encoded_len() <= limits.reply_bytes_max);
    }
}
