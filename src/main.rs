//! Parse, choose a command, exit code.

fn main() {}
