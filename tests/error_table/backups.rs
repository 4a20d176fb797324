//! One way to meet each error of a Backup.

use nanokv::{
    calls,
    engine::memory::{self, Memory},
    model::clock::held::HeldClock,
    proto::{self, admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient},
};
use tonic::{Status, Streaming};

use crate::{
    provoke::{set, text},
    seen::Seen,
    server::{Server, Settings},
    support::words::START,
};

type Parts = Streaming<proto::BackupResponse>;

async fn begun(server: &Server) -> Result<Parts, Status> {
    let mut admin = AdminServiceClient::new(server.channel());
    Ok(admin.backup(proto::BackupRequest {}).await?.into_inner())
}

async fn last_words(mut parts: Parts) -> Seen {
    loop {
        match parts.message().await {
            Ok(Some(part)) => assert_eq!(part.summary, None, "it came to its end"),
            Ok(None) => panic!("it ended without a word"),
            Err(status) => return status.into(),
        }
    }
}

/// Stores more than a connection takes without being read.
async fn fill(server: &Server, value: &str) {
    for number in 0..100 {
        let set = set(&format!("key/{number}"), text(value.repeat(100_000)));
        let mut kv = KvServiceClient::new(server.channel());
        kv.set(set).await.unwrap();
    }
}

pub(crate) async fn backup_too_slow() -> Seen {
    let config = memory::Config {
        backup_held_bytes_max: 1000,
        ..memory::Config::default()
    };
    let engine = Memory::open(config, HeldClock::at(START));
    let server = Server::start_on(Settings::default(), engine).await;
    fill(&server, "v").await;
    let parts = begun(&server).await.unwrap();
    fill(&server, "w").await;
    last_words(parts).await
}

pub(crate) async fn too_many_backups() -> Seen {
    let settings = Settings {
        backups: calls::backup::Limits {
            backups_max: 0,
            ..calls::backup::Limits::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    begun(&server).await.unwrap_err().into()
}

pub(crate) async fn draining() -> Seen {
    let server = Server::start(Settings::default()).await;
    fill(&server, "v").await;
    let parts = begun(&server).await.unwrap();
    server.stopping();
    last_words(parts).await
}
