#![no_main]
//! Files of a store that were changed: they are refused, or hold what they
//! held. Only if the mark is gone too may they hold what was there before. And
//! any bytes as records: what is read is written the same again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use nanokv::{
    engine::journal::{Config, Demand, Journal, Made, OpenError, Origin, Record, Source, inspect},
    model::{key::Key, time::UnixMillis, value::ValueRef, version::Version},
};

type Files = BTreeMap<String, Arc<[u8]>>;
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
const DEMAND: Demand = Demand {
    changes: 1,
    bytes: 4096,
    grows: true,
};

/// What was stored, in its order.
type Written = Vec<(Vec<u8>, Vec<u8>)>;

/// A store with a snapshot and a log of some segments, and what it holds.
static STORE: OnceLock<(Files, Written)> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        records(data);
    } else {
        changed_files(data);
    }
});

fn records(mut data: &[u8]) {
    while let Some((record, rest)) = Record::read(data) {
        let mut written = Vec::new();
        record.write(&mut written);
        assert_eq!(written, data[..data.len() - rest.len()]);
        data = rest;
    }
}

/// Edits of five bytes or more: which file, what, where, and bytes.
fn changed_files(mut data: &[u8]) {
    let (store, written) = STORE.get_or_init(make);
    let names: Vec<&String> = store.keys().collect();
    let mut files = store.clone();
    let mut changed = BTreeSet::new();
    while let Some(([file, edit, a, b, c], rest)) = data.split_first_chunk() {
        data = rest;
        let name = names[usize::from(*file) % names.len()];
        let mut content = files[name].to_vec();
        if content.is_empty() {
            continue;
        }
        let at = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let at = at % content.len();
        let sector = at / 512 * 512;
        let end = (sector + 512).min(content.len());
        match edit % 6 {
            0 => content[at] ^= 1 << (edit >> 5),
            1 => content.truncate(at),
            2 => content[sector..end].fill(0),
            3 => content[sector..].fill(0),
            4 => {
                let other = usize::from(*edit >> 3) * 512 % content.len();
                let other = other.min(content.len() - (end - sector));
                content.copy_within(sector..end, other);
            }
            _ => {
                let (new, after) = data.split_at(data.len().min(usize::from(*edit >> 3)));
                let len = new.len().min(content.len() - at);
                content[at..at + len].copy_from_slice(&new[..len]);
                data = after;
            }
        }
        files.insert(name.clone(), content.into());
        changed.insert(name.as_str());
    }
    let mut found = Model::new();
    match inspect(files, &mut |_, record| {
        apply(&mut found, record);
        Ok(())
    }) {
        // With its mark and its end, a log has lost all that told of that end.
        Ok(_) if changed.len() > 1 && changed.contains("store") => assert!(
            (0..=written.len())
                .rev()
                .any(|count| found == held(&written[..count])),
            "it opens with what never was"
        ),
        Ok(_) => assert!(found == held(written), "it opens with something else"),
        Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fn held(written: &[(Vec<u8>, Vec<u8>)]) -> Model {
    written.iter().cloned().collect()
}

fn apply(model: &mut Model, record: Record<'_>) {
    match record {
        Record::Put { key, .. } => {
            let mut written = Vec::new();
            record.write(&mut written);
            model.insert(key.as_bytes().to_vec(), written);
        }
        Record::Remove { key, .. } => {
            model.remove(key.as_bytes());
        }
        Record::Touch { .. } | Record::Remember { .. } => {}
    }
}

/// What was there when it was made.
#[derive(Debug)]
struct Held(Model);

impl Source for Held {
    fn parts(&self) -> usize {
        1
    }

    fn is_there(&self) -> bool {
        true
    }

    fn read(
        &self,
        _: usize,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<Vec<u8>> {
        for written in self.0.values().filter(|_| after.is_none()) {
            emit(Record::read(written).expect("a record").0);
        }
        None
    }
}

fn make() -> (Files, Written) {
    let dir = tempfile::tempdir().expect("a directory");
    let config = Config {
        dir: dir.path().to_owned(),
        segment_bytes: 64 << 10,
        // At once.
        snapshot_log_bytes_min: 100 << 10,
        disk_free_bytes_min: 0,
        ..Config::default()
    };
    let made = Made {
        store_id: "fuzz".into(),
        version: Version::FIRST,
        now: NOW,
    };
    let opened = Journal::open(config, &made, &mut |_: Origin, _| Ok(()), &mut |_| {});
    let opened = opened.expect("it opens");
    let (mut written, mut version) = (Written::new(), opened.version);
    let mut fill = |written: &mut Written, names: std::ops::Range<u32>| {
        for nth in names {
            version = version.next();
            let (key, value) = (format!("key-{nth}"), "v".repeat(1500));
            let record = Record::Put {
                key: Key::new(&key, Key::BYTES_LIMIT).expect("a key"),
                value: ValueRef::Text(&value),
                version,
                deadline: Some(NOW),
            };
            let mut turn = opened.journal.turn(NOW, DEMAND).expect("there is room");
            turn.push(record);
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            written.push((key.clone().into_bytes(), bytes));
        }
    };
    fill(&mut written, 0..80);
    let source = Arc::new(Held(held(&written)));
    opened.journal.keep_snapshots(source).expect("a thread");
    while opened.journal.status().snapshots == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    fill(&mut written, 50..95);
    drop(opened);
    let files = || -> std::io::Result<Files> {
        fs::read_dir(dir.path())?
            .map(|entry| {
                let entry = entry?;
                let name = entry.file_name().into_string().expect("a name of ours");
                Ok((name, fs::read(entry.path())?.into()))
            })
            .filter(|file: &std::io::Result<(String, _)>| {
                !file
                    .as_ref()
                    .is_ok_and(|(name, _)| name.starts_with("spare"))
            })
            .collect()
    };
    // Until the last thread has let go of it.
    let model = held(&written);
    loop {
        thread::sleep(Duration::from_millis(100));
        let files = files().expect("it can be read");
        let mut found = Model::new();
        let whole = inspect(files.clone(), &mut |_, record| {
            apply(&mut found, record);
            Ok(())
        });
        if whole.is_ok() && found == model {
            return (files, written);
        }
    }
}
