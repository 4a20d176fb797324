//! From a socket to calls: bind, accept, one HTTP/2 connection after another,
//! and an end that drops none of them.

pub mod accept;
pub mod bind;
pub mod config;
pub mod connection;
pub mod counted;
pub mod error;
pub mod gathered;
pub mod health_only;
pub mod inline;
pub mod preface;
pub mod run;
pub mod seats;
pub mod stop;
pub mod worker;
