//! What clients see at once is as if each call had been carried out at one
//! moment between its beginning and its end, in the order of versions:
//! linearizability (Herlihy and Wing, 1990), judged by stateright's tester.

mod client;
mod spec;

use std::sync::{Arc, Mutex};

use stateright::semantics::{ConsistencyTester, LinearizabilityTester};
use tokio::sync::Barrier;

use crate::{
    linearizable::{
        client::Client,
        spec::{Ask, Store},
    },
    support::server::Server,
};

contract![calls_at_once_are_as_if_one_after_the_other];

/// Who calls at once. To find that no order explains a history the tester tries
/// them all, so both of these are small, and histories are many.
const CLIENTS: usize = 3;

/// Calls of each in a history.
const CALLS: usize = 5;

/// Histories of a run; with the variable `HISTORIES`, as many as it says.
const HISTORIES: u64 = 300;

/// The seed of the first history, and those after it count up; else the
/// variable `SEED`.
const SEED: u64 = 1;

type Tester = LinearizabilityTester<usize, Store>;

/// One history as it comes about.
#[derive(Clone)]
struct History(Arc<Mutex<(Tester, Overlaps)>>);

/// How many calls were begun while another was under way.
#[derive(Default)]
struct Overlaps {
    under_way: usize,
    overlapping: usize,
}

impl History {
    fn new() -> Self {
        let tester = Tester::new(Store::default());
        Self(Arc::new(Mutex::new((tester, Overlaps::default()))))
    }

    async fn carry_out(&self, number: usize, client: &mut Client, ask: Ask) {
        {
            let (tester, overlaps) = &mut *self.0.lock().unwrap();
            tester.on_invoke(number, ask.clone()).unwrap();
            overlaps.overlapping += usize::from(overlaps.under_way > 0);
            overlaps.under_way += 1;
        }
        let answer = client.send(&ask).await;
        let (tester, overlaps) = &mut *self.0.lock().unwrap();
        tester.on_return(number, answer).unwrap();
        overlaps.under_way -= 1;
    }
}

async fn calls_at_once_are_as_if_one_after_the_other(server: Server) {
    let kv = server.start().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::new(kv.reconnected().await.client()));
    }
    let first = variable("SEED").unwrap_or(SEED);
    let histories = variable("HISTORIES").unwrap_or(HISTORIES);
    let (mut calls, mut overlapping) = (0, 0);
    for seed in first..first + histories {
        let history = one(&mut clients, seed).await;
        let (tester, overlaps) = &*history.0.lock().unwrap();
        assert!(
            tester.is_consistent(),
            "seed {seed} gave what no order explains: {tester:#?}"
        );
        calls += CLIENTS * CALLS;
        overlapping += overlaps.overlapping;
    }
    println!(
        "{histories} histories from seed {first} on, {calls} calls, {overlapping} of them overlapping"
    );
    assert!(
        overlapping * 2 > calls,
        "clients that wait for each other show nothing: {overlapping} of {calls}"
    );
}

async fn one(clients: &mut Vec<Client>, seed: u64) -> History {
    let history = History::new();
    let together = Arc::new(Barrier::new(CLIENTS));
    let mut tasks = Vec::new();
    for (number, mut client) in clients.drain(..).enumerate() {
        let (history, together) = (history.clone(), Arc::clone(&together));
        tasks.push(tokio::spawn(async move {
            client.begin(seed, number);
            together.wait().await;
            for _ in 0..CALLS {
                let ask = client.choose();
                history.carry_out(number, &mut client, ask).await;
            }
            client
        }));
    }
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    history
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a longer run is asked for, or one that failed"
)]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect(name))
}
