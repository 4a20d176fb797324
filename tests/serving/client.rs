//! A client that speaks HTTP/2 by hand: it may send what a stub would not.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, Response};
use nanokv::proto;
use prost::Message;
use tokio::{net::TcpStream, task::JoinHandle};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::serving::soon;

pub(crate) const GET: &str = "/nanokv.v1.KvService/Get";
pub(crate) const SET: &str = "/nanokv.v1.KvService/Set";
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
pub(crate) const WATCH: &str = "/grpc.health.v1.Health/Watch";
pub(crate) const WATCH_KEYS: &str = "/nanokv.v1.KvService/Watch";

/// A connection.
pub(crate) struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// What a call was answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) trailers: HeaderMap,
    pub(crate) data: Bytes,
}

/// A call under way.
pub(crate) struct Open {
    pub(crate) response: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        // Else each window that it opens waits for an acknowledgement.
        stream.set_nodelay(true).unwrap();
        let (requests, connection) = soon(
            h2::client::Builder::new()
                // What a test does not read is no flood.
                .data_frame_budget(1 << 30)
                .handshake(stream),
        )
        .await
        .unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    /// Begins a call, without its message.
    pub(crate) async fn open(&self, request: Request<()>) -> Result<Open, h2::Error> {
        let mut ready = soon(self.requests.clone().ready()).await?;
        let (response, body) = ready.send_request(request, false)?;
        Ok(Open { response, body })
    }

    /// Makes a call with `body` as it is.
    pub(crate) async fn send(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Answer, h2::Error> {
        let mut open = self.open(request).await?;
        // An early answer may end the stream before all of it is sent.
        let _ = open.body.send_data(body, true);
        open.answer().await
    }

    /// Asks for `key`.
    pub(crate) async fn get(&self, key: &str) -> Answer {
        let answer = self.send(post(GET), frame(&get(key))).await;
        answer.expect("answered")
    }

    /// Sets `key` to `bytes` bytes.
    pub(crate) async fn set(&self, key: &str, bytes: usize) -> Answer {
        let answer = self.send(post(SET), frame(&set(key, bytes))).await;
        answer.expect("answered")
    }

    /// Asks whether `service` is healthy: 1 is SERVING, 2 `NOT_SERVING`.
    pub(crate) async fn health(&self, service: &str) -> Result<i32, h2::Error> {
        let answer = self.send(post(CHECK), frame(&check(service))).await?;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        Ok(health_status(&answer.data))
    }

    /// Follows the health of `service`.
    pub(crate) async fn watch(&self, service: &str) -> RecvStream {
        let mut open = self.open(post(WATCH)).await.unwrap();
        open.body.send_data(frame(&check(service)), true).unwrap();
        soon(open.response).await.unwrap().into_body()
    }

    /// Follows every key.
    pub(crate) async fn watch_keys(&self) -> RecvStream {
        let request = proto::WatchRequest {
            ranges: vec![proto::Range::default()],
            ..Default::default()
        };
        let mut open = self.open(post(WATCH_KEYS)).await.unwrap();
        open.body.send_data(frame(&request), true).unwrap();
        soon(open.response).await.unwrap().into_body()
    }

    /// How the connection ends; it must end.
    pub(crate) async fn ended(self) -> Result<(), h2::Error> {
        let Self { connection, .. } = self;
        soon(connection).await.unwrap()
    }
}

impl Open {
    /// The answer; it must come.
    pub(crate) async fn answer(&mut self) -> Result<Answer, h2::Error> {
        let response = soon(&mut self.response).await?;
        soon(read(response)).await
    }
}

impl Answer {
    /// The gRPC code.
    pub(crate) fn code(&self) -> Option<i32> {
        self.text("grpc-status")?.parse().ok()
    }

    /// The first word of the message, which is the reason of nanokv's errors.
    pub(crate) fn reason(&self) -> &str {
        let message = self.text("grpc-message").unwrap_or_default();
        message.split(':').next().unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.trailers.get(name)?.to_str().ok()
    }
}

/// A request for `path`, as gRPC wants it.
pub(crate) fn post(path: &str) -> Request<()> {
    Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

/// A message as it is sent: one byte, its length, itself.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    framed(&message.encode_to_vec())
}

/// Any bytes as if they were a message.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::from(&[0][..]);
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame.freeze()
}

/// A Get.
pub(crate) fn get(key: &str) -> proto::GetRequest {
    proto::GetRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// A Set of `bytes` bytes.
pub(crate) fn set(key: &str, bytes: usize) -> proto::SetRequest {
    proto::SetRequest {
        key: key.into(),
        value: Some(proto::Value {
            kind: Some(proto::value::Kind::Data(vec![b'v'; bytes].into())),
        }),
        ..Default::default()
    }
}

/// The health that the next message of a watch tells; `None` when it has ended.
pub(crate) async fn told(watch: &mut RecvStream) -> Option<i32> {
    let data = soon(watch.data()).await?.ok()?;
    let _ = watch.flow_control().release_capacity(data.len());
    Some(health_status(&data))
}

fn check(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

fn health_status(frame: &[u8]) -> i32 {
    HealthCheckResponse::decode(&frame[5..]).unwrap().status
}

async fn read(response: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut body) = response.into_parts();
    let mut data = BytesMut::new();
    while let Some(more) = body.data().await {
        let more = more?;
        let _ = body.flow_control().release_capacity(more.len());
        data.extend_from_slice(&more);
    }
    Ok(Answer {
        status: head.status.as_u16(),
        trailers: body.trailers().await?.unwrap_or(head.headers),
        data: data.freeze(),
    })
}
