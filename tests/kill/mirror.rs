//! A follower that goes on, after each end of the program, where it was.

use std::{collections::BTreeMap, net::SocketAddr};

use nanokv::{
    client::{entry::Entry, value::Value},
    proto::{self as pb, EventType, kv_service_client::KvServiceClient, watch_request::Start},
};
use tonic::{Code, Status};

use crate::asked::Listing;

/// What it has come to.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    entries: BTreeMap<String, (Option<Value>, i64)>,
    /// Where to go on; 0: from the beginning.
    resume: i64,
    pub(crate) events: u64,
    pub(crate) resumed: u64,
    pub(crate) begun: u64,
}

impl Mirror {
    /// Follows until the store is gone, or all is told up to a version.
    pub(crate) async fn follow(mut self, address: SocketAddr, until: i64) -> Self {
        loop {
            match self.once(address, until).await {
                // What is missing is gone: begin again.
                Err(status) if status.code() == Code::OutOfRange => self.resume = 0,
                Ok(()) | Err(_) => return self,
            }
        }
    }

    async fn once(&mut self, address: SocketAddr, until: i64) -> Result<(), Status> {
        let connected = KvServiceClient::connect(format!("http://{address}")).await;
        let mut stub = connected.map_err(|error| Status::unavailable(error.to_string()))?;
        let start = if self.resume == 0 {
            Start::Snapshot(true)
        } else {
            Start::AfterVersion(self.resume)
        };
        let request = pb::WatchRequest {
            ranges: vec![pb::Range::default()],
            start: Some(start),
            ..Default::default()
        };
        let mut replies = stub.watch(request).await?.into_inner();
        if self.resume == 0 {
            self.begun += 1;
            self.entries.clear();
        } else {
            self.resumed += 1;
        }
        while let Some(reply) = replies.message().await? {
            for entry in reply.snapshot_entries {
                self.put(entry);
            }
            for event in reply.events {
                self.events += 1;
                let kind = event.r#type();
                let entry = event.entry.unwrap();
                assert!(entry.version > self.resume, "told again: {entry:?}");
                if kind == EventType::Put {
                    self.put(entry);
                } else {
                    self.entries.remove(&entry.key);
                }
            }
            self.resume = self.resume.max(reply.resume_version);
            if self.resume >= until {
                break;
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: pb::Entry) {
        let entry = Entry::try_from(entry).unwrap();
        self.entries.insert(entry.key, (entry.value, entry.version));
    }

    /// Whether it has what the store has.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn check(&self, listing: &Listing) -> Result<(), String> {
        let entries = listing.entries.values();
        let there: BTreeMap<_, _> = entries
            .map(|entry| (entry.key.clone(), (entry.value.clone(), entry.version)))
            .collect();
        let keys = there.keys().chain(self.entries.keys());
        for key in keys {
            if there.get(key) != self.entries.get(key) {
                return Err(format!(
                    "{key}: a follower has {:?}, the store {:?}",
                    self.entries.get(key),
                    there.get(key)
                ));
            }
        }
        Ok(())
    }
}
