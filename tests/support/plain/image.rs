//! All there is at one moment: a copy of it.

use std::sync::{Arc, Mutex};

use nanokv::{
    engine::journal::{
        Record,
        backup::{About, Image},
    },
    model::{clock::Clock, entry::Entry, error::Error, key::Key},
};

use crate::support::{
    fault::Fault,
    plain::{PlainEngine, Store},
};

/// Entries that have yet to be given out, first the last.
struct Copied {
    about: About,
    entries: Vec<Entry>,
    total: u64,
    /// Where entries are looked at again, if they are.
    live: Option<Arc<Mutex<Store>>>,
    has_deadlines: bool,
}

impl PlainEngine {
    pub(super) fn image_of_now(&self) -> Box<dyn Image> {
        let store = self.store();
        let alive = store.entries.values();
        let alive = alive.filter(|it| self.alive(it) || self.has(Fault::BackupHoldsExpired));
        let entries: Vec<_> = alive.cloned().collect();
        Box::new(Copied {
            about: About {
                store_id: self.store_id.clone(),
                version: store.version(),
                time: self.clock.now(),
            },
            total: u64::try_from(entries.len()).unwrap(),
            entries,
            live: self
                .has(Fault::BackupSeesLater)
                .then(|| Arc::clone(&self.store)),
            has_deadlines: !self.has(Fault::BackupLosesDeadline),
        })
    }
}

impl Image for Copied {
    fn about(&self) -> &About {
        &self.about
    }

    fn entries(&self) -> u64 {
        self.total
    }

    fn read(&mut self, emit: &mut dyn FnMut(Record<'_>)) -> Result<bool, Error> {
        let Some(mut entry) = self.entries.pop() else {
            return Ok(false);
        };
        if let Some(live) = &self.live {
            let found = live.lock().unwrap().entries.get(entry.key()).cloned();
            let Some(found) = found else {
                return Ok(true);
            };
            entry = found;
        }
        emit(Record::Put {
            key: Key::new(entry.key(), Key::BYTES_LIMIT)?,
            value: entry.value().unwrap().as_value_ref(),
            version: entry.version(),
            deadline: entry.deadline().filter(|_| self.has_deadlines),
        });
        Ok(true)
    }
}
