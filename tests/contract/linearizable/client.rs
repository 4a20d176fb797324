//! One of the clients: what it asks for, at random, and how it is told.

use std::collections::HashMap;

use fastrand::Rng;
use nanokv::proto::{
    self as pb, kv_service_client::KvServiceClient, operation, operation_result, value,
};
use tonic::{Status, transport::Channel};

use crate::{
    linearizable::spec::{Answer, Ask, Condition, Done, Operation, Refused, Value, Verb},
    support::refusal::Refusal,
};

/// Few, so that clients meet.
const KEYS: u8 = 3;

/// A client with a connection of its own.
pub(crate) struct Client {
    stub: KvServiceClient<Channel>,
    random: Rng,
    prefix: String,
    number: usize,
    set: u32,
    /// The versions that it has seen, which it makes conditions of.
    seen: HashMap<u8, i64>,
}

impl Client {
    pub(crate) fn new(stub: KvServiceClient<Channel>) -> Self {
        Self {
            stub,
            random: Rng::with_seed(0),
            prefix: String::new(),
            number: 0,
            set: 0,
            seen: HashMap::new(),
        }
    }

    /// Begins a history on keys that no other has.
    pub(crate) fn begin(&mut self, seed: u64, number: usize) {
        let of_this = u64::try_from(number).unwrap();
        self.random = Rng::with_seed(seed.wrapping_mul(64) + of_this);
        self.prefix = format!("{seed}/");
        self.number = number;
        self.set = 0;
        self.seen.clear();
    }

    pub(crate) fn choose(&mut self) -> Ask {
        if self.random.u8(..4) > 0 {
            let key = self.random.u8(..KEYS);
            return Ask::One(self.operation(key));
        }
        let checks = (0..self.random.usize(..3))
            .map(|_| {
                let key = self.random.u8(..KEYS);
                (key, self.condition(key))
            })
            .collect();
        // Each key once, since none may be changed twice.
        let mut keys: Vec<u8> = (0..KEYS).collect();
        self.random.shuffle(&mut keys);
        keys.truncate(self.random.usize(1..=keys.len()));
        let operations = keys.into_iter().map(|key| self.operation(key)).collect();
        Ask::Transact { checks, operations }
    }

    fn operation(&mut self, key: u8) -> Operation {
        let verb = match self.random.u8(..10) {
            0..3 => Verb::Get,
            3..6 => {
                self.set += 1;
                Verb::Set(Value::Text(format!("{}.{}", self.number, self.set)))
            }
            6..8 => Verb::Delete,
            _ => Verb::Increment(self.random.i64(1..100)),
        };
        let conditional = verb != Verb::Get && self.random.u8(..3) == 0;
        let condition = conditional.then(|| self.condition(key));
        Operation {
            key,
            condition,
            verb,
        }
    }

    fn condition(&mut self, key: u8) -> Condition {
        match self.random.u8(..4) {
            0 => Condition::Absent,
            1 => Condition::Present,
            _ => Condition::Version(self.seen.get(&key).copied().unwrap_or(1)),
        }
    }

    pub(crate) async fn send(&mut self, ask: &Ask) -> Answer {
        let answered = match ask {
            Ask::One(operation) => self.one(operation).await.map(Answer::One),
            Ask::Transact { checks, operations } => self.transact(checks, operations).await,
        };
        let answer = answered.unwrap_or_else(|status| Answer::Refused(refused(status)));
        self.learn(ask, &answer);
        answer
    }

    async fn one(&mut self, operation: &Operation) -> Result<Done, Status> {
        use operation::Kind;
        Ok(match self.message(operation) {
            Kind::Get(request) => found(self.stub.get(request).await?.into_inner()),
            Kind::Set(request) => set(&self.stub.set(request).await?.into_inner()),
            Kind::Delete(request) => deleted(&self.stub.delete(request).await?.into_inner()),
            Kind::Increment(request) => counted(&self.stub.increment(request).await?.into_inner()),
            Kind::Touch(_) => unreachable!("never asked for"),
        })
    }

