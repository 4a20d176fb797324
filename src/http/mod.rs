//! The same store over plain HTTP: JSON for programs, raw values for curl.
//!
//! hyper alone carries it. A router would have to know keys with slashes in
//! them and a verb behind their last colon, which `route` reads in one match.

pub mod accept;
pub mod as_it_is;
pub mod body;
pub mod condition;
pub mod console;
pub mod cors;
pub mod date;
pub mod door;
pub mod entry;
pub mod events;
pub mod hosts;
pub mod hot;
pub mod json;
pub mod listed;
pub mod media;
pub mod plain;
pub mod problem;
pub mod query;
pub mod route;
pub mod several;
pub mod site;
pub mod tally;
pub mod tutorial;

use http::Method;

use crate::http::{cors::Origins, hosts::Hosts, route::Route};

/// What can be chosen about this wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Whether the three routes of the tutorial are answered.
    pub tutorial_routes: bool,
    /// Whether the page at `/console` is there.
    pub console: bool,
    /// The origins of other pages that may ask, in JSON and in gRPC-Web.
    pub cors_origins: Origins,
    /// The names by which requests may ask, in JSON and in gRPC-Web.
    pub http_hosts: Hosts,
}

impl Config {
    /// What is under `path`; `None`: nothing.
    #[must_use]
    pub fn route<'a>(&self, method: &Method, path: &'a str) -> Option<Route<'a>> {
        Route::of(method, path, self.tutorial_routes)
            .filter(|route| self.console || !matches!(route, Route::Console(_)))
    }
}
