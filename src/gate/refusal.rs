//! Why a call was refused before, or cut off while, the engine was asked.

/// A reason to refuse a call that has nothing to do with what is stored. Each
/// wire has one table that says how it answers these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The engine is not open yet: try again.
    Opening {
        /// How many bytes of what it keeps were read.
        bytes_done: u64,
        /// How many bytes there are; 0: it is not known yet.
        bytes_total: u64,
    },
    /// The server is stopping: try again elsewhere.
    Draining,
    /// `connections_max` is reached and this connection serves health alone.
    ConnectionsFull {
        /// The limit.
        connections_max: u64,
    },
    /// This port is for health alone.
    HealthOnly,
    /// The caller does not say who they are, or not rightly.
    Credentials(Credentials),
    /// Too many calls from this address did so.
    FailedLogins {
        /// The limit.
        failed_logins_per_minute_max: u64,
        /// Milliseconds after which one may be tried again.
        retry_ms: u32,
    },
    /// The caller has had all calls or bytes of this moment.
    RateLimited {
        /// Which limit.
        limit: &'static str,
        /// The limit.
        per_second_max: u64,
        /// Milliseconds after which one may be made again.
        retry_ms: u32,
    },
    /// No right covers this method.
    MethodNotGranted,
    /// Too many calls at once on the whole server.
    CallsInFlight {
        /// The limit.
        calls_in_flight_max: u64,
    },
    /// Too many bytes of requests and replies at once on the whole server.
    BytesInFlight {
        /// The limit.
        bytes_in_flight_max: u64,
    },
    /// Too many health watches at once.
    HealthWatches {
        /// The limit.
        health_watches_max: u64,
    },
    /// Too many pipelines at once.
    Pipelines {
        /// The limit.
        pipelines_max: u64,
    },
    /// Too many backups at once.
    Backups {
        /// The limit.
        backups_max: u64,
    },
    /// Too many watches at once.
    Watchers {
        /// The limit.
        watchers_max: u64,
    },
    /// Too many bytes in the ranges of all watches.
    WatchRanges {
        /// The limit.
        watch_ranges_bytes_max: u64,
    },
    /// The request did not arrive in time.
    RequestRead {
        /// The limit.
        request_read_ms_max: u64,
    },
    /// The caller's own deadline (`grpc-timeout`) has passed.
    Deadline,
    /// The caller's deadline cannot be read.
    TimeoutMalformed,
    /// The request message is larger than the server takes.
    MessageTooLarge {
        /// The limit.
        message_bytes_max: u64,
    },
    /// The request is not one whole gRPC message.
    MessageMalformed,
    /// The request is compressed in a way that the server does not know.
    EncodingUnknown,
    /// There is no such method.
    MethodUnknown,
    /// The server has a fault: the call was given up in the middle.
    Panicked,
}

/// What is wrong with how a caller says who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// They do not.
    Missing,
    /// Nobody is known by that.
    Invalid,
    /// It has expired.
    Expired,
}
