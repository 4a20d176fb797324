//! `nanokv health`, as the health check of a container runs it.

use std::net::TcpListener;

use crate::program::{Program, written};

fn health(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Program::new(&[&["health"], arguments].concat()).output();
    (output.status.code(), written(&output).1)
}

#[tokio::test]
async fn a_server_that_serves_is_healthy() {
    let server = Program::new(&[]).serve();
    server.logged("ready").await;
    let address = server.address().to_string();
    for service in ["", "nanokv.v1.KvService", "liveness"] {
        assert_eq!(
            health(&["--address", &address, "--service", service]),
            (Some(0), String::new()),
            "{service:?}"
        );
    }
    assert_eq!(
        health(&["--address", &address, "--service", "nobody"]),
        (
            Some(1),
            format!("nanokv: {address} knows no service \"nobody\"\n")
        )
    );
}

#[tokio::test]
async fn it_asks_where_the_same_environment_lets_the_server_listen() {
    let server = Program::new(&[])
        .variable("NANOKV_LISTEN", "0.0.0.0:0")
        .serve();
    server.logged("ready").await;
    let listen = format!("0.0.0.0:{}", server.address().port());
    let program = Program::new(&["health"]).variable("NANOKV_LISTEN", &listen);
    assert_eq!(program.output().status.code(), Some(0));
}

#[test]
fn nobody_there_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let (code, error) = health(&["--address", &address]);
    assert_eq!(code, Some(1));
    assert!(
        error.starts_with(&format!(
            "nanokv: {address} cannot be reached: Connection refused"
        )),
        "{error}"
    );
}

#[test]
fn somebody_who_says_nothing_is_told() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    assert_eq!(
        health(&["--address", &address, "--timeout-ms", "50"]),
        (
            Some(1),
            format!("nanokv: {address} did not answer within 50 ms\n")
        )
    );
}
