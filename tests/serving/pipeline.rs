//! A Pipeline over HTTP/2 by hand: it is read only when a test says so.

use bytes::BytesMut;
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use nanokv::proto::{self, operation, operation_result, value};
use prost::Message;

use crate::serving::{
    client::{Client, frame, get, post, set},
    soon,
};

pub(crate) const PIPELINE: &str = "/nanokv.v1.KvService/Pipeline";

/// An open pipeline.
pub(crate) struct Pipeline {
    pub(crate) lists: SendStream<bytes::Bytes>,
    pub(crate) answers: RecvStream,
    arrived: BytesMut,
}

impl Client {
    /// Opens a pipeline.
    pub(crate) async fn pipeline(&self) -> Pipeline {
        let open = self.open(post(PIPELINE)).await.unwrap();
        let response = soon(open.response).await.unwrap();
        assert!(
            !response.headers().contains_key("grpc-status"),
            "{response:?}"
        );
        Pipeline {
            lists: open.body,
            answers: response.into_body(),
            arrived: BytesMut::new(),
        }
    }

    /// The number under a key; 0 when there is none.
    pub(crate) async fn number(&self, key: &str) -> i64 {
        let answer = self.get(key).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        let found = proto::GetResponse::decode(&answer.data[5..]).unwrap();
        match found.entry.and_then(|entry| entry.value?.kind) {
            Some(value::Kind::Number(number)) => number,
            None => 0,
            other => panic!("{other:?}"),
        }
    }
}

impl Pipeline {
    /// Sends a list; what finds no room waits in this client.
    pub(crate) fn send(&mut self, id: i64, kinds: impl IntoIterator<Item = operation::Kind>) {
        self.lists
            .send_data(frame(&list(id, kinds)), false)
            .unwrap();
    }

    /// Says that no more lists follow.
    pub(crate) fn half_close(&mut self) {
        self.lists.send_data(bytes::Bytes::new(), true).unwrap();
    }

    /// The next answer; `None`: the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<proto::PipelineResponse> {
        loop {
            if let Some(head) = self.arrived.first_chunk::<5>() {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                let whole = 5 + usize::try_from(length).unwrap();
                if self.arrived.len() >= whole {
                    let message = self.arrived.split_to(whole);
                    return Some(proto::PipelineResponse::decode(&message[5..]).unwrap());
                }
            }
            let data = soon(self.answers.data()).await?.unwrap();
            let _ = self.answers.flow_control().release_capacity(data.len());
            self.arrived.extend_from_slice(&data);
        }
    }

    /// What the stream ended with, which it must have: the code and the reason.
    pub(crate) async fn ended(mut self) -> (i32, String) {
        assert_eq!(self.next().await, None);
        let trailers = soon(self.answers.trailers()).await.unwrap().unwrap();
        let text = |name: &str| header(&trailers, name);
        let reason = text("grpc-message");
        let reason = reason.split(':').next().unwrap_or_default();
        (text("grpc-status").parse().unwrap(), reason.to_owned())
    }
}

/// A list of operations.
pub(crate) fn list(
    id: i64,
    kinds: impl IntoIterator<Item = operation::Kind>,
) -> proto::PipelineRequest {
    let operations = kinds.into_iter();
    let operations = operations.map(|kind| proto::Operation { kind: Some(kind) });
    proto::PipelineRequest {
        id,
        operations: operations.collect(),
    }
}

/// One more under this key.
pub(crate) fn one_more(key: &str) -> operation::Kind {
    operation::Kind::Increment(proto::IncrementRequest {
        key: key.into(),
        ..Default::default()
    })
}

/// A Get, as an operation.
pub(crate) fn getting(key: &str) -> operation::Kind {
    operation::Kind::Get(get(key))
}

/// A Set of `bytes` bytes, as an operation.
pub(crate) fn setting(key: &str, bytes: usize) -> operation::Kind {
    operation::Kind::Set(set(key, bytes))
}

/// Whether a list was carried out; else the reason.
pub(crate) fn done(answer: &proto::PipelineResponse) -> Result<(), String> {
    if let Some(failure) = &answer.failure {
        assert_eq!(answer.results, [], "{answer:?}");
        return Err(failure.reason.clone());
    }
    let failed = |result: &proto::OperationResult| {
        matches!(result.kind, Some(operation_result::Kind::Failure(_)) | None)
    };
    assert!(!answer.results.iter().any(failed), "{answer:?}");
    Ok(())
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}
