//! The Rust client: typed calls with deadlines and retries, a watch that
//! resumes by itself, pipelines.
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
//! # server::run(async |address| {
//! use std::time::Duration;
//!
//! use nanokv::client::Client;
//!
//! let kv = Client::new(address)?;
//! kv.set("greeting", "hello").ttl(Duration::from_secs(60)).await?;
//! let entry = kv.get("greeting").await?.expect("it was just stored");
//! assert_eq!(entry.value, Some("hello".into()));
//! # Ok(()) });
//! ```
//!
//! **Deadlines.** Every call has one,
//! [`call_timeout`](config::Config::call_timeout) unless it says otherwise by
//! [`Call::timeout`]. It holds for all attempts together.
//!
//! **Retries.** A call that meets UNAVAILABLE is made again after a growing
//! wait, or when the server says: a read always, and a change when it carries a
//! `request_id`, by which the server knows a request that comes again. The
//! client makes these ids itself, towards a server that keeps them.
//!
//! **Errors.** [`error::Error`] has the reason in a word, and what a program
//! needs to act on it:
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
//! # server::run(async |address| {
//! # use nanokv::client::Client;
//! use nanokv::client::reason::Reason;
//!
//! # let kv = Client::new(address)?;
//! let first = kv.set("job", "mine").if_absent().await?;
//! let second = kv.set("job", "also mine").if_absent().await.unwrap_err();
//! assert_eq!(second.reason(), Some(&Reason::KeyExists));
//! assert_eq!(second.current_version(), Some(first.version));
//! # Ok(()) });
//! ```

mod attempt;
pub mod call;
pub mod config;
pub mod describe;
pub mod entry;
pub mod error;
pub mod operation;
pub mod pipeline;
pub mod range;
pub mod ranges;
pub mod reason;
pub mod retry;
pub mod several;
pub mod single;
pub mod value;
pub mod watch;
mod wording;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

use crate::{
    client::{
        call::Call, config::Config, error::Error, pipeline::PipelineCall, range::Range,
        retry::Throttle, value::Value, watch::WatchCall,
    },
    proto::{
        self as pb, admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient,
    },
};

/// How often a connection on which calls are under way is tried, and how long
/// it may take to answer.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(10);

/// A server to call. A clone shares the connection.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    channel: Channel,
    config: Config,
    throttle: Throttle,
    request_ids: AtomicU8,
}

/// The generated clients, over one connection.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Stubs {
    pub(crate) kv: KvServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
}

/// Whether the server keeps request ids.
const UNKNOWN: u8 = 0;
const KEPT: u8 = 1;
const NOT_KEPT: u8 = 2;

impl Client {
    /// A client of the server at `address`: a host name or an IP address and a
    /// port, such as `localhost:50051`. Connects when the first call is made.
    /// Must be called in a tokio runtime.
    ///
    /// # Errors
    /// `address` is none.
    pub fn new(address: impl AsRef<str>) -> Result<Self, Error> {
        Self::with_config(address, Config::default())
    }

