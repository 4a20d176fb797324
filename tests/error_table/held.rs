//! Ways to meet what the gate refuses: calls that hold something, or that are
//! no calls of the contract.

use std::time::Duration;

use nanokv::{
    gate,
    proto::{self, codec::Codec, kv_service_client::KvServiceClient},
};
use tonic::{Request, Status, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    provoke::{get, set, text, unary},
    seen::Seen,
    server::{Server, Settings},
};

/// How long a state is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(20);

const GET: &str = "/nanokv.v1.KvService/Get";
const SET: &str = "/nanokv.v1.KvService/Set";

/// A Set whose message never arrives.
async fn unfinished(channel: Channel) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let never = tokio_stream::pending::<proto::SetRequest>();
    let codec = Codec::<proto::SetRequest, proto::SetResponse>::default();
    let path = PathAndQuery::from_static(SET);
    let answer = grpc
        .client_streaming(Request::new(never), path, codec)
        .await;
    answer.map(|_| ())
}

async fn refused(channel: Channel, path: &'static str) -> Result<proto::GetResponse, Status> {
    unary(channel, path, Request::new(get("a"))).await
}

/// Asks until the answer is an error.
async fn until_refused(channel: Channel) -> Seen {
    let refusal = async {
        loop {
            if let Err(status) = refused(channel.clone(), GET).await {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    let refusal = tokio::time::timeout(PATIENCE, refusal).await;
    refusal.expect("never refused").into()
}

pub(crate) async fn method_unknown() -> Seen {
    let server = Server::start(Settings::default()).await;
    let answer = refused(server.channel(), "/nanokv.v1.KvService/Nope").await;
    answer.unwrap_err().into()
}

async fn with_header(name: &'static str, value: &'static str) -> Seen {
    let server = Server::start(Settings::default()).await;
    let mut request = Request::new(get("a"));
    request.metadata_mut().insert(name, value.parse().unwrap());
    let answer = unary::<_, proto::GetResponse>(server.channel(), GET, request).await;
    answer.unwrap_err().into()
}

pub(crate) async fn encoding_unknown() -> Seen {
    with_header("grpc-encoding", "snappy").await
}

pub(crate) async fn timeout_malformed() -> Seen {
    with_header("grpc-timeout", "soon").await
}

pub(crate) async fn message_too_large() -> Seen {
    let server = Server::start(Settings::default()).await;
    let request = Request::new(set("a", text("v".repeat(5 << 20))));
    let answer = unary::<_, proto::SetResponse>(server.channel(), SET, request).await;
    answer.unwrap_err().into()
}

pub(crate) async fn deadline_exceeded() -> Seen {
    let server = Server::start(Settings::default()).await;
    let mut request = Request::new(HealthCheckRequest::default());
    // A watch does not end by itself.
    let timeout = "50m".parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", timeout);
    let mut watch = match HealthClient::new(server.channel()).watch(request).await {
        Ok(watch) => watch.into_inner(),
        Err(status) => return status.into(),
    };
    watch.message().await.unwrap();
    watch.message().await.unwrap_err().into()
}

pub(crate) async fn request_too_slow() -> Seen {
    let settings = Settings {
        gate: gate::config::Config {
            request_read_ms_max: 50,
            ..Default::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    unfinished(server.channel()).await.unwrap_err().into()
}

pub(crate) async fn too_many_calls() -> Seen {
    let settings = Settings {
        gate: gate::config::Config {
            calls_in_flight_max: 1,
            ..Default::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let channel = server.channel();
    // It may meet the calls that look for it, and be the one that is refused.
    let held = tokio::spawn(async move {
        loop {
            let _ = unfinished(channel.clone()).await;
        }
    });
    let seen = until_refused(server.channel()).await;
    held.abort();
    seen
}

pub(crate) async fn too_many_bytes() -> Seen {
    let settings = Settings {
        gate: gate::config::Config {
            bytes_in_flight_max: 1024,
            ..Default::default()
        },
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let request = Request::new(set("a", text("v".repeat(64 << 10))));
    let answer = unary::<_, proto::SetResponse>(server.channel(), SET, request).await;
    answer.unwrap_err().into()
}

pub(crate) async fn too_many_pipelines() -> Seen {
    let settings = Settings {
        pipelines_max: 1,
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let mut client = KvServiceClient::new(server.channel());
    let _first = client.pipeline(tokio_stream::pending()).await.unwrap();
    let second = client.pipeline(tokio_stream::pending()).await;
    second.unwrap_err().into()
}

pub(crate) async fn too_many_connections() -> Seen {
    let settings = Settings {
        connections_max: 1,
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let second = server.another_channel().await;
    let answer = refused(second, GET).await;
    answer.unwrap_err().into()
}

pub(crate) async fn health_only() -> Seen {
    let settings = Settings {
        health_port: true,
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let answer = refused(server.channel(), GET).await;
    answer.unwrap_err().into()
}
