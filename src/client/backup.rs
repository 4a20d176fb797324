//! A backup of the whole store, part by part.

use std::{future::IntoFuture, pin::Pin, time::SystemTime};

use bytes::Bytes;
use tonic::Streaming;

use crate::{
    client::{
        Client,
        attempt::{again, deadline},
        entry::time,
        error::Error,
    },
    proto as pb,
};

/// A backup that is to be begun, by awaiting it; again, as long as the server
/// cannot be reached.
#[derive(Clone, Debug)]
#[must_use = "nothing is done before it is awaited"]
pub struct BackupCall {
    client: Client,
}

/// A backup that has begun: what was acknowledged before is in it, and nothing
/// that begins later. It is not tried again when it breaks, since another one
/// is of another moment.
#[derive(Debug)]
pub struct Backup {
    parts: Streaming<pb::BackupResponse>,
    entries_total: i64,
    summary: Option<Summary>,
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The next bytes of it.
    pub data: Bytes,
    /// How many entries the parts until now hold.
    pub entries_done: i64,
}

/// What a backup is, when all of it was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Which store it is of.
    pub store_id: String,
    /// The last version that this had given out.
    pub version: i64,
    /// Of which moment it is, by the store's clock.
    pub time: Option<SystemTime>,
    /// Entries in it.
    pub entries: i64,
    /// Remembered requests in it.
    pub request_ids: i64,
    /// Bytes of all of it.
    pub bytes: i64,
    /// SHA-256 of all of it.
    pub sha256: Bytes,
}

impl BackupCall {
    pub(crate) const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn begin(self) -> Result<Backup, Error> {
        let open = || {
            let mut stubs = self.client.stubs();
            let request = self.client.request(pb::BackupRequest {});
            async move {
                let mut parts = stubs.admin.backup(request).await?.into_inner();
                let first = parts.message().await?.ok_or_else(cut_off)?;
                Ok((parts, first))
            }
        };
        let until = deadline(&self.client, None);
        let (parts, first) = again(&self.client, true, until, open).await?;
        Ok(Backup {
            parts,
            entries_total: first.entries_total,
            summary: None,
        })
    }
}

impl IntoFuture for BackupCall {
    type Output = Result<Backup, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl Backup {
    /// About how many entries there are.
    #[must_use]
    pub const fn entries_total(&self) -> i64 {
        self.entries_total
    }

    /// The next part; none when there are no more, and then there is a
    /// [`Self::summary`].
    ///
    /// # Errors
    /// Why it has ended too early: what was given out is worth nothing.
    pub async fn next(&mut self) -> Result<Option<Part>, Error> {
        if self.summary.is_some() {
            return Ok(None);
        }
        let part = self.parts.message().await?.ok_or_else(cut_off)?;
        if let Some(summary) = part.summary {
            self.summary = Some(Summary::try_from(summary)?);
            return Ok(None);
        }
        Ok(Some(Part {
            data: part.data,
            entries_done: part.entries_done,
        }))
    }

    /// What it is, when all of it was given out.
    #[must_use]
    pub const fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }
}

impl TryFrom<pb::BackupSummary> for Summary {
    type Error = Error;

    fn try_from(told: pb::BackupSummary) -> Result<Self, Error> {
        Ok(Self {
            store_id: told.store_id,
            version: told.version,
            time: time(told.time)?,
            entries: told.entries,
            request_ids: told.request_ids,
            bytes: told.bytes,
            sha256: told.sha256,
        })
    }
}

fn cut_off() -> Error {
    Error::unavailable("the server ended the backup before its end", true)
}
