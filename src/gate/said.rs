//! What the headers of a request say to the gate, read in one pass: most
//! requests have few, and looking each up by its name costs more than all of
//! them.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::gate::{refusal::Refusal, timeout};

/// How messages of a call are encoded; without it they are not.
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What they say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether they name an encoding.
    pub(super) names_encoding: bool,
    /// Whether messages may be compressed by it.
    pub(super) compressed: bool,
    /// How long the caller waits; `None`: it does not say.
    pub(super) wait: Result<Option<Duration>, Refusal>,
}

impl Said {
    /// What these say. Of what is said twice the first counts.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut encoding, mut wait) = (None, None);
        for (name, value) in headers {
            if *name == timeout::NAME {
                wait = wait.or(Some(value));
            } else if *name == ENCODING {
                encoding = encoding.or(Some(value));
            }
        }
        Self {
            names_encoding: encoding.is_some(),
            compressed: encoding.is_some_and(|encoding| encoding != "identity"),
            wait: wait.map(timeout::of).transpose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &'static str)]) -> Said {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Said::of(&map)
    }

    #[test]
    fn what_is_said_twice_counts_as_it_is_said_first() {
        let nothing = Said {
            names_encoding: false,
            compressed: false,
            wait: Ok(None),
        };
        assert_eq!(said(&[("te", "trailers")]), nothing);
        let encodings = [("grpc-encoding", "identity"), ("grpc-encoding", "gzip")];
        let named = said(&encodings);
        assert!(named.names_encoding && !named.compressed);
        assert!(said(&[("grpc-encoding", "gzip")]).compressed);
        let waits = said(&[("grpc-timeout", "1S"), ("grpc-timeout", "x")]);
        assert_eq!(waits.wait, Ok(Some(Duration::from_secs(1))));
        let malformed = said(&[("grpc-timeout", "x"), ("grpc-timeout", "1S")]);
        assert_eq!(malformed.wait, Err(Refusal::TimeoutMalformed));
    }
}
