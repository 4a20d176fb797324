//! Who a client is, and by what it knows its server.

#[cfg(feature = "client-tls")]
use std::fmt;
use std::{fs, path::Path};

use tonic::metadata::{Ascii, MetadataValue};
#[cfg(feature = "client-tls")]
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::client::error::Error;

/// Who a client is, and by what it knows its server. By default nobody, and a
/// server without TLS.
///
/// ```no_run
/// use nanokv::client::{Client, config::Config, credentials::Credentials};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = Credentials::default()
///     .authority(std::fs::read("ca.pem")?)
///     .token_file("orders.token")?;
/// let kv = Client::with_credentials("kv.internal:50051", Config::default(), credentials)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// What a call says in `authorization`; never shown.
    pub(crate) bearer: Option<MetadataValue<Ascii>>,
    #[cfg(feature = "client-tls")]
    pub(crate) tls: Option<Certificates>,
}

/// By what a server is known through TLS, and who the client is to it, in PEM.
#[cfg(feature = "client-tls")]
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) authorities: Vec<Vec<u8>>,
    /// A certificate, and the private key to it; never shown.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Where it is not the host of the address.
    pub(crate) server_name: Option<String>,
}

impl Credentials {
    /// With this token, which every call carries. Without TLS anyone on the way
    /// can read it.
    ///
    /// # Errors
    /// It has characters that no token has.
    pub fn token(mut self, token: &str) -> Result<Self, Error> {
        let bearer: Result<MetadataValue<Ascii>, _> = format!("Bearer {}", token.trim()).parse();
        let mut bearer = bearer.map_err(|_| Error::invalid("this is no token"))?;
        bearer.set_sensitive(true);
        self.bearer = Some(bearer);
        Ok(self)
    }

    /// With the token in this file, as `nanokv token` writes it.
    ///
    /// # Errors
    /// The file cannot be read, or holds no token.
    pub fn token_file(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let token = fs::read_to_string(path)
            .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
        self.token(&token)
    }

    /// Through TLS, with servers whose certificate is from one of these
    /// authorities, in PEM.
    #[cfg(feature = "client-tls")]
    #[must_use]
    pub fn authority(self, pem: impl AsRef<[u8]>) -> Self {
        self.tls(|tls| tls.authorities.push(pem.as_ref().to_vec()))
    }

    /// Through TLS, with this certificate and the private key to it, in PEM: for
    /// servers that ask for one.
    #[cfg(feature = "client-tls")]
    #[must_use]
    pub fn certificate(self, cert_pem: impl AsRef<[u8]>, key_pem: impl AsRef<[u8]>) -> Self {
        let identity = (cert_pem.as_ref().to_vec(), key_pem.as_ref().to_vec());
        self.tls(|tls| tls.identity = Some(identity))
    }

    /// Through TLS, with a server whose certificate says this name, where it is
    /// not the host of the address.
    #[cfg(feature = "client-tls")]
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        self.tls(|tls| tls.server_name = Some(name.into()))
    }

    #[cfg(feature = "client-tls")]
    fn tls(mut self, change: impl FnOnce(&mut Certificates)) -> Self {
        change(self.tls.get_or_insert_default());
        self
    }

    /// How an address begins that says neither.
    #[cfg_attr(
        not(feature = "client-tls"),
        expect(clippy::unused_self, reason = "without TLS there is one scheme")
    )]
    pub(crate) const fn scheme(&self) -> &'static str {
        #[cfg(feature = "client-tls")]
        if self.tls.is_some() {
            return "https";
        }
        "http"
    }
}

#[cfg(feature = "client-tls")]
impl Certificates {
    /// The same for a channel.
    pub(crate) fn config(&self) -> ClientTlsConfig {
        let authorities = self.authorities.iter().map(Certificate::from_pem);
        let mut config = ClientTlsConfig::new().ca_certificates(authorities);
        if let Some((cert, key)) = &self.identity {
            config = config.identity(Identity::from_pem(cert, key));
        }
        match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        }
    }
}

#[cfg(feature = "client-tls")]
impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificates")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let credentials = Credentials::default().token("nanokv_secret\n").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
        assert_eq!(
            credentials.bearer.unwrap().to_str().unwrap(),
            "Bearer nanokv_secret"
        );
    }

    #[cfg(feature = "client-tls")]
    #[test]
    fn a_private_key_is_never_shown() {
        let credentials = Credentials::default().certificate("cert", "secret");
        let shown = format!("{credentials:?}");
        let key = format!("{:?}", b"secret");
        assert!(!shown.contains(&key), "{shown}");
    }

    #[test]
    fn what_is_no_token_is_told_without_it() {
        let error = Credentials::default().token("secret\u{7}").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        let error = Credentials::default().token_file("nowhere").unwrap_err();
        assert!(error.to_string().contains("nowhere: "), "{error}");
    }
}
