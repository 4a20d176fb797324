//! The calls that are asked most, straight from bytes to bytes: Get and Set
//! of the plain form, and lists of them, whose request is there when the call
//! begins. Everything else, each error included, is the generated service's.

mod body;
pub mod decode;
mod encode;
mod list;
mod pipeline;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http::Response;
use tonic::Status;

pub use crate::grpc::hot::body::Body;
pub(super) use crate::grpc::hot::pipeline::pipeline;

use crate::{
    calls::{failure::Failure, permit, status},
    engine::Engine,
    gate::access::caller::Caller,
    grpc::{hot::list::Message, kv::Kv, pipeline::ID_BYTES_MAX},
    model::{limits::Limits, operation::Operation},
};

/// An answer that is under way.
pub(super) type Waiting = Pin<Box<dyn Future<Output = Option<Response<Body>>> + Send>>;

/// What became of a call.
pub(super) enum Hot {
    /// It is answered.
    Answered(Response<Body>),
    /// It has begun, and ends with an answer.
    Waiting(Waiting),
    /// Nothing has been done: the generated service is to be asked.
    No,
}

/// Answers a call of `method` whose request is `framed`, if it is one of these.
pub(super) fn call<E: Engine>(
    kv: &Arc<Kv<E>>,
    caller: &Caller,
    method: &str,
    framed: &Bytes,
) -> Hot {
    // What is told in the log goes the other way.
    let changes = caller.audited().is_none();
    match method {
        "Get" => get(kv, caller, framed).map_or(Hot::No, Hot::Answered),
        "Set" if changes => set(kv, caller, framed),
        "Batch" if changes => batch(kv, caller, framed),
        _ => Hot::No,
    }
}

