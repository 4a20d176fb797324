//! About how much memory a list and its answer take up while they are held.

use crate::proto::{self, operation, operation_result, value};

/// Of a list that was decoded.
pub(super) fn by_list(list: &proto::PipelineRequest) -> usize {
    let operations = list.operations.iter().filter_map(|it| it.kind.as_ref());
    let beside = |kind: &operation::Kind| match kind {
        operation::Kind::Get(it) => it.key.len(),
        operation::Kind::Set(it) => it.key.len() + by_value(it.value.as_ref()),
        operation::Kind::Delete(it) => it.key.len(),
        operation::Kind::Increment(it) => it.key.len(),
        operation::Kind::Touch(it) => it.key.len(),
    };
    size_of::<proto::PipelineRequest>()
        + list.operations.len() * size_of::<proto::Operation>()
        + operations.map(beside).sum::<usize>()
}

/// Of the answer to a list.
pub(super) fn by_reply(reply: &proto::PipelineResponse) -> usize {
    let results = reply.results.iter().filter_map(|it| it.kind.as_ref());
    let beside = |kind: &operation_result::Kind| match kind {
        operation_result::Kind::Get(it) => by_entry(it.entry.as_ref()),
        operation_result::Kind::Set(it) => by_entry(it.previous.as_ref()),
        operation_result::Kind::Delete(it) => by_entry(it.previous.as_ref()),
        operation_result::Kind::Increment(_) => 0,
        operation_result::Kind::Touch(it) => by_entry(it.entry.as_ref()),
        operation_result::Kind::Failure(it) => by_failure(it),
    };
    size_of::<proto::PipelineResponse>()
        + reply.results.len() * size_of::<proto::OperationResult>()
        + results.map(beside).sum::<usize>()
        + reply.failure.as_ref().map_or(0, by_failure)
}

fn by_entry(entry: Option<&proto::Entry>) -> usize {
    entry.map_or(0, |entry| entry.key.len() + by_value(entry.value.as_ref()))
}

fn by_value(value: Option<&proto::Value>) -> usize {
    match value.and_then(|value| value.kind.as_ref()) {
        Some(value::Kind::Data(data)) => data.len(),
        Some(value::Kind::Text(text)) => text.len(),
        Some(value::Kind::Number(_)) | None => 0,
    }
}

fn by_failure(failure: &proto::Failure) -> usize {
    let metadata = failure.metadata.iter();
    failure.reason.len()
        + failure.message.len()
        + metadata
            .map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn it_is_never_less_than_what_is_sent() {
        let entry = || proto::Entry {
            key: "k".repeat(1000),
            value: Some(proto::Value {
                kind: Some(value::Kind::Text("v".repeat(100_000))),
            }),
            version: i64::MAX,
            expire_time: Some(prost_types::Timestamp {
                seconds: i64::MAX,
                nanos: i32::MAX,
            }),
        };
        let list = proto::PipelineRequest {
            id: i64::MAX,
            operations: vec![
                proto::Operation {
                    kind: Some(operation::Kind::Set(proto::SetRequest {
                        key: "k".repeat(1000),
                        value: entry().value,
                        ..Default::default()
                    })),
                },
                proto::Operation {
                    kind: Some(operation::Kind::Get(proto::GetRequest {
                        key: "k".repeat(1000),
                        omit_value: true,
                    })),
                },
            ],
        };
        assert!(by_list(&list) >= list.encoded_len());
        let result = |kind| proto::OperationResult { kind: Some(kind) };
        let failure = crate::calls::failure::Failure::new(
            tonic::Code::Aborted,
            "REASON",
            "in words".repeat(10),
        )
        .with("name", &"value".repeat(10));
        let reply = proto::PipelineResponse {
            id: i64::MAX,
            results: vec![
                result(operation_result::Kind::Get(proto::GetResponse {
                    entry: Some(entry()),
                })),
                result(operation_result::Kind::Touch(proto::TouchResponse {
                    entry: Some(entry()),
                    applied: Some(true),
                })),
                result(operation_result::Kind::Failure(failure.clone().into())),
            ],
            failure: Some(failure.into()),
        };
        assert!(by_reply(&reply) >= reply.encoded_len());
        assert!(by_reply(&reply) < 2 * reply.encoded_len());
    }
}
