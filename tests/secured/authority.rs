//! Authorities, and certificates from them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nanokv::client::{Client, config::Config, credentials::Credentials};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and the key to it, in PEM.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// For the server of these tests.
    pub(crate) fn server(&self) -> Certified {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = named("nanokv");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.certify(&params)
    }

    /// For a client of this common name, and of other names as well.
    pub(crate) fn client(&self, common_name: &str, others: Vec<SanType>) -> Certified {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.subject_alt_names = others;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.certify(&params)
    }

    /// The credentials of whoever trusts this authority.
    pub(crate) fn trusted(&self) -> Credentials {
        Credentials::default().authority(self.pem())
    }

    fn certify(&self, params: &CertificateParams) -> Certified {
        let key = KeyPair::generate().unwrap();
        Certified {
            cert: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Certified {
    /// The credentials of this client, who trusts `authority`.
    pub(crate) fn trusting(&self, authority: &Authority) -> Credentials {
        authority.trusted().certificate(&self.cert, &self.key)
    }
}

/// A folder for the files of one test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, whole at once, and says where it is.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
        shown(&path)
    }

    /// Writes what a server is, and says with which flags it finds it.
    pub(crate) fn tls(&self, server: &Certified) -> Vec<String> {
        vec![
            "--tls-cert".to_owned(),
            self.write("server.pem", &server.cert),
            "--tls-key".to_owned(),
            self.write("server.key", &server.key),
        ]
    }
}

/// A client of a server of these tests.
pub(crate) fn client(address: std::net::SocketAddr, credentials: Credentials) -> Client {
    Client::with_credentials(address.to_string(), Config::default(), credentials).unwrap()
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
