//! TLS: who this server is, and whom it lets in by certificate.

use std::{io, path::PathBuf, sync::Arc};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::ring::default_provider, server::WebPkiClientVerifier,
    },
};

use crate::serve::{error::Error, line::Line, reload::Kept};

/// What a connection may speak inside TLS, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where certificates and keys are, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The certificate of this server and those between it and its authority.
    /// Without it there is no TLS.
    pub cert: Option<PathBuf>,
    /// The private key to it.
    pub key: Option<PathBuf>,
    /// The authorities of clients. With it a client must have a certificate
    /// from one of them.
    pub client_ca: Option<PathBuf>,
}

/// TLS as the files say now. A clone is the same TLS.
#[derive(Clone, Debug)]
pub struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// TLS as `files` say, and what keeps it so; `None` where they name no
    /// certificate.
    ///
    /// # Errors
    /// [`Error::Credentials`]: a file cannot be read, or is not what it should
    /// be.
    pub fn load(files: &Files) -> Result<Option<(Self, Kept)>, Error> {
        let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
            return Ok(None);
        };
        let mut paths = vec![cert.clone(), key.clone()];
        paths.extend(files.client_ca.clone());
        let (kept, current) = Kept::load("TLS certificates", paths, |files, _| match files {
            [cert, key] => configured(cert, key, None),
            [cert, key, client_ca, ..] => configured(cert, key, Some(client_ca)),
            [] | [_] => Err("no certificate".to_owned()),
        })?;
        Ok(Some((Self(current), kept)))
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// What the peer did wrong, or that it has gone.
    pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
    ) -> io::Result<Line<T>> {
        let config = Arc::clone(&self.0.borrow());
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        Ok(Line::Tls(Box::new(stream)))
    }
}

fn configured(cert: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Result<ServerConfig, String> {
    let certs = certificates("tls_cert", cert)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("tls_key is no private key in PEM: {error}"))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(client_ca) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("tls_client_ca", client_ca)? {
                roots
                    .add(root)
                    .map_err(|error| format!("tls_client_ca holds no authority: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| format!("tls_client_ca: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certs, key)
        .map_err(|error| format!("tls_cert and tls_key: {error}"))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{name} holds no certificate in PEM")),
        Err(error) => Err(format!("{name} is not PEM: {error}")),
    }
}
