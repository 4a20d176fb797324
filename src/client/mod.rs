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
//! [`timeout`](call::Call::timeout). It holds for all attempts together.
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
//!
//! **Recipes.** A cache in front of something slow:
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
//! # server::run(async |address| {
//! # use std::time::Duration;
//! # use nanokv::client::{Client, entry::Entry, reason::Reason, value::Value};
//! # let kv = Client::new(address)?;
//! # async fn load() -> String { "1.20".to_owned() }
//! let price = match kv.get("price/apple").await? {
//!     Some(Entry { value: Some(Value::Text(price)), .. }) => price,
//!     _ => {
//!         let price = load().await;
//!         // If it is still absent: a writer may have kept something newer.
//!         let keep = kv.set("price/apple", price.as_str()).ttl(Duration::from_secs(300));
//!         match keep.if_absent().await {
//!             Err(error) if error.reason() != Some(&Reason::KeyExists) => return Err(error.into()),
//!             _ => price,
//!         }
//!     }
//! };
//! assert_eq!(price, "1.20");
//! # Ok(()) });
//! ```
//!
//! A lock, whose version is the fencing token of its holder:
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
//! # server::run(async |address| {
//! # use std::time::Duration;
//! # use nanokv::client::{Client, operation};
//! # let kv = Client::new(address)?;
//! let ttl = Duration::from_secs(10);
//! let token = kv.set("lock", "me").ttl(ttl).if_absent().await?.version;
//! // While it works, about every third of the ttl; a touch takes no version.
//! kv.touch("lock").ttl(ttl).if_version(token).await?;
//! // In the same store nothing is changed by who has lost the lock.
//! let fenced = kv.transact().check_version("lock", token);
//! fenced.then(operation::set("report", "done")).await?;
//! kv.delete("lock").if_version(token).await?;
//! # Ok(()) });
//! ```
//!
//! Both are whole in the crate's `examples`.
//!
//! **TLS and identities.** [`Client::with_credentials`] takes
//! [`Credentials`]: a token, and with the feature
//! `client-tls` certificates.

mod attempt;
pub mod backup;
pub mod call;
pub mod config;
pub mod credentials;
pub mod describe;
pub mod entry;
pub mod error;
pub mod operation;
pub mod pipeline;
pub mod range;
pub mod ranges;
pub mod reason;
pub mod retry;
mod rpcs;
pub mod several;
pub mod single;
pub mod value;
pub mod watch;
pub mod wording;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;
use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{
    client::{config::Config, credentials::Credentials, error::Error, retry::Throttle},
    proto::{
        self as pb, admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient,
    },
};

/// How often a connection on which calls are under way is tried, and how long
/// it may take to answer.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(10);

/// Bytes that a server may send ahead on a stream and on a connection. h2 counts
/// each small frame that nobody has read yet as 256 bytes, and ends a connection
/// where these are more than half of the latter: a watch that is read slowly
/// would take the calls beside it with it.
const STREAM_BYTES: u32 = 1 << 20;
const CONNECTION_BYTES: u32 = 1 << 30;

/// A server to call. A clone shares the connection.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    channel: Channel,
    config: Config,
    bearer: Option<MetadataValue<Ascii>>,
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
        Self::with_credentials(address, config, Credentials::default())
    }

    /// [`Self::with_config`], as somebody, or through TLS.
    ///
    /// # Errors
    /// `address` is none, or the certificates are not as they should be.
    pub fn with_credentials(
        address: impl AsRef<str>,
        config: Config,
        credentials: Credentials,
    ) -> Result<Self, Error> {
        let address = address.as_ref();
        let uri = if address.contains("://") {
            address.to_owned()
        } else {
            format!("{}://{address}", credentials.scheme())
        };
        let endpoint = Endpoint::from_shared(uri)
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some())
            .ok_or_else(|| Error::invalid(format!("{address:?} is no host and port")))?;
        #[cfg(feature = "client-tls")]
        let endpoint = match credentials.tls {
            None => endpoint,
            Some(tls) => endpoint
                .tls_config(tls.config())
                .map_err(|error| Error::invalid(format!("TLS: {}", cause(&error))))?,
        };
        let channel = endpoint
            .connect_timeout(config.connect_timeout)
            .initial_stream_window_size(STREAM_BYTES)
            .initial_connection_window_size(CONNECTION_BYTES)
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_WITHIN)
            .connect_lazy();
        Ok(Self::on(channel, config, credentials.bearer))
    }

    /// A client over a channel that was made elsewhere.
    #[must_use]
    pub fn over(channel: Channel, config: Config) -> Self {
        Self::on(channel, config, None)
    }

    fn on(channel: Channel, config: Config, bearer: Option<MetadataValue<Ascii>>) -> Self {
        Self(Arc::new(Shared {
            channel,
            config,
            bearer,
            throttle: Throttle::new(),
            request_ids: AtomicU8::new(UNKNOWN),
        }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// A request with `message`, from who this client is.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        if let Some(bearer) = &self.0.bearer {
            request
                .metadata_mut()
                .insert("authorization", bearer.clone());
        }
        request
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

/// What is wrong with certificates, in the words of who read them.
#[cfg(feature = "client-tls")]
fn cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