/// A read that is not answered at once is given up, and asked again.
fn get<E: Engine>(kv: &Kv<E>, caller: &Caller, framed: &[u8]) -> Option<Response<Body>> {
    let read = decode::get(decode::message(framed, kv.limits())?, kv.limits())?;
    permit::read(caller, read.key).ok()?;
    let engine = kv.engine().ok()?;
    match pin!(engine.view(read, encode::get)).poll(&mut now()) {
        Poll::Ready(Ok(reply)) => Some(Body::reply(reply)),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

fn set<E: Engine>(kv: &Arc<Kv<E>>, caller: &Caller, framed: &Bytes) -> Hot {
    let (kv, caller, framed) = (Arc::clone(kv), caller.clone(), framed.clone());
    begin(Box::pin(async move {
        let mutation = decode::set(decode::message(&framed, kv.limits())?, kv.limits())?;
        permit::mutation(&caller, &mutation).ok()?;
        let engine = kv.engine().ok()?;
        Some(match engine.mutate(mutation).await {
            Ok(applied) => Body::reply(encode::set(&applied)),
            Err(error) => refused(status::of_key(&error, mutation.key)),
        })
    }))
}

fn batch<E: Engine>(kv: &Arc<Kv<E>>, caller: &Caller, framed: &Bytes) -> Hot {
    let (kv, caller, framed) = (Arc::clone(kv), caller.clone(), framed.clone());
    begin(Box::pin(async move {
        let operations = decode::batch(decode::message(&framed, kv.limits())?, kv.limits())?;
        permitted(&caller, &operations)?;
        let engine = kv.engine().ok()?;
        let message = Message {
            field: 1,
            buffer: encode::head(),
            besides_bytes_max: 0,
        };
        let reply = list::carry_out(engine, &operations, kv.limits(), message).await;
        Some(Body::reply(encode::with_head(reply)))
    }))
}

/// Whether `caller` may do all of them; what they may not is refused elsewhere.
pub(super) fn permitted(caller: &Caller, operations: &[Operation<'_>]) -> Option<()> {
    let mut operations = operations.iter();
    let all = operations.all(|operation| permit::operation(caller, operation).is_ok());
    all.then_some(())
}

/// The answer to a list of a Pipeline, as a message.
pub(super) async fn pipelined<E: Engine>(
    engine: &E,
    id: i64,
    operations: &[Operation<'_>],
    limits: &Limits,
) -> Bytes {
    let mut message = Message {
        field: 2,
        buffer: BytesMut::new(),
        besides_bytes_max: ID_BYTES_MAX,
    };
    encode::id(id, &mut message.buffer);
    let reply = list::carry_out(engine, operations, limits, message).await;
    reply.freeze()
}

/// Begins a change, which is not given up any more once it waits.
fn begin(mut change: Waiting) -> Hot {
    match change.as_mut().poll(&mut now()) {
        Poll::Ready(Some(response)) => Hot::Answered(response),
        Poll::Ready(None) => Hot::No,
        // Whoever waits for it polls again, and is woken then.
        Poll::Pending => Hot::Waiting(change),
    }
}

fn refused(failure: Failure) -> Response<Body> {
    Status::from(failure).into_http()
}

const fn now() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use prost::Message;
    use tonic::Code;

    use super::*;
    use crate::{
        calls::{backup::Backups, store::Store, watch::Watches},
        engine::memory::{self, Memory},
        gate::{opening::Opening, state::State},
        grpc::{Config, pipeline::Pipelines},
        model::{clock::held::HeldClock, limits::Limits, time::UnixMillis},
        proto,
    };

    fn store<E: Engine>(opening: Opening<E>, watches: Watches) -> Store<E> {
        Store::new(
            opening,
            watches,
            Backups::new(State::new(), Config::default().backups),
            Limits::default(),
            proto::Limits::default(),
        )
    }

    fn kv(memory_max: u64) -> Arc<Kv<Memory<HeldClock>>> {
        let opening = Opening::new();
        let config = memory::Config {
            memory_max,
            ..memory::Config::default()
        };
        let clock = HeldClock::at(UnixMillis::new(1_767_225_600_000));
        opening.fill(Memory::open(config, clock));
        let pipelines = Pipelines::new(State::new(), Config::default().pipelines_max);
        let watches = Watches::new(State::new(), Config::default().watches);
        Arc::new(Kv::new(store(opening, watches), pipelines))
    }

    fn framed(message: &impl Message) -> Bytes {
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.encoded_len()).unwrap());
        message.encode(&mut framed).unwrap();
        framed.freeze()
    }

    fn set_of(bytes: usize) -> Bytes {
        framed(&proto::SetRequest {
            key: "k".into(),
            value: Some(proto::Value {
                kind: Some(proto::value::Kind::Text("v".repeat(bytes))),
            }),
            ..Default::default()
        })
    }

    fn answered(hot: Hot) -> Option<Response<Body>> {
        match hot {
            Hot::Answered(response) => Some(response),
            Hot::Waiting(_) | Hot::No => None,
        }
    }

    #[test]
    fn plain_calls_of_a_memory_engine_are_answered_at_once() {
        let kv = kv(1 << 30);
        assert!(answered(call(&kv, &Caller::anyone(), "Set", &set_of(10))).is_some());
        let get = framed(&proto::GetRequest {
            key: "k".into(),
            omit_value: false,
        });
        assert!(answered(call(&kv, &Caller::anyone(), "Get", &get)).is_some());
        assert!(answered(call(&kv, &Caller::anyone(), "Delete", &get)).is_none());
        let engine_less = Arc::new(Kv::<Memory<HeldClock>>::new(
            store(
                Opening::new(),
                Watches::new(State::new(), Config::default().watches),
            ),
            Pipelines::new(State::new(), 1),
        ));
        assert!(answered(call(&engine_less, &Caller::anyone(), "Get", &get)).is_none());
        assert!(answered(call(&engine_less, &Caller::anyone(), "Set", &set_of(10))).is_none());
    }

    #[test]
    fn a_change_that_is_refused_is_told_with_its_details() {
        let kv = kv(1);
        let response = answered(call(&kv, &Caller::anyone(), "Set", &set_of(10))).unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().starts_with("MEMORY_FULL"), "{status:?}");
        assert!(!status.details().is_empty());
    }
}
