//! What this engine tells of itself for metrics.

use std::time::Duration;

use crate::{
    engine::{
        journal,
        memory::{Memory, MemoryUsage, shard::Counts},
    },
    model::{
        clock::Clock,
        figure::{Figure, Value},
    },
};

/// All figures of a store. Looks at one shard after the other.
pub(super) fn of<C: Clock>(memory: &Memory<C>) -> Vec<Figure> {
    let mut counts = Counts::default();
    for shard in &memory.shards {
        counts.add(shard.lock().counts());
    }
    let usage = memory.memory();
    let mut figures = vec![
        Figure::gauge(
            "nanokv_keys",
            "Keys that are held, among them those that have expired and are not swept yet",
            usage.entries,
        ),
        Figure::labelled(
            "nanokv_memory_bytes",
            "Bytes of memory, by what they are for",
            "use",
            uses(&usage),
        ),
        Figure::gauge(
            "nanokv_memory_used_bytes",
            "Bytes of memory that count against the limit: all of these but those for history",
            usage.total,
        ),
        Figure::gauge(
            "nanokv_memory_max_bytes",
            "How many of them may be",
            memory.account.memory_max(),
        ),
        Figure::counter(
            "nanokv_memory_refusals",
            "Changes, alone or in lists, that were refused for want of memory",
            memory.account.refused(),
        ),
        Figure::counter(
            "nanokv_changes",
            "Changes of a value or of existence",
            memory.versions.taken(),
        ),
        Figure::labelled(
            "nanokv_reads",
            "Keys that were read one by one, by whether they were there",
            "result",
            [
                ("hit", Value::Counter(counts.hits())),
                ("miss", Value::Counter(counts.misses())),
            ],
        ),
        Figure::counter(
            "nanokv_keys_expired",
            "Keys that were removed because their deadline had passed",
            counts.expired,
        ),
        Figure::gauge(
            "nanokv_evicting",
            "1 where keys make room when the store is full",
            u8::from(memory.account.evicts()),
        ),
        Figure::counter(
            "nanokv_keys_evicted",
            "Keys that were removed to make room",
            counts.evicted,
        ),
        Figure::histogram(
            "nanokv_expiry_lag_seconds",
            "How long after its deadline the memory of an expired key was freed by the sweeper",
            counts.expiry_lag,
        ),
        Figure::gauge(
            "nanokv_request_ids",
            "Requests with a request_id that are remembered",
            memory.requests.count(),
        ),
    ];
    figures.extend(watching(memory));
    if let Some(journal) = &memory.journal {
        figures.extend(journal::figures::of(&journal.status()));
    }
    figures
}

fn uses(usage: &MemoryUsage) -> [(&'static str, Value); 7] {
    [
        ("slab", usage.slab),
        ("table", usage.table),
        ("order", usage.order),
        ("wheel", usage.wheel),
        ("external", usage.external),
        ("requests", usage.requests),
        ("history", usage.history),
    ]
    .map(|(name, bytes)| (name, Value::Gauge(bytes)))
}

fn watching<C: Clock>(memory: &Memory<C>) -> [Figure; 4] {
    let backlog = memory.history.backlog();
    [
        Figure::gauge(
            "nanokv_watch_history_armed",
            "1 while changes are kept for watches",
            u8::from(backlog.is_armed),
        ),
        Figure::gauge(
            "nanokv_watch_history_events",
            "Changes that are kept for watches",
            backlog.events,
        ),
        Figure::gauge(
            "nanokv_watchers_behind",
            "Watches that have not yet read a change that concerns them",
            backlog.watchers_behind,
        ),
        Figure::gauge(
            "nanokv_watch_lag_changes",
            "How many changes the store is ahead of the watch that is furthest behind",
            backlog.lag,
        ),
    ]
}

/// Where lags of the sweeper are told apart.
pub(super) const LAG_BOUNDS: &[Duration] = &[
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_mins(1),
];
