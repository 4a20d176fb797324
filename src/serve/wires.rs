//! Which wire answers a request that is not plain gRPC: gRPC-Web, or HTTP.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use hyper::body::Incoming;

use crate::{
    gate::{
        answer::{Answer, AnswerBody, Reply},
        call::{Gate, Peer, speaks_grpc_web},
        kind::Kind,
    },
    grpc::web,
    http::{
        cors::Told,
        door::{self, Door},
        problem,
        tally::Tallied,
    },
    serve::connection::Services,
};

/// The wires of one connection.
#[derive(Clone, Debug)]
pub struct Wires<S> {
    /// What calls of gRPC pass.
    pub gate: Gate,
    /// Where they go.
    pub services: S,
    /// Where everything else goes.
    pub door: Door,
    /// Who asks.
    pub peer: Peer,
}

/// An answer of one of them.
pub struct Answering<R> {
    way: Way<R>,
    // Most servers tell nothing.
    told: Option<Box<Told>>,
    // Only of HTTP: calls of gRPC-Web are counted as calls.
    tallied: Option<Tallied>,
}

enum Way<R> {
    Http(Answer<door::Answering<R>, R>),
    Web(web::Answering, Gate),
}

impl<S: Services> Wires<S> {
    /// How a request is let in and counted, and the answer to come.
    pub fn ask<R: AnswerBody>(&self, mut request: Request<Incoming>) -> (Kind, Answering<R>) {
        let origins = self.door.origins();
        let told = origins.told(&request).map(Box::new);
        let named = self.door.hosts().permit(&request);
        if !speaks_grpc_web(&request) {
            let kind = self.door.kind(request.uri().path());
            // Probes learn nothing, and may use any name.
            if let Err(misnamed) = named
                && !kind.is_health()
            {
                request.extensions_mut().insert(misnamed);
            }
            let tallied = self.door.count(&mut request);
            let way = Way::Http(self.door.call(self.peer, request));
            let answering = Answering { way, told, tallied };
            return (kind, answering);
        }
        let kind = self.gate.kind(request.uri().path());
        let misnamed = named.err().map(problem::misnamed);
        let failure = misnamed.or_else(|| origins.permit(&request).err());
        let (gate, services) = (self.gate.clone(), self.services.clone());
        let call = web::call(gate.clone(), services, self.peer, failure, request);
        let answering = Answering {
            way: Way::Web(call, gate),
            told,
            tallied: None,
        };
        (kind, answering)
    }
}

impl<R: AnswerBody> Future for Answering<R> {
    type Output = Result<Reply<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answering = self.get_mut();
        let mut reply = match &mut answering.way {
            Way::Http(call) => ready!(Pin::new(call).poll(context))?,
            Way::Web(call, gate) => gate.uncounted(ready!(call.as_mut().poll(context))),
        };
        if let Some(told) = answering.told.take() {
            told.tell(reply.headers_mut());
        }
        if let Some(tallied) = answering.tallied.take() {
            tallied.end(&reply);
        }
        Poll::Ready(Ok(reply))
    }
}
