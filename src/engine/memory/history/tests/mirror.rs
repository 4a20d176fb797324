//! A consumer that rebuilds the store from what it is told, and notices
//! whatever is out of order, missing or told twice.

use std::collections::BTreeMap;

use super::*;

/// What it knows of the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    entries: BTreeMap<String, Entry>,
    /// Where it can resume; `None`: it has to begin with a snapshot.
    pub(super) resume: Option<Version>,
    /// The version of the last event.
    last: Option<Version>,
    /// How many events it was told of.
    pub(super) events: usize,
}

impl Mirror {
    /// Where to begin.
    pub(super) fn start(&self) -> WatchStart {
        match self.resume {
            Some(version) => WatchStart::After(Some(version)),
            None => WatchStart::Snapshot,
        }
    }

    /// Begins again.
    pub(super) fn reset(&mut self) {
        let events = self.events;
        *self = Self {
            events,
            ..Self::default()
        };
    }

    /// What a cut leaves: a snapshot in the middle begins again.
    pub(super) fn cut(&mut self) {
        if self.resume.is_none() {
            self.reset();
        }
    }

    /// Takes in what it is told.
    pub(super) fn learn(&mut self, item: WatchItem) -> Result<(), String> {
        for entry in item.snapshot_entries {
            if self.resume.is_some() {
                return Err(format!("{entry:?} after the snapshot"));
            }
            let known = self.entries.insert(entry.key().to_owned(), entry);
            if let Some(entry) = known {
                return Err(format!("{entry:?} is twice in the snapshot"));
            }
        }
        let later = self
            .entries
            .values()
            .find(|it| Some(it.version()) > item.resume);
        if let (true, Some(entry)) = (item.snapshot_complete, later) {
            return Err(format!("{entry:?} in the snapshot of {:?}", item.resume));
        }
        for event in item.events {
            self.follow(event)?;
        }
        if item.resume < self.resume {
            return Err(format!(
                "resumes at {:?} after {:?}",
                item.resume, self.resume
            ));
        }
        if item.resume < self.last {
            return Err(format!(
                "resumes at {:?} before {:?}",
                item.resume, self.last
            ));
        }
        self.resume = item.resume;
        Ok(())
    }

    fn follow(&mut self, event: Event) -> Result<(), String> {
        self.events += 1;
        let version = event.entry.version();
        if self.last.max(self.resume) >= Some(version) {
            return Err(format!(
                "{event:?} after {:?} and {:?}",
                self.last, self.resume
            ));
        }
        self.last = Some(version);
        let known = self.entries.get(event.entry.key());
        let before = event.previous.as_ref().map(undated);
        // What was changed right after the snapshot's version may be unknown.
        if known.is_some() && known.map(undated) != before {
            return Err(format!("{event:?} where {known:?} was known"));
        }
        match event.kind {
            EventKind::Put => {
                self.entries
                    .insert(event.entry.key().to_owned(), event.entry);
            }
            EventKind::Delete | EventKind::Expire | EventKind::Evict => {
                self.entries.remove(event.entry.key());
            }
        }
        Ok(())
    }

    /// Compares what it knows with what there is. Deadlines are compared of
    /// those keys that were never touched.
    pub(super) fn compare(
        &self,
        list: &[Entry],
        touched: &BTreeMap<String, Version>,
    ) -> Result<(), String> {
        let known: Vec<_> = self.entries.values().map(undated).collect();
        let there: Vec<_> = list.iter().map(undated).collect();
        if known != there {
            let differ = known.iter().zip(&there).find(|(a, b)| a != b);
            return Err(format!(
                "{} known, {} there, {differ:?}",
                known.len(),
                there.len()
            ));
        }
        for entry in list {
            let was_touched = touched.get(entry.key()) == Some(&entry.version());
            let known = self.entries.get(entry.key()).and_then(Entry::deadline);
            if !was_touched && known != entry.deadline() {
                return Err(format!("{entry:?} is known until {known:?}"));
            }
        }
        Ok(())
    }
}

fn undated(entry: &Entry) -> (String, Option<Value>, Version) {
    let (key, value) = entry.clone().into_parts();
    (key, value, entry.version())
}
