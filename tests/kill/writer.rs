//! Who changes the store until it is gone: each with keys of its own, and one
//! call under way at a time, so that it knows what must be there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use nanokv::client::{
    Client,
    error::Error,
    operation::{self, Outcome},
    value::Value,
};

use crate::{
    asked::Listing,
    book::{Book, Pending, Put},
};

/// Keys of a writer.
const KEYS: u32 = 24;

/// Bytes of a value at most.
const VALUE_BYTES: usize = 2000;

/// Longer than any run takes.
const TTL: Duration = Duration::from_hours(10);

/// Writes under keys of its own, until the store is gone.
#[derive(Clone)]
pub(crate) struct Writer {
    name: String,
    pub(crate) book: Book,
    random: Rng,
}

impl Writer {
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        Self {
            name: format!("writer/{number:02}"),
            book: Book::default(),
            random: Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(number)),
        }
    }

    /// Makes changes until one is not answered. `acknowledged` counts those that
    /// are.
    pub(crate) async fn run(mut self, client: Client, acknowledged: Arc<AtomicU64>) -> Self {
        while self.change(&client).await.is_ok() {
            self.book.pending = None;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Makes one change; it is pending until the caller says that it is not.
    pub(crate) async fn change(&mut self, client: &Client) -> Result<(), Error> {
        match self.random.u8(..10) {
            0..3 => self.set(client).await,
            3 => self.delete(client).await,
            4 => self.touch(client).await,
            5..7 => self.count(client).await,
            7..9 => self.transact(client).await,
            _ => self.batch(client).await,
        }
    }

    fn key(&mut self) -> String {
        format!("{}/{:02}", self.name, self.random.u32(..KEYS))
    }

    fn counter(&self) -> String {
        format!("{}/count", self.name)
    }

    fn put(&mut self) -> Put {
        let bytes = self.random.usize(..VALUE_BYTES);
        let byte = self.random.u8(..);
        Put {
            key: self.key(),
            value: Value::from(vec![byte; bytes]),
            expires: self.random.bool(),
        }
    }

    async fn set(&mut self, client: &Client) -> Result<(), Error> {
        let put = self.put();
        let set = client.set(put.key.clone(), put.value.clone());
        let set = if put.expires { set.ttl(TTL) } else { set };
        self.pend(vec![put.clone()], false);
        let stored = set.await?;
        let Put { key, value, .. } = put;
        self.book
            .stored(&key, value, stored.version, stored.expire_time);
        Ok(())
    }

    async fn delete(&mut self, client: &Client) -> Result<(), Error> {
        let key = self.key();
        self.book.pending = Some(Pending::Delete(key.clone()));
        let deleted = client.delete(key.clone()).await?;
        self.book.removed(&key, deleted.version);
        Ok(())
    }

    async fn touch(&mut self, client: &Client) -> Result<(), Error> {
        let key = self.key();
        self.book.pending = Some(Pending::Touch(key.clone()));
        let more = Duration::from_secs(self.random.u64(..10_000));
        let touched = client.touch(key.clone()).ttl(TTL + more).await?;
        if touched.entry.is_some() || self.book.keys.contains_key(&key) {
            self.book.keys.insert(key, touched.entry);
        }
        Ok(())
    }

    async fn count(&mut self, client: &Client) -> Result<(), Error> {
        self.book.pending = Some(Pending::Count);
        let version = self.ask(client, self.book.counted + 1).await?;
        self.book.versions.push(version);
        self.book.counted += 1;
        Ok(())
    }

    /// Adds 1 by the request that makes it `number`; the version that it took.
    async fn ask(&self, client: &Client, number: i64) -> Result<i64, Error> {
        let add = client.increment(self.counter());
        let id = format!("{}/{number}", self.name);
        let counted = add.request_id(id).await?;
        assert_eq!(counted.number, number, "{}: counted otherwise", self.name);
        Ok(counted.version)
    }

    async fn transact(&mut self, client: &Client) -> Result<(), Error> {
        let mut puts = [self.put(), self.put()];
        puts.sort_by(|a, b| a.key.cmp(&b.key));
        if puts[0].key == puts[1].key {
            return Ok(());
        }
        let sets = puts.iter().map(|put| {
            let set = operation::set(put.key.clone(), put.value.clone());
            if put.expires { set.ttl(TTL) } else { set }
        });
        let transact = client.transact().all(sets);
        self.pend(puts.to_vec(), true);
        let outcomes = transact.await?.outcomes.into_iter().map(Ok);
        self.all_stored(puts, outcomes)
    }

    async fn batch(&mut self, client: &Client) -> Result<(), Error> {
        let mut puts: Vec<_> = (0..6).map(|_| self.put()).collect();
        puts.sort_by(|a, b| a.key.cmp(&b.key));
        puts.dedup_by(|a, b| a.key == b.key);
        let sets = puts.iter().map(|put| {
            let set = operation::set(put.key.clone(), put.value.clone());
            if put.expires { set.ttl(TTL) } else { set }
        });
        let batch = client.batch().all(sets);
        self.pend(puts.clone(), false);
        let outcomes = batch.await?;
        self.all_stored(puts, outcomes)
    }

    fn pend(&mut self, puts: Vec<Put>, together: bool) {
        self.book.pending = Some(Pending::Put { puts, together });
    }

    fn all_stored(
        &mut self,
        puts: impl IntoIterator<Item = Put>,
        outcomes: impl IntoIterator<Item = Result<Outcome, Error>>,
    ) -> Result<(), Error> {
        for (put, outcome) in puts.into_iter().zip(outcomes) {
            let Outcome::Set(stored) = outcome? else {
                panic!("{}: a set did something else", self.name);
            };
            let Put { key, value, .. } = put;
            self.book
                .stored(&key, value, stored.version, stored.expire_time);
        }
        Ok(())
    }

    /// Compares what it knows with what the store has again.
    ///
    /// # Errors
    /// What is not as it must be.
    pub(crate) fn check(&mut self, listing: &Listing) -> Result<(), String> {
        self.book.check(listing)?;
        let there = listing.entries.get(&self.counter());
        let counted = match there.and_then(|entry| entry.value.clone()) {
            None => 0,
            Some(Value::Number(number)) => number,
            Some(other) => return Err(format!("{}: a counter holds {other:?}", self.name)),
        };
        let may_be = match self.book.pending {
            Some(Pending::Count) => [self.book.counted, self.book.counted + 1],
            _ => [self.book.counted; 2],
        };
        if may_be.contains(&counted) {
            return Ok(());
        }
        Err(format!(
            "{}: counted to {may_be:?}, found {counted}",
            self.name
        ))
    }

    /// Asks again for what was not answered, and for the last one that was: each
    /// is counted once.
    pub(crate) async fn ask_again(&mut self, client: &Client) {
        let is_pending = matches!(self.book.pending.take(), Some(Pending::Count));
        self.book.counted += i64::from(is_pending);
        let counted = self.book.counted;
        for number in [counted, counted - 1] {
            if number > 0 {
                self.ask(client, number).await.unwrap();
            }
        }
        let entry = client.get(self.counter()).await.unwrap();
        let number = entry.and_then(|entry| entry.value);
        let expected = (counted > 0).then_some(Value::Number(counted));
        assert_eq!(number, expected, "{}: counted twice", self.name);
    }
}
