//! A memory engine with keys of 16 bytes and values of 64, as the benchmarks
//! ask it.

use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use nanokv::{
    engine::{
        Engine,
        memory::{Config, Memory},
    },
    model::{
        clock::held::HeldClock,
        expiry::Expiry,
        key::Key,
        mutation::{Change, Mutation},
        operation::{Operation, Read},
        time::UnixMillis,
        value::ValueRef,
    },
};

/// The numbers of keys at which everything is measured.
pub(crate) const SIZES: [u64; 3] = [10_000, 1_000_000, 10_000_000];

/// When the store begins.
pub(crate) const BEGIN: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// How long what it holds lives.
pub(crate) const TTL_MS: u64 = 3_600_000;

const VALUE: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";

/// A store, and the clock that it goes by.
pub(crate) struct Store {
    /// What is measured.
    pub(crate) engine: Memory<HeldClock>,
    /// Moves only when it is told to.
    pub(crate) clock: HeldClock,
    /// How many keys it was filled with.
    pub(crate) keys: u64,
    random: Cell<u64>,
}

impl Store {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let clock = HeldClock::at(BEGIN);
        Self {
            engine: Memory::open(Config::default(), clock.clone()),
            clock,
            keys: 0,
            random: Cell::new(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// One that holds so many keys, with deadlines spread over an hour.
    pub(crate) fn filled(keys: u64) -> Self {
        let mut store = Self::new();
        for number in 0..keys {
            store.set(&name(number), TTL_MS + number % TTL_MS);
        }
        store.keys = keys;
        store
    }

    /// A key that it holds, another one each time.
    pub(crate) fn key(&self) -> String {
        // A step of xorshift64 (Marsaglia 2003).
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        name(random % self.keys)
    }

    /// Stores a key that expires so long from the begin.
    pub(crate) fn set(&self, key: &str, ttl_ms: u64) {
        now(self.engine.mutate(set(key, ttl_ms))).expect("it is stored");
    }

    /// Reads a key, without a copy.
    pub(crate) fn get(&self, key: &str) -> bool {
        now(self.engine.view(read(key), |entry| entry.is_some())).expect("it is read")
    }
}

/// The key of a number.
pub(crate) fn name(number: u64) -> String {
    format!("key:{number:012}")
}

/// The read of a key.
pub(crate) fn read(key: &str) -> Read<'_> {
    Read {
        key: Key::new(key, 1024).expect("a key"),
        omit_value: false,
    }
}

/// The change that stores a key.
pub(crate) fn set(key: &str, ttl_ms: u64) -> Mutation<'_> {
    Mutation {
        key: Key::new(key, 1024).expect("a key"),
        change: Change::Set {
            value: ValueRef::Text(VALUE),
            expiry: Expiry::At(BEGIN.plus(ttl_ms)),
            return_previous: false,
        },
        condition: None,
    }
}

/// The same as one operation of several.
pub(crate) fn set_operation(key: &str) -> Operation<'_> {
    Operation::Mutate(set(key, TTL_MS))
}

/// What a memory engine answers without waiting for anybody; a List gives way
/// between its steps, and is asked again at once.
pub(crate) fn now<T>(answer: impl Future<Output = T>) -> T {
    let mut answer = pin!(answer);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
    }
}
