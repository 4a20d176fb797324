//! Who calls, and how much each may.

use nanokv::{
    client::{Client, config::Config, credentials::Credentials, error::Error, reason::Reason},
    gate::{access::digest, rate::Rates},
};

use crate::serving::server::Server;

/// The lines of somebody, whose name is their token too, who may do everything,
/// and so much of it.
pub(crate) fn person(name: &str, rates: &str) -> String {
    let hex = digest::hex(&digest::digest(name));
    format!(
        "[[identity]]\nname = \"{name}\"\n{rates}\n[[identity.token]]\nsha256 = \"{hex}\"\n\
         [[identity.grant]]\nprefix = \"\"\nrights = [\"read\", \"write\"]\n"
    )
}

/// A server that knows `identities`, and holds others to `usual`.
pub(crate) fn serve(identities: &str, usual: Rates) -> Server {
    Server::start(|limits| {
        identities.clone_into(&mut limits.identities);
        limits.gate.rates = usual;
    })
}

/// So many calls a second.
pub(crate) fn calls(calls_per_second_max: u64) -> Rates {
    Rates {
        calls_per_second_max,
        bytes_per_second_max: 0,
    }
}

/// So many bytes a second.
pub(crate) fn bytes(bytes_per_second_max: u64) -> Rates {
    Rates {
        calls_per_second_max: 0,
        bytes_per_second_max,
    }
}

/// A client that says this token, or nothing, and does not try again.
pub(crate) fn client(server: &Server, token: Option<&str>) -> Client {
    let mut config = Config::default();
    config.retry.attempts_max = 1;
    let mut credentials = Credentials::default();
    if let Some(token) = token {
        credentials = credentials.token(token).unwrap();
    }
    Client::with_credentials(server.address().to_string(), config, credentials).unwrap()
}

/// After how many milliseconds a call that must have been refused may be made.
pub(crate) fn wait<T: std::fmt::Debug>(answer: Result<T, Error>) -> u64 {
    let error = answer.unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::RateLimited), "{error}");
    error.metadata("retry_ms").unwrap().parse().unwrap()
}
