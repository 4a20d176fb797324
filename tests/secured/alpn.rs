//! HTTP through TLS, in the version that the two sides agree on beforehand.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore},
};

use crate::{
    authority::{Authority, Folder},
    program::Server,
    tls::serve,
};

/// A connection on which these are the protocols that the client offers.
async fn connect(
    server: &Server,
    authority: &Authority,
    offered: &[&str],
) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    let pem = authority.pem();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|it| it.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(server.address()).await?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(TokioIo::new(connector.connect(name, stream).await?))
}

fn agreed(stream: &TokioIo<TlsStream<TcpStream>>) -> Option<&str> {
    let (_, session) = stream.inner().get_ref();
    session
        .alpn_protocol()
        .map(|name| str::from_utf8(name).unwrap())
}

fn asking(method: &str) -> Request<Full<Bytes>> {
    // By any name: a page that came by it has no certificate for it.
    let uri = "https://kv.example/v1/entries/a";
    let request = Request::builder().method(method).uri(uri);
    let request = request.header("content-type", "text/plain");
    request.body(Full::new("through tls".into())).unwrap()
}

async fn read(response: Response<Incoming>) -> (StatusCode, Bytes) {
    let (head, body) = response.into_parts();
    (head.status, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_json_api_is_there_in_whatever_version_is_agreed_on() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let server = serve(&folder.tls(&authority.server())).await;

    let stream = connect(&server, &authority, &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(agreed(&stream), Some("h2"), "the better of the two");
    let (mut http2, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let put = http2.send_request(asking("PUT")).await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);

    // Without a word about it the first bytes decide, as without TLS.
    for (offered, expected) in [(vec!["http/1.1"], Some("http/1.1")), (vec![], None)] {
        let stream = connect(&server, &authority, &offered).await.unwrap();
        assert_eq!(agreed(&stream), expected);
        let (mut http1, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut asking = asking("GET");
        let host = HeaderValue::from_static("localhost");
        asking.headers_mut().insert(header::HOST, host);
        let got = http1.send_request(asking).await.unwrap();
        assert_eq!(read(got).await.0, StatusCode::OK, "{offered:?}");
    }

    let unknown = connect(&server, &authority, &["h3"]).await;
    assert!(unknown.is_err(), "nothing to agree on");
}
