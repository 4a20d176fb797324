//! nanokv: a key-value microservice. A value under a key, with a time to live,
//! over gRPC.

pub mod commands;
pub mod config;
pub mod engine;
pub mod gate;
pub mod grpc;
pub mod model;
pub mod proto;
pub mod serve;
pub mod telemetry;
