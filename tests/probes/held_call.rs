//! A call that stays under way, because the rest of its request is held back.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use h2::{Ping, SendStream, client, client::ResponseFuture};
use http::Request;
use nanokv::proto::GetRequest;
use prost::Message;
use tokio::{net::TcpStream, task::JoinSet};

pub(crate) struct HeldCall {
    rest: Bytes,
    body: SendStream<Bytes>,
    answer: ResponseFuture,
    _connection: JoinSet<()>,
}

impl HeldCall {
    /// Sends a Get but for its last byte. The server has seen it when this
    /// returns.
    pub(crate) async fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, mut connection) = client::handshake(stream).await.unwrap();
        let mut ping = connection.ping_pong().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // It ends when the server does, in whatever way.
            let _ = connection.await;
        });
        let request = Request::post(format!("http://{address}/nanokv.v1.KvService/Get"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let (answer, mut body) = sender.send_request(request, false).unwrap();
        let mut message = message();
        let rest = message.split_off(message.len() - 1);
        body.send_data(message, false).unwrap();
        ping.ping(Ping::opaque()).await.unwrap();
        Self {
            rest,
            body,
            answer,
            _connection: tasks,
        }
    }

    /// Sends what is left, and gives the status of the answer.
    pub(crate) async fn finish(mut self) -> String {
        self.body.send_data(self.rest, true).unwrap();
        let mut body = self.answer.await.unwrap().into_body();
        while let Some(data) = body.data().await {
            body.flow_control()
                .release_capacity(data.unwrap().len())
                .unwrap();
        }
        let trailers = body.trailers().await.unwrap().unwrap();
        trailers["grpc-status"].to_str().unwrap().to_owned()
    }
}

fn message() -> Bytes {
    let request = GetRequest {
        key: "a".into(),
        ..GetRequest::default()
    }
    .encode_to_vec();
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(request.len().try_into().unwrap());
    message.put_slice(&request);
    message.freeze()
}
