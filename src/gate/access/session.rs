//! Who is on the other end of one connection.

use std::{fmt, net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::gate::{
    access::{
        Access,
        caller::{By, Caller},
        digest::digest,
    },
    refusal::{Credentials, Refusal},
};

/// How `authorization` begins.
const SCHEME: &str = "bearer ";

/// Who is on the other end of one connection, told anew for each call.
pub struct Session {
    access: Access,
    certificate: Option<Arc<[String]>>,
    /// Who the last call was from, and what it said: most say the same.
    last: Mutex<Option<(Option<HeaderValue>, Caller)>>,
}

impl Session {
    /// A connection whose client has a certificate of these names, if any.
    #[must_use]
    pub fn new(access: Access, certificate: Option<Arc<[String]>>) -> Self {
        Self {
            access,
            certificate,
            last: Mutex::new(None),
        }
    }

    /// Another connection.
    #[must_use]
    pub fn beside(&self, certificate: Option<Arc<[String]>>) -> Self {
        Self::new(self.access.clone(), certificate)
    }

    /// Who makes a call with `headers` from `address`. A token counts before a
    /// certificate.
    ///
    /// # Errors
    /// [`Refusal::Credentials`], or [`Refusal::FailedLogins`] after too many of
    /// those from there: what they say is then not looked at.
    pub fn caller(&self, address: IpAddr, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let said = headers.get(header::AUTHORIZATION);
        if let Some((before, caller)) = &*self.last.lock()
            && is_same(before.as_ref(), said)
            && caller.is_current()
            && !caller.has_expired()
        {
            return Ok(caller.clone());
        }
        self.access.0.failed.check(address)?;
        match self.known(said) {
            Ok(caller) => {
                *self.last.lock() = Some((said.cloned(), caller.clone()));
                Ok(caller)
            }
            Err(credentials) => {
                self.access.0.failed.count(address);
                tracing::debug!(%address, ?credentials, "a caller is not known");
                Err(Refusal::Credentials(credentials))
            }
        }
    }

    fn known(&self, said: Option<&HeaderValue>) -> Result<Caller, Credentials> {
        let by = match (said, &self.certificate) {
            (Some(said), _) => {
                let token = said.to_str().ok().and_then(token);
                By::Token(digest(token.ok_or(Credentials::Invalid)?))
            }
            (None, Some(names)) => By::Certificate(Arc::clone(names)),
            (None, None) => return Err(Credentials::Missing),
        };
        Caller::known(&self.access, by)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what was said.
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

fn is_same(before: Option<&HeaderValue>, said: Option<&HeaderValue>) -> bool {
    match (before, said) {
        (None, None) => true,
        (Some(before), Some(said)) => before.as_bytes().ct_eq(said.as_bytes()).into(),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The token in what `authorization` says.
fn token(said: &str) -> Option<&str> {
    let scheme = said.get(..SCHEME.len())?;
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then(|| said.get(SCHEME.len()..))?
}
