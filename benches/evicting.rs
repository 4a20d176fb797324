//! A cache that is full: how many reads find what they ask for, and what it
//! costs a Set that others make room for it.
//!
//! `evicting hits MEMORY_MAX REQUESTS LRU_PORT LFU_PORT` reads keys by zipf
//! distributions, stores what is missing, and prints a line of JSON for each
//! with the share of reads that hit: of the engine, of exact LRU with room for
//! as many entries, and of Redis on these two ports. `evicting cost ENTRIES`
//! prints nanoseconds a Set below the limit and at it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    error::Error,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use nanokv::{
    engine::{
        Engine,
        memory::{Config, Eviction, Memory},
    },
    model::{
        clock::store::StoreClock,
        expiry::Expiry,
        key::Key,
        mutation::{Change, Mutation},
        operation::Read,
        time::UnixMillis,
        value::ValueRef,
    },
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rand_distr::Zipf;
use tokio::time::Instant;

type Failed = Box<dyn Error>;

const KEYS: u32 = 1_000_000;
const VALUE: [u8; 64] = [b'x'; 64];

/// So many reads are answered together, so that Redis is not asked one by one.
const WINDOW: usize = 500;

/// Where scans come in between, they and what they interrupt take turns of so
/// many reads.
const TURN: usize = 30_000;

/// Something that holds what was stored, or let it go.
trait Cache {
    /// Whether each key is there; those that are not are stored.
    fn ask(&mut self, keys: &[u32]) -> Result<Vec<bool>, Failed>;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hits", memory_max, requests, lru, lfu] => {
            let ports = [lru.parse()?, lfu.parse()?];
            for (exponent, scans) in [(0.7, false), (0.9, false), (1.1, false), (0.9, true)] {
                let requests = trace(exponent, scans, requests.parse()?)?;
                hits(exponent, scans, memory_max.parse()?, &requests, ports)?;
            }
            Ok(())
        }
        ["cost", entries] => cost(entries.parse()?).await,
        _ => Err("usage: evicting hits MEMORY_MAX REQUESTS PORT PORT | cost ENTRIES".into()),
    }
}

/// Keys in the order in which they are asked for, and whether each counts: those
/// of scans, and the first third, do not.
fn trace(exponent: f64, scans: bool, requests: usize) -> Result<Vec<(u32, bool)>, Failed> {
    let mut random = SmallRng::seed_from_u64(1);
    let zipf = Zipf::new(f64::from(KEYS), exponent)?;
    let mut scanned = KEYS;
    let mut next = |at: usize| {
        if scans && at / TURN % 2 == 1 {
            scanned += 1;
            return (scanned, false);
        }
        // Which keys are asked for most says nothing of how they hash.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::as_conversions,
            reason = "a rank is a whole number up to the number of keys"
        )]
        let rank = random.sample(zipf) as u32;
        (rank, at >= requests / 3)
    };
    Ok((0..requests).map(&mut next).collect())
}

fn hits(
    exponent: f64,
    scans: bool,
    memory_max: u64,
    requests: &[(u32, bool)],
    ports: [u16; 2],
) -> Result<(), Failed> {
    let store = open(memory_max);
    let sieve = share(&mut Engined(&store), requests)?;
    let entries = usize::try_from(store.memory().entries)?;
    let exact = share(&mut Lru::new(entries), requests)?;
    let [lru, lfu] = ports.map(|port| share(&mut Redis::connect(port)?, requests));
    println!(
        "{{\"zipf\": {exponent}, \"scans\": {scans}, \"entries\": {entries}, \"nanokv\": {sieve:.4}, \
         \"exact_lru\": {exact:.4}, \"redis_lru\": {:.4}, \"redis_lfu\": {:.4}}}",
        lru?, lfu?
    );
    Ok(())
}

/// The share of those that count that were there.
fn share(cache: &mut impl Cache, requests: &[(u32, bool)]) -> Result<f64, Failed> {
    let (mut there, mut all) = (0_u32, 0_u32);
    for window in requests.chunks(WINDOW) {
        let keys: Vec<u32> = window.iter().map(|(key, _)| *key).collect();
        for (found, (_, counts)) in cache.ask(&keys)?.into_iter().zip(window) {
            all += u32::from(*counts);
            there += u32::from(found && *counts);
        }
    }
    Ok(f64::from(there) / f64::from(all.max(1)))
}

fn open(memory_max: u64) -> Memory<StoreClock> {
    let config = Config {
        memory_max,
        eviction: Eviction::Sieve,
        ..Config::default()
    };
    Memory::open(config, StoreClock::new(UnixMillis::default()))
}

fn name(key: u32) -> String {
    format!("key/{key:012}")
}

fn put(name: &str) -> Result<Mutation<'_>, Failed> {
    Ok(Mutation {
        key: Key::new(name, Key::BYTES_LIMIT).map_err(|_| "not a key")?,
        change: Change::Set {
            value: ValueRef::Data(&VALUE),
            expiry: Expiry::Never,
            return_previous: false,
        },
        condition: None,
    })
}

