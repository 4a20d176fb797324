//! `nanokv bench`: puts load on a server, and tells how it answered.

mod flags;
mod form;
mod progress;

use std::io::{IsTerminal, stderr};

use clap::{ArgMatches, Command};
use tokio::{runtime, signal};

use crate::{
    client::error::Error,
    commands::{failure::Failure, progress::Line, words},
    load::{
        report::Report,
        run::{self, Ended},
    },
};

/// What can be typed after `nanokv bench`.
#[must_use]
pub fn command() -> Command {
    flags::declare(
        Command::new("bench").about("Puts load on a server and tells rates, latencies and errors"),
    )
}

/// Puts load on the server, and writes what came of it.
///
/// # Errors
/// It cannot be done, or calls failed.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let config = flags::config(typed)?;
    let address = config.address.clone();
    let wanted = config.clone();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let mut line = Line::default();
    let ran = runtime.block_on(async {
        let interrupt = async {
            // Without handling of signals the run goes on to its end.
            if signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let visible = stderr().is_terminal();
        run::run(config, interrupt, |sight| {
            if visible {
                line.show(&progress::words(sight));
            }
        })
        .await
    });
    line.clear();
    let report = ran.map_err(|ended| failure(ended).at(&address, false))?;
    words::line(form::written(typed, &wanted, &report))?;
    told(&report, &address)
}

/// What stands against a run that was made.
fn told(report: &Report, address: &str) -> Result<(), Failure> {
    let (failures, calls) = (report.tally.failures(), report.calls());
    if failures == 0 {
        return Ok(());
    }
    let unreachable = report
        .tally
        .failed
        .keys()
        .all(|reason| reason == "Unavailable" || reason == "DEADLINE_EXCEEDED");
    if calls == 0 && unreachable {
        let error = Error::unavailable("no call was answered", true);
        return Err(Failure::from(error).at(address, false));
    }
    Err(Failure::failed(format!("{failures} operations failed")))
}

fn failure(ended: Ended) -> Failure {
    match ended {
        Ended::Misused(what) => Failure::misused(what),
        Ended::Server(error) => Failure::from(error),
        Ended::Machine(error) => Failure::failed(error),
        Ended::Interrupted => Failure::failed("interrupted before the first call"),
    }
}
