//! What the kubelet is told in every phase of a server's life.

// `cfg(test)` says nothing new here, but tells clippy that all of it is test.

#[cfg(test)]
mod held_call;
#[cfg(test)]
mod kubelet;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod phases;
#[cfg(test)]
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod program;
