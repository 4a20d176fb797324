//! What is wrong is told, with an exit code that says whose fault it is.

use std::{fs, net::TcpListener};

use crate::program::{Program, written};

/// The exit code, and what was written to stderr.
fn failed(program: Program) -> (Option<i32>, String) {
    let output = program.output();
    (output.status.code(), written(&output).1)
}

#[test]
fn a_wrong_flag_is_named_with_its_value_and_what_would_be_right() {
    for (arguments, told) in [
        (
            ["--key-bytes-max", "5000"],
            "key_bytes_max = \"5000\" (--key-bytes-max): is not a size from 1B to 2047B",
        ),
        (
            ["--value-bytes-max", "16MiB"],
            "value_bytes_max = \"16MiB\" (--value-bytes-max): is not a size from 1B to 16777215B",
        ),
        (
            ["--workers", "0"],
            "workers = \"0\" (--workers): is not a whole number from 1 to 4096",
        ),
        (
            ["--drain-ms-max", "-1"],
            "drain_ms_max = \"-1\" (--drain-ms-max): is not whole milliseconds from 0 to 86400000",
        ),
        (
            ["--listen", "localhost"],
            "listen = \"localhost\" (--listen): is not a numeric address and a port",
        ),
        (
            ["--cors-origins", "https://app.example/"],
            "cors_origins = \"https://app.example/\" (--cors-origins): is not * or origins as browsers write them",
        ),
        (
            ["--http-hosts", "kv.example:50051"],
            "http_hosts = \"kv.example:50051\" (--http-hosts): is not * or names with commas between them",
        ),
        (
            ["--log", "xml"],
            "log = \"xml\" (--log): is not pretty or json",
        ),
        (
            ["--log-level", "debgu"],
            "log_level = \"debgu\" (--log-level): is not a level",
        ),
        (
            ["--ttl-max", "1001y"],
            "ttl_max = \"1001y\" (--ttl-max): is not a time from 1ms to 365250d",
        ),
        (
            ["--default-ttl", "101y"],
            "default_ttl = \"101y\" (--default-ttl): must be at most ttl_max",
        ),
        (
            ["--reply-bytes-max", "1MiB"],
            "reply_bytes_max = \"1MiB\" (--reply-bytes-max): must be at least ",
        ),
        (
            ["--message-bytes-max", "1MiB"],
            "message_bytes_max = \"1MiB\" (--message-bytes-max): must be at least 1049728",
        ),
        (
            ["--bytes-in-flight-max", "1MiB"],
            "bytes_in_flight_max = \"1MiB\" (--bytes-in-flight-max): must be at least 4194304",
        ),
        (
            ["--data-dir", ""],
            "data_dir = \"\" (--data-dir): is not the path of a directory",
        ),
        (
            ["--identities", ""],
            "identities = \"\" (--identities): is not the path of a file",
        ),
        (
            ["--config", "nowhere.toml"],
            "config = \"nowhere.toml\" (--config): cannot be read: No such file",
        ),
    ] {
        let (code, error) = failed(Program::new(&arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn pages_are_named_where_browsers_are_to_show_certificates() {
    let files = ["--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"];
    let arguments = [&files[..], &["--cors-origins", "*"]].concat();
    let (code, error) = failed(Program::new(&arguments));
    assert_eq!(code, Some(2), "{error}");
    let told = "cors_origins = \"*\" (--cors-origins): must name origins";
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_wrong_variable_is_named() {
    let program = Program::new(&["serve"]).variable("NANOKV_MEMORY_MAX", "plenty");
    let (code, error) = failed(program);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("memory_max = \"plenty\" (NANOKV_MEMORY_MAX): is not a size from 1MiB"),
        "{error}"
    );
}

#[test]
fn everything_wrong_in_a_file_is_told_with_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nanokv.toml");
    fs::write(&file, "# wrong\nworkers = 0\nkey_byte_max = 5\n").unwrap();
    let path = file.to_str().unwrap();
    let (code, error) = failed(Program::new(&["--config", path]));
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        format!(
            "nanokv: wrong configuration\n  \
             {path}:3: \"key_byte_max\" is no setting; is key_bytes_max meant?\n  \
             workers = \"0\" ({path}:2): is not a whole number from 1 to 4096\n"
        )
    );
}

#[test]
fn what_is_typed_wrong_is_wrong_usage() {
    for arguments in [
        &["sreve"][..],
        &["--key-byte-max", "5"],
        &["--workers"],
        &["--workers", "1", "serve"],
        &["health", "--address", "here"],
        &["health", "--timeout-ms", "0"],
    ] {
        let (code, error) = failed(Program::new(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
    }
}

#[test]
fn an_address_in_use_is_told_and_is_no_wrong_usage() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = format!("cannot listen on {address}: Address already in use");
    for (format, told) in [
        ("pretty", format!("nanokv: {told}")),
        ("json", format!("\"error\":\"{told}")),
    ] {
        let program = Program::new(&["--listen", &address, "--log", format]);
        let (code, error) = failed(program);
        assert_eq!(code, Some(1));
        assert!(error.contains(&told), "{error}");
        let is_json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert_eq!(error.lines().all(is_json), format == "json", "{error}");
    }
}

#[tokio::test]
async fn an_unknown_variable_warns_with_the_nearest_name_and_harms_nothing() {
    let server = Program::new(&[])
        .variable("NANOKV_LOGLEVEL", "debug")
        .serve();
    server
        .logged("NANOKV_LOGLEVEL is no setting; is NANOKV_LOG_LEVEL meant?")
        .await;
    server.logged("ready").await;
}

#[tokio::test]
async fn what_kubernetes_injects_harms_nothing_and_is_not_told() {
    let server = Program::new(&[])
        .variable("NANOKV_PORT", "tcp://10.0.0.1:50051")
        .variable("NANOKV_PORT_50051_TCP_ADDR", "10.0.0.1")
        .variable("NANOKV_SERVICE_HOST", "10.0.0.1")
        .variable("NANOKV_SERVICE_PORT_GRPC", "50051")
        .serve();
    server.logged("ready").await;
    assert!(!server.log().contains("NANOKV_"), "{}", server.log());
}

#[test]
fn the_help_and_the_version_are_no_failure() {
    for arguments in [&["--help"][..], &["--version"], &["config", "--help"]] {
        let output = Program::new(arguments).output();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}
