//! What a store meets that is kept on a disk.

use nanokv::{
    engine::{
        Engine,
        journal::{self, Durability},
        memory::{self, Memory},
    },
    model::clock::held::HeldClock,
    proto::kv_service_client::KvServiceClient,
};
use tempfile::TempDir;

use crate::{
    provoke::{set, text},
    seen::Seen,
    server::{Server, Settings},
    support::words::START,
};

/// A Set of so many bytes in a store with a journal like this one, after
/// something was done to it.
async fn refused(
    change: impl FnOnce(&mut journal::Config),
    before: impl AsyncFnOnce(&Memory<HeldClock>),
    bytes: usize,
) -> Seen {
    let dir = TempDir::new().unwrap();
    let mut journal = journal::Config {
        dir: dir.path().to_owned(),
        durability: Durability::Os,
        segment_bytes: 1 << 20,
        disk_free_bytes_min: 0,
        ..journal::Config::default()
    };
    change(&mut journal);
    let clock = HeldClock::at(START);
    let memory = Memory::load(memory::Config::default(), journal, clock, &mut |_| {}).unwrap();
    let server = Server::start_on(Settings::default(), memory.clone()).await;
    before(&memory).await;
    let mut client = KvServiceClient::new(server.channel());
    let set = set("a", text("v".repeat(bytes)));
    client.set(set).await.unwrap_err().into()
}

pub(crate) async fn journal_full() -> Seen {
    let smallest = |journal: &mut journal::Config| journal.segment_bytes = 64 << 10;
    refused(smallest, async |_| {}, 100_000).await
}

pub(crate) async fn disk_full() -> Seen {
    // More than any disk has.
    let most = |journal: &mut journal::Config| journal.disk_free_bytes_min = 1 << 50;
    refused(most, async |_| {}, 1).await
}

pub(crate) async fn journal_failed() -> Seen {
    // As far as a change can tell, one that was closed has failed.
    let close = async |memory: &Memory<HeldClock>| memory.close().await.unwrap();
    refused(|_| {}, close, 1).await
}
