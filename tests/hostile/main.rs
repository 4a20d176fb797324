//! Clients that mean harm or are broken: each gets a clear answer, costs a
//! bounded amount, and everybody else is served on.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod load;
#[cfg(test)]
mod pipelines;
#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "the tests of the drain use the rest")]
mod serving;
#[cfg(test)]
mod silent;
#[cfg(test)]
mod unread;
#[cfg(test)]
mod watches;
