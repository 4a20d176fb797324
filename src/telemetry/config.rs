//! How events are written, and which.

use std::io::{self, IsTerminal};

use crate::telemetry::levels::Levels;

/// What can be chosen about events.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How they are written.
    pub format: Format,
    /// Which are written.
    pub levels: Levels,
    /// Whether changes are written that are asked for, whatever the level.
    pub audit: bool,
    /// The collector that spans of calls are sent to; `None`: none. Only where
    /// the feature `otlp` is built in.
    pub otlp_endpoint: Option<String>,
    /// Spans that may wait to be sent; others are dropped.
    pub otlp_spans_waiting_max: usize,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for a reader.
    Pretty,
    /// A line of JSON.
    Json,
}

impl Default for Config {
    /// For a reader where stderr is a terminal, as JSON otherwise; at info.
    fn default() -> Self {
        Self {
            format: if io::stderr().is_terminal() {
                Format::Pretty
            } else {
                Format::Json
            },
            levels: Levels::default(),
            audit: false,
            otlp_endpoint: None,
            otlp_spans_waiting_max: 2048,
        }
    }
}
