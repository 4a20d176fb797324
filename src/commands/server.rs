//! Which server a command asks, and how.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::runtime;

use crate::{
    client::{self, Client, credentials::Credentials},
    commands::failure::Failure,
    config::load::load,
};

const ADDRESS: &str = "address";
const TIMEOUT: &str = "timeout-ms";
const TOKEN_FILE: &str = "token-file";
const TLS_CA: &str = "tls-ca";
const TLS_CERT: &str = "tls-cert";
const TLS_KEY: &str = "tls-key";
const TLS_NAME: &str = "tls-name";
const JSON: &str = "json";
const HEADING: &str = "Server and output";

/// Adds to a command what says which server it asks, and how it answers.
#[must_use]
pub fn declare(command: Command) -> Command {
    let json = Arg::new(JSON)
        .long(JSON)
        .action(ArgAction::SetTrue)
        .help("Answers in JSON, a line each, as the contract says it; errors too");
    declare_which(command).arg(json.help_heading(HEADING))
}

/// Adds to a command what says which server it asks.
#[must_use]
pub fn declare_which(command: Command) -> Command {
    let flags = [
        Arg::new(ADDRESS)
            .long(ADDRESS)
            .value_name("HOST:PORT")
            .help("The server [listen of the environment and the file]"),
        Arg::new(TOKEN_FILE)
            .long(TOKEN_FILE)
            .value_name("FILE")
            .help("A file with the token that says who asks"),
        Arg::new(TIMEOUT)
            .long(TIMEOUT)
            .value_name("MS")
            .value_parser(value_parser!(u64).range(1..))
            .default_value("10000")
            .help("Milliseconds that a call may take, all its attempts together"),
    ];
    let flags = flags.map(|flag| flag.help_heading(HEADING));
    declare_tls(command.args(flags))
}

/// Adds to a command what it needs to ask through TLS.
#[must_use]
pub fn declare_tls(command: Command) -> Command {
    let flag = |name, value, help| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .help(help)
            .help_heading(HEADING)
    };
    command.args([
        flag(
            TLS_CA,
            "FILE",
            "The authority of the server's certificate, in PEM; with it there is TLS",
        ),
        flag(
            TLS_CERT,
            "FILE",
            "A certificate for servers that ask for one, in PEM",
        )
        .requires(TLS_CA)
        .requires(TLS_KEY),
        flag(TLS_KEY, "FILE", "The private key to it, in PEM").requires(TLS_CERT),
        flag(
            TLS_NAME,
            "NAME",
            "What the server's certificate says, if not the host of the address",
        )
        .requires(TLS_CA),
    ])
}

/// What was typed for TLS.
///
/// # Errors
/// A file that cannot be read.
pub fn credentials(typed: &ArgMatches) -> Result<Credentials, Failure> {
    let read = |name: &str| {
        let path = typed.get_one::<String>(name);
        path.map(|path| {
            fs::read(path).map_err(|error| Failure::misused(format!("--{name} {path}: {error}")))
        })
        .transpose()
    };
    let mut credentials = Credentials::default();
    if let Some(authority) = read(TLS_CA)? {
        credentials = credentials.authority(authority);
    }
    if let (Some(cert), Some(key)) = (read(TLS_CERT)?, read(TLS_KEY)?) {
        credentials = credentials.certificate(cert, key);
    }
    if let Some(name) = typed.get_one::<String>(TLS_NAME) {
        credentials = credentials.server_name(name);
    }
    Ok(credentials)
}

/// The credentials, and who asks, as was typed.
///
/// # Errors
/// A file that cannot be read, or holds no token.
pub fn identified(credentials: Credentials, typed: &ArgMatches) -> Result<Credentials, Failure> {
    match typed.get_one::<String>(TOKEN_FILE) {
        None => Ok(credentials),
        Some(path) => credentials
            .token_file(path)
            .map_err(|error| Failure::misused(format!("--{TOKEN_FILE}: {error}"))),
    }
}

/// Whether answers are to be JSON; not where there is no such flag.
#[must_use]
pub fn json(typed: &ArgMatches) -> bool {
    matches!(typed.try_get_one(JSON), Ok(Some(true)))
}

/// Asks the server that was chosen.
///
/// # Errors
/// That no server was named that could be, and what `ask` fails with.
pub fn ask(
    typed: &ArgMatches,
    ask: impl AsyncFnOnce(Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let address = address(typed)?;
    let config = client::config::Config {
        call_timeout: call_timeout(typed),
        ..client::config::Config::default()
    };
    let credentials = identified(credentials(typed)?, typed)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let asked = runtime.block_on(async {
        let kv = Client::with_credentials(&address, config, credentials)
            .map_err(|error| Failure::misused(format!("--address: {error}")))?;
        ask(kv).await
    });
    asked.map_err(|failure| failure.at(&address, json(typed)))
}

/// Where a server that listens on `listen` is reached from this machine.
#[must_use]
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// How long a call may take, as was typed.
#[must_use]
pub fn call_timeout(typed: &ArgMatches) -> Duration {
    Duration::from_millis(typed.get_one(TIMEOUT).copied().unwrap_or(10_000))
}

/// The server that was typed, or where one with the same settings would listen.
///
/// # Errors
/// The settings are wrong.
pub fn address(typed: &ArgMatches) -> Result<String, Failure> {
    let Some(given) = typed.get_one::<String>(ADDRESS) else {
        let listen = load(Vec::new())?.config.serve.listen;
        return Ok(reachable(listen).to_string());
    };
    Ok(match given.parse() {
        Ok(numeric) => reachable(numeric).to_string(),
        Err(_) => given.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_over_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("10.0.0.7:3", "10.0.0.7:3"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                reached.parse().unwrap(),
                "{listen}"
            );
        }
    }
}
