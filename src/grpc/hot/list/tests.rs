//! A list that goes the hot way is answered as on the other one.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use tokio::runtime;

use super::*;
use crate::{
    calls::batch::Batch,
    engine::memory::{self, Memory},
    gate::access::caller::Caller,
    grpc::{
        hot::{self, decode},
        pipeline::ID_BYTES_MAX,
    },
    model::{clock::held::HeldClock, time::UnixMillis},
    proto::{self, operation::Kind, operation_result, set_request, value},
};

fn limits() -> Limits {
    Limits {
        // For a few results, of which not all have room for a large entry.
        reply_bytes_max: 40_000,
        batch_operations_max: 20,
        ..Limits::default()
    }
}

fn store() -> Memory<HeldClock> {
    let clock = HeldClock::at(UnixMillis::new(1_767_225_600_000));
    Memory::open(memory::Config::default(), clock)
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-h]", 1 => "k.{0,20}"]
}

fn operation() -> impl Strategy<Value = proto::Operation> {
    let get = (key(), any::<bool>())
        .prop_map(|(key, omit_value)| Kind::Get(proto::GetRequest { key, omit_value }));
    let value = prop_oneof![
        any::<i64>().prop_map(value::Kind::Number),
        ".{0,40}".prop_map(value::Kind::Text),
        prop_oneof![1 => 0..300_usize, 3 => 4000..30_000_usize]
            .prop_map(|bytes| value::Kind::Data(Bytes::from(vec![7; bytes]))),
    ];
    let ttl = prop::option::of(1..100_i64);
    let set = (key(), value, ttl).prop_map(|(key, kind, ttl)| {
        Kind::Set(proto::SetRequest {
            key,
            value: Some(proto::Value { kind: Some(kind) }),
            expiry: ttl.map(|seconds| {
                set_request::Expiry::Ttl(prost_types::Duration { seconds, nanos: 0 })
            }),
            ..Default::default()
        })
    });
    prop_oneof![get, set].prop_map(|kind| proto::Operation { kind: Some(kind) })
}

async fn generated(
    store: &Memory<HeldClock>,
    list: &proto::PipelineRequest,
) -> proto::PipelineResponse {
    let mut batch = Batch::decode(&list.operations, &limits(), &Caller::anyone()).unwrap();
    batch.entries_bytes_max = batch.entries_bytes_max.saturating_sub(ID_BYTES_MAX);
    let answers = batch.run(store).await;
    proto::PipelineResponse {
        id: list.id,
        results: batch.reply(answers),
        failure: None,
    }
}

fn is_failure(result: &proto::OperationResult) -> bool {
    matches!(result.kind, Some(operation_result::Kind::Failure(_)))
}

proptest! {
    #[test]
    fn lists_are_answered_as_on_the_generated_way(
        lists in prop::collection::vec(
            (any::<i64>(), prop::collection::vec(operation(), 0..20)),
            1..8,
        ),
    ) {
        let (one, other) = (store(), store());
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for (id, operations) in lists {
                let list = proto::PipelineRequest { id, operations };
                let expected = generated(&one, &list).await;
                let bytes = list.encode_to_vec();
                let plain = decode::pipeline(&bytes, &limits());
                // A control character in a key, for example.
                let Some((id, operations)) = plain else {
                    let same = generated(&other, &list).await;
                    prop_assert_eq!(same, expected);
                    continue;
                };
                let reply = hot::pipelined(&other, id, &operations, &limits()).await;
                // The metadata of a failure is in no order.
                let decoded = proto::PipelineResponse::decode(reply.clone()).unwrap();
                prop_assert_eq!(&decoded, &expected);
                if !expected.results.iter().any(is_failure) {
                    prop_assert_eq!(&reply[..], expected.encode_to_vec());
                }
            }
            Ok(())
        })?;
    }
}
