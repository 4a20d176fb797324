//! Memory before, with, and after a million entries that expire: by the
//! engine's own account and by what the system counts for this process.
//!
//! `expire [ENTRIES] [TTL_MS]`

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let entries: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let ttl_ms: u64 = arguments.next().map_or(Ok(10_000), |text| text.parse())?;

    let clock = StoreClock::new(UnixMillis::default());
    let memory: &'static Memory<StoreClock> =
        Box::leak(Box::new(Memory::open(Config::default(), clock.clone())));
    tokio::spawn(memory.tend());
    report("empty", memory)?;

    let value = "v".repeat(64);
    let expire_at = clock.now().plus(ttl_ms);
    for number in 0..entries {
        let key = format!("key:{number:012}");
        let change = Change::Set {
            value: ValueRef::Text(&value),
            expiry: Expiry::At(expire_at),
            return_previous: false,
        };
        let key = Key::new(&key, 1024).map_err(|invalid| invalid.description)?;
        memory
            .mutate(Mutation {
                key,
                change,
                condition: None,
            })
            .await
            .map_err(|error| format!("{error:?}"))?;
    }
    report(&format!("{entries} entries"), memory)?;

    clock.sleep_until(expire_at).await;
    for passed_ms in [0, 250, 500, 1000, 2000] {
        clock.sleep_until(expire_at.plus(passed_ms)).await;
        report(&format!("{passed_ms} ms after the deadline"), memory)?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    report("and a second more", memory)
}

fn report(when: &str, memory: &Memory<StoreClock>) -> Result<(), Box<dyn Error>> {
    let usage = memory.memory();
    println!(
        "{when:>28}: {:>9} entries, {:>11} bytes accounted, {:>11} bytes resident",
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
