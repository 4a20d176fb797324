//! Rounds: serve, load, kill, look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fastrand::Rng;
use nanokv::client::Client;
use tokio::task::JoinSet;

use crate::{
    asked::{Listing, client, listed},
    mirror::Mirror,
    program::eventually,
    store::Store,
    writer::Writer,
};

/// Rounds of a run; with the variable `KILLS`, as many as it says.
const KILLS: u64 = 4;

/// The seed of a run; else the variable `SEED`.
const SEED: u64 = 1;

const WRITERS: u64 = 8;
const READERS: u64 = 2;

/// A store over its rounds, and those who have used it.
struct Run {
    store: Store,
    random: Rng,
    writers: Vec<Writer>,
    mirror: Mirror,
    /// The latest version of each key that was read.
    seen: BTreeMap<String, i64>,
    /// Every version that was acknowledged, once.
    versions: BTreeSet<i64>,
    acknowledged: u64,
    killed_opening: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            store: Store::new(),
            random: Rng::with_seed(seed),
            writers: (0..WRITERS)
                .map(|number| Writer::new(number, seed))
                .collect(),
            mirror: Mirror::default(),
            seen: BTreeMap::new(),
            versions: BTreeSet::new(),
            acknowledged: 0,
            killed_opening: 0,
        }
    }

    /// Opens the store, looks whether all is there, lets everybody use it, and
    /// kills it.
    async fn round(&mut self) -> Result<(), String> {
        if self.random.u8(..3) == 0 {
            self.store.kill_while_it_opens();
            self.killed_opening += 1;
        }
        let server = self.store.serve().await;
        let address = server.address();
        let store = client(address);
        self.look(&store, address).await?;
        for writer in &mut self.writers {
            writer.ask_again(&store).await;
        }

        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut writing = JoinSet::new();
        for writer in self.writers.drain(..) {
            writing.spawn(writer.run(client(address), Arc::clone(&acknowledged)));
        }
        let mut reading = JoinSet::new();
        for number in 0..READERS {
            let random = Rng::with_seed(self.random.u64(..).wrapping_add(number));
            reading.spawn(read(client(address), random));
        }
        let mirror = std::mem::take(&mut self.mirror);
        let following = tokio::spawn(mirror.follow(address, i64::MAX));
        let enough = self.random.u64(20..600);
        eventually("acknowledgements", async || {
            acknowledged.load(Ordering::Relaxed) >= enough
        })
        .await;
        drop(server);

        self.writers = writing.join_all().await;
        for seen in reading.join_all().await {
            for (key, version) in seen {
                let last = self.seen.entry(key).or_default();
                *last = version.max(*last);
            }
        }
        self.mirror = following.await.unwrap();
        self.acknowledged += acknowledged.load(Ordering::Relaxed);
        Ok(())
    }

    /// Whether what is there is what was acknowledged, or seen.
    async fn look(&mut self, store: &Client, address: std::net::SocketAddr) -> Result<(), String> {
        let listing = listed(store).await;
        for writer in &mut self.writers {
            writer.check(&listing)?;
            for version in writer.book.versions.drain(..) {
                if !self.versions.insert(version) {
                    return Err(format!("version {version} was given out twice"));
                }
            }
        }
        self.check_nothing_else(&listing)?;
        for (key, seen) in &self.seen {
            let there = listing.entries.get(key).map(|entry| entry.version);
            if there.is_some_and(|there| there < *seen) {
                return Err(format!("{key}: {seen} was read, found {there:?}"));
            }
        }
        let last = self.versions.last().copied().unwrap_or(0);
        let last = last.max(self.seen.values().copied().max().unwrap_or(0));
        if listing.version < last {
            return Err(format!("versions went back to {}", listing.version));
        }
        let mirror = std::mem::take(&mut self.mirror);
        self.mirror = mirror.follow(address, listing.version).await;
        self.mirror.check(&listing)
    }

    /// Whether each entry is known to some writer.
    fn check_nothing_else(&self, listing: &Listing) -> Result<(), String> {
        let known: BTreeSet<&str> = self
            .writers
            .iter()
            .flat_map(|writer| writer.book.keys.keys())
            .map(String::as_str)
            .collect();
        let mut keys = listing.entries.keys();
        match keys.find(|key| !known.contains(key.as_str()) && !key.ends_with("/count")) {
            None => Ok(()),
            Some(key) => Err(format!("nobody has stored {key}")),
        }
    }
}

/// Reads until the store is gone; the latest version of each key.
async fn read(client: Client, mut random: Rng) -> BTreeMap<String, i64> {
    let mut seen = BTreeMap::new();
    loop {
        let (writer, key) = (random.u64(..WRITERS), random.u32(..24));
        match client.get(format!("writer/{writer:02}/{key:02}")).await {
            Ok(Some(entry)) => {
                let last = seen.insert(entry.key, entry.version);
                assert!(last <= Some(entry.version), "a read went back");
            }
            Ok(None) => {}
            Err(_) => return seen,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill_and_nothing_by_half() {
    let seed = variable("SEED").unwrap_or(SEED);
    let kills = variable("KILLS").unwrap_or(KILLS);
    let mut run = Run::new(seed);
    let mut snapshots = 0;
    for round in 0..kills {
        if let Err(wrong) = run.round().await {
            panic!("seed {seed}, round {round}: {wrong}");
        }
        snapshots += run.store.files().snapshots;
    }
    let server = run.store.serve().await;
    let looked = run.look(&client(server.address()), server.address()).await;
    assert_eq!(looked, Ok(()), "seed {seed}, at the end");
    let segments = run.store.files().segment;
    let Mirror {
        events,
        resumed,
        begun,
        ..
    } = run.mirror;
    println!(
        "{kills} kills and {} while it opened, seed {seed}: {} acknowledged, {} versions, {segments} segments, \
         a snapshot after {snapshots} of them, {events} events, resumed {resumed} times, begun {begun} times",
        run.killed_opening,
        run.acknowledged,
        run.versions.len(),
    );
    assert!(
        segments > kills / 2 && snapshots > 0 && resumed > begun,
        "too little happened to show anything"
    );
}

/// As if it had been answered before it was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_found_out() {
    let mut run = Run::new(SEED);
    run.round().await.unwrap();
    run.store.save();
    run.round().await.unwrap();
    run.store.put_back();
    let wrong = run.round().await.unwrap_err();
    assert!(
        wrong.contains("acknowledged") || wrong.contains("counted"),
        "{wrong}"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a longer run is asked for, or one that failed"
)]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect(name))
}
