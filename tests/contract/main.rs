//! What a caller may rely on, a sentence a test, over a real socket with a
//! clock that is held. Written once, run on every engine; and on engines
//! broken on purpose, to show that it would notice.

// `cfg(test)` says nothing new here, but tells clippy that all of it is test.

#[cfg(test)]
#[macro_use]
mod suite;

#[cfg(test)]
mod backup;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod counters;
#[cfg(test)]
mod delete_range;
#[cfg(test)]
mod describe;
#[cfg(test)]
mod evicting;
#[cfg(test)]
mod expired;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod linearizable;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod request_ids;
#[cfg(test)]
mod request_ids_several;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod sizes;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod touch;
#[cfg(test)]
mod transact;
#[cfg(test)]
mod transact_refused;
#[cfg(test)]
mod values;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod watching;
