//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context as Task, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tonic::{body::Body as Generated, codegen::StdError};
use tower::Service;

use crate::{
    gate::{
        call::{Gate, Peer, speaks_grpc},
        request::RequestBody,
        state::Phase,
    },
    grpc::hot::Body,
    http::door::Door,
    serve::{
        config::Config,
        gathered::Gathered,
        http1,
        inline::{Inline, Taker},
        life::{Ended, Life, linger},
        line::Line,
        preface::{self, Looked, Speaks},
        replying::{Call, Replying},
        seats::Seat,
        tls::Tls,
        turns::Turns,
        unread::Unread,
        wires::Wires,
    },
};

/// Bytes that a client may send ahead on a stream.
const STREAM_BYTES: u32 = 256 << 10;

/// How long a connection that is for probes alone may say nothing at first.
const PROBE_SILENT_MAX: Duration = Duration::from_secs(1);

/// Bytes that a client may send ahead on a connection. h2 counts each frame that
/// nobody has read yet as 256 bytes, and ends a connection where these are more
/// than half of this: so much that a Pipeline that is not read from, because its
/// answers are not, never comes near it, however short its lists are.
const CONNECTION_BYTES: u32 = 32 << 20;

/// What all connections share.
#[derive(Clone, Debug)]
pub struct Context<S> {
    /// Their limits.
    pub config: Config,
    /// What their calls pass.
    pub gate: Gate,
    /// Where their calls go.
    pub services: S,
    /// Where everything else goes that is asked in HTTP.
    pub door: Door,
}

impl<S> Context<S> {
    /// The same for one connection from `address`, whose client may have a
    /// certificate.
    fn of_connection<T>(self, address: SocketAddr, looked: &Looked<T>) -> Self {
        let listen = self.config.listen.ip();
        let is_tls = matches!(looked.line(), Line::Tls(_));
        let certificate = looked.line().certificate();
        Self {
            gate: self.gate.of_connection(address, certificate.clone()),
            door: self
                .door
                .of_connection(address, listen, is_tls, certificate),
            ..self
        }
    }
}

/// What answers calls that were let through.
pub trait Services:
    Service<
        Request<RequestBody<Incoming>>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Send + Unpin,
    > + Service<
        Request<RequestBody<Generated>>,
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
        > + Service<
            Request<RequestBody<Generated>>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + Unpin,
        > + Clone
        + Send
        + 'static
{
}

/// What carries the bytes of a connection: a socket, or a pipe in memory for who
/// tests it.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Carrier for T {}

/// Serves one connection until it ends.
pub async fn serve<S: Services>(
    context: Context<S>,
    stream: TcpStream,
    tls: Option<Tls>,
    seat: Seat,
) {
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    // Without it small replies wait for the peer's delayed acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "no TCP_NODELAY");
    }
    serve_on(context, stream, address, tls, seat).await;
}

/// Serves one connection from `address`, whatever carries it, until it ends.
pub async fn serve_on<S: Services, T: Carrier>(
    context: Context<S>,
    stream: T,
    address: SocketAddr,
    tls: Option<Tls>,
    seat: Seat,
) {
    let handshake = Duration::from_millis(context.config.handshake_ms_max);
    let handshake = match seat.health_only() {
        None => handshake,
        // There are few of these seats, and probes begin at once.
        Some(_) => handshake.min(PROBE_SILENT_MAX),
    };
    let looked = async {
        tokio::select! {
            looked = timeout(handshake, begin(stream, tls)) => Some(looked),
            // Nothing has been asked, so nothing is left to answer.
            () = context.gate.state().reached(Phase::Stopping), if seat.health_only().is_none() => None,
        }
    };
    let Some(looked) = looked.await else {
        return;
    };
    let peer = Peer {
        address,
        health_only: seat.health_only(),
    };
    match looked {
        Ok(Ok((Speaks::Http2, looked))) => {
            let context = context.of_connection(address, &looked);
            http2(context, looked, peer).await;
        }
        Ok(Ok((Speaks::Http1, looked))) => {
            let context = context.of_connection(address, &looked);
            http1::serve(context, looked, peer).await;
        }
        Ok(Ok((Speaks::Unknown, _))) => tracing::debug!(%address, "speaks nothing known here"),
        Ok(Err(error)) => tracing::debug!(%address, %error, "did not begin"),
        Err(_) => tracing::debug!(%address, "said nothing in time"),
    }
}

/// Shakes hands where there is TLS, and sees what is spoken.
async fn begin<T: Carrier>(stream: T, tls: Option<Tls>) -> io::Result<(Speaks, Looked<T>)> {
    let line = match tls {
        Some(tls) => tls.accept(stream).await?,
        None => Line::Plain(stream),
    };
    preface::look(line).await
}

async fn http2<S: Services, T: Carrier>(context: Context<S>, looked: Looked<T>, peer: Peer) {
    let Context {
        config,
        gate,
        services,
        door,
    } = context;
    let life = Life::new(&config, gate.state(), peer);
    let wires = Wires {
        gate,
        services,
        door,
        peer,
    };
    let service = {
        let life = life.clone();
        service_fn(move |request: Request<Incoming>| {
            let (kind, call) = if speaks_grpc(&request) {
                let Wires { gate, services, .. } = &wires;
                let kind = gate.kind(request.uri().path());
                let call = gate.call_as(kind, peer, &mut services.clone(), request);
                (kind, Call::Grpc(call))
            } else {
                let (kind, call) = wires.ask(request);
                (kind, Call::Other(Box::new(call)))
            };
            let counted = life.asked(kind);
            Replying::new(call, counted, !kind.may_go_on())
        })
    };
    let unread_max = Duration::from_millis(config.stream_unread_ms_max);
    let inline = Inline::new(unread_max);
    let turns = Turns::new();
    // hyper ends a connection whose pings stay unanswered only as soon as all
    // that it has still to say has been taken.
    let gathered = Gathered::new(Unread::new(looked, unread_max));
    let io = TokioIo::new(gathered.clone());
    let builder = builder(&config, inline.taker(), turns.clone());
    let connection = pin!(builder.serve_connection(io, service));
    let ended = life.drive(connection, |connection, task| {
        turns.begin();
        turn(connection, &inline, &gathered, task)
    });
    match ended.await {
        Ended::Itself(Ok(())) => linger(gathered).await,
        Ended::Itself(Err(error)) => {
            tracing::debug!(address = %peer.address, %error, "connection ended");
        }
        Ended::Abandoned => {}
    }
}

/// One turn of a connection: what has come is read, each call that can be is
/// answered, and the answers leave together.
///
/// # Errors
/// How the connection ended, or that nothing can be written to it.
fn turn<C: Future<Output = hyper::Result<()>>, T: Carrier>(
    mut connection: Pin<&mut C>,
    inline: &Inline,
    gathered: &Gathered<Unread<Looked<T>>>,
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
    gathered.end_turn(context)
}

fn builder(config: &Config, streams: Taker, turns: Turns) -> http2::Builder<Taker> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(turns)
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_BYTES)
        .initial_connection_window_size(CONNECTION_BYTES)
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
