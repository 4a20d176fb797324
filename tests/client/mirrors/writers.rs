//! Who changes the store meanwhile, in every way but Touch, which no watch
//! tells.

use std::time::Duration;

use fastrand::Rng;
use nanokv::client::{Client, operation, range::Range};

/// Few, so that most keys are changed again, expire and come back.
const KEYS: u32 = 40;

/// Makes random changes.
pub(super) struct Writer {
    store: Client,
    random: Rng,
}

impl Writer {
    pub(super) fn new(store: Client, seed: u64) -> Self {
        Self {
            store,
            random: Rng::with_seed(seed),
        }
    }

    pub(super) async fn run(mut self, changes: usize) {
        for number in 0..changes {
            self.change(number).await;
        }
    }

    fn key(&mut self) -> String {
        format!("key/{:02}", self.random.u32(..KEYS))
    }

    async fn change(&mut self, number: usize) {
        let (key, other) = (self.key(), self.key());
        let store = &self.store;
        match self.random.u8(..10) {
            0..4 => {
                let set = store.set(key, format!("value {number}"));
                let ttl = Duration::from_millis(self.random.u64(1..1500));
                let set = if self.random.bool() {
                    set.ttl(ttl)
                } else {
                    set
                };
                set.await.unwrap();
            }
            4..6 => {
                store.delete(key).await.unwrap();
            }
            6 => {
                // A value that is text cannot be counted.
                let _ = store.increment(format!("{key}/count")).by(3).await;
            }
            7..9 if key != other => {
                let transact = store.transact();
                transact
                    .then(operation::set(key, "both"))
                    .then(operation::delete(other))
                    .await
                    .unwrap();
            }
            _ => {
                let prefix = format!("key/{}", self.random.u8(..4));
                store.delete_range(Range::prefix(prefix)).await.unwrap();
            }
        }
    }
}
