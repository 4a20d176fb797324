//! One way to meet each error of a Watch.

use nanokv::{
    calls,
    proto::{self, kv_service_client::KvServiceClient, watch_request::Start},
};
use tonic::{Status, Streaming, transport::Channel};

use crate::{
    provoke::{set, text},
    seen::Seen,
    server::{Server, Settings},
};

type Replies = Streaming<proto::WatchResponse>;

async fn watch(server: &Server, start: Option<Start>) -> Result<Replies, Status> {
    let request = proto::WatchRequest {
        ranges: vec![proto::Range::default()],
        start,
        ..Default::default()
    };
    let replies = client(server).watch(request).await?;
    Ok(replies.into_inner())
}

fn client(server: &Server) -> KvServiceClient<Channel> {
    KvServiceClient::new(server.channel())
}

async fn last_words(mut replies: Replies) -> Seen {
    loop {
        if let Err(status) = replies.message().await {
            return status.into();
        }
    }
}

pub(crate) async fn version_compacted() -> Seen {
    let server = Server::start(Settings::default()).await;
    let refused = watch(&server, Some(Start::AfterVersion(1))).await;
    refused.unwrap_err().into()
}

pub(crate) async fn version_ahead() -> Seen {
    let server = Server::start(Settings::default()).await;
    let refused = watch(&server, Some(Start::AfterVersion(i64::MAX))).await;
    refused.unwrap_err().into()
}

pub(crate) async fn watch_too_slow() -> Seen {
    let server = Server::start(Settings::default()).await;
    let replies = watch(&server, None).await.unwrap();
    // More than a connection takes without being read, and more than is kept.
    for _ in 0..300 {
        let set = set("a", text("v".repeat(100_000)));
        client(&server).set(set).await.unwrap();
    }
    last_words(replies).await
}

pub(crate) async fn too_many_watchers() -> Seen {
    let settings = Settings {
        watches: calls::watch::Limits {
            watchers_max: 1,
            ..calls::watch::Limits::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let _first = watch(&server, None).await.unwrap();
    watch(&server, None).await.unwrap_err().into()
}

pub(crate) async fn too_many_bytes_of_ranges() -> Seen {
    let settings = Settings {
        watches: calls::watch::Limits {
            ranges_bytes_max: 100,
            ..calls::watch::Limits::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let following = |bytes: usize| proto::WatchRequest {
        ranges: vec![proto::Range {
            prefix: "p".repeat(bytes),
            ..Default::default()
        }],
        ..Default::default()
    };
    let gone = client(&server).watch(following(60)).await.unwrap();
    drop(gone);
    // What it held is free again, sooner or later.
    let _first = loop {
        if let Ok(first) = client(&server).watch(following(100)).await {
            break first;
        }
    };
    let refused = client(&server).watch(following(1)).await;
    refused.unwrap_err().into()
}

pub(crate) async fn draining() -> Seen {
    let server = Server::start(Settings::default()).await;
    let mut replies = watch(&server, None).await.unwrap();
    replies.message().await.unwrap();
    server.stopping();
    last_words(replies).await
}
