//! A connection that speaks HTTP/1.1: one request after another, none of them
//! gRPC.

use std::{
    future::poll_fn,
    io::Cursor,
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
use tokio::{
    io::{AsyncReadExt, join},
    time::timeout,
};
use tonic::{body::Body, codegen::StdError};

use crate::{
    gate::call::Peer,
    serve::{
        ahead::Ahead,
        config::Config,
        connection::{Carrier, Context, Services},
        counted::Counted,
        gathered::Gathered,
        idle::{Idle, Silent},
        life::{Ended, LEAVE, Life, linger},
        preface::Looked,
        turns::Turns,
        unread::Unread,
        wires::Wires,
    },
};

/// The least that hyper reads with.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// How a connection ends on which nothing was ever asked.
const SILENT: &str = "asked nothing in time";

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
    let mut stream = Unread::new(looked, unread_max);
    let mut idle = Idle::new(&config);
    let mut come = Bytes::new();
    if let Some(plain) = door.plain(peer) {
        match read_ahead(&life, &mut idle, Ahead::new(&mut stream, plain)).await {
            Ok(Some(rest)) => come = rest,
            Ok(None) => return linger(stream).await,
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
    let has_asked = Arc::new(AtomicBool::new(idle.has_asked()));
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
    let io = TokioIo::new(join(
        Cursor::new(come).chain(gathered.clone()),
        gathered.clone(),
    ));
    let turns = Turns::new();
    let connection = pin!(builder(&config, turns.clone()).serve_connection(io, service));
    let ended = life.drive(connection, |connection, task| {
        turns.begin();
        let has_asked = has_asked.load(Ordering::Relaxed);
        if !has_asked && idle.poll_silent(None, task).is_ready() {
            return Poll::Ready(Err(SILENT.into()));
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

/// Answers plain reads until something else comes: that; or `None` when nothing
/// does for too long, or the connection has to go.
///
/// # Errors
/// How the connection ended.
async fn read_ahead<T: Carrier>(
    life: &Life,
    idle: &mut Idle,
    mut ahead: Ahead<'_, Unread<Looked<T>>>,
) -> Result<Option<Bytes>, StdError> {
    let read = life.drive_quick(|task| {
        if let Poll::Ready(rest) = ahead.poll_else(task) {
            return Poll::Ready(rest.map(Some).map_err(Into::into));
        }
        let silent = idle.poll_silent(ahead.answered(), task);
        silent.map(|silent| match silent {
            Silent::FromTheFirst => Err(SILENT.into()),
            Silent::SinceTheLast => Ok(None),
        })
    });
    if let Some(read) = read.await {
        return read;
    }
    // For the answers that have been given.
    let sent = poll_fn(|task| ahead.poll_sent(task));
    let _ = timeout(LEAVE, sent).await;
    Ok(None)
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

fn builder(config: &Config, turns: Turns) -> http1::Builder {
    let idle_max = Duration::from_millis(config.http1_idle_ms_max);
    let header_bytes = usize::try_from(config.header_list_bytes_max).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(turns)
        .header_read_timeout(idle_max)
        .max_buf_size(header_bytes.max(BUFFER_BYTES_MIN));
    builder
}
