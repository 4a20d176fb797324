//! What is told of a backup, in words and in JSON.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use bytesize::ByteSize;
use serde_json::{Value as Json, json};

use crate::{
    client,
    commands::words,
    engine::journal::backup::{About, Restored, Summary},
};

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    store_id: String,
    version: i64,
    time: Option<SystemTime>,
    entries: i64,
    request_ids: i64,
    bytes: i64,
    sha256: String,
}

/// A size as people read it.
#[must_use]
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

impl BackedUp {
    /// What a file was found to be.
    #[must_use]
    pub fn read(about: &About, summary: &Summary) -> Self {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let since_1970 = Duration::from_millis(about.time.get());
        Self {
            store_id: about.store_id.clone(),
            version: about.version.get(),
            time: SystemTime::UNIX_EPOCH.checked_add(since_1970),
            entries: number(summary.entries),
            request_ids: number(summary.requests),
            bytes: number(summary.bytes),
            sha256: hex(&summary.sha256),
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let Self {
            store_id,
            version,
            entries,
            sha256,
            ..
        } = self;
        let time = self
            .time
            .map_or_else(String::new, |time| format!(" of {}", words::time(time)));
        let size = size(u64::try_from(self.bytes).unwrap_or(0));
        format!(
            "{entries} entries, {size}, of store {} at version {version}{time}\nsha256 {sha256}",
            words::on_one_line(store_id)
        )
    }

    /// In JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        json!({
            "storeId": self.store_id,
            "version": self.version.to_string(),
            "time": self.time.map(words::time),
            "entries": self.entries.to_string(),
            "requestIds": self.request_ids.to_string(),
            "bytes": self.bytes.to_string(),
            "sha256": self.sha256,
        })
    }
}

impl From<&client::backup::Summary> for BackedUp {
    fn from(told: &client::backup::Summary) -> Self {
        Self {
            store_id: told.store_id.clone(),
            version: told.version,
            time: told.time,
            entries: told.entries,
            request_ids: told.request_ids,
            bytes: told.bytes,
            sha256: hex(&told.sha256),
        }
    }
}

/// What became of a restore, in words.
#[must_use]
pub fn restored_words(restored: &Restored, dir: &Path) -> String {
    let backup = BackedUp::read(&restored.about, &restored.summary).words();
    let Restored {
        store_id, version, ..
    } = restored;
    format!(
        "{} is store {store_id}, its versions begin after {}\nfrom {backup}",
        dir.display(),
        version.get()
    )
}

/// The same in JSON.
#[must_use]
pub fn restored_json(restored: &Restored, dir: &Path) -> Json {
    json!({
        "dataDir": dir.to_string_lossy(),
        "storeId": restored.store_id,
        "version": restored.version.get().to_string(),
        "backup": BackedUp::read(&restored.about, &restored.summary).json(),
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
