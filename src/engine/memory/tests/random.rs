//! Random steps on the engine and on a plain model: every answer is the same,
//! and after every step all indexes and the accounting agree. Run on engines
//! that are broken on purpose, the same comparison finds the fault.

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    engine::{
        Engine, ListQuery,
        journal::Durability,
        memory::{
            Config, Eviction, Memory, history, requests, sweep,
            tests::{
                kept,
                model::{self, Model},
                steps::{Does, Holds, If, Listing, Op, Step, When, step},
            },
        },
    },
    model::{
        clock::held::HeldClock,
        entry::Entry,
        error::Error,
        expiry::{Expiry, ExpiryRules},
        key::Key,
        mutation::{Change, Condition, Increment, Mutation},
        operation::{Operation, Outcome, Read},
        range::Range,
        time::UnixMillis,
        value::ValueRef,
        version::Version,
    },
};

const START: u64 = 1_700_000_000_000;

/// A fault that is planted between the engine and the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The engine's clock is a millisecond late.
    Expiry,
    /// The first two entries of each page change places.
    Order,
    /// The account loses eight bytes with each sweep.
    Accounting,
    /// A version is lost with each sweep.
    Version,
    /// The checks of transactions are left out.
    Checks,
    /// The operations of transactions are carried out each for itself.
    Apart,
    /// One entry too many is removed from a range.
    Range,
}

/// The engine and the model, side by side.
struct Pair {
    memory: Memory<HeldClock>,
    /// Where it is kept, if it is.
    dir: Option<TempDir>,
    clock: HeldClock,
    model: Model,
    fault: Fault,
}

macro_rules! same {
    ($engine:expr, $model:expr, $what:expr) => {{
        let (engine, model) = (&$engine, &$model);
        if engine != model {
            return Err(format!("{}: engine {engine:?}, model {model:?}", $what));
        }
    }};
}

mod transact;

impl Pair {
    fn new(fault: Fault) -> Self {
        let late = u64::from(fault == Fault::Expiry);
        let clock = HeldClock::at(UnixMillis::new(START - late));
        let memory = Memory::open(config(), clock.clone());
        let model = Model::new(START, memory.describe().version);
        Self {
            memory,
            dir: None,
            clock,
            model,
            fault,
        }
    }

    /// The same in a store that is kept.
    fn kept() -> Self {
        let mut pair = Self::new(Fault::None);
        let dir = TempDir::new().unwrap();
        pair.memory = pair.opened(&dir);
        pair.model = Model::new(START, pair.memory.describe().version);
        pair.dir = Some(dir);
        pair
    }

    fn opened(&self, dir: &TempDir) -> Memory<HeldClock> {
        let journal = kept::journal(dir.path(), Durability::Os);
        Memory::load(config(), journal, self.clock.clone(), &mut |_| {}).unwrap()
    }

    fn reopen(&mut self) -> Result<(), String> {
        if let Some(dir) = self.dir.take() {
            block(self.memory.close()).map_err(|error| format!("{error:?}"))?;
            self.memory = self.opened(&dir);
            let version = self.memory.describe().version.get();
            if version < self.model.version {
                return Err("versions went back".to_owned());
            }
            self.model.version = version;
            self.dir = Some(dir);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Run(op) => self.run(std::slice::from_ref(op), None)?,
            Step::Batch(ops, room) => self.run(ops, Some(*room))?,
            Step::Transact(checks, ops, room) => self.transact(checks, ops, *room)?,
            Step::DeleteRange(prefix, bounds, entries_max) => {
                self.delete_range(prefix, bounds.as_ref(), *entries_max)?;
            }
            Step::List(listing) => self.list(listing)?,
            Step::Fill(from, count, ttl) => {
                for number in *from..from.saturating_add(*count) {
                    let key = format!("fill/{:05}", number.wrapping_mul(31) % 4096);
                    let holds = Holds::Text("0123456789".into());
                    let does = Does::Set(holds, When::After(*ttl), false);
                    self.run(&[Op::Change(key, does, If::Always)], None)?;
                }
            }
            Step::Advance(millis) => self.advance(*millis),
            Step::Meet(short) => {
                let deadlines = self.model.entries.values().map(|stored| stored.deadline);
                let ahead = deadlines.filter(|deadline| *deadline > self.model.now);
                if let Some(next) = ahead.min().filter(|next| *next < u64::MAX) {
                    self.advance((next - self.model.now).saturating_sub(*short));
                }
            }
            Step::Sweep(shard) => {
                sweep::step(&self.memory, shard % 2);
                self.swept(false)?;
            }
            Step::Reopen => self.reopen()?,
            Step::SweepAll => {
                for shard in 0..2 {
                    while !sweep::step(&self.memory, shard) {}
                }
                self.swept(true)?;
            }
        }
        self.compare()
    }

