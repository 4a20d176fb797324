//! What the plain engine keeps of its changes.

use std::collections::VecDeque;

use nanokv::{
    engine::memory::history::Config,
    model::{event::Event, time::UnixMillis, version::Version},
};
use tokio::sync::watch;

/// The changes of a store, in their order, while somebody wants them.
#[derive(Clone)]
pub(super) struct History {
    config: Config,
    armed_until: UnixMillis,
    watchers: usize,
    /// The last change that is not kept.
    pub(super) floor: Version,
    events: VecDeque<Event>,
    changed: watch::Sender<()>,
}

impl History {
    pub(super) fn new(config: Config, version: Version) -> Self {
        Self {
            config,
            armed_until: UnixMillis::default(),
            watchers: 0,
            floor: version,
            events: VecDeque::new(),
            changed: watch::Sender::new(()),
        }
    }

    /// Keeps what is changed after `version`, for a while from `now` on.
    pub(super) fn arm(&mut self, now: UnixMillis, version: Version) {
        if !self.is_armed(now) {
            self.events.clear();
            self.floor = version;
        }
        self.armed_until = self.armed_until.max(now.plus(self.config.armed_ms));
    }

    pub(super) fn enter(&mut self) -> watch::Receiver<()> {
        self.watchers += 1;
        self.changed.subscribe()
    }

    pub(super) fn leave(&mut self, now: UnixMillis) {
        self.armed_until = self.armed_until.max(now.plus(self.config.armed_ms));
        self.watchers -= 1;
    }

    pub(super) fn record(&mut self, event: Event, now: UnixMillis) {
        if self.is_armed(now) {
            self.events.push_back(event);
            self.changed.send_replace(());
        }
        while self.events.len() > self.config.events_max {
            let gone = self.events.pop_front();
            self.floor = gone.map_or(self.floor, |event| event.entry.version());
        }
    }

    pub(super) fn after(&self, version: Version) -> impl Iterator<Item = &Event> {
        let is_before = move |event: &&Event| event.entry.version() <= version;
        self.events.iter().skip_while(is_before)
    }

    fn is_armed(&self, now: UnixMillis) -> bool {
        self.watchers > 0 || now < self.armed_until
    }
}
