//! A process that may open few files.

use std::{
    net::TcpStream,
    process::{Command, Stdio},
};

use nanokv::proto::{DescribeRequest, SetRequest, Value, value::Kind};
use tempfile::TempDir;

use crate::program::{Program, eventually};

/// How many there may be.
const FILES_MAX: usize = 200;

#[tokio::test]
async fn connections_leave_files_for_the_store() {
    let dir = TempDir::new().unwrap();
    let mut few = Command::new("/bin/sh");
    few.args(["-c", &format!("ulimit -n {FILES_MAX} && exec \"$0\" serve")])
        .arg(env!("CARGO_BIN_EXE_nanokv"))
        .env_clear()
        .stdin(Stdio::null());
    let server = [
        ("DATA_DIR", dir.path().to_str().unwrap()),
        ("WORKERS", "1"),
        ("VALUE_BYTES_MAX", "64KiB"),
        ("MESSAGE_BYTES_MAX", "66KiB"),
        ("REPLY_BYTES_MAX", "256KiB"),
        ("JOURNAL_SEGMENT_BYTES", "512KiB"),
    ]
    .into_iter()
    .fold(Program(few), |program, (name, value)| {
        program.variable(&format!("NANOKV_{name}"), value)
    })
    .serve();
    server.logged("ready").await;
    server.logged("connections_max is lower").await;
    let (mut admin, mut kv) = (server.admin().await, server.kv().await);
    let described = admin.describe(DescribeRequest::default()).await.unwrap();
    let told = described.into_inner().limits.unwrap().connections_max;
    let connections_max = usize::try_from(told).unwrap();
    assert!((50..FILES_MAX).contains(&connections_max), "{told}");

    // More than there is room for: those above are closed at once.
    let _crowd: Vec<_> = (0..FILES_MAX * 2)
        .map(|_| TcpStream::connect(server.address()))
        .collect();
    eventually("all connections to be taken", async || {
        let figures = open_files(server.process());
        figures >= connections_max
    })
    .await;
    // Its log goes on from file to file meanwhile.
    for number in 0..40 {
        let request = SetRequest {
            key: format!("key/{}", number % 4),
            value: Some(Value {
                kind: Some(Kind::Text("v".repeat(60_000))),
            }),
            ..SetRequest::default()
        };
        kv.set(request).await.unwrap();
    }
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .count()
}
