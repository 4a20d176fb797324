//! How a server stops: in what order, how long at most, and what it still
//! answers meanwhile.

#[cfg(test)]
mod pipelines;
#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "the hostile clients use the rest")]
mod serving;
#[cfg(test)]
mod steps;
