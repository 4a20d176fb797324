//! `nanokv health`: asks a server how it is, for the health check of a
//! container.

use std::{net::SocketAddr, time::Duration};

use clap::{Arg, ArgMatches, Command, value_parser};
use tokio::{runtime, time::timeout};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    client::credentials::Credentials,
    commands::{
        failure::Failure,
        server::{credentials, declare_tls, reachable},
    },
    config::load::load,
};

const ADDRESS: &str = "address";
const SERVICE: &str = "service";
const TIMEOUT: &str = "timeout-ms";

/// What can be typed after `nanokv health`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("health")
        .about("Asks a server how it is: exit code 0 when it is SERVING, 1 otherwise")
        .arg(
            Arg::new(ADDRESS)
                .long(ADDRESS)
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .help(
                    "The server; 0.0.0.0 and [::] mean this machine [health_listen of the \
                     environment and the file, else listen]",
                ),
        )
        .arg(
            Arg::new(SERVICE)
                .long(SERVICE)
                .value_name("NAME")
                .default_value("")
                .hide_default_value(true)
                .help("nanokv.v1.KvService, liveness, or another name [the whole server]"),
        )
        .arg(
            Arg::new(TIMEOUT)
                .long(TIMEOUT)
                .value_name("MS")
                .value_parser(value_parser!(u64).range(1..))
                .default_value("1000")
                .help("Milliseconds that it may take to answer"),
        );
    declare_tls(command)
}

/// Asks, and says what is wrong.
///
/// # Errors
/// Any answer but SERVING, in time.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let listen = if let Some(address) = typed.get_one::<SocketAddr>(ADDRESS) {
        *address
    } else {
        // Exit code 2 has no meaning for the health check of a container.
        let serve = load(Vec::new()).map_err(Failure::failed)?.config.serve;
        serve.health_listen.unwrap_or(serve.listen)
    };
    let address = reachable(listen);
    let credentials = credentials(typed).map_err(|failure| Failure::failed(failure.to_string()))?;
    let service = typed.get_one(SERVICE).cloned().unwrap_or_default();
    let patience = Duration::from_millis(typed.get_one(TIMEOUT).copied().unwrap_or(1000));
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let answer =
        runtime.block_on(async { timeout(patience, ask(address, credentials, service)).await });
    match answer {
        Ok(Ok(ServingStatus::Serving)) => Ok(()),
        Ok(Ok(status)) => Err(format!("is {}", status.as_str_name())),
        Ok(Err(reason)) => Err(reason),
        Err(_) => Err(format!("did not answer within {} ms", patience.as_millis())),
    }
    .map_err(|reason| Failure::failed(format!("{address} {reason}")))
}

async fn ask(
    address: SocketAddr,
    credentials: Credentials,
    service: String,
) -> Result<ServingStatus, String> {
    let uri = format!("{}://{address}", credentials.scheme());
    let mut endpoint = Endpoint::from_shared(uri).map_err(|error| error.to_string())?;
    if let Some(tls) = credentials.tls {
        endpoint = endpoint
            .tls_config(tls.config())
            .map_err(|error| format!("cannot be asked through TLS: {}", innermost(&error)))?;
    }
    let channel = endpoint
        .connect()
        .await
        .map_err(|error| format!("cannot be reached: {}", innermost(&error)))?;
    let name = service.clone();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await
        .map_err(|status| match status.code() {
            Code::NotFound => format!("knows no service {name:?}"),
            code => format!("answered {code:?}: {}", status.message()),
        })?;
    Ok(answer.into_inner().status())
}

/// The first cause, which is what the system said.
fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
