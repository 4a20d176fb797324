//! Ways to meet what callers are told who are not known, or may not.

use nanokv::{
    gate::{self, rate::Rates},
    proto::{self, kv_service_client::KvServiceClient},
};
use tonic::{Request, Status};

use crate::{
    provoke::{get, set, text, unary},
    seen::Seen,
    server::{Server, Settings},
};

/// Of the tokens "token", and "expired" whose time has passed.
const IDENTITIES: &str = r#"
[[identity]]
name = "reader"
[[identity.token]]
sha256 = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"
[[identity.token]]
sha256 = "fa64ea1e82e1206f828ab2a02917c7e92accb98e3b95881a1b4ad52b914b66e3"
expire_time = 2001-01-01T00:00:00Z
[[identity.grant]]
prefix = "a"
rights = ["read"]
"#;

async fn server(failed_logins_per_minute_max: u32) -> Server {
    Server::start(Settings {
        identities: Some(IDENTITIES),
        gate: gate::config::Config {
            failed_logins_per_minute_max,
            ..gate::config::Config::default()
        },
        ..Settings::default()
    })
    .await
}

fn from<M>(message: M, token: &str) -> Request<M> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

async fn get_from(server: &Server, token: &str) -> Result<(), Status> {
    let mut kv = KvServiceClient::new(server.channel());
    kv.get(from(get("a"), token)).await.map(drop)
}

pub(crate) async fn credentials_missing() -> Seen {
    let server = server(10).await;
    let answer = KvServiceClient::new(server.channel()).get(get("a")).await;
    answer.unwrap_err().into()
}

pub(crate) async fn credentials_invalid() -> Seen {
    let server = server(10).await;
    get_from(&server, "token").await.unwrap();
    get_from(&server, "tokem").await.unwrap_err().into()
}

pub(crate) async fn credentials_expired() -> Seen {
    get_from(&server(10).await, "expired")
        .await
        .unwrap_err()
        .into()
}

pub(crate) async fn too_many_failed_logins() -> Seen {
    let server = server(1).await;
    let first = get_from(&server, "tokem").await.unwrap_err();
    assert_eq!(first.code(), tonic::Code::Unauthenticated);
    get_from(&server, "token").await.unwrap_err().into()
}

/// The clock is held, so that a second is never over.
pub(crate) async fn rate_limited() -> Seen {
    let server = rated(Rates {
        calls_per_second_max: 2,
        ..Rates::default()
    })
    .await;
    let mut kv = KvServiceClient::new(server.channel());
    kv.get(get("a")).await.unwrap();
    kv.get(get("a")).await.unwrap();
    kv.get(get("a")).await.unwrap_err().into()
}

pub(crate) async fn rate_limited_by_bytes() -> Seen {
    let server = rated(Rates {
        bytes_per_second_max: 1000,
        ..Rates::default()
    })
    .await;
    let mut kv = KvServiceClient::new(server.channel());
    kv.get(get("k".repeat(1020))).await.unwrap();
    kv.get(get("a")).await.unwrap_err().into()
}

async fn rated(rates: Rates) -> Server {
    Server::start(Settings {
        gate: gate::config::Config {
            rates,
            ..gate::config::Config::default()
        },
        ..Settings::default()
    })
    .await
}

pub(crate) async fn permission_denied() -> Seen {
    let server = server(10).await;
    let mut kv = KvServiceClient::new(server.channel());
    let answer = kv.set(from(set("a", text("1")), "token")).await;
    answer.unwrap_err().into()
}

pub(crate) async fn permission_denied_on_a_range() -> Seen {
    let server = server(10).await;
    let mut kv = KvServiceClient::new(server.channel());
    let answer = kv.list(from(proto::ListRequest::default(), "token")).await;
    answer.unwrap_err().into()
}

pub(crate) async fn permission_denied_in_a_transaction() -> Seen {
    let server = server(10).await;
    let mut kv = KvServiceClient::new(server.channel());
    let delete = proto::DeleteRequest {
        key: "a".to_owned(),
        ..Default::default()
    };
    let request = proto::TransactRequest {
        operations: vec![proto::Operation {
            kind: Some(proto::operation::Kind::Delete(delete)),
        }],
        ..Default::default()
    };
    let answer = kv.transact(from(request, "token")).await;
    answer.unwrap_err().into()
}

pub(crate) async fn method_not_granted() -> Seen {
    let server = server(10).await;
    let path = "/nanokv.v1.KvService/Forget";
    let request = from(get("a"), "token");
    let answer: Result<proto::GetResponse, _> = unary(server.channel(), path, request).await;
    answer.unwrap_err().into()
}
