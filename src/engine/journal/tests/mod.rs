//! Evidence that nothing acknowledged is lost: on a disk that is simulated, one
//! step at a time, and on a real one with all threads.

mod damage;
mod faults;
mod full;
mod log;
mod planted;
mod power;
mod random;
mod threads;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    engine::journal::{
        Demand, Handle, Journal, Made, OpenError, Refusal,
        committer::Step,
        config::{Config, Durability},
        disk::simulated::{Image, SimulatedDisk},
        error::Fault,
        open::{self, Parts},
        record::{Origin, Record},
        snapshot::write::Writer,
        source::Source,
        tend::Tender,
    },
    model::{
        event::EventKind,
        key::Key,
        time::UnixMillis,
        value::{Value, ValueRef},
        version::Version,
    },
};

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// What a store holds, plainly.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: BTreeMap<String, (Value, i64, Option<UnixMillis>)>,
    requests: BTreeMap<String, Vec<u8>>,
}

/// One change, that stands for itself.
#[derive(Clone, Debug)]
enum Change {
    Put(String, Value, Option<UnixMillis>),
    Remove(String, EventKind),
    Touch(String, Option<UnixMillis>),
    Remember(String, Vec<u8>),
}

/// A store on a simulated disk, and what it should hold.
struct Rig {
    disk: SimulatedDisk,
    config: Config,
    parts: Parts,
    tender: Tender,
    journal: Journal,
    model: Arc<Mutex<Model>>,
    version: i64,
    /// What it held after each turn, with the sequence of its last record.
    history: Vec<(u64, Model)>,
    /// The last version, by how many calls the disk had seen.
    versions: Vec<(usize, i64)>,
    /// What the load had read last.
    loaded: u64,
}

/// A few entries at a time, as a shard gives them.
#[derive(Debug)]
struct Steps(Arc<Mutex<Model>>);

impl Model {
    fn apply(&mut self, record: Record<'_>) {
        match record {
            Record::Put {
                key,
                value,
                version,
                deadline,
            } => {
                let entry = (value.to_value(), version.get(), deadline);
                self.entries.insert(key.as_str().to_owned(), entry);
            }
            Record::Remove { key, .. } => {
                self.entries.remove(key.as_str());
            }
            Record::Touch {
                key,
                version,
                deadline,
            } => {
                if let Some(entry) = self.entries.get_mut(key.as_str())
                    && entry.1 == version.get()
                {
                    entry.2 = deadline;
                }
            }
            Record::Remember { id, reply, .. } => {
                self.requests.insert(id.to_owned(), reply.to_owned());
            }
        }
    }
}

impl Source for Steps {
    fn parts(&self) -> usize {
        2
    }

    fn is_there(&self) -> bool {
        true
    }

    fn read(
        &self,
        part: usize,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<Vec<u8>> {
        let model = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_after = |name: &&String| after.is_none_or(|after| name.as_bytes() > after);
        let mut last = None;
        if part == 0 {
            let names: Vec<&String> = model.entries.keys().filter(is_after).take(3).collect();
            for name in names {
                let (value, version, deadline) = &model.entries[name];
                emit(Record::Put {
                    key: key(name),
                    value: borrowed(value),
                    version: Version::new(*version).unwrap(),
                    deadline: *deadline,
                });
                last = Some(name.clone().into_bytes());
            }
        } else {
            let names: Vec<&String> = model.requests.keys().filter(is_after).take(3).collect();
            for name in names {
                emit(remember(name, &model.requests[name]));
                last = Some(name.clone().into_bytes());
            }
        }
        last
    }
}

impl Rig {
    /// Opens what is on `disk`, or makes a store there.
    fn open(disk: &SimulatedDisk, config: &Config) -> Result<Self, OpenError> {
        let mut model = Model::default();
        let mut has_log = false;
        let parts = open::open(
            Arc::new(disk.clone()),
            config.clone(),
            &made(),
            &mut |origin, record| {
                assert!(
                    origin != Origin::Snapshot || !has_log,
                    "snapshots come first"
                );
                has_log |= origin != Origin::Snapshot;
                model.apply(record);
                Ok(())
            },
            &mut |progress| assert!(progress.bytes_done <= progress.bytes_total),
        )?;
        let shared = Arc::clone(&parts.shared);
        // Opening has written a reservation.
        let loaded = shared.queue.lock().last() - 1;
        let rig = Self {
            disk: disk.clone(),
            config: config.clone(),
            tender: Tender::new(Arc::clone(&shared)),
            journal: Journal(Arc::new(Handle(shared))),
            version: parts.version.get(),
            history: vec![(0, Model::default()), (loaded, model.clone())],
            versions: vec![(disk.notes().len(), parts.version.get())],
            model: Arc::new(Mutex::new(model)),
            parts,
            loaded,
        };
        disk.set_probe(Arc::clone(rig.promised()));
        Ok(rig)
    }