    async fn transact(
        &mut self,
        checks: &[(u8, Condition)],
        operations: &[Operation],
    ) -> Result<Answer, Status> {
        let request = pb::TransactRequest {
            checks: checks
                .iter()
                .map(|(key, condition)| pb::Check {
                    key: self.key(*key),
                    condition: Some(message(*condition)),
                })
                .collect(),
            operations: operations
                .iter()
                .map(|operation| pb::Operation {
                    kind: Some(self.message(operation)),
                })
                .collect(),
            ..Default::default()
        };
        let response = self.stub.transact(request).await?.into_inner();
        let done = response.results.into_iter().map(|result| {
            match result.kind.expect("a result of some kind") {
                operation_result::Kind::Get(it) => found(it),
                operation_result::Kind::Set(it) => set(&it),
                operation_result::Kind::Delete(it) => deleted(&it),
                operation_result::Kind::Increment(it) => counted(&it),
                other => panic!("{other:?} was not asked for"),
            }
        });
        Ok(Answer::Transacted {
            done: done.collect(),
            version: response.version,
        })
    }

    fn key(&self, key: u8) -> String {
        format!("{}{key}", self.prefix)
    }

    fn message(&self, operation: &Operation) -> operation::Kind {
        let key = self.key(operation.key);
        let condition = operation.condition.map(message);
        match &operation.verb {
            Verb::Get => operation::Kind::Get(pb::GetRequest {
                key,
                ..Default::default()
            }),
            Verb::Set(value) => operation::Kind::Set(pb::SetRequest {
                key,
                value: Some(pb::Value {
                    kind: Some(match value {
                        Value::Text(text) => value::Kind::Text(text.clone()),
                        Value::Number(number) => value::Kind::Number(*number),
                    }),
                }),
                condition,
                ..Default::default()
            }),
            Verb::Delete => operation::Kind::Delete(pb::DeleteRequest {
                key,
                condition,
                ..Default::default()
            }),
            Verb::Increment(delta) => operation::Kind::Increment(pb::IncrementRequest {
                key,
                delta: Some(*delta),
                condition,
                ..Default::default()
            }),
        }
    }

    fn learn(&mut self, ask: &Ask, answer: &Answer) {
        let asked = match ask {
            Ask::One(operation) => std::slice::from_ref(operation),
            Ask::Transact { operations, .. } => operations,
        };
        let done = match answer {
            Answer::One(done) => std::slice::from_ref(done),
            Answer::Transacted { done, .. } => done,
            Answer::Refused(_) => &[],
        };
        for (operation, done) in asked.iter().zip(done) {
            let version = match done {
                Done::Found(Some((_, version)))
                | Done::Set { version }
                | Done::Counted { version, .. } => *version,
                Done::Found(None) | Done::Deleted { .. } => continue,
            };
            self.seen.insert(operation.key, version);
        }
    }
}

fn message(condition: Condition) -> pb::Condition {
    use pb::condition::Kind;
    pb::Condition {
        kind: Some(match condition {
            Condition::Absent => Kind::Absent(true),
            Condition::Present => Kind::Present(true),
            Condition::Version(version) => Kind::Version(version),
        }),
    }
}

fn found(response: pb::GetResponse) -> Done {
    Done::Found(response.entry.map(|entry| {
        let value = match entry.value.and_then(|value| value.kind) {
            Some(value::Kind::Text(text)) => Value::Text(text),
            Some(value::Kind::Number(number)) => Value::Number(number),
            other => panic!("{other:?} was never stored"),
        };
        (value, entry.version)
    }))
}

fn set(response: &pb::SetResponse) -> Done {
    let version = response.version;
    Done::Set { version }
}

fn deleted(response: &pb::DeleteResponse) -> Done {
    let version = response.version;
    assert_eq!(response.deleted, Some(version > 0));
    Done::Deleted { version }
}

fn counted(response: &pb::IncrementResponse) -> Done {
    Done::Counted {
        number: response.number.unwrap(),
        version: response.version,
    }
}

fn refused(status: Status) -> Refused {
    let refusal = Refusal::from(status);
    let number = |name: &str| {
        let text = refusal.metadata.get(name)?;
        Some(text.parse::<i64>().unwrap())
    };
    Refused {
        index: number("check_index")
            .or_else(|| number("operation_index"))
            .map(|index| usize::try_from(index).unwrap()),
        current_version: number("current_version"),
        reason: refusal.reason,
    }
}
