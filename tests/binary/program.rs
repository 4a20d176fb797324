//! The program, run to its end or started as a server.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use nanokv::proto::{admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient};
use rustix::process::{Pid, Signal, kill_process};
use tonic::transport::{Channel, Endpoint};

/// What is waited for comes long before; only what is broken passes it.
const CEILING: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The program to be.
pub(crate) struct Program(pub(crate) Command);

/// A server that said where it listens. Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Program {
    /// With these arguments, and no settings in its environment.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nanokv"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        Self(command)
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn output(mut self) -> Output {
        self.0.output().unwrap()
    }

    /// Starts it, on a port that it picks unless it is told one.
    pub(crate) fn serve(mut self) -> Server {
        if self.0.get_envs().all(|(name, _)| name != "NANOKV_LISTEN") {
            self.0.env("NANOKV_LISTEN", "127.0.0.1:0");
        }
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, written) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let mut written = written.lock().unwrap();
                written.push_str(&line);
                written.push('\n');
            }
        });
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ");
        let Some(address) = address else {
            let _ = child.kill();
            panic!("said {line:?}; {}", log.lock().unwrap());
        };
        Server {
            address: address.parse().unwrap(),
            child,
            log,
            reader: Some(reader),
        }
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn kv(&self) -> KvServiceClient<Channel> {
        KvServiceClient::new(self.channel().await)
    }

    pub(crate) async fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel().await)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Returns as soon as it has logged `text`.
    pub(crate) async fn logged(&self, text: &str) {
        eventually(text, async || self.log().contains(text)).await;
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit status, and all that it has logged.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let child = &mut self.child;
        eventually("the end", async || child.try_wait().unwrap().is_some()).await;
        self.reader.take().unwrap().join().unwrap();
        (self.child.wait().unwrap(), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns as soon as `state` holds.
pub(crate) async fn eventually(what: &str, mut state: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !state().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let came = tokio::time::timeout(CEILING, waiting).await;
    assert!(came.is_ok(), "waited in vain for {what}");
}

/// What an ended program wrote to stdout and to stderr.
pub(crate) fn written(output: &Output) -> (String, String) {
    let text = |mut bytes: &[u8]| {
        let mut text = String::new();
        bytes.read_to_string(&mut text).unwrap();
        text
    };
    (text(&output.stdout), text(&output.stderr))
}
