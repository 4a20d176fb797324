//! Callers who ask for the same at the same time, in every order that shuttle
//! finds: its threads switch wherever a lock is taken. A caller who waits for
//! ever is a deadlock, which it reports.

use std::sync::Arc;

use shuttle::{check_pct, check_random, future, sync::Mutex as Checked, thread};

use super::*;
use crate::{
    engine::memory::{
        account::Account,
        lock::Lock,
        requests::{Begun, Requests, config::Config, window::Window},
    },
    model::{
        clock::{Clock, held::HeldClock},
        error::Error,
        time::UnixMillis,
    },
};

const EXECUTIONS: usize = 1000;

impl<T> Lock<T> for Checked<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

/// A store of one number, under a lock of its own as a shard is.
struct Store {
    requests: Requests<Checked<Window>>,
    number: Checked<i64>,
    refusals: Checked<usize>,
    account: Account,
    clock: HeldClock,
}

impl Store {
    /// A store that refuses the first so many changes.
    fn refusing(refusals: usize) -> Arc<Self> {
        Arc::new(Self {
            requests: Requests::new(Config::default()),
            number: Checked::new(0),
            refusals: Checked::new(refusals),
            account: Account::new(u64::MAX, false),
            clock: HeldClock::at(UnixMillis::new(1)),
        })
    }

    /// Adds one, once; the number then.
    async fn add(&self, once: Once<'_>) -> Result<i64, Error> {
        match self.requests.begin(once, &self.clock).await? {
            Begun::Repeat(reply) => Ok(super::number(&reply)),
            Begun::First(ticket) => {
                let number = self.change()?;
                // Others come in between, as they do while a journal is synced.
                future::yield_now().await;
                let kept = ticket.keep(reply(number, 0), self.clock.now(), &self.account);
                kept.run();
                Ok(number)
            }
        }
    }

    fn change(&self) -> Result<i64, Error> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(Error::KeyAbsent);
        }
        let mut number = self.number.lock().unwrap();
        *number += 1;
        Ok(*number)
    }

    fn number(&self) -> i64 {
        *self.number.lock().unwrap()
    }
}

/// Runs it in many orders, found in two ways.
fn check(run: impl Fn() + Send + Sync + Copy + 'static) {
    check_random(run, EXECUTIONS);
    check_pct(run, EXECUTIONS, 3);
}

/// What each caller is told, in the order in which they are given here.
fn told(store: &Arc<Store>, callers: &[(&'static str, i64)]) -> Vec<Result<i64, Error>> {
    let callers: Vec<_> = callers
        .iter()
        .map(|(id, content)| {
            let (store, id, content) = (Arc::clone(store), *id, *content);
            thread::spawn(move || future::block_on(store.add(once(id, content))))
        })
        .collect();
    callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .collect()
}

#[test]
fn however_many_ask_it_is_done_once_and_all_are_told_the_same() {
    check(|| {
        let store = Store::refusing(0);
        let told = told(&store, &[("a", 1); 4]);
        assert_eq!(told, [Ok(1), Ok(1), Ok(1), Ok(1)]);
        assert_eq!(store.number(), 1);
    });
}

#[test]
fn who_waits_for_one_that_is_refused_is_carried_out_anew() {
    check(|| {
        let store = Store::refusing(2);
        let told = told(&store, &[("a", 1); 4]);
        let refused = told.iter().filter(|told| told.is_err()).count();
        assert_eq!((refused, store.number()), (2, 1), "{told:?}");
        assert!(told.iter().flatten().all(|number| *number == 1));
    });
}

#[test]
fn of_two_that_ask_for_different_things_one_is_done() {
    check(|| {
        let store = Store::refusing(0);
        let told = told(&store, &[("a", 1), ("a", 2), ("a", 1), ("a", 2)]);
        assert_eq!(store.number(), 1, "{told:?}");
        let reused = told
            .iter()
            .filter(|told| **told == Err(Error::RequestIdReused));
        assert_eq!(reused.count(), 2);
        assert_eq!(told[0], told[2]);
        assert_eq!(told[1], told[3]);
    });
}

#[test]
fn who_is_gone_while_it_waits_or_runs_leaves_the_others_to_go_on() {
    check(|| {
        let store = Store::refusing(0);
        let gone = {
            let store = Arc::clone(&store);
            future::spawn(async move { store.add(once("a", 1)).await })
        };
        let others = {
            let store = Arc::clone(&store);
            thread::spawn(move || told(&store, &[("a", 1), ("a", 1)]))
        };
        gone.abort();
        let told = others.join().unwrap();
        // Cut off between its change and its reply, it has made one that nobody
        // was told of: that is what a caller who goes away must reckon with.
        assert!((1..=2).contains(&store.number()));
        assert!(
            told.iter().all(|it| *it == told[0] && it.is_ok()),
            "{told:?}"
        );
    });
}

#[test]
fn two_lists_with_the_same_requests_in_another_order_do_not_wait_for_each_other() {
    check(|| {
        let store = Store::refusing(0);
        let list = |ids: [&'static str; 2]| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                future::block_on(async {
                    let first = store.add(once(ids[0], 1)).await;
                    (first, store.add(once(ids[1], 1)).await)
                })
            })
        };
        let (one, other) = (list(["a", "b"]), list(["b", "a"]));
        let ((a, b), (other_b, other_a)) = (one.join().unwrap(), other.join().unwrap());
        assert_eq!((a, b), (other_a, other_b));
        assert_eq!(store.number(), 2);
    });
}
