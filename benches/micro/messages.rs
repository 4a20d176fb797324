//! What reading and writing messages takes: the generated way, and the way of
//! the hot path. `cargo bench --bench messages`.

#![expect(clippy::expect_used, reason = "a benchmark that panics has failed")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nanokv::{calls::wire::request, grpc::hot::decode, model::limits::Limits, proto as pb};
use prost::Message;

const OPERATIONS: usize = 64;

fn get() -> pb::GetRequest {
    pb::GetRequest {
        key: "key:000000000001".to_owned(),
        omit_value: false,
    }
}

fn value() -> pb::Value {
    let text = "v".repeat(64);
    pb::Value {
        kind: Some(pb::value::Kind::Text(text)),
    }
}

fn set() -> pb::SetRequest {
    pb::SetRequest {
        key: "key:000000000001".to_owned(),
        value: Some(value()),
        ..pb::SetRequest::default()
    }
}

fn batch() -> pb::BatchRequest {
    let kind = Some(pb::operation::Kind::Get(get()));
    pb::BatchRequest {
        operations: vec![pb::Operation { kind }; OPERATIONS],
    }
}

fn reply() -> pb::GetResponse {
    let entry = pb::Entry {
        key: "key:000000000001".to_owned(),
        value: Some(value()),
        version: 1_795_490_770_694_001,
        expire_time: Some(prost_types::Timestamp {
            seconds: 1_795_490_770,
            nanos: 40_000_000,
        }),
    };
    pb::GetResponse { entry: Some(entry) }
}

fn read(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("decode");
    let (get, set, batch) = (
        get().encode_to_vec(),
        set().encode_to_vec(),
        batch().encode_to_vec(),
    );
    group.bench_function("get, hot", |bencher| {
        bencher.iter(|| decode::get(black_box(&get), &limits).is_some());
    });
    group.bench_function("get, generated", |bencher| {
        bencher.iter(|| {
            let message = pb::GetRequest::decode(black_box(&get[..])).expect("a message");
            request::get(&message, &limits).is_ok()
        });
    });
    group.bench_function("set, hot", |bencher| {
        bencher.iter(|| decode::set(black_box(&set), &limits).is_some());
    });
    group.bench_function("set, generated", |bencher| {
        bencher.iter(|| {
            let message = pb::SetRequest::decode(black_box(&set[..])).expect("a message");
            request::set(&message, &limits).is_ok()
        });
    });
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 gets, hot", |bencher| {
        bencher.iter(|| decode::batch(black_box(&batch), &limits).map(|list| list.len()));
    });
    group.bench_function("64 gets, generated", |bencher| {
        bencher.iter(|| {
            let message = pb::BatchRequest::decode(black_box(&batch[..])).expect("a message");
            message.operations.len()
        });
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let reply = reply();
    let results = pb::BatchResponse {
        results: vec![
            pb::OperationResult {
                kind: Some(pb::operation_result::Kind::Get(reply.clone())),
            };
            OPERATIONS
        ],
    };
    let mut group = criterion.benchmark_group("encode");
    let mut buffer = Vec::with_capacity(64 << 10);
    group.bench_function("get, generated", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            black_box(&reply).encode(&mut buffer)
        });
    });
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 gets, generated", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            black_box(&results).encode(&mut buffer)
        });
    });
    group.finish();
}

criterion_group!(messages, read, write);
criterion_main!(messages);
