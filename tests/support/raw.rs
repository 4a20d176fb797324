//! Messages that no stub would send: each has the field numbers of a request
//! of the contract, and says what that could not.

use bytes::BufMut;
use nanokv::proto as pb;
use prost::Message;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};
use tonic_prost::{ProstCodec, ProstDecoder};

use crate::support::{call::Rpc, kv::Kv};

/// A Get whose key is any bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetBytes {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
}

/// A Set of a text that is any bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetTextBytes {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<TextBytes>,
}

/// A Value whose text is any bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextBytes {
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) text: Vec<u8>,
}

/// A Set whose condition is of a kind of the future.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetIfFuture {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<pb::Value>,
    #[prost(message, optional, tag = "7")]
    pub(crate) condition: Option<FutureCondition>,
}

/// A Condition with a field that nobody knows yet.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FutureCondition {
    #[prost(bool, tag = "99")]
    pub(crate) unheard_of: bool,
}

impl Rpc for GetBytes {
    type Answer = pb::GetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => json.get_bytes(&self.key).await,
            None => unary(kv, "/nanokv.v1.KvService/Get", self).await,
        }
    }
}

impl Rpc for SetTextBytes {
    type Answer = pb::SetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => {
                let text = self.value.unwrap_or_default().text;
                json.set_text(&self.key, &text).await
            }
            None => unary(kv, "/nanokv.v1.KvService/Set", self).await,
        }
    }
}

impl Rpc for SetIfFuture {
    type Answer = pb::SetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        let body = r#"{"value":{"text":"1"},"condition":{"unheardOf":true}}"#;
        match kv.json() {
            Some(json) => json.set_as(&self.key, body).await,
            None => unary(kv, "/nanokv.v1.KvService/Set", self).await,
        }
    }
}

async fn unary<M, A>(kv: &Kv, path: &'static str, message: M) -> Result<A, Status>
where
    M: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(kv.channel());
    grpc.ready()
        .await
        .map_err(|error| Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<M, A>::default();
    let response = grpc.unary(Request::new(message), path, codec).await?;
    Ok(response.into_inner())
}

/// Bytes as a list of a Pipeline: its only field stands for the whole message.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOfBytes(Vec<u8>);

impl ListOfBytes {
    /// Bytes that may be no message at all.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// One operation, a Get of any bytes.
    pub(crate) fn getting(get: GetBytes) -> Self {
        #[derive(Clone, PartialEq, Message)]
        struct List {
            #[prost(message, optional, tag = "2")]
            operation: Option<Operation>,
        }
        #[derive(Clone, PartialEq, Message)]
        struct Operation {
            #[prost(message, optional, tag = "1")]
            get: Option<GetBytes>,
        }
        let operation = Some(Operation { get: Some(get) });
        Self(List { operation }.encode_to_vec())
    }

    /// What a Pipeline with this list alone is answered.
    pub(crate) async fn sole_answer(self, kv: &Kv) -> Result<(), Status> {
        let mut grpc = Grpc::new(kv.channel());
        grpc.ready()
            .await
            .map_err(|error| Status::unknown(error.to_string()))?;
        let path = PathAndQuery::from_static("/nanokv.v1.KvService/Pipeline");
        let lists = Request::new(tokio_stream::once(self));
        let answers = grpc.streaming(lists, path, BytesCodec).await?;
        answers.into_inner().message().await.map(|_| ())
    }
}

/// Sends bytes as they are.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = ListOfBytes;
    type Decode = pb::PipelineResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<pb::PipelineResponse>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for BytesCodec {
    type Item = ListOfBytes;
    type Error = Status;

    fn encode(&mut self, list: ListOfBytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&list.0);
        Ok(())
    }
}
