//! What a client goes by, unless a call says otherwise.

use std::time::Duration;

use crate::client::retry::Policy;

/// What a client goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How long a call may take, all its attempts together. Default 10 s.
    pub call_timeout: Duration,
    /// How long making a connection may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How often and after how long a call is made again.
    pub retry: Policy,
    /// Whether changes carry a `request_id` of their own making, so that they
    /// can be made again safely; only towards a server that keeps them. Default
    /// true.
    pub request_ids: bool,
    /// Bytes of an answer that are taken. Default 4 MiB; a server whose
    /// `reply_bytes_max` was raised needs more.
    pub message_bytes_max: usize,
    /// How long a watch may be silent before its connection is given up; a
    /// server says something every 5 s. Default 15 s.
    pub watch_silence_max: Duration,
    /// How long a watch tries to come back before it ends. Default 5 min.
    pub watch_reconnect_max: Duration,
    /// Lists of a pipeline that are under way at once; sending waits for room.
    /// Default 16, which is what a server takes unless configured.
    pub pipeline_lists_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            retry: Policy::default(),
            request_ids: true,
            message_bytes_max: 4 << 20,
            watch_silence_max: Duration::from_secs(15),
            watch_reconnect_max: Duration::from_mins(5),
            pipeline_lists_max: 16,
        }
    }
}