    /// Up to where nothing may be lost with the power.
    fn promised(&self) -> &Arc<AtomicU64> {
        match self.config.durability {
            Durability::Always => &self.parts.shared.durable,
            Durability::Interval | Durability::Os => &self.parts.shared.synced,
        }
    }

    fn new(config: &Config) -> Self {
        Self::open(&SimulatedDisk::default(), config).unwrap()
    }

    /// What is on its disk opens to exactly what it holds, if all is written.
    fn reopened(&self) -> Self {
        let disk = SimulatedDisk::with(self.disk.image());
        Self::open(&disk, &self.config).unwrap()
    }

    fn held(&self) -> Model {
        self.model.lock().unwrap().clone()
    }

    /// Pushes changes in one turn.
    fn turn(&mut self, changes: &[Change]) {
        self.try_turn(changes).unwrap();
    }

    fn try_turn(&mut self, changes: &[Change]) -> Result<(), Refusal> {
        let bytes = changes.iter().map(Change::bytes).sum();
        let demand = Demand {
            changes: changes.len(),
            bytes,
            grows: true,
        };
        let mut model = self.model.lock().unwrap();
        let mut turn = self.journal.turn(NOW, demand)?;
        for change in changes {
            change.with(&model.clone(), &mut self.version, |record| {
                turn.push(record);
                model.apply(record);
            });
        }
        self.history.push((turn.sequence().get(), model.clone()));
        drop(turn);
        let calls = self.disk.notes().len();
        self.versions.push((calls, self.version));
        Ok(())
    }

    /// Writes all that waits.
    fn commit(&mut self) -> Result<(), Fault> {
        while self.parts.committer.step()? == Step::Done {}
        Ok(())
    }

    fn put(&mut self, name: &str, value: &str) {
        self.turn(&[put(name, value)]);
        self.commit().unwrap();
    }

    /// Takes a whole snapshot.
    fn snapshot(&mut self) -> Result<(), Fault> {
        let mut writer = Writer::begin(&self.parts.shared)?;
        let steps = Steps(Arc::clone(&self.model));
        while writer.step(&steps)?.is_some() {}
        let end = writer.finish()?;
        self.parts.shared.queue.lock().is_sync_wanted = true;
        self.commit()?;
        assert!(self.parts.shared.synced.load(Ordering::SeqCst) >= end);
        writer.publish()
    }

    /// Fills its segments until there are so many more.
    fn fill_segments(&mut self, more: u64) {
        let segments = || self.journal.status().segments;
        let goal = segments() + more;
        let mut nth = 0;
        while self.journal.status().segments < goal {
            nth += 1;
            self.put(&format!("filler-{}", nth % 7), &"x".repeat(4000));
        }
    }
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Self::Put(name, value, _) => name.len() + value.len(),
            Self::Remove(name, _) | Self::Touch(name, _) => name.len(),
            Self::Remember(id, reply) => id.len() + reply.len(),
        }
    }

    /// The record that it is, with a version if it takes one.
    fn with(&self, model: &Model, version: &mut i64, push: impl FnOnce(Record<'_>)) {
        let mut next = || {
            *version += 1;
            Version::new(*version).unwrap()
        };
        match self {
            Self::Put(name, value, deadline) => push(Record::Put {
                key: key(name),
                value: borrowed(value),
                version: next(),
                deadline: *deadline,
            }),
            Self::Remove(name, kind) => push(Record::Remove {
                kind: *kind,
                key: key(name),
                version: next(),
            }),
            Self::Touch(name, deadline) => {
                if let Some((_, version, _)) = model.entries.get(name) {
                    push(Record::Touch {
                        key: key(name),
                        version: Version::new(*version).unwrap(),
                        deadline: *deadline,
                    });
                }
            }
            Self::Remember(id, reply) => push(remember(id, reply)),
        }
    }
}

