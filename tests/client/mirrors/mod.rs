//! Whoever follows a store, over a line that is cut again and again, has in the
//! end what the store has: key, value, version and deadline.

mod crowd;
mod follower;
mod raw;
mod writers;

use std::collections::BTreeMap;

use fastrand::Rng;
use nanokv::{
    client::{Client, entry::Entry, range::Range},
    engine::memory,
};
use tokio_stream::StreamExt;

use crate::{
    line::Line,
    mirrors::{follower::Follower, raw::Raw, writers::Writer},
    served::{Place, Served, client},
};

/// Rounds, each on a store of its own; with the variable `ROUNDS`, as many as it
/// says.
const ROUNDS: u64 = 4;

/// The seed of the first round, and those after it count up; else the variable
/// `SEED`.
const SEED: u64 = 1;

const WRITERS: u64 = 3;

/// What each of them does in a round.
const CHANGES: usize = 200;

/// What a follower has come to.
type Mirror = BTreeMap<String, Entry>;

/// How a round is made harder.
#[derive(Clone, Copy)]
struct Round {
    place: Place,
    seed: u64,
    history_events_max: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_loses_nothing_and_tells_nothing_twice() {
    rounds(Place::Memory, memory::history::Config::default().events_max).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_to_a_store_that_is_kept_loses_nothing_either() {
    rounds(Place::Kept, memory::history::Config::default().events_max).await;
}

/// Then what a follower has missed is soon gone, and it begins again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_short_loses_nothing_either() {
    rounds(Place::Memory, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_history_of_a_store_that_is_kept_loses_nothing_either() {
    rounds(Place::Kept, 40).await;
}

async fn rounds(place: Place, history_events_max: usize) {
    let first = variable("SEED").unwrap_or(SEED);
    let count = variable("ROUNDS").unwrap_or(ROUNDS);
    // On a store that is kept a round takes as long as six in memory: each
    // change waits for the disk.
    let count = match place {
        Place::Memory => count,
        Place::Kept => count.div_ceil(6),
    };
    let (mut events, mut resumed, mut begun) = (0, 0, 0);
    for seed in first..first + count {
        let counts = one(Round {
            place,
            seed,
            history_events_max,
        })
        .await;
        events += counts.events;
        resumed += counts.resumed;
        begun += counts.begun;
    }
    println!(
        "{count} rounds from seed {first} on, {place:?}: {events} events, resumed {resumed} times, begun {begun} times"
    );
    assert!(
        resumed + begun > 2 * count,
        "a line that is not cut shows nothing"
    );
}

async fn one(round: Round) -> raw::Followed {
    let seed = round.seed;
    let mut config = memory::Config::default();
    config.history.events_max = round.history_events_max;
    let served = Served::store_with(round.place, config);
    let line = Line::to(served.address()).await;
    let store = served.client();
    let raw = Raw::follow(line.address(), store.clone(), seed);
    let follower = Follower::follow(client(line.address())).await;
    let mut random = Rng::with_seed(seed);
    let writers = (0..WRITERS).map(|number| {
        let writer = Writer::new(served.client(), seed * WRITERS + number);
        tokio::spawn(writer.run(CHANGES))
    });
    let mut writers = writers.collect::<Vec<_>>();
    while !writers.is_empty() {
        pause(&store, random.usize(1..10)).await;
        served.clock().advance(random.u64(..200));
        if random.bool() {
            line.cut();
        }
        writers.retain(|writer| !writer.is_finished());
    }
    // What has a short time to live is removed, and told to be, until the end.
    for _ in 0..5 {
        served.clock().advance(1000);
        pause(&store, 5).await;
    }
    let (by_hand, counts) = raw.ends_as(&store).await;
    assert_eq!(by_hand, listed(&store).await, "seed {seed}, by hand");
    let by_client = follower.ends_as(&store).await;
    assert_eq!(
        by_client,
        listed(&store).await,
        "seed {seed}, by the client"
    );
    counts
}

/// Until others have had so many turns: calls are the only clock here.
async fn pause(store: &Client, turns: usize) {
    for _ in 0..turns {
        store.get("turn").await.unwrap();
    }
}

/// What the store has.
async fn listed(store: &Client) -> Mirror {
    let entries = store.list(Range::all()).entries();
    entries
        .map(|entry| entry.map(|entry| (entry.key.clone(), entry)))
        .collect::<Result<_, _>>()
        .await
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a longer run is asked for, or one that failed"
)]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect(name))
}
