//! Calls through a gate to services that misbehave.

use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tower::service_fn;

use super::*;
use crate::{gate::rate::Rates, model::time::UnixMillis};

const PEER: Peer = Peer {
    address: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1),
    health_only: None,
};

fn gate() -> Gate {
    gate_with(Config::default())
}

fn gate_with(config: Config) -> Gate {
    let wire = Wire {
        refuse: |refusal| {
            let mut response = Response::new(Body::empty());
            let text = format!("{refusal:?}").parse().unwrap();
            response.headers_mut().insert("refusal", text);
            response
        },
        last: |_| None,
        name: |path| path,
        kind: |service, method| match (service, method) {
            ("health", _) => Kind::Health,
            (_, "Watch") => Kind::Watch,
            (_, "Pipeline") => Kind::Pipeline,
            (_, "Reflect") => Kind::Stream,
            _ => Kind::Ordinary,
        },
        rpcs: &[("service", "Method"), ("service", "Watch")],
    };
    Gate::new(config, State::new(), wire)
}

fn request() -> Request<Empty<Bytes>> {
    Request::post("/service/Method")
        .header("content-type", CONTENT_TYPE)
        .body(Empty::new())
        .unwrap()
}

fn refusal(reply: &Reply<Body>) -> Option<&str> {
    reply.headers().get("refusal")?.to_str().ok()
}

#[tokio::test]
async fn panic_in_a_call_is_its_answer() {
    let gate = gate();
    let mut routes = service_fn(|_| Box::pin(async { panic!("on purpose") }));
    let reply = gate.call(PEER, &mut routes, request()).await.unwrap();
    assert_eq!(refusal(&reply), Some("Panicked"));
    drop(reply);
    assert_eq!(gate.inner.load.calls(), 0);
}

#[tokio::test]
async fn call_counts_until_its_reply_is_dropped() {
    let gate = gate();
    let mut routes = service_fn(|_| {
        Box::pin(async {
            let reply = http_body_util::Full::new(Bytes::from(vec![0; 5000]));
            Ok(Response::new(Body::new(reply)))
        })
    });
    let reply = gate.call(PEER, &mut routes, request()).await.unwrap();
    assert_eq!(gate.inner.load.calls(), 1);
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        (gate.inner.load.calls(), gate.inner.load.bytes()),
        (0, 5000)
    );
    drop(bytes);
    assert_eq!(gate.inner.load.bytes(), 0);
}

/// The reply of a watch: 10 bytes, then 5000.
async fn watch(gate: &Gate) -> Reply<Body> {
    let mut routes = service_fn(|_| {
        Box::pin(async {
            let messages = tokio_stream::iter([10, 5000]).map(|bytes| {
                let frame = http_body::Frame::data(Bytes::from(vec![0; bytes]));
                Ok::<_, tonic::Status>(frame)
            });
            let reply = http_body_util::StreamBody::new(messages);
            Ok(Response::new(Body::new(reply)))
        })
    });
    let mut watch = request();
    *watch.uri_mut() = "/service/Watch".parse().unwrap();
    gate.call(PEER, &mut routes, watch).await.unwrap()
}

