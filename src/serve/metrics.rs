//! The page of figures, in plain HTTP on an address of its own. It is for a few
//! readers that come now and then: one request a connection, and so much time
//! for all of it.

use std::{convert::Infallible, fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::{
    http::hosts::{Hosts, Misnamed},
    model::figure::Figure,
    serve::{accept::PAUSE, bind::Bound, error::Error},
    telemetry::page::{self, Format},
};

/// The only thing there is.
const PATH: &str = "/metrics";

/// Bytes that a request may have. hyper takes no smaller limit.
const REQUEST_BYTES_MAX: usize = 8192;

/// Where metrics are told, and the limits of those who read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Connections at once. One more waits.
    pub connections_max: usize,
    /// Milliseconds from the first byte of a request to the last of the answer.
    pub ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            connections_max: 8,
            ms_max: 10_000,
        }
    }
}

/// Gives the figures of this moment.
#[derive(Clone)]
pub struct Figures(Arc<dyn Fn() -> Vec<Figure> + Send + Sync>);

impl Figures {
    /// Asks `figures` each time.
    #[must_use]
    pub fn new(figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static) -> Self {
        Self(Arc::new(figures))
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Figures")
    }
}

/// Answers who asks on `bound`, by one of the names of `hosts` where pages of
/// browsers could ask by others; never returns but by an error.
///
/// # Errors
/// [`Error::Worker`] when the socket cannot be served.
pub async fn serve(
    bound: Bound,
    config: Config,
    hosts: Hosts,
    figures: Figures,
) -> Result<(), Error> {
    let hosts = hosts.of_listener(bound.address().ip());
    let listener = TcpListener::from_std(bound.listener).map_err(Error::Worker)?;
    let places = Arc::new(Semaphore::new(config.connections_max));
    let patience = Duration::from_millis(config.ms_max);
    loop {
        // Who finds no place waits in the backlog: each of them is short.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (hosts, figures) = (hosts.clone(), figures.clone());
                tokio::spawn(answer(stream, hosts, figures, patience, place));
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics was lost");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    hosts: Hosts,
    figures: Figures,
    patience: Duration,
    _place: OwnedSemaphorePermit,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &hosts, &figures);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(REQUEST_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(patience, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a request for metrics failed"),
        Err(_) => tracing::debug!("a request for metrics took too long"),
    }
}

fn respond<B>(request: &Request<B>, hosts: &Hosts, figures: &Figures) -> Response<Full<Bytes>> {
    match hosts.permit(request) {
        Ok(()) => {}
        Err(Misnamed::NotOne) => return refuse(StatusCode::BAD_REQUEST, "Name one Host.\n"),
        Err(Misnamed::Foreign) => {
            let text = "The name in Host is not among http_hosts, nor localhost or an address.\n";
            return refuse(StatusCode::MISDIRECTED_REQUEST, text);
        }
    }
    if request.uri().path() != PATH {
        return refuse(StatusCode::NOT_FOUND, "There is only /metrics here.\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = refuse(StatusCode::METHOD_NOT_ALLOWED, "GET it.\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    let accept = request.headers().get(header::ACCEPT);
    let format = Format::accepted(accept.and_then(|accept| accept.to_str().ok()));
    match page::write((figures.0)(), format) {
        Ok(text) => {
            let mut response = Response::new(Full::new(Bytes::from(text)));
            let content_type = HeaderValue::from_static(format.content_type());
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
            response
        }
        Err(error) => {
            tracing::error!(%error, "the page of metrics cannot be written");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "A fault.\n")
        }
    }
}

fn refuse(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::serve::bind::bind;

    /// Metrics of a figure, and where.
    fn started(config: Config) -> SocketAddr {
        let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = bound.address();
        let figures = Figures::new(|| vec![Figure::counter("nanokv_things", "Things", 7)]);
        tokio::spawn(serve(bound, config, Hosts::default(), figures));
        address
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Reset when it was refused before it was read to its end.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn the_page_is_told_and_nothing_else() {
        let address = started(Config::default());
        let page = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(
            page.contains("content-type: text/plain; version=0.0.4"),
            "{page}"
        );
        assert!(page.ends_with("nanokv_things_total 7\n"), "{page}");
        let accept = "Accept: application/openmetrics-text;version=1.0.0";
        let page = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n\r\n");
        assert!(ask(address, &page).await.ends_with("# EOF\n"));
        let foreign = ask(address, "GET /metrics HTTP/1.1\r\nHost: evil\r\n\r\n").await;
        assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
        for (request, status) in [
            ("GET / HTTP/1.1", "404"),
            ("GET /metrics/ HTTP/1.1", "404"),
            ("POST /metrics HTTP/1.1", "405"),
        ] {
            let answer = ask(address, &format!("{request}\r\nHost: localhost\r\n\r\n")).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
    }

    #[tokio::test]
    async fn a_request_that_is_too_large_is_refused() {
        let long = format!(
            "GET /{} HTTP/1.1\r\n\r\n",
            "a".repeat(2 * REQUEST_BYTES_MAX)
        );
        let answer = ask(started(Config::default()), &long).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn one_who_says_nothing_keeps_the_others_waiting_for_so_long_only() {
        let address = started(Config {
            connections_max: 1,
            ms_max: 200,
            ..Config::default()
        });
        let mut silent = TcpStream::connect(address).await.unwrap();
        let page = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(page.ends_with("nanokv_things_total 7\n"), "{page}");
        let mut rest = Vec::new();
        let _ = silent.read_to_end(&mut rest).await;
        assert!(!String::from_utf8_lossy(&rest).contains("nanokv"));
    }
}
