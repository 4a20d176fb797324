//! A connection of a load: the generated stub straight on hyper's HTTP/2,
//! without the queue, the balancing and the layers of a channel.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
    time::{sleep, timeout},
};
use tonic::{Code, Status, body::Body, metadata::MetadataMap};
use tower::Service;

use crate::{
    client::{credentials::Credentials, error::Error},
    load::{config::Config, tls::Tls},
    proto::kv_service_client::KvServiceClient,
};

/// What calls are made by.
pub(super) type Stub = KvServiceClient<Wire>;

/// Windows of a stream and of a connection, wide enough that no list waits for
/// one.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// Bytes of an answer that are taken: more than a server gives by default.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// How long to wait before a lost server is dialled again.
const REDIAL_AFTER: Duration = Duration::from_millis(100);

/// An HTTP/2 connection, as the generated stub wants it.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    sender: SendRequest<Body>,
    /// What each call says of who makes it.
    bearer: Option<HeaderValue>,
}

/// A connection that is made again when it is lost. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: String,
    origin: Uri,
    dial_timeout: Duration,
    /// `None`: in the clear.
    tls: Option<Tls>,
    bearer: Option<HeaderValue>,
    wire: Mutex<Option<Wire>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The address is none, or cannot be reached in time; certificates are not as
    /// they should be.
    pub(super) async fn dial(config: &Config) -> Result<Self, Error> {
        let (address, credentials) = (&config.address, &config.credentials);
        let origin = format!("{}://{address}", credentials.scheme());
        let origin: Uri = origin
            .parse()
            .ok()
            .filter(|origin: &Uri| origin.port().is_some())
            .ok_or_else(|| Error::invalid(format!("{address:?} is no host and port")))?;
        let host = origin.host().unwrap_or_default();
        let tls = credentials.tls.as_ref();
        let tls = tls.map(|certificates| Tls::new(certificates, host));
        let tls = tls
            .transpose()
            .map_err(|what| Error::invalid(format!("TLS: {what}")))?;
        let connection = Self(Arc::new(Shared {
            tls,
            address: address.clone(),
            origin,
            dial_timeout: config.call_timeout,
            bearer: bearer(credentials),
            wire: Mutex::new(None),
        }));
        *connection.0.wire.lock().await = Some(connection.wire().await?);
        Ok(connection)
    }

    /// What makes calls on it; dials first when it was lost.
    ///
    /// # Errors
    /// The server cannot be reached; then a moment has passed.
    pub(super) async fn stub(&self) -> Result<Stub, Error> {
        let mut kept = self.0.wire.lock().await;
        let wire = match kept.take_if(|wire| !wire.sender.is_closed()) {
            Some(wire) => wire,
            None => match self.wire().await {
                Ok(wire) => wire,
                Err(error) => {
                    sleep(REDIAL_AFTER).await;
                    return Err(error);
                }
            },
        };
        *kept = Some(wire.clone());
        let stub = KvServiceClient::with_origin(wire, self.0.origin.clone());
        Ok(stub.max_decoding_message_size(MESSAGE_BYTES_MAX))
    }

    async fn wire(&self) -> Result<Wire, Error> {
        let unreachable = |cause: String| {
            Error::unavailable(format!("the server cannot be reached: {cause}"), false)
        };
        let dialled = async {
            let stream = TcpStream::connect(&self.0.address).await?;
            stream.set_nodelay(true)?;
            match &self.0.tls {
                None => begin(stream).await,
                Some(tls) => begin(tls.connect(stream).await?).await,
            }
        };
        let sender = match timeout(self.0.dial_timeout, dialled).await {
            Ok(Ok(sender)) => sender,
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable("nobody answered in time".to_owned())),
        };
        Ok(Wire {
            sender,
            bearer: self.0.bearer.clone(),
        })
    }
}

/// Begins HTTP/2 on `stream`.
async fn begin<T>(stream: T) -> io::Result<SendRequest<Body>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // How it ends, each call on it is told.
    tokio::spawn(driver);
    Ok(sender)
}

/// What a call fails with that the connection did not carry.
fn lost(error: hyper::Error) -> Status {
    let what = format!("the connection was lost: {error}");
    let status = Status::from_error(Box::new(error));
    match status.code() {
        Code::Unknown => Status::unavailable(what),
        _ => status,
    }
}

/// What a call says in `authorization`, if anything.
fn bearer(credentials: &Credentials) -> Option<HeaderValue> {
    let mut metadata = MetadataMap::new();
    let bearer = credentials.bearer.clone()?;
    metadata.insert(header::AUTHORIZATION.as_str(), bearer);
    metadata.into_headers().remove(header::AUTHORIZATION)
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    // What becomes of a lost connection, the call itself says: the stub would tell
    // it as an error that nobody knows.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(bearer) = &self.bearer {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, bearer.clone());
        }
        let sent = self.sender.send_request(request);
        Box::pin(async move { sent.await.map_err(lost) })
    }
}
