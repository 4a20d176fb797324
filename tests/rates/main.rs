//! How many calls and bytes a second each caller may have: against a server in
//! this process with a clock that is held.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod calls;
#[cfg(test)]
#[path = "../support/http1.rs"]
#[expect(dead_code, reason = "the tests of HTTP use the rest")]
mod http1;
#[cfg(test)]
mod people;
#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod serving;
