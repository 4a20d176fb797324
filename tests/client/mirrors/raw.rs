//! A follower written by hand on the generated stub, as a client author would
//! from the contract alone.

use std::net::SocketAddr;

use fastrand::Rng;
use nanokv::{
    client::{Client, entry::Entry},
    proto::{self as pb, EventType, kv_service_client::KvServiceClient, watch_request::Start},
};
use tokio::{sync::watch, task::JoinHandle};
use tonic::{Code, Status};

use crate::mirrors::{Mirror, listed, pause};

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Followed {
    pub(super) events: u64,
    pub(super) resumed: u64,
    pub(super) begun: u64,
}

/// Follows in a task of its own.
pub(super) struct Raw {
    seen: watch::Receiver<(Mirror, Followed)>,
    task: JoinHandle<()>,
}

struct State {
    mirror: Mirror,
    followed: Followed,
    /// Where to go on; 0: from the beginning.
    resume: i64,
    /// The version of the last event.
    last: i64,
    show: watch::Sender<(Mirror, Followed)>,
}

impl Raw {
    /// Follows over `address`. When the line breaks it stays away for a while,
    /// which it measures by calls to `store`.
    pub(super) fn follow(address: SocketAddr, store: Client, round: u64) -> Self {
        let (show, seen) = watch::channel(Default::default());
        let mut state = State {
            mirror: Mirror::new(),
            followed: Followed::default(),
            resume: 0,
            last: 0,
            show,
        };
        let mut random = Rng::with_seed(round);
        let task = tokio::spawn(async move {
            loop {
                let Err(status) = state.once(address).await else {
                    panic!("seed {round}: a watch ends only by an error");
                };
                match status.code() {
                    // What is missing is gone: begin again.
                    Code::OutOfRange | Code::ResourceExhausted => state.resume = 0,
                    Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled => {}
                    _ => panic!("seed {round}: {status:?}"),
                }
                pause(&store, random.usize(..80)).await;
            }
        });
        Self { seen, task }
    }

    /// What it has when that is what the store has.
    pub(super) async fn ends_as(mut self, store: &Client) -> (Mirror, Followed) {
        let expected = listed(store).await;
        let same = self.seen.wait_for(|(mirror, _)| *mirror == expected);
        let patience = std::time::Duration::from_secs(20);
        let _ = tokio::time::timeout(patience, same).await;
        assert!(!self.task.is_finished(), "it has panicked");
        self.task.abort();
        self.seen.borrow().clone()
    }
}

impl State {
    async fn once(&mut self, address: SocketAddr) -> Result<(), Status> {
        let connected = KvServiceClient::connect(format!("http://{address}")).await;
        let mut stub = connected.map_err(|error| Status::unavailable(error.to_string()))?;
        let start = if self.resume == 0 {
            self.followed.begun += 1;
            self.mirror.clear();
            Start::Snapshot(true)
        } else {
            self.followed.resumed += 1;
            Start::AfterVersion(self.resume)
        };
        let request = pb::WatchRequest {
            ranges: vec![pb::Range::default()],
            start: Some(start),
            ..Default::default()
        };
        let mut replies = stub.watch(request).await?.into_inner();
        // 0 at a snapshot, which tells what comes after it.
        let mut told = self.resume;
        while let Some(reply) = replies.message().await? {
            for entry in reply.snapshot_entries {
                assert!(reply.events.is_empty(), "entries come before events");
                let entry = Entry::try_from(entry).unwrap();
                let twice = self.mirror.insert(entry.key.clone(), entry);
                assert_eq!(twice, None, "an entry of a snapshot comes once");
            }
            for event in reply.events {
                let version = event.entry.as_ref().unwrap().version;
                assert!(version > told, "versions grow, each comes once");
                told = version;
                // What a break cut off in the middle of a transaction.
                if version > self.last {
                    self.apply(event);
                    self.last = version;
                }
            }
            assert!(reply.resume_version >= self.resume);
            self.resume = reply.resume_version;
            if self.resume > 0 {
                self.show.send_replace((self.mirror.clone(), self.followed));
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: pb::Event) {
        self.followed.events += 1;
        let kind = event.r#type();
        let entry = Entry::try_from(event.entry.unwrap()).unwrap();
        match kind {
            EventType::Put => {
                self.mirror.insert(entry.key.clone(), entry);
            }
            EventType::Delete | EventType::Expire => {
                self.mirror.remove(&entry.key);
            }
            EventType::Unspecified | EventType::Evict => panic!("{kind:?} of {entry:?}"),
        }
    }
}
