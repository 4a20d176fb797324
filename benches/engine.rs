//! The engine alone: what a key takes beside its payload, by its own account
//! and by what the system counts for this process; the slowest Set while it
//! grows; and what it gives back when a million entries expire.
//!
//! `engine grow ENTRIES` and `engine expire ENTRIES TTL_MS` print a line of
//! JSON for each state.

use std::{error::Error, fs, time::Duration};

use nanokv::{
    engine::{
        Engine,
        memory::{Config, Memory},
    },
    model::{
        clock::{Clock, store::StoreClock},
        expiry::Expiry,
        key::Key,
        mutation::{Change, Mutation},
        time::UnixMillis,
        value::ValueRef,
    },
};
use tokio::time::Instant;

// As in the program.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Store = &'static Memory<StoreClock>;

const KEY_BYTES: u64 = 16;
const VALUE_BYTES: u64 = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let clock = StoreClock::new(UnixMillis::default());
    let store: Store = Box::leak(Box::new(Memory::open(Config::default(), clock.clone())));
    tokio::spawn(store.tend());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["grow", entries] => grow(store, &clock, entries.parse()?).await,
        ["expire", entries, ttl] => expire(store, &clock, entries.parse()?, ttl.parse()?).await,
        _ => Err("usage: engine grow ENTRIES | expire ENTRIES TTL_MS".into()),
    }
}

async fn grow(store: Store, clock: &StoreClock, entries: u64) -> Result<(), Box<dyn Error>> {
    let empty = resident_bytes()?;
    let slowest = fill(store, clock.now().plus(3_600_000), entries).await?;
    let payload = entries * (KEY_BYTES + VALUE_BYTES);
    let beyond = |bytes: u64| bytes.saturating_sub(payload) / entries.max(1);
    println!(
        "{{\"entries\": {entries}, \"slowest_set_us\": {}, \"beyond_payload_by_account\": {}, \
         \"beyond_payload_by_rss\": {}}}",
        slowest.as_micros(),
        beyond(store.memory().total),
        beyond(resident_bytes()?.saturating_sub(empty)),
    );
    Ok(())
}

async fn expire(
    store: Store,
    clock: &StoreClock,
    entries: u64,
    ttl_ms: u64,
) -> Result<(), Box<dyn Error>> {
    report("empty", store)?;
    let expire_at = clock.now().plus(ttl_ms);
    fill(store, expire_at, entries).await?;
    report("full", store)?;
    for passed_ms in [0, 250, 500, 1000, 2000, 3000] {
        clock.sleep_until(expire_at.plus(passed_ms)).await;
        report(&format!("{passed_ms} ms after the deadline"), store)?;
    }
    Ok(())
}

/// Stores so many entries; how long the slowest of them took.
async fn fill(
    store: Store,
    expire_at: UnixMillis,
    entries: u64,
) -> Result<Duration, Box<dyn Error>> {
    let value = "v".repeat(usize::try_from(VALUE_BYTES)?);
    let mut slowest = Duration::ZERO;
    for number in 0..entries {
        let key = format!("key:{number:012}");
        let key = Key::new(&key, 1024).map_err(|invalid| invalid.description)?;
        let change = Change::Set {
            value: ValueRef::Text(&value),
            expiry: Expiry::At(expire_at),
            return_previous: false,
        };
        let mutation = Mutation {
            key,
            change,
            condition: None,
        };
        let began = Instant::now();
        let stored = store.mutate(mutation).await;
        slowest = slowest.max(began.elapsed());
        stored.map_err(|error| format!("{error:?}"))?;
    }
    Ok(slowest)
}

fn report(when: &str, store: Store) -> Result<(), Box<dyn Error>> {
    let usage = store.memory();
    println!(
        "{{\"when\": \"{when}\", \"entries\": {}, \"accounted_bytes\": {}, \"resident_bytes\": {}}}",
        usage.entries,
        usage.total,
        resident_bytes()?,
    );
    Ok(())
}

fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}
