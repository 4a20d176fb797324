//! The journal of nanokv.

use std::{
    cell::Cell,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use nanokv::{
    engine::journal::{Config, Demand, Journal, Made, Record, Sequence},
    model::{key::Key, time::UnixMillis, value::ValueRef, version::Version},
};
use tokio::{runtime::Runtime, task::LocalSet};

use crate::{Keys, Outcome, Store, VALUE};

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

pub struct Own {
    journal: Journal,
    version: Rc<Cell<i64>>,
    runtime: Runtime,
}

impl Own {
    pub fn open(dir: &Path) -> Outcome<Self> {
        let config = Config {
            dir: dir.to_owned(),
            ..Config::default()
        };
        let made = Made {
            store_id: "bench".into(),
            version: Version::FIRST,
            now: NOW,
        };
        let opened = Journal::open(config, &made, &mut |_, _| Ok(()), &mut |_| {})?;
        Ok(Self {
            version: Rc::new(Cell::new(opened.version.get())),
            journal: opened.journal,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
        })
    }
}

/// Pushes changes in one turn.
fn push(journal: &Journal, version: &Cell<i64>, changes: usize, keys: &mut Keys) -> Sequence {
    let demand = Demand {
        changes,
        bytes: changes * 80,
        grows: true,
    };
    let mut turn = journal.turn(NOW, demand).expect("there is room");
    for _ in 0..changes {
        version.set(version.get() + 1);
        turn.push(Record::Put {
            key: Key::new(&keys.next(), Key::BYTES_LIMIT).expect("a key"),
            value: ValueRef::Data(&VALUE),
            version: Version::new(version.get()).expect("above 0"),
            deadline: None,
        });
    }
    turn.sequence()
}

impl Store for Own {
    fn commit(&mut self, changes: usize, keys: &mut Keys) -> Outcome<()> {
        let sequence = push(&self.journal, &self.version, changes, keys);
        Ok(self.runtime.block_on(self.journal.settled(sequence))?)
    }

    fn writers(&mut self, writers: usize, time: Duration) -> Outcome<u64> {
        let began = Instant::now();
        let changes = Rc::new(Cell::new(0));
        let local = LocalSet::new();
        for writer in 0..writers {
            let (journal, version) = (self.journal.clone(), Rc::clone(&self.version));
            let changes = Rc::clone(&changes);
            let mut keys = Keys::starting(writer as u64 + 1);
            local.spawn_local(async move {
                while began.elapsed() < time {
                    let sequence = push(&journal, &version, 1, &mut keys);
                    journal.settled(sequence).await.expect("the disk works");
                    changes.set(changes.get() + 1);
                }
            });
        }
        self.runtime.block_on(local);
        Ok(changes.get())
    }
}
