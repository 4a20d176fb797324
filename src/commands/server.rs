//! Which server a command asks, and how.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::runtime;

use crate::{
    client::{self, Client},
    commands::failure::Failure,
    config::load::load,
};

const ADDRESS: &str = "address";
const TIMEOUT: &str = "timeout-ms";
const JSON: &str = "json";
const HEADING: &str = "Server and output";

/// Adds to a command what says which server it asks, and how it answers.
#[must_use]
pub fn declare(command: Command) -> Command {
    let flags = [
        Arg::new(ADDRESS)
            .long(ADDRESS)
            .value_name("HOST:PORT")
            .help("The server [listen of the environment and the file]"),
        Arg::new(TIMEOUT)
            .long(TIMEOUT)
            .value_name("MS")
            .value_parser(value_parser!(u64).range(1..))
            .default_value("10000")
            .help("Milliseconds that a call may take, all its attempts together"),
        Arg::new(JSON)
            .long(JSON)
            .action(ArgAction::SetTrue)
            .help("Answers in JSON, a line each, as the contract says it; errors too"),
    ];
    let flags = flags.map(|flag| flag.help_heading(HEADING));
    command.args(flags)
}

/// Whether answers are to be JSON.
#[must_use]
pub fn json(typed: &ArgMatches) -> bool {
    typed.get_flag(JSON)
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
        call_timeout: Duration::from_millis(typed.get_one(TIMEOUT).copied().unwrap_or(10_000)),
        ..client::config::Config::default()
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let asked = runtime.block_on(async {
        let kv = Client::with_config(&address, config)
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

fn address(typed: &ArgMatches) -> Result<String, Failure> {
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
