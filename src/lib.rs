//! nanokv: a key-value microservice. A value under a key, with a time to live,
//! over gRPC.
//!
//! A program that talks to a server needs [`client`] alone:
//!
//! ```toml
//! nanokv = { version = "0.1", default-features = false, features = ["client"] }
//! ```

#[cfg(feature = "server")]
pub mod calls;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod commands;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
pub mod gate;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod load;
#[cfg(feature = "server")]
pub mod model;
pub mod proto;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod telemetry;
