//! How open a server is: to whom, and on which networks.

use std::{path::Path, sync::Arc};

use tokio::sync::watch;

use crate::{
    config::Config,
    gate::access::roster::Roster,
    serve::{error::Error, reload::Kept},
};

/// Who may do what, and what keeps that as the file says.
///
/// # Errors
/// The file cannot be read, or is not as it should be.
pub fn roster(path: &Path) -> Result<(Kept, watch::Receiver<Arc<Roster>>), Error> {
    Kept::load("identities", vec![path.to_owned()], |files, _| {
        let roster = Roster::parse(files.first().map_or(&[], Vec::as_slice))?;
        tracing::info!(identities = roster.identities(), "identities read");
        Ok(roster)
    })
}

/// Warns of what everybody on the network can do.
pub fn warn_if_open(config: &Config) {
    let address = config.serve.listen;
    if address.ip().is_loopback() {
        return;
    }
    if config.tls.cert.is_none() {
        tracing::warn!(
            %address,
            "NO TLS beyond loopback: everybody on the way can read and change what is sent. \
             Set tls_cert and tls_key"
        );
    }
    if config.identities.is_none() && config.tls.client_ca.is_none() {
        tracing::warn!(
            %address,
            "NO IDENTITIES beyond loopback: everybody who reaches this address may do everything. \
             Set identities or tls_client_ca"
        );
    }
}