    /// [`Self::new`], with something different from the default.
    ///
    /// # Errors
    /// `address` is none.
    pub fn with_config(address: impl AsRef<str>, config: Config) -> Result<Self, Error> {
        let address = address.as_ref();
        let uri = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let endpoint = Endpoint::from_shared(uri)
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some())
            .ok_or_else(|| Error::invalid(format!("{address:?} is no host and port")))?;
        let channel = endpoint
            .connect_timeout(config.connect_timeout)
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_WITHIN)
            .connect_lazy();
        Ok(Self::over(channel, config))
    }

    /// A client over a channel that was made elsewhere.
    #[must_use]
    pub fn over(channel: Channel, config: Config) -> Self {
        Self(Arc::new(Shared {
            channel,
            config,
            throttle: Throttle::new(),
            request_ids: AtomicU8::new(UNKNOWN),
        }))
    }

    /// Reads an entry. A miss is no error.
    pub fn get(&self, key: impl Into<String>) -> Call<pb::GetRequest> {
        Call::new(self, operation::get(key).message)
    }

    /// Stores a value, in place of what was there.
    pub fn set(&self, key: impl Into<String>, value: impl Into<Value>) -> Call<pb::SetRequest> {
        Call::new(self, operation::set(key, value).message)
    }

    /// Removes a key. Removing an absent one is no error.
    pub fn delete(&self, key: impl Into<String>) -> Call<pb::DeleteRequest> {
        Call::new(self, operation::delete(key).message)
    }

    /// Adds 1 to a number, or what [`Call::by`] says; creates it when absent.
    pub fn increment(&self, key: impl Into<String>) -> Call<pb::IncrementRequest> {
        Call::new(self, operation::increment(key).message)
    }

    /// Moves the deadline of an entry, and reads it. Without a deadline it gets
    /// the server's default.
    pub fn touch(&self, key: impl Into<String>) -> Call<pb::TouchRequest> {
        Call::new(self, operation::touch(key).message)
    }

    /// Carries out several operations in order, each for itself.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, operation::{self, Outcome}};
    ///
    /// # let kv = Client::new(address)?;
    /// let outcomes = kv
    ///     .batch()
    ///     .then(operation::set("a", 41))
    ///     .then(operation::increment("a"))
    ///     .then(operation::set("a", 0).if_absent())
    ///     .await?;
    /// let [Ok(_), Ok(Outcome::Increment(counted)), Err(refused)] = &outcomes[..] else {
    ///     panic!("{outcomes:?}");
    /// };
    /// assert_eq!(counted.number, 42);
    /// assert!(refused.is_refused_condition());
    /// # Ok(()) });
    /// ```
    pub fn batch(&self) -> Call<pb::BatchRequest> {
        Call::new(self, pb::BatchRequest::default())
    }

    /// Carries out several operations all together or not at all.
    ///
    /// ```no_run
    /// # async fn example(kv: nanokv::client::Client) -> Result<(), nanokv::client::error::Error> {
    /// use nanokv::client::operation;
    ///
    /// let from = kv.get("from").await?.expect("an account");
    /// let done = kv
    ///     .transact()
    ///     .check_version("from", from.version)
    ///     .then(operation::increment("from").by(-10).min(0))
    ///     .then(operation::increment("to").by(10).if_present())
    ///     .await?;
    /// println!("done at {}", done.version);
    /// # Ok(()) }
    /// ```
    pub fn transact(&self) -> Call<pb::TransactRequest> {
        Call::new(self, pb::TransactRequest::default())
    }

    /// Lists entries in the order of their keys: one page when awaited, all of
    /// them by [`Call::entries`].
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, range::Range};
    ///
    /// # let kv = Client::new(address)?;
    /// # for key in ["user/1", "user/2", "visit/1"] { kv.set(key, "x").await?; }
    /// let mut users = kv.list(Range::prefix("user/")).page_size(1).entries();
    /// let mut keys = Vec::new();
    /// while let Some(entry) = users.next().await {
    ///     keys.push(entry?.key);
    /// }
    /// assert_eq!(keys, ["user/1", "user/2"]);
    /// # Ok(()) });
    /// ```
    pub fn list(&self, range: Range) -> Call<pb::ListRequest> {
        let range = Some(range.into());
        Call::new(
            self,
            pb::ListRequest {
                range,
                ..pb::ListRequest::default()
            },
        )
    }

    /// Removes the keys of a range, which may not be every key: a bounded
    /// number when awaited, all of them by [`Call::to_the_end`].
    pub fn delete_range(&self, range: Range) -> Call<pb::DeleteRangeRequest> {
        let range = Some(range.into());
        Call::new(
            self,
            pb::DeleteRangeRequest {
                range,
                ..pb::DeleteRangeRequest::default()
            },
        )
    }

    /// [`Self::delete_range`] of every key.
    pub fn delete_all(&self) -> Call<pb::DeleteRangeRequest> {
        Call::new(
            self,
            pb::DeleteRangeRequest {
                all: true,
                ..pb::DeleteRangeRequest::default()
            },
        )
    }

    /// Follows the changes of the keys of a range.
    pub fn watch(&self, range: Range) -> WatchCall {
        WatchCall::new(self, range)
    }

    /// Opens a stream of lists of operations, which do not wait for each other.
    pub fn pipeline(&self) -> PipelineCall {
        PipelineCall::new(self)
    }

    /// Tells what the server is, what it can do, and its limits.
    pub fn describe(&self) -> Call<pb::DescribeRequest> {
        Call::new(self, pb::DescribeRequest {})
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn stubs(&self) -> Stubs {
        let bytes_max = self.config().message_bytes_max;
        let channel = self.0.channel.clone();
        Stubs {
            kv: KvServiceClient::new(channel.clone()).max_decoding_message_size(bytes_max),
            admin: AdminServiceClient::new(channel).max_decoding_message_size(bytes_max),
        }
    }

    /// Whether the server keeps request ids: asked for once, until a server
    /// cannot be reached. One that does not say is taken for one that does not.
    pub(crate) async fn keeps_request_ids(&self, deadline: Instant) -> bool {
        match self.0.request_ids.load(Relaxed) {
            UNKNOWN => {
                let told = attempt::attempts(self, pb::DescribeRequest {}, deadline).await;
                let kept = told
                    .as_ref()
                    .map(|told| attempt::keeps_ids(&told.capabilities));
                match kept {
                    Ok(kept) => {
                        let known = if kept { KEPT } else { NOT_KEPT };
                        self.0.request_ids.store(known, Relaxed);
                        kept
                    }
                    Err(_) => false,
                }
            }
            known => known == KEPT,
        }
    }

    pub(crate) fn forget_request_ids(&self) {
        self.0.request_ids.store(UNKNOWN, Relaxed);
    }
}
