//! A server in this process, and the ways to it that no stub would take.

pub(crate) mod client;
pub(crate) mod frames;
pub(crate) mod piped;
pub(crate) mod pipeline;
pub(crate) mod server;

use std::{future::Future, time::Duration};

/// How long a state is waited for that must come: generous, since only what is
/// broken passes it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `state` gives; it must give it.
pub(crate) async fn soon<T>(state: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(PATIENCE, state).await;
    came.expect("it must come, and did not")
}
