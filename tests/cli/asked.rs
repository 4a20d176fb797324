//! A server, and commands that ask it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::program::{Program, Server, written};

/// A server of its own.
pub(crate) struct Asked(Server);

/// A command that ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Asked {
    pub(crate) fn new() -> Self {
        Self(Program::new(&["serve"]).serve())
    }

    pub(crate) const fn of(server: Server) -> Self {
        Self(server)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.0
    }

    /// The command, with the server's address.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nanokv"));
        command
            .args(arguments)
            .env_clear()
            .env("NANOKV_LISTEN", self.0.address().to_string())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ended::of(&child.wait_with_output().unwrap())
    }

    /// Must be done: what was written.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.out
    }

    /// Must be done: the JSON that was written.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let json = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&json).unwrap()
    }

    /// Must end with this code, with nothing on stdout: what was said.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        assert_eq!(ended.out, "", "{arguments:?}");
        ended.error
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let (out, error) = written(output);
        Self {
            code: output.status.code().unwrap(),
            out,
            error,
        }
    }
}
