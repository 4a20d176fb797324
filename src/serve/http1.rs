//! A connection that speaks HTTP/1.1: one request after another, none of them
//! gRPC.

use std::{
    pin::{Pin, pin},
    task::{Context as Task, Poll},
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::join, time::sleep};
use tonic::{body::Body, codegen::StdError};

use crate::{
    gate::call::Peer,
    serve::{
        ahead::Ahead,
        config::Config,
        connection::{Carrier, Context, Services},
        counted::Counted,
        gathered::Gathered,
        idle::{Asked, Idle},
        life::{Ended, Life, linger},
        preface::Looked,
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
    let plain = door.plain(peer);
    let wires = Wires {
        gate,
        services,
        door,
        peer,
    };
    let asked = Asked::default();
    let service = {
        let life = life.clone();
        let asked = asked.clone();
        service_fn(move |request: Request<Incoming>| {
            asked.note();
            let (kind, call) = wires.ask::<Body>(request);
            let counted = life.asked(kind);
            async move {
                call.await
                    .map(|reply| reply.map(|body| Counted::new(body, counted)))
            }
        })
    };
    let unread_max = Duration::from_millis(config.stream_unread_ms_max);
    let gathered = Gathered::new(Unread::new(looked, unread_max));
    let ahead = Ahead::new(gathered.clone(), plain, asked.clone());
    let io = TokioIo::new(join(ahead, gathered.clone()));
    let connection = pin!(builder(&config, asked.clone()).serve_connection(io, service));
    let mut handshake = pin!(sleep(Duration::from_millis(config.handshake_ms_max)));
    let mut has_asked = false;
    let ended = life.drive(connection, |connection, task| {
        has_asked = has_asked || asked.last().is_some();
        if !has_asked && handshake.as_mut().poll(task).is_ready() {
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

fn builder(config: &Config, asked: Asked) -> http1::Builder {
    let idle_max = Duration::from_millis(config.http1_idle_ms_max);
    let header_bytes = usize::try_from(config.header_list_bytes_max).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(Idle::new(idle_max, asked))
        .header_read_timeout(idle_max)
        .max_buf_size(header_bytes.max(BUFFER_BYTES_MIN));
    builder
}
