//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    hash::BuildHasher,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::codegen::StdError;
use tower::Service;

use crate::{
    gate::{
        call::{Gate, Peer},
        request::RequestBody,
        state::Phase,
    },
    grpc::hot::Body,
    serve::{
        config::Config,
        counted::{Calls, Counted},
        gathered::Gathered,
        health_only::Quiet,
        inline::{Inline, Taker},
        preface::{self, Looked, Speaks},
        seats::Seat,
    },
};

/// Bytes that a client may send ahead, on a stream and on a connection. h2 ends
/// a connection whose small frames take up half of it, so it must not be small.
const WINDOW_BYTES: u32 = 1 << 20;

/// Bytes of a request that a client of HTTP/1 may send to be told better.
const HTTP1_BUFFER_BYTES: usize = 16 << 10;

/// How long a connection that has to go may take to send what it still has.
const LEAVE: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone, Debug)]
pub struct Context<S> {
    /// Their limits.
    pub config: Config,
    /// What their calls pass.
    pub gate: Gate,
    /// Where their calls go.
    pub services: S,
}

/// What answers calls that were let through.
pub trait Services:
    Service<
        Request<RequestBody<Incoming>>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Send + Unpin,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Services for S where
    S: Service<
            Request<RequestBody<Incoming>>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + Unpin,
        > + Clone
        + Send
        + 'static
{
}

/// Serves one connection until it ends.
pub async fn serve<S: Services>(context: Context<S>, stream: TcpStream, seat: Seat) {
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    // Without it small replies wait for the peer's delayed acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "no TCP_NODELAY");
    }
    let handshake = Duration::from_millis(context.config.handshake_ms_max);
    let looked = async {
        tokio::select! {
            looked = timeout(handshake, preface::look(stream)) => Some(looked),
            // Nothing has been asked, so nothing is left to answer.
            () = context.gate.state().reached(Phase::Stopping), if seat.health_only().is_none() => None,
        }
    };
    let Some(looked) = looked.await else {
        return;
    };
    match looked {
        Ok(Ok((Speaks::Http2, looked))) => http2(context, looked, address, seat).await,
        Ok(Ok((Speaks::Http1, looked))) => http1(looked, handshake).await,
        Ok(Ok((Speaks::Unknown, _))) => tracing::debug!(%address, "speaks nothing known here"),
        Ok(Err(error)) => tracing::debug!(%address, %error, "went before it said anything"),
        Err(_) => tracing::debug!(%address, "said nothing in time"),
    }
}

async fn http2<S: Services>(context: Context<S>, looked: Looked, address: SocketAddr, seat: Seat) {
    let Context {
        config,
        gate,
        services,
    } = context;
    let state = gate.state().clone();
    let health_only = seat.health_only();
    let peer = Peer {
        address,
        health_only,
    };
    let quiet = Quiet::default();
    let calls = Arc::new(Calls::default());
    let service = {
        let quiet = quiet.clone();
        let calls = Arc::clone(&calls);
        service_fn(move |request: Request<Incoming>| {
            let kind = gate.kind(request.uri().path());
            if health_only.is_some() {
                quiet.interrupt(kind.is_health());
            }
            let counted = calls.begin(kind.is_lasting());
            let call = gate.call(peer, &mut services.clone(), request);
            async move {
                call.await
                    .map(|reply| reply.map(|body| Counted::new(body, counted)))
            }
        })
    };
    let inline = Inline::default();
    let gathered = Gathered::new(looked);
    let io = TokioIo::new(gathered.clone());
    let mut connection = pin!(builder(&config, inline.taker()).serve_connection(io, service));
    let mut stopping = pin!(state.reached(Phase::Stopping));
    let mut age = pin!(sleep_or_never(age_ms(&config, address)));
    let mut lasted = pin!(async {
        match health_only {
            Some(_) => quiet.lasted().await,
            None => pending().await,
        }
    });
    // Read, the end of a watch has left by then.
    let mut abandoned = pin!(async {
        state.reached(Phase::Stopping).await;
        sleep(LEAVE).await;
        calls.only_lasting().await;
    });
    // Health alone is answered until the very end.
    let stays = health_only.is_some();
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = poll_fn(|context| turn(connection.as_mut(), &inline, &gathered, context)) => {
                if let Err(error) = ended {
                    tracing::debug!(%address, %error, "connection ended");
                }
                return;
            }
            () = stopping.as_mut(), if !leaving && !stays => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = abandoned.as_mut(), if !stays => {
                // For the replies that have been given.
                let last = poll_fn(|context| turn(connection.as_mut(), &inline, &gathered, context));
                let _ = timeout(LEAVE, last).await;
                return;
            }
            () = age.as_mut(), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = lasted.as_mut() => {
                connection.as_mut().graceful_shutdown();
                let last = poll_fn(|context| turn(connection.as_mut(), &inline, &gathered, context));
                let _ = timeout(LEAVE, last).await;
                return;
            }
        }
    }
}

/// One turn of a connection: what has come is read, each call that can be is
/// answered, and the answers leave together.
///
/// # Errors
/// How the connection ended, or that nothing can be written to it.
fn turn<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    inline: &Inline,
    gathered: &Gathered<Looked>,
    context: &mut Task<'_>,
) -> Poll<Result<(), StdError>> {
    loop {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(ended.map_err(Into::into));
        }
        if !inline.run() {
            break;
        }
    }
    match gathered.poll_send(context) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
    }
}

fn builder(config: &Config, streams: Taker) -> http2::Builder<Taker> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(config.streams_per_connection_max)
        .max_header_list_size(config.header_list_bytes_max)
        .max_pending_accept_reset_streams(config.reset_streams_pending_max)
        .max_local_error_reset_streams(config.reset_streams_pending_max);
    if config.keepalive_interval_ms > 0 {
        builder
            .keep_alive_interval(Duration::from_millis(config.keepalive_interval_ms))
            .keep_alive_timeout(Duration::from_millis(config.keepalive_timeout_ms));
    }
    builder
}

/// Connections that began together are not to go together.
fn age_ms(config: &Config, address: SocketAddr) -> u64 {
    let age_ms = config.connection_age_ms_max;
    let per_mille = foldhash::quality::RandomState::default().hash_one(address) % 201;
    (age_ms / 1000).saturating_mul(900 + per_mille) + age_ms % 1000
}

async fn sleep_or_never(millis: u64) {
    if millis == 0 {
        pending::<()>().await;
    } else {
        sleep(Duration::from_millis(millis)).await;
    }
}

/// A client of HTTP/1 is told, in HTTP/1, what is spoken here.
async fn http1(looked: Looked, patience: Duration) {
    let service = service_fn(|_: Request<Incoming>| async {
        let text = "This port speaks gRPC: HTTP/2 without TLS, from the first byte on.\n";
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("text/plain"),
        );
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(looked), service);
    let _ = timeout(patience, connection).await;
}
