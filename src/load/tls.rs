//! A connection of a load through TLS.

use std::{fmt, io, sync::Arc};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider},
};

use crate::client::credentials::Certificates;

/// What is spoken inside.
const PROTOCOL: &[u8] = b"h2";

/// What shakes hands with one server.
pub(super) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// With the server at `host`, as `certificates` say.
    ///
    /// # Errors
    /// They are not as they should be, in words.
    pub(super) fn new(certificates: &Certificates, host: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for pem in &certificates.authorities {
            for root in chain(pem)? {
                roots.add(root).map_err(|error| error.to_string())?;
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut config = match &certificates.identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| format!("no private key in PEM: {error}"))?;
                builder
                    .with_client_auth_cert(chain(cert)?, key)
                    .map_err(|error| error.to_string())?
            }
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let name = certificates.server_name.as_deref().unwrap_or(host);
        // A URI has an address of IPv6 in brackets.
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("{name:?} is no name of a server"))?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server,
        })
    }

    /// Shakes hands on `stream`.
    ///
    /// # Errors
    /// What the server did wrong, or said.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.server.clone(), stream).await
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("no certificate in PEM".to_owned()),
        Err(error) => Err(format!("no PEM: {error}")),
    }
}
