//! Messages of the contract, right ones, for each rpc.

use arbitrary::Arbitrary;
use nanokv::proto::{self, operation, set_request, touch_request, value, watch_request};
use prost::Message;

/// An rpc, or a path that is none.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Rpc {
    Get,
    Set,
    Delete,
    Increment,
    Touch,
    Batch,
    Transact,
    List,
    DeleteRange,
    Watch,
    Pipeline,
    Describe,
    Backup,
    Check,
    HealthWatch,
    Reflect,
    Unknown,
}

/// One operation on one of a few keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Operation {
    Get {
        key: u8,
    },
    Set {
        key: u8,
        bytes: u16,
        ttl_ms: Option<u16>,
    },
    Delete {
        key: u8,
        present: bool,
    },
    Increment {
        key: u8,
        delta: i8,
    },
    Touch {
        key: u8,
        never: bool,
    },
}

/// The keys that are talked about. The first is there from the beginning, and
/// what is under it needs more than a pipe holds.
pub const KEYS: [&str; 4] = ["large", "a", "b", "probe/"];

impl Rpc {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Get => "/nanokv.v1.KvService/Get",
            Self::Set => "/nanokv.v1.KvService/Set",
            Self::Delete => "/nanokv.v1.KvService/Delete",
            Self::Increment => "/nanokv.v1.KvService/Increment",
            Self::Touch => "/nanokv.v1.KvService/Touch",
            Self::Batch => "/nanokv.v1.KvService/Batch",
            Self::Transact => "/nanokv.v1.KvService/Transact",
            Self::List => "/nanokv.v1.KvService/List",
            Self::DeleteRange => "/nanokv.v1.KvService/DeleteRange",
            Self::Watch => "/nanokv.v1.KvService/Watch",
            Self::Pipeline => "/nanokv.v1.KvService/Pipeline",
            Self::Describe => "/nanokv.v1.AdminService/Describe",
            Self::Backup => "/nanokv.v1.AdminService/Backup",
            Self::Check => "/grpc.health.v1.Health/Check",
            Self::HealthWatch => "/grpc.health.v1.Health/Watch",
            Self::Reflect => "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Self::Unknown => "/nanokv.v1.KvService/Steal",
        }
    }

    /// A message of it, of as many `operations` as it takes.
    pub fn message(self, operations: &[Operation]) -> Vec<u8> {
        let first = operations.first().copied();
        let first = first.unwrap_or(Operation::Get { key: 0 });
        let all = || operations.iter().map(|it| it.told()).collect();
        match self {
            Self::Get | Self::Set | Self::Delete | Self::Increment | Self::Touch => first.alone(),
            Self::Batch => encode(proto::BatchRequest { operations: all() }),
            Self::Transact => encode(proto::TransactRequest {
                operations: all(),
                ..Default::default()
            }),
            Self::Pipeline => encode(proto::PipelineRequest {
                id: 1,
                operations: all(),
            }),
            Self::List => encode(proto::ListRequest {
                page_size: operations.len() as i32,
                ..Default::default()
            }),
            Self::DeleteRange => encode(proto::DeleteRangeRequest {
                range: Some(proto::Range {
                    prefix: first.key().to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            Self::Watch => encode(proto::WatchRequest {
                ranges: vec![proto::Range::default()],
                start: match first {
                    Operation::Get { .. } => Some(watch_request::Start::Snapshot(true)),
                    Operation::Set { .. } => Some(watch_request::Start::AfterVersion(1)),
                    _ => None,
                },
                ..Default::default()
            }),
            // A name of a service, or nothing.
            Self::Check | Self::HealthWatch => vec![10, 1, b'x'],
            // The list of services.
            Self::Reflect => vec![58, 0],
            Self::Describe | Self::Backup | Self::Unknown => Vec::new(),
        }
    }
}

impl Operation {
    fn key(self) -> &'static str {
        let (Self::Get { key }
        | Self::Set { key, .. }
        | Self::Delete { key, .. }
        | Self::Increment { key, .. }
        | Self::Touch { key, .. }) = self;
        KEYS[usize::from(key) % KEYS.len()]
    }

    fn told(self) -> proto::Operation {
        let key = self.key().to_owned();
        let kind = match self {
            Self::Get { .. } => operation::Kind::Get(proto::GetRequest {
                key,
                ..Default::default()
            }),
            Self::Set { bytes, ttl_ms, .. } => operation::Kind::Set(proto::SetRequest {
                key,
                value: Some(proto::Value {
                    kind: Some(value::Kind::Data(vec![7; usize::from(bytes)].into())),
                }),
                expiry: ttl_ms.map(|ttl_ms| {
                    set_request::Expiry::Ttl(prost_types::Duration {
                        seconds: i64::from(ttl_ms) / 1000,
                        nanos: i32::from(ttl_ms) % 1000 * 1_000_000,
                    })
                }),
                ..Default::default()
            }),
            Self::Delete { present, .. } => operation::Kind::Delete(proto::DeleteRequest {
                key,
                condition: present.then(|| proto::Condition {
                    kind: Some(proto::condition::Kind::Present(true)),
                }),
                ..Default::default()
            }),
            Self::Increment { delta, .. } => operation::Kind::Increment(proto::IncrementRequest {
                key,
                delta: Some(i64::from(delta)),
                ..Default::default()
            }),
            Self::Touch { never, .. } => operation::Kind::Touch(proto::TouchRequest {
                key,
                expiry: never.then_some(touch_request::Expiry::NeverExpire(true)),
                ..Default::default()
            }),
        };
        proto::Operation { kind: Some(kind) }
    }

    fn alone(self) -> Vec<u8> {
        match self.told().kind {
            Some(operation::Kind::Get(request)) => encode(request),
            Some(operation::Kind::Set(request)) => encode(request),
            Some(operation::Kind::Delete(request)) => encode(request),
            Some(operation::Kind::Increment(request)) => encode(request),
            Some(operation::Kind::Touch(request)) => encode(request),
            None => Vec::new(),
        }
    }
}

fn encode(message: impl Message) -> Vec<u8> {
    message.encode_to_vec()
}
