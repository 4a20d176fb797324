//! What watches tell, by example, at random and from many threads.

mod follow;
mod index;
mod limits;
mod mirror;
mod random;
mod threads;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio_stream::Stream;

use crate::{
    engine::{
        Engine, ListQuery, Page, WatchItem, WatchQuery, WatchStart,
        memory::{
            Config, Memory,
            history::{self, Watch, sequencer::step},
            sweep,
        },
    },
    model::{
        clock::held::HeldClock,
        entry::Entry,
        error::Error,
        event::{Event, EventKind, EventKinds},
        expiry::Expiry,
        key::Key,
        mutation::{Change, Mutation, TouchMode},
        operation::Applied,
        range::Range,
        time::UnixMillis,
        value::{Value, ValueRef},
        version::Version,
    },
};

const START: UnixMillis = UnixMillis::new(1_700_000_000_000);
const SHARDS: usize = 4;

/// A store, its clock, and what is done to it.
struct Store {
    memory: Memory<HeldClock>,
    clock: HeldClock,
}

/// A watch, polled by hand.
#[derive(Debug)]
struct Reader {
    watch: Pin<Box<Watch<HeldClock>>>,
    woken: Arc<Woken>,
}

/// How often somebody was woken.
#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store {
    fn new() -> Self {
        Self::with(history::Config::default())
    }

    fn with(history: history::Config) -> Self {
        let clock = HeldClock::at(START);
        let config = Config {
            memory_max: 1 << 30,
            shards: SHARDS,
            history,
            ..Config::default()
        };
        let memory = Memory::open(config, clock.clone());
        Self { memory, clock }
    }

    fn version(&self) -> Version {
        self.memory.describe().version
    }

    fn change(&self, key: &str, change: Change<'_>) -> Applied {
        let mutation = Mutation {
            key: Key::new(key, 1024).unwrap(),
            change,
            condition: None,
        };
        self.memory.apply(mutation).0.unwrap()
    }

    fn set(&self, key: &str, value: &str) -> Version {
        self.set_until(key, value, Expiry::Never)
    }

    fn set_until(&self, key: &str, value: &str, expiry: Expiry) -> Version {
        let set = Change::Set {
            value: ValueRef::Text(value),
            expiry,
            return_previous: false,
        };
        self.change(key, set).version.unwrap()
    }

    fn delete(&self, key: &str) -> Option<Version> {
        let delete = Change::Delete {
            return_previous: false,
        };
        self.change(key, delete).version
    }

    fn touch(&self, key: &str, expiry: Expiry) {
        let touch = Change::Touch {
            expiry,
            mode: TouchMode::Any,
            omit_value: true,
        };
        self.change(key, touch);
    }

    fn sweep(&self) {
        for shard in 0..SHARDS {
            while !sweep::step(&self.memory, shard) {}
        }
    }

    fn gather(&self) {
        while step(&self.memory) {}
    }

    /// All entries, as List gives them.
    fn list(&self) -> Vec<Entry> {
        self.page().entries
    }

    /// The version that List gives.
    fn listed(&self) -> Version {
        self.page().version
    }

    fn page(&self) -> Page {
        let range = Range::default();
        let query = ListQuery {
            range: &range,
            after: None,
            entries_max: usize::MAX,
            reply_bytes_max: usize::MAX,
            omit_value: false,
        };
        block(self.memory.list(query)).unwrap()
    }

    fn watch(&self, query: WatchQuery) -> Result<Reader, Error> {
        Ok(Reader {
            watch: Box::pin(block(self.memory.watch(query))?),
            woken: Arc::default(),
        })
    }

    fn watch_from(&self, start: WatchStart) -> Result<Reader, Error> {
        self.watch(query(start))
    }
}

impl Reader {
    /// What it says next, if anything; having let others go on where it must.
    fn next(&mut self) -> Option<Result<WatchItem, Error>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        loop {
            let woken = self.woken();
            let mut context = Context::from_waker(&waker);
            match self.watch.as_mut().poll_next(&mut context) {
                Poll::Ready(item) => return Some(item.expect("ends by an error only")),
                Poll::Pending if self.woken() > woken => {}
                Poll::Pending => return None,
            }
        }
    }

    fn item(&mut self) -> Option<WatchItem> {
        self.next().map(Result::unwrap)
    }

    /// All that it has to say.
    fn items(&mut self) -> Vec<WatchItem> {
        std::iter::from_fn(|| self.item()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        self.items().into_iter().flat_map(|it| it.events).collect()
    }

    /// The kind, the key and the version of each event.
    fn told(&mut self) -> Vec<(EventKind, String, Version)> {
        let events = self.events().into_iter();
        let told = |it: Event| (it.kind, it.entry.key().to_owned(), it.entry.version());
        events.map(told).collect()
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

fn query(start: WatchStart) -> WatchQuery {
    WatchQuery {
        ranges: vec![Range::default()],
        start,
        kinds: EventKinds::ALL,
        with_previous: true,
        omit_value: false,
        reply_bytes_max: 64 << 10,
    }
}

fn prefix(prefix: &str) -> Range {
    Range::new(prefix.into(), String::new(), String::new(), 1024).unwrap()
}

fn text(entry: &Entry) -> Option<String> {
    match entry.value()? {
        Value::Text(text) => Some(text.clone().into_string()),
        Value::Data(_) | Value::Number(_) => panic!("only texts are set"),
    }
}

fn block<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}
