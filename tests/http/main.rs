//! The store over plain HTTP, on the port that speaks gRPC: against a server in
//! this process with a clock that is held.

#[cfg(test)]
mod console;
#[cfg(test)]
mod document;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hosts;
#[cfg(test)]
#[path = "../support/http1.rs"]
mod http1;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod port;
#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod serving;
#[cfg(test)]
mod several;
#[cfg(test)]
mod tutorial;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod web;
