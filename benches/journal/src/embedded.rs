//! Two embedded stores, and a committer that groups writers for them.

use std::{
    cell::Cell,
    path::Path,
    rc::Rc,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{Durability, TableDefinition};
use tokio::{sync::oneshot, task::LocalSet};

use crate::{Keys, Outcome, Store, VALUE};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");

/// The most that is committed together, as in the journal.
const GROUP_MAX: usize = 1024;

/// A store that commits what it is given at once.
pub trait Embedded: Clone + Send + 'static {
    fn commit(&self, keys: &[String]) -> Outcome<()>;
}

#[derive(Clone)]
pub struct Fjall {
    database: Database,
    entries: Keyspace,
}

#[derive(Clone)]
pub struct Redb(std::sync::Arc<redb::Database>);

/// An embedded store, with a committer for many writers.
pub struct Grouped<E>(pub E);

impl Fjall {
    pub fn open(dir: &Path) -> Outcome<Self> {
        let database = Database::builder(dir.join("fjall")).open()?;
        let entries = database.keyspace("entries", KeyspaceCreateOptions::default)?;
        Ok(Self { database, entries })
    }
}

impl Embedded for Fjall {
    fn commit(&self, keys: &[String]) -> Outcome<()> {
        let mut batch = self.database.batch();
        for key in keys {
            batch.insert(&self.entries, key.as_bytes(), VALUE);
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }
}

impl Redb {
    pub fn open(dir: &Path) -> Outcome<Self> {
        Ok(Self(redb::Database::create(dir.join("redb"))?.into()))
    }
}

impl Embedded for Redb {
    fn commit(&self, keys: &[String]) -> Outcome<()> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut entries = transaction.open_table(TABLE)?;
            for key in keys {
                entries.insert(key.as_bytes(), VALUE.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl<E: Embedded> Store for Grouped<E> {
    fn commit(&mut self, changes: usize, keys: &mut Keys) -> Outcome<()> {
        let keys: Vec<String> = (0..changes).map(|_| keys.next()).collect();
        self.0.commit(&keys)
    }

    fn writers(&mut self, writers: usize, time: Duration) -> Outcome<u64> {
        let (sender, receiver) = mpsc::channel::<(String, oneshot::Sender<()>)>();
        let store = self.0.clone();
        let committer = thread::spawn(move || -> Outcome<()> {
            while let Ok(first) = receiver.recv() {
                let rest = receiver.try_iter().take(GROUP_MAX - 1);
                let (keys, waiting): (Vec<_>, Vec<_>) = std::iter::once(first).chain(rest).unzip();
                store.commit(&keys)?;
                for waiting in waiting {
                    let _ = waiting.send(());
                }
            }
            Ok(())
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (local, changes) = (LocalSet::new(), Rc::new(Cell::new(0)));
        let began = Instant::now();
        for writer in 0..writers {
            let (sender, changes) = (sender.clone(), Rc::clone(&changes));
            let mut keys = Keys::starting(writer as u64 + 1);
            local.spawn_local(async move {
                while began.elapsed() < time {
                    let (done, settled) = oneshot::channel();
                    sender.send((keys.next(), done)).expect("it runs");
                    settled.await.expect("it was committed");
                    changes.set(changes.get() + 1);
                }
            });
        }
        drop(sender);
        runtime.block_on(local);
        committer.join().expect("it ends")?;
        Ok(changes.get())
    }
}
