//! The life of one connection: what it is asked, and when it has to go.

use std::{
    future::{pending, poll_fn},
    hash::BuildHasher,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper_util::server::graceful::GracefulConnection;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::codegen::StdError;

use crate::{
    gate::{
        call::Peer,
        kind::Kind,
        state::{Phase, State},
    },
    serve::{config::Config, counted::Calls, health_only::Quiet},
};

/// How long a connection that has to go may take to send what it still has.
const LEAVE: Duration = Duration::from_secs(1);

/// What a connection that was ended in order is still sent is read for so long,
/// and so much of it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 64 << 20;

/// When a connection has to go, whatever it speaks. A clone is the same.
#[derive(Clone, Debug)]
pub struct Life {
    state: State,
    quiet: Quiet,
    calls: Arc<Calls>,
    is_health_only: bool,
    /// When it has lasted for long enough; `None`: it may last for ever.
    until: Option<Instant>,
}

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// To take no more calls on, and to end with those it has.
    Leave,
    /// To end, whatever it has.
    Abandon,
}

/// What ended a connection.
#[derive(Debug)]
pub enum Ended {
    /// It came to its end, in order or not.
    Itself(Result<(), StdError>),
    /// It was left behind, with whatever it still had.
    Abandoned,
}

impl Life {
    /// That of a connection of `peer`, which begins now.
    #[must_use]
    pub fn new(config: &Config, state: &State, peer: Peer) -> Self {
        Self {
            state: state.clone(),
            quiet: Quiet::default(),
            calls: Arc::default(),
            is_health_only: peer.health_only.is_some(),
            until: age(config, peer.address).map(|age| Instant::now() + age),
        }
    }

    /// A call begins; it is under way until what this gives is dropped.
    #[must_use]
    pub fn asked(&self, kind: Kind) -> Arc<()> {
        if self.is_health_only {
            self.quiet.interrupt(kind.is_health());
        }
        self.calls.begin(kind.is_lasting())
    }

    /// Drives `connection` to its end, turn by turn.
    pub async fn drive<C: GracefulConnection>(
        &self,
        mut connection: Pin<&mut C>,
        mut turn: impl FnMut(Pin<&mut C>, &mut Context<'_>) -> Poll<Result<(), StdError>>,
    ) -> Ended {
        let mut orders = self.orders();
        let ended = poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = turn(connection.as_mut(), context) {
                    return Poll::Ready(Some(ended));
                }
                let Poll::Ready(Some(order)) = orders.poll_next_unpin(context) else {
                    return Poll::Pending;
                };
                connection.as_mut().graceful_shutdown();
                if order == Order::Abandon {
                    return Poll::Ready(None);
                }
            }
        });
        if let Some(ended) = ended.await {
            return Ended::Itself(ended);
        }
        // For the answers that have been given.
        let last = poll_fn(|context| turn(connection.as_mut(), context));
        let _ = timeout(LEAVE, last).await;
        Ended::Abandoned
    }

    /// Drives a connection on which all is answered at once, so that no call of it is
    /// ever under way, turn by turn, to its end; `None`: it has to go.
    pub async fn drive_at_once<R>(
        &self,
        mut turn: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Option<R> {
        let leave: Pin<Box<dyn Future<Output = Order> + Send + '_>> = Box::pin(self.leave());
        // Polled only when woken: see `orders`.
        let mut orders: FuturesUnordered<_> = [leave].into_iter().collect();
        poll_fn(|context| {
            if let Poll::Ready(ended) = turn(context) {
                return Poll::Ready(Some(ended));
            }
            orders.poll_next_unpin(context).map(|_| None)
        })
        .await
    }

    /// What the connection is told to do. Asked for in each turn, which costs
    /// next to nothing: only what has been woken is polled.
    fn orders(&self) -> FuturesUnordered<Pin<Box<dyn Future<Output = Order> + Send + '_>>> {
        let orders: [Pin<Box<dyn Future<Output = Order> + Send + '_>>; 2] =
            [Box::pin(self.leave()), Box::pin(self.abandon())];
        orders.into_iter().collect()
    }

    async fn leave(&self) -> Order {
        let stopping = async {
            // Health alone is answered until the very end.
            if self.is_health_only {
                pending::<()>().await;
            }
            self.state.reached(Phase::Stopping).await;
        };
        tokio::select! {
            () = stopping => Order::Leave,
            () = sleep_until_or_never(self.until) => Order::Leave,
        }
    }

    async fn abandon(&self) -> Order {
        if self.is_health_only {
            self.quiet.lasted().await;
        } else {
            self.state.reached(Phase::Stopping).await;
            // Read, the end of a watch has left by then.
            sleep(LEAVE).await;
            self.calls.only_lasting().await;
        }
        Order::Abandon
    }
}

/// Reads until the peer closes too. A socket that is closed with something in it
/// that was not read resets the connection, and a client that is sending, a
/// Pipeline for example, may then never read how its calls ended.
pub async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let rest = async {
        stream.shutdown().await?;
        copy(&mut stream.take(LINGER_BYTES), &mut sink()).await
    };
    // It has been told all that there was to tell.
    let _ = timeout(LINGER, rest).await;
}

/// How long a connection may last; `None`: for ever. Those that began together are
/// not to go together.
fn age(config: &Config, address: SocketAddr) -> Option<Duration> {
    let age_ms = config.connection_age_ms_max;
    let per_mille = foldhash::quality::RandomState::default().hash_one(address) % 201;
    let varied = (age_ms / 1000).saturating_mul(900 + per_mille) + age_ms % 1000;
    (age_ms > 0).then(|| Duration::from_millis(varied))
}

async fn sleep_until_or_never(until: Option<Instant>) {
    match until {
        None => pending().await,
        Some(until) => sleep_until(until).await,
    }
}
