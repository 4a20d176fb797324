//! From a socket to calls: bind, accept, one connection after another,
//! and an end that drops none of them.

pub mod accept;
pub mod ahead;
pub mod bind;
pub mod certificate;
pub mod config;
pub mod connection;
pub mod counted;
pub mod error;
pub mod files;
pub mod gathered;
pub mod health_only;
pub mod http1;
pub mod inline;
pub mod life;
pub mod line;
pub mod metrics;
pub mod preface;
pub mod reload;
mod replying;
pub mod run;
pub mod seats;
pub mod stop;
pub mod tls;
pub mod turns;
pub mod unread;
pub mod wires;
pub mod worker;
