//! A Watch, and what it tells.

use std::{fmt, time::Duration};

use nanokv::proto as pb;
use tonic::{Status, Streaming};

use crate::support::{
    call::{Call, Reading, Rpc},
    kv::Kv,
};

/// A stream of replies.
pub(crate) struct Watching {
    replies: Streaming<pb::WatchResponse>,
    patience: Duration,
    resume: i64,
}

impl Rpc for pb::WatchRequest {
    type Answer = Watching;

    async fn send(self, kv: &Kv) -> Result<Watching, Status> {
        let response = kv.client().watch(self).await?;
        Ok(Watching {
            replies: response.into_inner(),
            patience: kv.patience(),
            resume: 0,
        })
    }
}

impl Reading for pb::WatchRequest {
    fn omit_value(&mut self) {
        self.omit_value = true;
    }
}

impl Call<'_, pb::WatchRequest> {
    /// Only what begins with this.
    pub(crate) fn prefix(self, prefix: &str) -> Self {
        self.with(|request| request.ranges.clear())
            .or(prefix, "", "")
    }

    /// This range as well.
    pub(crate) fn or(self, prefix: &str, start: &str, end: &str) -> Self {
        let range = pb::Range {
            prefix: prefix.to_owned(),
            start: start.to_owned(),
            end: end.to_owned(),
        };
        self.with(|request| request.ranges.push(range))
    }

    pub(crate) fn after(self, version: i64) -> Self {
        let start = pb::watch_request::Start::AfterVersion(version);
        self.with(|request| request.start = Some(start))
    }

    pub(crate) fn snapshot(self) -> Self {
        let start = pb::watch_request::Start::Snapshot(true);
        self.with(|request| request.start = Some(start))
    }

    pub(crate) fn with_previous(self) -> Self {
        self.with(|request| request.with_previous = true)
    }

    pub(crate) fn of_types(self, types: &[pb::EventType]) -> Self {
        let types = types.iter().map(|it| i32::from(*it)).collect();
        self.with(|request| request.event_types = types)
    }
}

impl Watching {
    /// The next reply, which must come; or how the stream ends.
    pub(crate) async fn next(&mut self) -> Result<pb::WatchResponse, Status> {
        let reply = tokio::time::timeout(self.patience, self.replies.message());
        let reply = reply.await.expect("a reply was due and never came")?;
        let reply = reply.expect("a Watch ends only by an error");
        assert!(reply.resume_version >= self.resume, "{reply:?}");
        self.resume = reply.resume_version;
        Ok(reply)
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> pb::WatchResponse {
        let reply = self.next().await;
        reply.unwrap_or_else(|status| panic!("ended: {status:?}"))
    }

    /// Replies until so many events have come, which are given out.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<pb::Event> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.reply().await.events);
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }

    /// Of so many events the type, the key and the version.
    pub(crate) async fn told(&mut self, count: usize) -> Vec<(pb::EventType, String, i64)> {
        let events = self.events(count).await.into_iter();
        events.map(|event| told(&event)).collect()
    }

    /// Replies until all events up to `version` have come, which are given out.
    pub(crate) async fn events_to(&mut self, version: i64) -> Vec<pb::Event> {
        let mut events = Vec::new();
        while self.resume < version {
            events.extend(self.reply().await.events);
        }
        events
    }

    /// Replies until the snapshot is complete: its entries, and its version.
    pub(crate) async fn snapshot(&mut self) -> (Vec<pb::Entry>, i64) {
        let mut entries = Vec::new();
        loop {
            let reply = self.reply().await;
            entries.extend(reply.snapshot_entries);
            assert_eq!(reply.events, [], "before the snapshot is complete");
            if reply.snapshot_complete {
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                return (entries, reply.resume_version);
            }
            assert_eq!(reply.resume_version, 0, "a break in it begins again");
        }
    }

    /// The `resume_version` of the last reply.
    pub(crate) const fn resume(&self) -> i64 {
        self.resume
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a Watch that was begun")
    }
}

/// The type, the key and the version of an event.
pub(crate) fn told(event: &pb::Event) -> (pb::EventType, String, i64) {
    let entry = event.entry.as_ref().expect("an event has an entry");
    (event.r#type(), entry.key.clone(), entry.version)
}
