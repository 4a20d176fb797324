//! A store that is kept, whose answers wait for the disk.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use tempfile::TempDir;

use crate::program::Program;

#[tokio::test]
async fn who_asks_and_says_that_nothing_more_comes_is_answered() {
    let dir = TempDir::new().unwrap();
    let server = Program::new(&["--data-dir", dir.path().to_str().unwrap()]).serve();
    server.logged("ready").await;
    for value in 0..10 {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let put = "PUT /v1/entries/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n";
        stream
            .write_all(format!("{put}{value}").as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
}
