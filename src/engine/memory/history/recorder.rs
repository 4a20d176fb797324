//! What a shard notes of its own changes until they are gathered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use crate::{
    engine::memory::history::buffer::Buffer,
    model::{event::EventKind, value::Value, version::Version},
};

/// After so many bytes a shard says that there is something to gather.
const LUMP_BYTES: usize = 16 << 10;

/// Where shards say that there is something to gather. One for all of them.
#[derive(Debug)]
pub(in crate::engine::memory) struct Signal {
    notify: Notify,
    /// Whether somebody watches, so that each change is to be told at once.
    eager: AtomicBool,
    /// Bytes that wait to be gathered, in lumps.
    pending: AtomicUsize,
    pending_max: usize,
}

/// The changes of one shard that were not gathered yet.
#[derive(Debug)]
pub(in crate::engine::memory) struct Recorder {
    is_armed: bool,
    buffer: Buffer,
    /// How many of its bytes the signal knows of.
    told: usize,
    /// All changes up to here were lost.
    lost: Option<Version>,
    signal: Arc<Signal>,
}

/// What was gathered from a shard.
#[derive(Debug)]
pub(super) struct Taken {
    /// Changes up to the version that was asked for, and perhaps later ones.
    pub(super) buffer: Buffer,
    /// All changes of the shard up to here were lost.
    pub(super) lost: Option<Version>,
    /// Whether later changes wait to be gathered.
    pub(super) left: bool,
}

impl Signal {
    /// Nothing to gather. While more than `pending_max` bytes wait, shards lose
    /// what they have noted: only if nobody gathers for long.
    pub(super) fn new(pending_max: usize) -> Self {
        Self {
            notify: Notify::new(),
            eager: AtomicBool::new(false),
            pending: AtomicUsize::new(0),
            pending_max,
        }
    }

    /// Says that there is something to gather.
    pub(super) fn raise(&self) {
        self.notify.notify_one();
    }

    /// Returns when there is something to gather.
    pub(super) async fn raised(&self) {
        self.notify.notified().await;
    }

    /// Whether each change is to be told at once.
    pub(super) fn set_eager(&self, eager: bool) {
        self.eager.store(eager, Ordering::Release);
    }

    fn is_full(&self) -> bool {
        self.pending.load(Ordering::Relaxed) > self.pending_max
    }
}

impl Recorder {
    pub(in crate::engine::memory) fn new(signal: Arc<Signal>) -> Self {
        Self {
            is_armed: false,
            buffer: Buffer::default(),
            told: 0,
            lost: None,
            signal,
        }
    }

    pub(in crate::engine::memory) const fn is_armed(&self) -> bool {
        self.is_armed
    }

    /// What it takes up.
    pub(in crate::engine::memory) const fn bytes(&self) -> usize {
        self.buffer.bytes()
    }

    /// Begins to note changes, or stops and forgets them.
    pub(super) fn arm(&mut self, is_armed: bool) {
        self.is_armed = is_armed;
        self.forget();
        self.buffer = Buffer::default();
        self.lost = None;
    }

    /// Notes a change that is about to be made: the record that is there, and
    /// its value if that is large.
    pub(in crate::engine::memory) fn open(
        &mut self,
        kind: EventKind,
        version: Version,
        before: &[u8],
        large: Option<Value>,
    ) {
        if self.signal.is_full() && !self.buffer.is_empty() {
            self.lost = self.buffer.last_version();
            self.buffer.clear(0);
            self.forget();
        }
        self.buffer.open(kind, version, before);
        if let Some(value) = large {
            self.buffer.push_large(value);
        }
    }

    /// Notes the record that is there now, when the change was made.
    pub(in crate::engine::memory) fn close(&mut self, after: &[u8], large: Option<Value>) {
        self.buffer.close(after);
        if let Some(value) = large {
            self.buffer.push_large(value);
        }
        let untold = self.buffer.bytes() - self.told;
        if untold >= LUMP_BYTES {
            self.signal.pending.fetch_add(untold, Ordering::Relaxed);
            self.told += untold;
            self.signal.raise();
        } else if self.buffer.len() == 1 && self.signal.eager.load(Ordering::Acquire) {
            self.signal.raise();
        }
    }

    /// Gives out what was noted, at least up to `version`; goes on with `fresh`,
    /// which is empty.
    pub(super) fn take(&mut self, version: Version, fresh: Buffer) -> Taken {
        let buffer = std::mem::replace(&mut self.buffer, fresh);
        for event in buffer.iter_from(buffer.count_to(version)) {
            self.buffer.push(&event);
        }
        self.forget();
        Taken {
            buffer,
            lost: self.lost.take(),
            left: !self.buffer.is_empty(),
        }
    }

    fn forget(&mut self) {
        self.signal.pending.fetch_sub(self.told, Ordering::Relaxed);
        self.told = 0;
    }
}
