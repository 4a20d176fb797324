//! Where events go: to stderr, a line each; spans of calls also to a collector.

use std::{
    error::Error,
    io::{self, IsTerminal},
};

use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use crate::telemetry::config::{Config, Format};
#[cfg(feature = "otlp")]
use crate::telemetry::otlp::Export;

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// The target of what tells of changes.
pub const AUDIT: &str = "audit";

/// Who makes the spans of calls.
#[cfg(feature = "otlp")]
const CALLS: &str = "nanokv::gate::trace";

/// What has to be finished at the end.
#[derive(Debug, Default)]
#[must_use]
pub struct Events {
    #[cfg(feature = "otlp")]
    export: Option<Export>,
}

impl Events {
    /// Sends what is left to a collector, if there is one. Blocks meanwhile.
    pub fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(export) = self.export {
            export.finish();
        }
    }
}

/// Writes events from now on as `config` says. To be called once.
///
/// # Errors
/// Why spans cannot be exported.
pub fn start(config: &Config) -> Result<Events, Box<dyn Error + Send + Sync>> {
    #[cfg(feature = "otlp")]
    if let Some(endpoint) = &config.otlp_endpoint {
        return exporting(config, endpoint);
    }
    let targets = targets(config);
    let events = registry().with(lines(config.format)).with(targets);
    if events.try_init().is_err() {
        tracing::debug!("events are written already");
    }
    Ok(Events::default())
}

#[cfg(feature = "otlp")]
fn exporting(config: &Config, endpoint: &str) -> Result<Events, Box<dyn Error + Send + Sync>> {
    use tracing_subscriber::filter::filter_fn;

    let export = Export::start(endpoint, config.otlp_spans_waiting_max)?;
    // Their spans and whether there is to be one, but no events.
    let calls = filter_fn(|metadata| metadata.target() == CALLS && !metadata.is_event())
        .with_max_level_hint(LevelFilter::DEBUG);
    let lines = lines(config.format).with_filter(targets(config));
    let events = registry()
        .with(lines)
        .with(export.layer().with_filter(calls));
    if events.try_init().is_err() {
        tracing::debug!("events are written already");
    }
    Ok(Events {
        export: Some(export),
    })
}

fn targets(config: &Config) -> Targets {
    let targets = config.levels.targets.clone();
    if config.audit {
        targets.with_target(AUDIT, LevelFilter::INFO)
    } else {
        targets
    }
}

fn lines(format: Format) -> Lines {
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Pretty => lines
            .compact()
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
    }
}
