//! What a store tells of itself for metrics.

use super::*;
use crate::model::figure::{Figure, Sample, Value};

/// The value of a figure, or that of one label of it.
fn value(memory: &Memory<HeldClock>, name: &str, label: &str) -> Value {
    let named = |figure: &Figure| figure.name == name;
    let figure = memory.figures().into_iter().find(named).unwrap();
    let labelled = |sample: &Sample| sample.labels.iter().all(|(_, text)| text == label);
    figure.samples.into_iter().find(labelled).unwrap().value
}

#[test]
fn reads_and_what_expired_are_counted_with_how_late_it_was() {
    let (memory, clock) = store(1 << 20, 4);
    set(&memory, "swept", 10, 1000).unwrap();
    set(&memory, "replaced", 10, 1000).unwrap();
    set(&memory, "stays", 10, 60_000).unwrap();
    assert_eq!(value_bytes(&memory, "swept"), Some(10));
    clock.advance(1300);
    assert_eq!(value_bytes(&memory, "swept"), None);
    assert_eq!(value_bytes(&memory, "never"), None);
    set(&memory, "replaced", 10, 60_000).unwrap();
    for shard in 0..4 {
        while !sweep::step(&memory, shard) {}
    }
    let told = |name| value(&memory, name, "");
    assert_eq!(value(&memory, "nanokv_reads", "hit"), Value::Counter(1));
    assert_eq!(value(&memory, "nanokv_reads", "miss"), Value::Counter(2));
    assert_eq!(told("nanokv_keys"), Value::Gauge(2));
    assert_eq!(told("nanokv_keys_expired"), Value::Counter(2));
    assert_eq!(told("nanokv_changes"), Value::Counter(6));
    let Value::Histogram(lag) = told("nanokv_expiry_lag_seconds") else {
        unreachable!();
    };
    let millis = lag.sum.as_millis();
    // Found by the sweep alone, and not long before its turn.
    assert_eq!(lag.count(), 1);
    assert!((200..=400).contains(&millis), "{millis}");
}