/// Of a future that waits for nothing, since nothing is kept on a disk.
fn now<T>(future: impl Future<Output = T>) -> Result<T, Failed> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Ok(output),
        std::task::Poll::Pending => Err("the engine waits".into()),
    }
}

/// The engine.
struct Engined<'a>(&'a Memory<StoreClock>);

impl Cache for Engined<'_> {
    fn ask(&mut self, keys: &[u32]) -> Result<Vec<bool>, Failed> {
        let ask = |key: &u32| {
            let name = name(*key);
            let mutation = put(&name)?;
            let read = Read {
                key: mutation.key,
                omit_value: true,
            };
            let found = now(self.0.get(read))?.map_err(|error| format!("{error:?}"))?;
            if found.is_none() {
                now(self.0.mutate(mutation))?.map_err(|error| format!("{error:?}"))?;
            }
            Ok(found.is_some())
        };
        keys.iter().map(ask).collect()
    }
}

/// Exact LRU.
struct Lru {
    entries_max: usize,
    clock: u64,
    asked: HashMap<u32, u64>,
    oldest: BTreeMap<u64, u32>,
}

impl Lru {
    fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            clock: 0,
            asked: HashMap::new(),
            oldest: BTreeMap::new(),
        }
    }
}

impl Cache for Lru {
    fn ask(&mut self, keys: &[u32]) -> Result<Vec<bool>, Failed> {
        let ask = |key: &u32| {
            self.clock += 1;
            let before = self.asked.insert(*key, self.clock);
            self.oldest.insert(self.clock, *key);
            if let Some(before) = before {
                self.oldest.remove(&before);
            } else if self.asked.len() > self.entries_max
                && let Some((_, gone)) = self.oldest.pop_first()
            {
                self.asked.remove(&gone);
            }
            Ok(before.is_some())
        };
        keys.iter().map(ask).collect()
    }
}

/// A Redis that was given its limit, and is emptied.
struct Redis {
    replies: BufReader<TcpStream>,
    line: String,
}

impl Redis {
    fn connect(port: u16) -> Result<Self, Failed> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut redis = Self {
            replies: BufReader::new(stream),
            line: String::new(),
        };
        redis.send("FLUSHALL\r\n")?;
        redis.reply()?;
        Ok(redis)
    }

    fn send(&mut self, commands: &str) -> Result<(), Failed> {
        Ok(self.replies.get_mut().write_all(commands.as_bytes())?)
    }

    /// Whether it is anything but nothing.
    fn reply(&mut self) -> Result<bool, Failed> {
        self.line.clear();
        self.replies.read_line(&mut self.line)?;
        match self.line.trim_end() {
            error if error.starts_with('-') => Err(error.into()),
            "" => Err("Redis has gone".into()),
            "$-1" => Ok(false),
            bulk if bulk.starts_with('$') => {
                self.line.clear();
                self.replies.read_line(&mut self.line)?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }
}

impl Cache for Redis {
    /// A key that is asked for twice in a window and is missing is stored, and
    /// then found: as one by one.
    fn ask(&mut self, keys: &[u32]) -> Result<Vec<bool>, Failed> {
        let mut gets = String::new();
        for key in keys {
            write!(gets, "GET {}\r\n", name(*key))?;
        }
        self.send(&gets)?;
        let mut found = Vec::with_capacity(keys.len());
        for _ in keys {
            found.push(self.reply()?);
        }
        let mut stored = HashSet::new();
        let mut sets = String::new();
        for (key, there) in keys.iter().zip(&mut found) {
            if !*there {
                *there = !stored.insert(*key);
                if !*there {
                    let value = str::from_utf8(&VALUE)?;
                    write!(sets, "SET {} {value}\r\n", name(*key))?;
                }
            }
        }
        self.send(&sets)?;
        for _ in stored {
            self.reply()?;
        }
        Ok(found)
    }
}

async fn cost(entries: u32) -> Result<(), Failed> {
    // With room for so many, then so many more.
    let store = open(u64::from(entries) * 115);
    let mut nanos = Vec::new();
    let half = entries / 2;
    for keys in [0..half, entries * 2..entries * 2 + half] {
        if !nanos.is_empty() {
            for key in half..entries * 2 {
                store
                    .mutate(put(&name(key))?)
                    .await
                    .map_err(|error| format!("{error:?}"))?;
            }
        }
        let begun = Instant::now();
        for key in keys {
            store
                .mutate(put(&name(key))?)
                .await
                .map_err(|error| format!("{error:?}"))?;
        }
        nanos.push(begun.elapsed().as_nanos() / u128::from(half.max(1)));
    }
    println!(
        "{{\"entries\": {}, \"below_ns\": {}, \"at_ns\": {}}}",
        store.memory().entries,
        nanos.first().unwrap_or(&0),
        nanos.last().unwrap_or(&0)
    );
    Ok(())
}