    fn advance(&mut self, millis: u64) {
        self.clock.advance(millis);
        self.model.now += millis;
    }

    fn run(&mut self, ops: &[Op], room: Option<usize>) -> Result<(), String> {
        // What refers to the state refers to that before the list.
        let ops: Vec<_> = ops.iter().map(|op| self.operation(op)).collect();
        let room_of = room.unwrap_or(usize::MAX);
        let answers = match (room, &ops[..]) {
            (None, [Operation::Read(read)]) => {
                vec![block(self.memory.get(*read)).map(Outcome::Read)]
            }
            (None, [Operation::Mutate(mutation)]) => {
                vec![block(self.memory.mutate(*mutation)).map(Outcome::Applied)]
            }
            _ => block(self.memory.batch(&ops, room_of)),
        };
        same!(answers.len(), ops.len(), "answers");
        let mut left = room_of;
        for (operation, answer) in ops.iter().zip(answers) {
            let expected = self.model.run(operation, left);
            let entry = expected.as_ref().ok().and_then(model::entry_of);
            left -= entry.map_or(0, model::size);
            same!(
                answer.map_err(blurred),
                expected.map_err(blurred),
                format!("{operation:?}")
            );
        }
        Ok(())
    }

    fn operation<'a>(&self, op: &'a Op) -> Operation<'a> {
        match op {
            Op::Read(key, omit_value) => Operation::Read(Read {
                key: Key::new(key, 64).unwrap(),
                omit_value: *omit_value,
            }),
            Op::Change(key, does, condition) => Operation::Mutate(Mutation {
                key: Key::new(key, 64).unwrap(),
                change: self.change(does),
                condition: self.condition(key, *condition),
            }),
        }
    }

    fn condition(&self, key: &str, condition: If) -> Option<Condition> {
        match condition {
            If::Always => None,
            If::Absent => Some(Condition::Absent),
            If::Present => Some(Condition::Present),
            If::Version(more) => {
                let entry = self.model.entry(key, true);
                let version = entry.map_or(1, |entry| entry.version().get());
                Version::new(version + more).map(Condition::Version)
            }
        }
    }

    fn change<'a>(&self, does: &'a Does) -> Change<'a> {
        match does {
            Does::Set(holds, when, return_previous) => Change::Set {
                value: match holds {
                    Holds::Data(data) => ValueRef::Data(data),
                    Holds::Text(text) => ValueRef::Text(text),
                    Holds::Number(number) => ValueRef::Number(*number),
                },
                expiry: self.expiry(*when),
                return_previous: *return_previous,
            },
            Does::Delete(return_previous) => Change::Delete {
                return_previous: *return_previous,
            },
            Does::Increment(delta, initial, min, max, when) => Change::Increment(Increment {
                delta: *delta,
                initial: *initial,
                min: *min,
                max: *max,
                expiry: self.expiry(*when),
            }),
            Does::Touch(when, mode, omit_value) => Change::Touch {
                expiry: self.expiry(*when),
                mode: *mode,
                omit_value: *omit_value,
            },
        }
    }

    fn expiry(&self, when: When) -> Expiry {
        match when {
            When::Default => Expiry::Default,
            When::After(millis) => Expiry::After(millis),
            When::At(ahead) => {
                Expiry::At(UnixMillis::new(self.model.now.saturating_add_signed(ahead)))
            }
            When::Never => Expiry::Never,
            When::Keep => Expiry::Keep,
        }
    }

    /// Reads all pages of a range.
    fn list(&self, listing: &Listing) -> Result<(), String> {
        let (range, is_in) = range(&listing.prefix, listing.bounds.as_ref());
        let present = self.model.present().filter(|(key, _)| is_in(key));
        let mut expected = present
            .map(|(key, there)| model::entry(key, there, listing.omit_value))
            .peekable();
        let mut after: Option<String> = None;
        loop {
            let mut page = block(self.memory.list(ListQuery {
                range: &range,
                after: after.as_deref(),
                entries_max: listing.entries_max,
                reply_bytes_max: listing.reply_bytes_max,
                omit_value: listing.omit_value,
            }))
            .map_err(|error| format!("{error:?}"))?;
            if self.fault == Fault::Order && page.entries.len() > 1 {
                page.entries.swap(0, 1);
            }
            let (mut due, mut bytes): (Vec<Entry>, _) = (Vec::new(), 0);
            while let Some(next) = expected.peek() {
                bytes += model::size(next);
                let is_full = due.len() >= listing.entries_max || bytes > listing.reply_bytes_max;
                if is_full && !due.is_empty() {
                    break;
                }
                due.extend(expected.next());
            }
            same!(
                page.entries,
                due,
                format!("a page of {listing:?} after {after:?}")
            );
            same!(page.more, expected.peek().is_some(), "more");
            same!(page.version.get(), self.model.version, "version of a page");
            after = page.entries.last().map(|entry| entry.key().to_owned());
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Only what has expired may be gone; each removal took a version.
    fn swept(&mut self, all: bool) -> Result<(), String> {
        if self.fault == Fault::Accounting {
            self.memory.account.settle(8, 0);
        }
        if self.fault == Fault::Version {
            self.memory.versions.take_run(1);
        }
        let there = self.held();
        let now = self.model.now;
        let gone: Vec<_> = self
            .model
            .entries
            .keys()
            .filter(|key| !there.contains_key(*key))
            .cloned()
            .collect();
        for key in gone {
            let stored = self.model.entries.remove(&key).unwrap();
            if stored.deadline > now {
                return Err(format!("{key:?} was swept before its deadline"));
            }
            self.model.version += 1;
        }
        // The wheel turns in steps of 64 ms.
        let late = self
            .model
            .entries
            .iter()
            .find(|(_, stored)| stored.deadline <= now - 128);
        if all && let Some((key, _)) = late {
            return Err(format!("{key:?} was not swept in time"));
        }
        Ok(())
    }

    /// All entries that take up memory, after checking each shard.
    fn held(&self) -> std::collections::BTreeMap<String, Entry> {
        let shards = self.memory.shards.iter();
        let entries = shards.flat_map(|shard| shard.lock().check());
        entries
            .map(|entry| (entry.key().to_owned(), entry))
            .collect()
    }

    fn compare(&self) -> Result<(), String> {
        // Of a sweep nobody waits for the end.
        let settled = block(self.memory.settled(self.memory.barrier()));
        settled.map_err(|error| format!("{error:?}"))?;
        let held: Vec<_> = self.held().into_values().collect();
        let expected: Vec<_> = self
            .model
            .entries
            .iter()
            .map(|(key, there)| model::entry(key, there, false))
            .collect();
        same!(held, expected, "entries");
        same!(
            self.memory.describe().version.get(),
            self.model.version,
            "version"
        );
        let usage = self.memory.memory();
        same!(usage.total, self.memory.account.used(), "account");
        same!(
            usage.entries,
            u64::try_from(expected.len()).unwrap(),
            "count"
        );
        Ok(())
    }
}

fn config() -> Config {
    Config {
        memory_max: u64::MAX,
        // Everything is marked, and nothing ever makes room.
        eviction: Eviction::Sieve,
        shards: 2,
        requests: requests::Config::default(),
        expiry: ExpiryRules {
            default_ttl_ms: model::DEFAULT_TTL_MS,
            ttl_ms_max: model::TTL_MS_MAX,
        },
        history: history::Config::default(),
        ..Config::default()
    }
}

/// A range, and the same rule in other words.
fn range(prefix: &str, bounds: Option<&(String, String)>) -> (Range, impl Fn(&str) -> bool) {
    let (start, end) = bounds.cloned().unwrap_or_default();
    let (start, end) = if start < end {
        (start, end)
    } else {
        (end, String::new())
    };
    let range = Range::new(prefix.to_owned(), start.clone(), end.clone(), 64).unwrap();
    let prefix = prefix.to_owned();
    let is_in = move |key: &str| {
        key.starts_with(&prefix) && *key >= *start && (end.is_empty() || *key < *end)
    };
    (range, is_in)
}

/// Errors about fields are all the same here, and a limit is not looked at.
fn blurred(error: Error) -> Error {
    match error {
        Error::Invalid(_) => model::invalid(),
        Error::ReplyTooLarge { .. } => Error::ReplyTooLarge { reply_bytes_max: 0 },
        error => error,
    }
}

fn block<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn compare(fault: Fault, steps: &[Step]) -> Result<(), String> {
    let mut pair = Pair::new(fault);
    steps.iter().try_for_each(|step| pair.step(step))
}

fn compare_kept(steps: &[Step]) -> Result<(), String> {
    let mut pair = Pair::kept();
    steps.iter().try_for_each(|step| pair.step(step))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_a_plain_map_does(steps in prop::collection::vec(step(), 1..120)) {
        if let Err(difference) = compare(Fault::None, &steps) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_that_is_kept_and_opened_again_does_the_same(
        steps in prop::collection::vec(prop_oneof![12 => step(), 1 => Just(Step::Reopen)], 1..120),
    ) {
        if let Err(difference) = compare_kept(&steps) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

#[test]
fn a_planted_fault_is_found() {
    let set = |key: &str, ttl| {
        let does = Does::Set(Holds::Number(1), When::At(ttl), false);
        Step::Run(Op::Change(key.into(), does, If::Always))
    };
    let all = Listing {
        prefix: String::new(),
        bounds: None,
        entries_max: 9,
        reply_bytes_max: usize::MAX,
        omit_value: false,
    };
    let get = || Op::Read("b".into(), false);
    let add = || {
        let does = Does::Increment(1, 0, i64::MIN, i64::MAX, When::Keep);
        Op::Change("b".into(), does, If::Always)
    };
    let steps = [
        set("a", 1000),
        set("b", 5000),
        set("c", 5000),
        Step::List(all),
        Step::Transact(vec![], vec![add(), get()], usize::MAX),
        Step::Transact(vec![("c".into(), If::Absent)], vec![add()], usize::MAX),
        Step::DeleteRange(String::new(), None, 1),
        set("a", 1000),
        Step::Advance(1000),
        Step::Run(Op::Read("a".into(), false)),
        Step::SweepAll,
        Step::Advance(100),
        Step::SweepAll,
    ];
    assert_eq!(compare(Fault::None, &steps), Ok(()));
    for (fault, word) in [
        (Fault::Expiry, "Read"),
        (Fault::Order, "a page"),
        (Fault::Accounting, "account"),
        (Fault::Version, "version"),
        (Fault::Checks, "transaction"),
        (Fault::Apart, "transaction"),
        (Fault::Range, "range"),
    ] {
        let difference = compare(fault, &steps).unwrap_err();
        assert!(difference.contains(word), "{fault:?}: {difference}");
    }
}
