//! Where events go: to stderr, a line each.

use std::io::{self, IsTerminal};

use tracing_subscriber::{fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::telemetry::config::{Config, Format};

/// Writes events from now on as `config` says. To be called once.
pub fn start(config: &Config) {
    let lines = fmt::layer().with_writer(io::stderr);
    let events = registry().with(config.levels.targets.clone());
    let started = match config.format {
        Format::Json => events.with(lines.json().flatten_event(true)).try_init(),
        Format::Pretty => {
            let colours = io::stderr().is_terminal();
            events.with(lines.compact().with_ansi(colours)).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("events are written already");
    }
}
