//! A connection that speaks HTTP/1.1: one request after another, none of them
//! gRPC.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as Task, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::join, time::Instant};
use tonic::{body::Body, codegen::StdError};

use crate::{
    gate::call::Peer,
    serve::{
        ahead::{Ahead, Behind, Left},
        config::Config,
        connection::{Carrier, Context, Services},
        counted::Counted,
        gathered::Gathered,
        life::{Ended, Life, linger},
        preface::Looked,
        turns::{Turns, Wait},
        unread::Unread,
        wires::Wires,
    },
};

/// The least that hyper reads with.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Serves one connection of `peer` until it ends.
pub async fn serve<S: Services, T: Carrier>(context: Context<S>, looked: Looked<T>, peer: Peer) {
    let Context {
        config,
        gate,
        services,
        door,
    } = context;
    let life = Life::new(&config, gate.state(), peer);
    let unread_max = Duration::from_millis(config.stream_unread_ms_max);
    let idle_max = Duration::from_millis(config.http1_idle_ms_max);
    let handshake_max = Duration::from_millis(config.handshake_ms_max);
    let mut handshake = Wait::until(Instant::now() + handshake_max);
    let mut stream = Unread::new(looked, unread_max);
    let (mut before, mut has_asked) = (Bytes::new(), false);
    if let Some(plain) = door.plain(peer) {
        let mut ahead = Ahead::new(&mut stream, plain, idle_max);
        let left = read_ahead(&life, &mut ahead).await;
        has_asked = ahead.has_answered();
        match left {
            Ok(Left::Else(come)) => before = come,
            Ok(Left::Nothing) => return linger(stream).await,
            Err(error) => {
                tracing::debug!(address = %peer.address, %error, "connection ended");
                return;
            }
        }
    }
    let wires = Wires {
        gate,
        services,
        door,
        peer,
    };
    let has_asked = Arc::new(AtomicBool::new(has_asked));
    let service = {
        let life = life.clone();
        let has_asked = Arc::clone(&has_asked);
        service_fn(move |request: Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            let (kind, call) = wires.ask::<Body>(request);
            let counted = life.asked(kind);
            async move {
                call.await
                    .map(|reply| reply.map(|body| Counted::new(body, counted)))
            }
        })
    };
    let gathered = Gathered::new(stream);
    let come = Behind::new(before, gathered.clone());
    let io = TokioIo::new(join(come, gathered.clone()));
    let turns = Turns::new();
    let connection = pin!(builder(&config, idle_max, turns.clone()).serve_connection(io, service));
    let ended = life.drive(connection, |connection, task| {
        turns.begin();
        let has_asked = has_asked.load(Ordering::Relaxed);
        if !has_asked && Pin::new(&mut handshake).poll(task).is_ready() {
            return Poll::Ready(Err("asked nothing in time".into()));
        }
        turn(connection, &gathered, task)
    });
    if let Ended::Itself(ended) = ended.await {
        if let Err(error) = ended {
            tracing::debug!(address = %peer.address, %error, "connection ended");
        }
        // What hyper refuses by itself has still to leave.
        linger(gathered).await;
    }
}

/// Answers plain reads until something else comes, or the connection has to go.
///
/// # Errors
/// How the connection ended.
async fn read_ahead<T: Carrier>(
    life: &Life,
    ahead: &mut Ahead<'_, Unread<Looked<T>>>,
) -> io::Result<Left> {
    if let Some(left) = life.drive_at_once(|task| ahead.poll_left(task)).await {
        return left;
    }
    // The answers that have been given: who does not take them is cut off.
    poll_fn(|task| ahead.poll_sent(task)).await?;
    Ok(Left::Nothing)
}

/// One turn: what has come is read and answered, and the answers leave together.
///
/// # Errors
/// How the connection ended, or that nothing can be written to it.
fn turn<C: Future<Output = hyper::Result<()>>, T: Carrier>(
    connection: Pin<&mut C>,
    gathered: &Gathered<Unread<Looked<T>>>,
    task: &mut Task<'_>,
) -> Poll<Result<(), StdError>> {
    if let Poll::Ready(ended) = connection.poll(task) {
        return Poll::Ready(ended.map_err(Into::into));
    }
    gathered.end_turn(task)
}

fn builder(config: &Config, idle_max: Duration, turns: Turns) -> http1::Builder {
    let header_bytes = usize::try_from(config.header_list_bytes_max).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(turns)
        .header_read_timeout(idle_max)
        .max_buf_size(header_bytes.max(BUFFER_BYTES_MIN));
    builder
}
