//! Backups: what the engine holds at one moment, as a stream of bytes, until
//! the server stops.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio_stream::Stream;

use crate::{
    calls::{
        failure::Failure,
        guard::{Guard, Stopping},
        wire::time,
    },
    engine::{
        Engine,
        journal::backup::{About, Image, Summary, Writer},
    },
    gate::{
        access::{caller::Caller, identity::Right},
        places::{Places, Taken},
        refusal::Refusal,
        state::State,
    },
    proto,
};

/// The places for backups. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Backups {
    state: State,
    places: Places,
    limits: Limits,
}

/// How much may be backed up at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Backups at once.
    pub backups_max: usize,
    /// Bytes of a part of a backup.
    pub chunk_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            backups_max: 1,
            chunk_bytes_max: 64 << 10,
        }
    }
}

/// One backup. Ends with `UNAVAILABLE` when the server stops, and with what the
/// engine says.
#[derive(Debug)]
pub struct Backup {
    about: About,
    entries_total: u64,
    stage: Stage,
    chunk_bytes_max: usize,
    entries_done: u64,
    /// What was written and has yet to be given out.
    ready: Bytes,
    stopping: Stopping,
    /// Where callers say who they are.
    guard: Option<Box<Guard>>,
    _place: Taken,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// Nothing was given out.
    Begun(Box<dyn Image>),
    Reading(Box<dyn Image>, Box<Writer>),
    /// All was read.
    Read(Summary),
    Ended,
}

impl Backups {
    /// As many as `limits` allow, while the server is not stopping.
    #[must_use]
    pub fn new(state: State, limits: Limits) -> Self {
        Self {
            state,
            places: Places::new(limits.backups_max),
            limits,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.count()
    }

    /// Begins a backup.
    ///
    /// # Errors
    /// [`Refusal::Backups`] when there are too many, `PERMISSION_DENIED`, and
    /// what the engine refuses.
    pub async fn begin<E: Engine>(&self, engine: &E, caller: &Caller) -> Result<Backup, Failure> {
        let may = caller.has(Right::Admin);
        may.map_err(|denied| Failure::from(&denied))?;
        let none = |backups_max| Refusal::Backups { backups_max };
        let place = self.places.take(1, none)?;
        let image = engine.image().await?;
        tracing::info!(entries = image.entries(), "a backup begins");
        Ok(Backup {
            about: image.about().clone(),
            entries_total: image.entries(),
            stage: Stage::Begun(image),
            chunk_bytes_max: self.limits.chunk_bytes_max.max(1),
            entries_done: 0,
            ready: Bytes::new(),
            stopping: Stopping::new(&self.state),
            guard: Guard::of_right(caller, Right::Admin),
            _place: place,
        })
    }
}

impl Backup {
    /// The next part, or one step towards it.
    ///
    /// # Errors
    /// What the engine says.
    fn next(&mut self) -> Result<Option<proto::BackupResponse>, Failure> {
        if !self.ready.is_empty() {
            let bytes = self.ready.len().min(self.chunk_bytes_max);
            let data = self.ready.split_to(bytes);
            return Ok(Some(self.part(data)));
        }
        let mut out = Vec::new();
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Begun(image) => {
                let writer = Writer::begin(&self.about, &mut out);
                self.stage = Stage::Reading(image, Box::new(writer));
                self.ready = out.into();
                // At once, so that the caller knows that it has begun.
                return Ok(Some(self.part(Bytes::new())));
            }
            Stage::Reading(mut image, mut writer) => {
                let more = image.read(&mut |record| writer.push(record))?;
                self.entries_done = writer.entries();
                if more {
                    writer.flush(&mut out);
                    self.stage = Stage::Reading(image, writer);
                } else {
                    self.stage = Stage::Read(writer.finish(&mut out));
                }
                self.ready = out.into();
            }
            Stage::Read(summary) => {
                let bytes = summary.bytes;
                tracing::info!(entries = summary.entries, bytes, "a backup was given out");
                let mut last = self.part(Bytes::new());
                last.summary = Some(told(&self.about, summary));
                return Ok(Some(last));
            }
            Stage::Ended => {}
        }
        Ok(None)
    }

    fn part(&self, data: Bytes) -> proto::BackupResponse {
        proto::BackupResponse {
            data,
            entries_done: number(self.entries_done),
            entries_total: number(self.entries_total),
            summary: None,
        }
    }

    fn end(&mut self, failure: Failure) -> Failure {
        self.stage = Stage::Ended;
        self.ready = Bytes::new();
        failure
    }
}

impl Stream for Backup {
    type Item = Result<proto::BackupResponse, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let backup = self.get_mut();
        if matches!(backup.stage, Stage::Ended) {
            return Poll::Ready(None);
        }
        if backup.stopping.is_so(context) {
            let draining = Failure::from(&Refusal::Draining);
            return Poll::Ready(Some(Err(backup.end(draining))));
        }
        let may_not = backup.guard.as_mut().and_then(|it| it.poll_end(context));
        if let Some(failure) = may_not {
            return Poll::Ready(Some(Err(backup.end(failure))));
        }
        match backup.next() {
            Ok(Some(part)) => Poll::Ready(Some(Ok(part))),
            // Others on this thread come first.
            Ok(None) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(failure) => Poll::Ready(Some(Err(backup.end(failure)))),
        }
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Ended) {
            tracing::info!(
                entries = self.entries_done,
                "a backup was not read to its end"
            );
        }
    }
}

fn told(about: &About, summary: Summary) -> proto::BackupSummary {
    proto::BackupSummary {
        store_id: about.store_id.clone(),
        version: about.version.get(),
        time: Some(time::timestamp(about.time)),
        entries: number(summary.entries),
        request_ids: number(summary.requests),
        bytes: number(summary.bytes),
        sha256: Bytes::copy_from_slice(&summary.sha256),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