#[tokio::test]
async fn watch_that_finds_no_room_waits_until_another_one_has_left() {
    let gate = gate_with(Config {
        watch_bytes_in_flight_max: 5000,
        ..Config::default()
    });
    let (mut one, mut other) = (watch(&gate).await, watch(&gate).await);
    drop(one.frame().await);
    let large = one.frame().await.unwrap().unwrap().into_data().unwrap();
    let mut waiting = pin!(other.frame());
    let mut context = Context::from_waker(Waker::noop());
    // It begins in its own task, so only the second time.
    for _ in 0..2 {
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    drop(large);
    assert!(waiting.as_mut().poll(&mut context).is_ready());
}

#[tokio::test]
async fn reply_that_may_go_on_for_ever_is_no_call_in_flight() {
    let gate = gate();
    let mut reply = watch(&gate).await;
    assert_eq!(gate.inner.load.calls(), 0);
    for bytes in [10, 5000] {
        let frame = reply.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((frame.len(), gate.inner.room.bytes()), (bytes, bytes));
        drop(frame);
        assert_eq!(gate.inner.room.bytes(), 0, "counted until it has left");
        assert_eq!(gate.inner.load.bytes(), 0, "and not among the calls");
    }
}

#[tokio::test]
async fn stream_whose_messages_are_calls_is_none_itself() {
    let gate = gate();
    let load = gate.inner.load.clone();
    let mut routes = service_fn(|request: Request<RequestBody<Empty<Bytes>>>| {
        Box::pin(async move {
            let each = request.extensions().get::<Each>().unwrap();
            let list = each.enter(&Caller::anyone(), 100, 0).unwrap();
            let reply = tokio_stream::once(list).map(|list| {
                drop(list);
                Ok::<_, tonic::Status>(http_body::Frame::data(Bytes::from_static(b"x")))
            });
            let reply = http_body_util::StreamBody::new(reply);
            Ok(Response::new(Body::new(reply)))
        })
    });
    let mut pipeline = request();
    *pipeline.uri_mut() = "/service/Pipeline".parse().unwrap();
    let mut reply = gate.call(PEER, &mut routes, pipeline).await.unwrap();
    assert_eq!((load.calls(), load.bytes()), (1, 100), "of its message");
    let frame = reply.frame().await.unwrap().unwrap();
    assert_eq!((load.calls(), load.bytes()), (0, 1), "of its reply");
    drop(frame);
    assert_eq!(load.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn stream_that_never_pauses_ends_in_time() {
    let mut routes = service_fn(|_| {
        Box::pin(async {
            let frame = || Ok::<_, tonic::Status>(http_body::Frame::data(Bytes::from_static(b"x")));
            let messages = tokio_stream::iter(std::iter::repeat_with(frame));
            let reply = http_body_util::StreamBody::new(messages);
            Ok(Response::new(Body::new(reply)))
        })
    });
    let mut watch = request();
    *watch.uri_mut() = "/service/Watch".parse().unwrap();
    let timeout = "1S".parse().unwrap();
    watch.headers_mut().insert("grpc-timeout", timeout);
    let mut reply = gate().call(PEER, &mut routes, watch).await.unwrap();
    for _ in 0..100 {
        assert!(reply.frame().await.unwrap().unwrap().is_data());
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    let last = reply.frame().await.unwrap().unwrap();
    let trailers = last.into_trailers().unwrap();
    assert_eq!(trailers.get("refusal").unwrap(), "Deadline");
    assert!(reply.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn stream_that_tells_what_it_is_asked_goes_no_faster_than_its_caller_may() {
    let rates = Rates {
        bytes_per_second_max: 100,
        ..Rates::default()
    };
    let began = Instant::now();
    let now = move || UnixMillis::new(1000 + u64::try_from(began.elapsed().as_millis()).unwrap());
    let meters = Meters::new(rates, Arc::new(now));
    let gate = gate().with_meters(meters).of_connection(PEER.address, None);
    let mut routes = service_fn(|_| {
        Box::pin(async {
            let frame = || Ok::<_, tonic::Status>(Frame::data(Bytes::from_static(&[b'x'; 100])));
            let messages = tokio_stream::iter(std::iter::repeat_with(frame));
            let reply = http_body_util::StreamBody::new(messages);
            Ok(Response::new(Body::new(reply)))
        })
    });
    let mut asked = request();
    *asked.uri_mut() = "/service/Reflect".parse().unwrap();
    let mut reply = gate.call(PEER, &mut routes, asked).await.unwrap();
    assert_eq!(gate.inner.load.calls(), 1, "it stays one");
    for _ in 0..5 {
        assert!(reply.frame().await.unwrap().unwrap().is_data());
    }
    // One is paid for by the second before.
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn error_at_the_end_of_a_stream_is_told_as_ours() {
    let mut routes = service_fn(|_| {
        Box::pin(async {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "11".parse().unwrap());
            let reply = http_body_util::Full::new(Bytes::from_static(b"some"));
            let reply = reply.with_trailers(std::future::ready(Some(Ok(trailers))));
            Ok(Response::new(Body::new(reply)))
        })
    });
    let reply = gate().call(PEER, &mut routes, request()).await.unwrap();
    let trailers = reply.into_body().collect().await.unwrap();
    let refusal = trailers.trailers().unwrap().get("refusal").unwrap();
    assert_eq!(refusal, "MessageTooLarge { message_bytes_max: 4194304 }");
}

#[tokio::test(start_paused = true)]
async fn stream_that_is_late_from_its_first_message_on_says_so() {
    let mut routes = service_fn(|_| {
        Box::pin(async {
            // Begun in time, and then there is nothing to send.
            let messages =
                tokio_stream::pending::<Result<http_body::Frame<Bytes>, tonic::Status>>();
            let reply = http_body_util::StreamBody::new(messages);
            Ok(Response::new(Body::new(reply)))
        })
    });
    for timeout in ["1n", "1S"] {
        let mut request = request();
        let timeout = timeout.parse().unwrap();
        request.headers_mut().insert("grpc-timeout", timeout);
        let reply = gate().call(PEER, &mut routes, request).await.unwrap();
        let trailers = reply.into_body().collect().await.unwrap();
        let refusal = trailers.trailers().unwrap().get("refusal").unwrap();
        assert_eq!(refusal, "Deadline");
    }
}
