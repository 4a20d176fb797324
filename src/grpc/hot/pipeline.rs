//! A Pipeline whose lists are decoded where they are carried out.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{
    Status, Streaming,
    body::Body,
    codegen::StdError,
    server::{Grpc, StreamingService},
};

use crate::{
    engine::Engine,
    grpc::{
        kv::Kv,
        pipeline::{Answers, Codec, List, Reply},
    },
};

/// Answers a call of Pipeline.
pub(in crate::grpc) fn pipeline<E, B>(
    kv: &Arc<Kv<E>>,
    request: Request<B>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<E, B>
where
    E: Engine,
    B: http_body::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    let service = Pipelined(Arc::clone(kv));
    let message_bytes_max = kv.limits().message_bytes_max;
    async move {
        let grpc = Grpc::new(Codec);
        let mut grpc = grpc.apply_max_message_size_config(Some(message_bytes_max), None);
        Ok(grpc.streaming(service, request).await)
    }
}

struct Pipelined<E>(Arc<Kv<E>>);

impl<E: Engine> StreamingService<List> for Pipelined<E> {
    type Response = Reply;
    type ResponseStream = Answers;
    type Future = Ready<Result<tonic::Response<Answers>, Status>>;

    fn call(&mut self, lists: tonic::Request<Streaming<List>>) -> Self::Future {
        ready(self.0.begin_pipeline(lists).map(tonic::Response::new))
    }
}
