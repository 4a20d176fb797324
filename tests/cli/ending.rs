//! Servers that are not there, and what is typed wrong.

use std::net::TcpListener;

use crate::{
    asked::{Asked, Ended},
    program::Program,
};

fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_server_that_is_not_there_has_a_code_of_its_own() {
    let address = nowhere();
    for command in [
        &["get", "a"][..],
        &["set", "a", "1"],
        &["del", "a"],
        &["incr", "a"],
        &["touch", "a"],
        &["list"],
        &["delete-range", "--all", "--yes"],
        &["watch"],
        &["export", "-"],
        &["backup", "-"],
        &["bench"],
    ] {
        let server = ["--address", &address, "--timeout-ms", "1000"];
        let ended = Ended::of(&Program::new(&[command, &server].concat()).output());
        assert_eq!(ended.code, 5, "{command:?}: {ended:?}");
        let said = format!("nanokv: {address}: the server cannot be reached: Connection refused");
        assert!(ended.error.starts_with(&said), "{command:?}: {ended:?}");
    }
}

#[test]
fn a_server_that_says_nothing_has_the_same_code() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let get = ["get", "a", "--timeout-ms", "50", "--address", &address];
    let ended = Ended::of(&Program::new(&get).output());
    assert_eq!(ended.code, 5, "{ended:?}");
}

#[test]
fn a_server_is_named_by_its_host_or_by_the_settings() {
    let kv = Asked::new();
    let port = kv.server().address().port();
    let address = format!("localhost:{port}");
    assert_eq!(
        kv.done(&["set", "a", "1", "--address", &address, "--json"])
            .lines()
            .count(),
        1
    );
    let everywhere = format!("0.0.0.0:{port}");
    let got = Program::new(&["get", "a"]).variable("NANOKV_LISTEN", &everywhere);
    assert_eq!(Ended::of(&got.output()).out, "1");
}

#[test]
fn what_is_typed_wrong_is_wrong_usage() {
    let kv = Asked::new();
    for arguments in [
        &["get"][..],
        &["get", "a", "--address", "nowhere"],
        &["get", "a", "--address", "http://"],
        &["get", "a", "--timeout-ms", "0"],
        &["get", ""],
        &["set", "a"],
        &["set", "a", "b", "--file", "c"],
        &["set", "a", "--file", "nowhere"],
        &["set", "a", "b", "--number"],
        &["set", "a", "b", "--number", "--data"],
        &["set", "a", "b", "--ttl", "soon"],
        &["set", "a", "b", "--ttl", "1s", "--never-expire"],
        &["set", "a", "b", "--if-absent", "--if-present"],
        &["set", "a", "b", "--if-version", "0"],
        &["incr", "a", "--by", "much"],
        &["incr", "a", "--min", "2", "--max", "1"],
        &["touch", "a", "--keep-expiry"],
        &["touch", "a", "--only-extend", "--only-shorten"],
        &["list", "--start", "b", "--end", "a"],
        &["watch", "--only", "puts"],
        &["watch", "--snapshot", "--after-version", "1"],
        &["completions", "cmd"],
    ] {
        let said = kv.ends(2, arguments);
        assert_ne!(said, "", "{arguments:?}");
    }
    let set = ["set", "a", "--file", "-"];
    let said = kv.run_with_input(&set, &[0xff]).error;
    assert!(said.contains("is --data meant?"), "{said}");
}
