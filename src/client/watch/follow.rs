//! Keeps a watch going over connections that break.

use std::time::Duration;

use futures_util::{StreamExt, stream::unfold};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Streaming};

use crate::{
    client::{
        Client,
        attempt::deadline,
        error::{Error, Pushback},
        reason::Reason,
        retry::{Backoff, Policy},
        watch::{
            Watch, WatchCall,
            progress::{Progress, Told},
        },
    },
    proto as pb,
};

struct Follower {
    client: Client,
    message: pb::WatchRequest,
    begins_again: bool,
    progress: Progress,
    stream: Option<Streaming<pb::WatchResponse>>,
    opened: bool,
}

/// Opens the watch and waits for its first reply, so that it has begun.
pub(super) async fn follow(call: WatchCall) -> Result<Watch, Error> {
    let opened_until = deadline(&call.client, call.timeout);
    let mut follower = Follower {
        progress: Progress::new(call.message.start),
        client: call.client,
        message: call.message,
        begins_again: call.begins_again,
        stream: None,
        opened: false,
    };
    let first = follower.next(Some(opened_until)).await?;
    follower.opened = true;
    let rest = unfold(Some(follower), async |follower| {
        let mut follower = follower?;
        Some(match follower.next(None).await {
            Ok(told) => (Ok(told), Some(follower)),
            Err(error) => (Err(error), None),
        })
    });
    Ok(Watch::new(first, rest.fuse().boxed()))
}

impl Follower {
    /// The next reply, over as many connections as it takes.
    async fn next(&mut self, opened_until: Option<Instant>) -> Result<Told, Error> {
        let policy = self.client.config().retry;
        let mut backoff = Backoff::new(match opened_until {
            Some(_) => policy,
            None => Policy {
                attempts_max: u32::MAX,
                ..policy
            },
        });
        let mut give_up = opened_until;
        let mut before = None;
        loop {
            let error = match self.reply(give_up).await {
                Ok(reply) => return self.progress.take(reply),
                Err(error) => error,
            };
            // That time is up says less than why it was needed.
            if let (Code::DeadlineExceeded, Some(before)) = (error.code(), before) {
                return Err(before);
            }
            self.stream = None;
            self.progress.broken();
            if self.begins_again && is_gone(&error) {
                self.progress.begin_again();
            } else if !may_come_back(&error) {
                return Err(error);
            }
            let now = Instant::now();
            let until =
                *give_up.get_or_insert_with(|| now + self.client.config().watch_reconnect_max);
            let Some(wait) = backoff.wait(said(&error)) else {
                return Err(error);
            };
            if now + wait >= until {
                return Err(error);
            }
            before = Some(error);
            sleep(wait).await;
        }
    }

    /// The next reply of the stream that is open, or of a new one.
    async fn reply(&mut self, until: Option<Instant>) -> Result<pb::WatchResponse, Error> {
        // How long the first one may take is said by the deadline.
        let silence_max = self
            .opened
            .then_some(self.client.config().watch_silence_max);
        let stream = match &mut self.stream {
            Some(stream) => stream,
            closed @ None => {
                self.message.start = self.progress.start();
                let mut stubs = self.client.stubs();
                let opening = stubs.kv.watch(self.client.request(self.message.clone()));
                let opened = within(silence_max, until, opening).await?;
                closed.insert(opened?.into_inner())
            }
        };
        match within(silence_max, until, stream.message()).await?? {
            Some(reply) => Ok(reply),
            None => Err(Error::unavailable("the server ended the watch", true)),
        }
    }
}

/// What comes of `future`, in time.
async fn within<T>(
    silence_max: Option<Duration>,
    until: Option<Instant>,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    let silent = silence_max.map(|silence_max| Instant::now() + silence_max);
    let (end, ends_silent) = match (silent, until) {
        (None, None) => return Ok(future.await),
        (Some(silent), None) => (silent, true),
        (None, Some(until)) => (until, false),
        (Some(silent), Some(until)) => (silent.min(until), silent < until),
    };
    timeout_at(end, future).await.map_err(|_| {
        if ends_silent {
            Error::unavailable("the server was silent for too long", true)
        } else {
            Error::deadline()
        }
    })
}

/// Whether the same watch can go on where it was.
fn may_come_back(error: &Error) -> bool {
    error.is_unavailable() || error.reason() == Some(&Reason::WatchTooSlow)
}

/// Whether changes that were not told are gone.
fn is_gone(error: &Error) -> bool {
    matches!(
        error.reason(),
        Some(Reason::VersionCompacted | Reason::VersionAhead)
    )
}

/// A watch that is told never to come back would be none.
fn said(error: &Error) -> Pushback {
    match error.pushback() {
        Pushback::Never => Pushback::Unsaid,
        said => said,
    }
}
