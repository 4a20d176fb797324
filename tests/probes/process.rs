//! The built program, started and stopped as a container's runtime does it.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// For what must come, sooner or later.
pub(crate) const CEILING: Duration = Duration::from_mins(1);

/// Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts it with these variables and no others.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nanokv"))
            .arg("serve")
            .env_clear()
            .envs(variables.iter().copied())
            .env("NANOKV_LISTEN", "127.0.0.1:0")
            .env("NANOKV_LOG_LEVEL", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(CEILING, lines.next_line()).await.unwrap().unwrap();
        let line = line.expect("it says where it listens");
        let address = line.strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().unwrap().try_into().unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The exit code, when it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        timeout(CEILING, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }

    /// Asks until the answer is the expected one.
    pub(crate) async fn until<T: PartialEq, F: Future<Output = T>>(
        &self,
        ask: impl Fn() -> F,
        expected: T,
    ) {
        let asked = async { while ask().await != expected {} };
        timeout(CEILING, asked).await.unwrap();
    }
}
