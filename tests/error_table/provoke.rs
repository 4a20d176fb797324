//! One way to meet each error.

use std::ops::{Deref, DerefMut};

use nanokv::proto::{
    self, Condition, Value, codec::Codec, condition, kv_service_client::KvServiceClient, operation,
    operation_result, set_request, value,
};
use tonic::{Request, Status, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    seen::Seen,
    server::{Server, Settings},
};

/// A client, and the server that lives as long.
pub(crate) struct Client {
    client: KvServiceClient<Channel>,
    _server: Server,
}

impl Deref for Client {
    type Target = KvServiceClient<Channel>;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

pub(crate) async fn client() -> Client {
    client_of(Settings::default()).await
}

async fn client_of(settings: Settings) -> Client {
    let server = Server::start(settings).await;
    Client {
        client: KvServiceClient::new(server.channel()),
        _server: server,
    }
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value {
        kind: Some(value::Kind::Text(text.into())),
    }
}

fn number(number: i64) -> Value {
    Value {
        kind: Some(value::Kind::Number(number)),
    }
}

pub(crate) fn get(key: impl Into<String>) -> proto::GetRequest {
    proto::GetRequest {
        key: key.into(),
        omit_value: false,
    }
}

pub(crate) fn set(key: &str, value: Value) -> proto::SetRequest {
    proto::SetRequest {
        key: key.into(),
        value: Some(value),
        ..Default::default()
    }
}

fn set_if(key: &str, kind: condition::Kind) -> proto::SetRequest {
    proto::SetRequest {
        condition: Some(Condition { kind: Some(kind) }),
        ..set(key, text("1"))
    }
}

/// Sets `before`, then expects `refused` to be refused.
async fn after(before: proto::SetRequest, refused: proto::SetRequest) -> Seen {
    let mut client = client().await;
    client.set(before).await.unwrap();
    client.set(refused).await.unwrap_err().into()
}

async fn get_refused(key: impl Into<String>) -> Seen {
    client().await.get(get(key)).await.unwrap_err().into()
}

pub(crate) async fn field_missing() -> Seen {
    get_refused("").await
}

pub(crate) async fn field_too_large() -> Seen {
    get_refused("k".repeat(1025)).await
}

pub(crate) async fn field_malformed() -> Seen {
    get_refused("a\nb").await
}

pub(crate) async fn field_out_of_range() -> Seen {
    let request = proto::TouchRequest {
        key: "a".into(),
        mode: 9,
        ..Default::default()
    };
    client().await.touch(request).await.unwrap_err().into()
}

pub(crate) async fn ttl_out_of_range() -> Seen {
    let mut request = set("a", text("1"));
    request.expiry = Some(set_request::Expiry::Ttl(prost_types::Duration {
        seconds: 101 * 365 * 86_400,
        nanos: 0,
    }));
    client().await.set(request).await.unwrap_err().into()
}

pub(crate) async fn page_token_malformed() -> Seen {
    let request = proto::ListRequest {
        page_token: "garbage".into(),
        ..Default::default()
    };
    client().await.list(request).await.unwrap_err().into()
}

pub(crate) async fn field_conflict() -> Seen {
    let request = proto::IncrementRequest {
        key: "n".into(),
        min: Some(1),
        max: Some(0),
        ..Default::default()
    };
    client().await.increment(request).await.unwrap_err().into()
}

/// A `GetRequest` whose key need not be UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
struct RawKey {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

pub(crate) async fn message_malformed() -> Seen {
    let server = Server::start(Settings::default()).await;
    let request = Request::new(RawKey { key: vec![0xff] });
    unary::<_, proto::GetResponse>(server.channel(), "/nanokv.v1.KvService/Get", request)
        .await
        .unwrap_err()
        .into()
}

/// A call of any path, with any message.
pub(crate) async fn unary<T, U>(
    channel: Channel,
    path: &'static str,
    request: Request<T>,
) -> Result<U, Status>
where
    T: prost::Message + 'static,
    U: prost::Message + prost::Name + Default + 'static,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let response = grpc.unary(request, path, Codec::<T, U>::default()).await;
    response.map(tonic::Response::into_inner)
}

pub(crate) async fn key_exists() -> Seen {
    let refused = set_if("a", condition::Kind::Absent(true));
    after(set("a", text("1")), refused).await
}

pub(crate) async fn key_not_found() -> Seen {
    let request = set_if("a", condition::Kind::Present(true));
    client().await.set(request).await.unwrap_err().into()
}

pub(crate) async fn version_mismatch() -> Seen {
    let refused = set_if("a", condition::Kind::Version(1));
    after(set("a", text("1")), refused).await
}

pub(crate) async fn version_of_an_absent_key() -> Seen {
    let refused = set_if("b", condition::Kind::Version(1));
    after(set("a", text("1")), refused).await
}

async fn increment_refused(before: Option<Value>, request: proto::IncrementRequest) -> Seen {
    let mut client = client().await;
    if let Some(value) = before {
        client.set(set(&request.key, value)).await.unwrap();
    }
    client.increment(request).await.unwrap_err().into()
}

pub(crate) async fn wrong_kind() -> Seen {
    let request = proto::IncrementRequest {
        key: "a".into(),
        ..Default::default()
    };
    increment_refused(Some(text("1")), request).await
}

pub(crate) async fn counter_out_of_bounds() -> Seen {
    let request = proto::IncrementRequest {
        key: "n".into(),
        max: Some(0),
        ..Default::default()
    };
    increment_refused(None, request).await
}

pub(crate) async fn counter_overflow() -> Seen {
    let request = proto::IncrementRequest {
        key: "n".into(),
        ..Default::default()
    };
    increment_refused(Some(number(i64::MAX)), request).await
}

pub(crate) async fn memory_full() -> Seen {
    let settings = Settings {
        memory_max: 8 << 20,
        ..Settings::default()
    };
    let mut client = client_of(settings).await;
    for count in 0..64 {
        let request = set(&format!("k{count}"), text("v".repeat(1 << 19)));
        if let Err(status) = client.set(request).await {
            return status.into();
        }
    }
    panic!("32 MiB fit into 8 MiB");
}

pub(crate) async fn reply_too_large() -> Seen {
    let mut client = client().await;
    client
        .set(set("a", text("v".repeat(1 << 20))))
        .await
        .unwrap();
    let get = proto::Operation {
        kind: Some(operation::Kind::Get(get("a"))),
    };
    let request = proto::BatchRequest {
        operations: vec![get; 3],
    };
    let results = client.batch(request).await.unwrap().into_inner().results;
    assert!(matches!(
        results[1].kind,
        Some(operation_result::Kind::Get(_))
    ));
    match results[2].kind.clone() {
        Some(operation_result::Kind::Failure(failure)) => failure.into(),
        _ => panic!("3 MiB and more in one reply"),
    }
}

pub(crate) async fn request_id_reused() -> Seen {
    let mut client = client().await;
    let under_the_same_id = |key: &str| proto::SetRequest {
        request_id: "id".into(),
        ..set(key, text("1"))
    };
    client.set(under_the_same_id("a")).await.unwrap();
    client.set(under_the_same_id("b")).await.unwrap_err().into()
}

pub(crate) async fn request_id() -> Seen {
    let settings = Settings {
        request_ids_max: 0,
        ..Settings::default()
    };
    let request = proto::SetRequest {
        request_id: "id".into(),
        ..set("a", text("1"))
    };
    let mut client = client_of(settings).await;
    client.set(request).await.unwrap_err().into()
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

pub(crate) async fn service_unknown() -> Seen {
    let server = Server::start(Settings::default()).await;
    let mut health = HealthClient::new(server.channel());
    health.check(asked("who")).await.unwrap_err().into()
}

pub(crate) async fn opening() -> Seen {
    let settings = Settings {
        opens: false,
        ..Settings::default()
    };
    let mut client = client_of(settings).await;
    client.get(get("a")).await.unwrap_err().into()
}

pub(crate) async fn draining() -> Seen {
    let server = Server::start(Settings::default()).await;
    let mut health = HealthClient::new(server.channel());
    let mut watch = health.watch(asked("")).await.unwrap().into_inner();
    watch.message().await.unwrap();
    server.stopping();
    watch.message().await.unwrap();
    watch.message().await.unwrap_err().into()
}

pub(crate) async fn too_many_health_watches() -> Seen {
    let settings = Settings {
        health_watches_max: 1,
        ..Settings::default()
    };
    let server = Server::start(settings).await;
    let mut health = HealthClient::new(server.channel());
    let _first = health.watch(asked("")).await.unwrap();
    health.watch(asked("")).await.unwrap_err().into()
}
