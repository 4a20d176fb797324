//! The built program behind TLS and identities: who gets in, what they may do,
//! and what changes when files do.

#[cfg(test)]
mod alpn;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod http;
#[cfg(test)]
#[path = "../support/http1.rs"]
#[expect(dead_code, reason = "the tests of HTTP use the rest")]
mod http1;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod people;
#[cfg(test)]
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod program;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod tls;
