//! The floor: what hyper alone does with a gRPC call. Reads each request to
//! its end and answers with the same bytes, on one thread, with the settings
//! that nanokv gives hyper. What nanokv is measured against.
//!
//! `floor REPLY_FILE` listens on a free port and prints `listening on ADDRESS`.

use std::{convert::Infallible, error::Error, io::Write, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

type Reply =
    StreamBody<tokio_stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Infallible>, 2>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os()
        .nth(1)
        .ok_or("usage: floor REPLY_FILE")?;
    let reply = Bytes::from(std::fs::read(file)?);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let reply = reply.clone();
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(1024)
                .auto_date_header(false)
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(move |request| answer(request, reply.clone())),
                ),
        );
    }
}

async fn answer(request: Request<Incoming>, reply: Bytes) -> Result<Response<Reply>, hyper::Error> {
    request.into_body().collect().await?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(reply)), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(tokio_stream::iter(frames)));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
