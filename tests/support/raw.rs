//! Messages that no stub would send: each has the field numbers of a request
//! of the contract, and says what that could not.

use nanokv::proto as pb;
use prost::Message;
use tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

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
        unary(kv, "/nanokv.v1.KvService/Get", self).await
    }
}

impl Rpc for SetTextBytes {
    type Answer = pb::SetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        unary(kv, "/nanokv.v1.KvService/Set", self).await
    }
}

impl Rpc for SetIfFuture {
    type Answer = pb::SetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        unary(kv, "/nanokv.v1.KvService/Set", self).await
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
