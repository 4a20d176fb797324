//! What the memory engine takes for each of its calls, at ten thousand, one and
//! ten million keys. `cargo bench --bench engine`; a part of it by name:
//! `cargo bench --bench engine -- get/1000000`.

#![expect(clippy::expect_used, reason = "a benchmark that panics has failed")]

mod store;

use std::{
    cell::LazyCell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nanokv::{
    engine::{Engine, ListQuery},
    model::{range::Range, transaction::Transaction},
};
use store::{SIZES, Store, TTL_MS, name, now, set_operation};

const REPLY_BYTES_MAX: usize = 3 << 20;

/// Calls on a store that stays as large as it is.
fn calls(criterion: &mut Criterion) {
    for keys in SIZES {
        // Filled by the first benchmark of this size that is asked for.
        let store = LazyCell::new(|| Store::filled(keys));
        let mut group = criterion.benchmark_group("call");
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("get", keys), |bencher| {
            bencher.iter_batched(|| store.key(), |key| store.get(&key), BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("miss", keys), |bencher| {
            bencher.iter(|| store.get(black_box("key:absent000000")));
        });
        group.bench_function(BenchmarkId::new("set", keys), |bencher| {
            let keyed = || store.key();
            bencher.iter_batched(keyed, |key| store.set(&key, TTL_MS), BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("transact of 4 sets", keys), |bencher| {
            let keyed = || [store.key(), store.key(), store.key(), store.key()];
            bencher.iter_batched(keyed, |keys| transact(&store, &keys), BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("list of 1000", keys), |bencher| {
            bencher.iter_batched(
                || store.key(),
                |key| list(&store, &key),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

/// Keys that come, from an empty store on.
fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    for keys in SIZES {
        group.throughput(Throughput::Elements(keys));
        group.bench_function(BenchmarkId::from_parameter(keys), |bencher| {
            bencher.iter_with_large_drop(|| Store::filled(keys));
        });
    }
    group.finish();
}

/// Everything expires at once, and is swept.
fn sweep(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    for keys in SIZES {
        group.throughput(Throughput::Elements(keys));
        group.bench_function(BenchmarkId::from_parameter(keys), |bencher| {
            bencher.iter_custom(|times| {
                let swept = (0..times).map(|_| runtime.block_on(swept(keys)));
                swept.sum()
            });
        });
    }
    group.finish();
}

async fn swept(keys: u64) -> Duration {
    let store = Store::new();
    for number in 0..keys {
        store.set(&name(number), 1000);
    }
    store.clock.advance(2000);
    let began = instant();
    tokio::select! {
        () = store.engine.tend() => {}
        () = async {
            while store.engine.memory().entries > 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    began.elapsed()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]
fn instant() -> Instant {
    Instant::now()
}

fn transact(store: &Store, keys: &[String; 4]) {
    let operations = keys.each_ref().map(|key| set_operation(key));
    // A key that was drawn twice is refused before anything is locked.
    if let Ok(transaction) = Transaction::new(&[], &operations) {
        let done = now(store.engine.transact(transaction, REPLY_BYTES_MAX));
        done.map(drop).expect("it is carried out");
    }
}

fn list(store: &Store, key: &str) -> usize {
    let range = Range::new(String::new(), key.to_owned(), String::new(), 1024).expect("a range");
    let query = ListQuery {
        range: &range,
        after: None,
        entries_max: 1000,
        reply_bytes_max: REPLY_BYTES_MAX,
        omit_value: false,
    };
    now(store.engine.list(query)).expect("a page").entries.len()
}

criterion_group!(engine, calls, growth, sweep);
criterion_main!(engine);
