//! One call, made again as long as that is safe and may help.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::client::{
    Client,
    call::{Rpc, Single},
    error::Error,
    reason::Reason,
    retry::Backoff,
};

/// The name of the capability, in Describe and where it is refused.
const REQUEST_ID: &str = "request_id";

/// Makes the call, and again where it is safe to: what only reads, and changes
/// that carry a request id.
pub(crate) async fn make<M: Rpc>(target: Single, message: M) -> Result<M::Response, Error> {
    let Single {
        client,
        timeout,
        makes_id,
    } = target;
    let deadline = deadline(&client, timeout);
    let mut identified = message.clone();
    let added = makes_id && lacks_ids(&mut identified) && {
        let kept = client.keeps_request_ids(deadline).await;
        if kept {
            identified.each_request_id(&mut give_id);
        }
        kept
    };
    let answer = attempts(&client, identified, deadline).await;
    match answer {
        // Another server than the one that said it keeps them. Nothing was
        // done, so it may be asked for the same without.
        Err(error) if added && refuses_ids(&error) => {
            client.forget_request_ids();
            attempts(&client, message, deadline).await
        }
        answer => answer,
    }
}

/// When a call that begins now must be done.
pub(crate) fn deadline(client: &Client, timeout: Option<Duration>) -> Instant {
    let now = Instant::now();
    let timeout = timeout.unwrap_or(client.config().call_timeout);
    // A year is as good as never, and can always be added.
    now + timeout.min(Duration::from_hours(24 * 365))
}

/// Makes the call until it is answered, or must not be made again.
pub(crate) async fn attempts<M: Rpc>(
    client: &Client,
    mut message: M,
    deadline: Instant,
) -> Result<M::Response, Error> {
    let repeatable = !lacks_ids(&mut message);
    let attempt = || {
        let mut request = client.request(message.clone());
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let sent = M::send(client.stubs(), request);
        async { Ok(sent.await?.into_inner()) }
    };
    again(client, repeatable, deadline, attempt).await
}

/// Attempts something until it is answered; once, unless it is `repeatable`.
pub(crate) async fn again<T, F: Future<Output = Result<T, Error>>>(
    client: &Client,
    repeatable: bool,
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
    let mut backoff = Backoff::new(client.config().retry);
    loop {
        let error = match timeout_at(deadline, attempt()).await {
            Ok(Ok(answer)) => {
                client.throttle().answered();
                return Ok(answer);
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(Error::deadline()),
        };
        if !error.is_unavailable() {
            client.throttle().answered();
            return Err(error);
        }
        // Whoever answers next may be another server.
        client.forget_request_ids();
        let allowed = client.throttle().failed() && repeatable;
        let Some(wait) = backoff.wait(error.pushback()).filter(|_| allowed) else {
            return Err(error);
        };
        if Instant::now() + wait >= deadline {
            return Err(error);
        }
        sleep(wait).await;
    }
}

/// Whether it changes something and could not be told from another like it.
fn lacks_ids<M: Rpc>(message: &mut M) -> bool {
    let mut lacks = false;
    message.each_request_id(&mut |id| lacks |= id.is_empty());
    lacks
}

fn give_id(id: &mut String) {
    if id.is_empty() {
        *id = Uuid::new_v4().to_string();
    }
}

fn refuses_ids(error: &Error) -> bool {
    error.reason() == Some(&Reason::Unsupported) && error.metadata("capability") == Some(REQUEST_ID)
}

/// Whether a server with these capabilities keeps request ids.
pub(crate) fn keeps_ids(capabilities: &[String]) -> bool {
    capabilities.iter().any(|name| name == REQUEST_ID)
}