/// Opens `image`, which must hold what was there after some turn that ended
/// with `acknowledged` or later.
fn check(
    image: &Image,
    config: &Config,
    rig: &Rig,
    acknowledged: u64,
    version: i64,
) -> Result<(), String> {
    let disk = SimulatedDisk::with(image.clone());
    let opened = match Rig::open(&disk, config) {
        Ok(opened) => opened,
        Err(OpenError::Damaged { file, .. })
            if acknowledged == 0 && !image.contains_key("store") =>
        {
            return Err(format!("not made anew: {}", file.display()));
        }
        Err(error) => return Err(format!("refused: {error}")),
    };
    if opened.loaded < acknowledged {
        return Err(format!(
            "record {acknowledged} was acknowledged, and {} is the last",
            opened.loaded
        ));
    }
    let expected = rig
        .history
        .iter()
        .rev()
        .find(|(sequence, _)| *sequence <= opened.loaded);
    let (sequence, expected) = expected.unwrap();
    if opened.held() != *expected {
        return Err(format!("not what was there after record {sequence}"));
    }
    if opened.parts.version.get() < version {
        return Err(format!("version {version} would be given out again"));
    }
    Ok(())
}

fn config() -> Config {
    Config {
        segment_bytes: 64 << 10,
        disk_free_bytes_min: 0,
        snapshot_log_bytes_min: 128 << 10,
        ..Config::default()
    }
}

fn made() -> Made {
    Made {
        store_id: "a store".to_owned(),
        version: Version::new(1000).unwrap(),
        now: NOW,
    }
}

fn key(name: &str) -> Key<'_> {
    Key::new(name, Key::BYTES_LIMIT).unwrap()
}

fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Data(data) => ValueRef::Data(data),
        Value::Text(text) => ValueRef::Text(std::str::from_utf8(text.as_bytes()).unwrap()),
        Value::Number(number) => ValueRef::Number(*number),
    }
}

fn remember<'a>(id: &'a str, reply: &'a [u8]) -> Record<'a> {
    Record::Remember {
        id,
        content: *b"0123456789abcdef",
        at: NOW,
        reply,
    }
}

fn put(name: &str, value: &str) -> Change {
    Change::Put(name.to_owned(), ValueRef::Text(value).to_value(), None)
}

/// Some change of one of a few keys.
fn any_change(random: &mut fastrand::Rng) -> Change {
    let name = format!("key-{}", random.u8(0..12));
    let deadline = random.bool().then(|| NOW.plus(random.u64(1..1_000_000)));
    match random.u8(0..10) {
        0..5 => {
            let len = [0, 1, 20, 400, 3000][usize::from(random.u8(0..5))];
            let fill = random.u8(0..2) * 7;
            Change::Put(name, Value::Data(vec![fill; len].into()), deadline)
        }
        5 => Change::Put(name, Value::Number(random.i64(..)), deadline),
        6 => Change::Remove(name, EventKind::Delete),
        7 => Change::Remove(name, EventKind::Expire),
        8 => Change::Touch(name, deadline),
        _ => Change::Remember(format!("request-{}", random.u8(0..5)), vec![random.u8(..)]),
    }
}

fn any_turn(random: &mut fastrand::Rng) -> Vec<Change> {
    let count = [1, 1, 1, 2, 5][usize::from(random.u8(0..5))];
    (0..count).map(|_| any_change(random)).collect()
}

/// How often to repeat what is random: so often, or as many times that as the
/// environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "how long tests look is chosen outside"
)]
fn rounds(default: u64) -> u64 {
    let given = std::env::var("JOURNAL_ROUNDS").ok();
    let times: Option<u64> = given.and_then(|given| given.parse().ok());
    default * times.unwrap_or(1)
}

/// Where random numbers begin.
#[expect(clippy::disallowed_methods, reason = "a failure can be repeated")]
fn seed() -> u64 {
    let given = std::env::var("SEED").ok();
    given
        .and_then(|given| given.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}
