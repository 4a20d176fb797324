//! A follower on the Rust client's own Watch, which comes back by itself.

use nanokv::client::{
    Client,
    range::Range,
    watch::{EventKind, Update},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::mirrors::{Mirror, listed};

/// Follows in a task of its own.
pub(super) struct Follower {
    seen: watch::Receiver<Mirror>,
    task: JoinHandle<()>,
}

impl Follower {
    pub(super) async fn follow(store: Client) -> Self {
        let watch = store.watch(Range::all()).snapshot().begin_again();
        let mut watch = watch.await.unwrap();
        let (show, seen) = watch::channel(Mirror::new());
        let task = tokio::spawn(async move {
            let (mut mirror, mut last, mut whole) = (Mirror::new(), 0, false);
            while let Some(update) = watch.next().await {
                match update.unwrap() {
                    Update::SnapshotBegins => {
                        mirror.clear();
                        whole = false;
                    }
                    Update::Snapshot(entry) => {
                        mirror.insert(entry.key.clone(), entry);
                    }
                    Update::SnapshotComplete { .. } => whole = true,
                    Update::Event(event) => {
                        assert!(event.entry.version > last, "each once, in order");
                        last = event.entry.version;
                        match event.kind {
                            EventKind::Put => {
                                mirror.insert(event.entry.key.clone(), event.entry);
                            }
                            EventKind::Delete | EventKind::Expire | EventKind::Evict => {
                                mirror.remove(&event.entry.key);
                            }
                        }
                    }
                }
                if whole {
                    show.send_replace(mirror.clone());
                }
            }
        });
        Self { seen, task }
    }

    /// What it has when that is what the store has.
    pub(super) async fn ends_as(mut self, store: &Client) -> Mirror {
        let expected = listed(store).await;
        let same = self.seen.wait_for(|mirror| *mirror == expected);
        let patience = std::time::Duration::from_secs(20);
        let _ = tokio::time::timeout(patience, same).await;
        assert!(!self.task.is_finished(), "it has ended or panicked");
        self.task.abort();
        self.seen.borrow().clone()
    }
}
