//! What is chosen holds, wherever it was said; and is told.

use std::{collections::BTreeMap, fs};

use nanokv::proto::{
    DescribeRequest, Limits, SetRequest, Value, kv_service_client::KvServiceClient, value::Kind,
};
use tonic::{Code, transport::Channel};

use crate::program::{Program, written};

/// `nanokv config`: each setting with its value and its source.
fn config(program: Program) -> BTreeMap<String, (String, String)> {
    let output = program.output();
    let (text, error) = written(&output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    text.lines()
        .map(|line| {
            let (setting, source) = line.rsplit_once("  # ").unwrap();
            let (name, value) = setting.split_once('=').unwrap();
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            (name, (value, source.to_owned()))
        })
        .collect()
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nanokv.toml");
    let text = "workers = 1\nkey_bytes_max = \"100B\"\n\npage_entries_max = 7\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let settings = config(
        Program::new(&["config", "--workers", "3"])
            .variable("NANOKV_CONFIG", path)
            .variable("NANOKV_WORKERS", "2")
            .variable("NANOKV_KEY_BYTES_MAX", "200"),
    );
    let setting = |name: &str| {
        let (value, source) = &settings[name];
        (value.as_str(), source.as_str())
    };
    assert_eq!(setting("workers"), ("3", "--workers"));
    assert_eq!(
        setting("key_bytes_max"),
        ("\"200B\"", "NANOKV_KEY_BYTES_MAX")
    );
    assert_eq!(setting("page_entries_max"), ("7", &*format!("{path}:4")));
    assert_eq!(setting("listen"), ("\"127.0.0.1:50051\"", "default"));
}

#[test]
fn what_config_prints_is_a_file_of_the_same_settings() {
    let arguments = [
        "config",
        "--workers",
        "3",
        "--default-ttl",
        "1h30m",
        "--log",
        "pretty",
        "--log-level",
        "warn,nanokv=debug",
        "--memory-max",
        "1.5GiB",
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nanokv.toml");
    fs::write(&file, Program::new(&arguments).output().stdout).unwrap();
    let values = |settings: BTreeMap<String, (String, String)>| -> Vec<_> {
        settings
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect()
    };
    let again = Program::new(&["config", "--config", file.to_str().unwrap()]);
    assert_eq!(
        values(config(again)),
        values(config(Program::new(&arguments)))
    );
}

#[test]
fn a_switch_is_said_in_the_words_of_each_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nanokv.toml");
    for (said, holds) in [("true", "on"), ("\"on\"", "on"), ("false", "off")] {
        fs::write(&file, format!("console = {said}\n")).unwrap();
        let settings = config(Program::new(&[
            "config",
            "--config",
            file.to_str().unwrap(),
            "--audit",
        ]));
        assert_eq!(settings["console"].0, format!("\"{holds}\""));
        assert_eq!(settings["audit"].0, "\"on\"");
    }
}

#[test]
fn the_docs_list_every_setting_as_it_is() {
    let (reference, _) = written(&Program::new(&["config", "--reference"]).output());
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    assert!(
        fs::read_to_string(docs).unwrap().ends_with(&reference),
        "end docs/configuration.md with what `nanokv config --reference` prints:\n{reference}"
    );
}

/// Each limit by the name of its variable, and what it is set to.
const CHOSEN: &[(&str, &str)] = &[
    ("KEY_BYTES_MAX", "5"),
    ("VALUE_BYTES_MAX", "1001"),
    ("MESSAGE_BYTES_MAX", "10002"),
    ("REPLY_BYTES_MAX", "20003"),
    ("BATCH_OPERATIONS_MAX", "4"),
    ("PAGE_ENTRIES_MAX", "6"),
    ("DELETE_RANGE_ENTRIES_MAX", "7"),
    ("PIPELINE_LISTS_IN_FLIGHT_MAX", "3"),
    ("PIPELINES_MAX", "19"),
    ("REQUEST_IDS_MAX", "20"),
    ("REQUEST_IDS_BYTES_MAX", "21021"),
    ("REQUEST_ID_WINDOW_MS", "22"),
    ("MEMORY_MAX", "100MiB"),
    ("EVICTION", "sieve"),
    ("EVICTION_ENTRIES_MAX", "36"),
    ("CONNECTIONS_MAX", "107"),
    ("HEALTH_CONNECTIONS_RESERVED", "8"),
    ("HEALTH_WATCHES_MAX", "9"),
    ("STREAMS_PER_CONNECTION_MAX", "110"),
    ("CALLS_IN_FLIGHT_MAX", "111"),
    ("BYTES_IN_FLIGHT_MAX", "30012"),
    ("METRICS_CONNECTIONS_MAX", "24"),
    ("METRICS_MS_MAX", "1025"),
    ("OTLP_SPANS_WAITING_MAX", "26"),
    ("WATCH_BYTES_IN_FLIGHT_MAX", "30013"),
    ("WATCH_RANGES_BYTES_MAX", "19019"),
    ("STREAM_UNREAD_MS_MAX", "1019"),
    ("HTTP1_IDLE_MS_MAX", "1020"),
    ("HEADER_LIST_BYTES_MAX", "8113"),
    ("HANDSHAKE_MS_MAX", "1014"),
    ("REQUEST_READ_MS_MAX", "1015"),
    ("FAILED_LOGINS_PER_MINUTE_MAX", "60060"),
    ("CALLS_PER_SECOND_MAX", "61061"),
    ("BYTES_PER_SECOND_MAX", "62062"),
    ("DRAIN_MS_MAX", "1016"),
    ("WATCHERS_MAX", "19"),
    ("WATCH_RANGES_MAX", "20"),
    ("WATCH_HISTORY_EVENTS_MAX", "21"),
    ("WATCH_HISTORY_BYTES_MAX", "22000"),
    ("WATCH_HISTORY_ARMED_MS", "23"),
    ("CONNECTION_AGE_MS_MAX", "1000017"),
    ("RESET_STREAMS_PENDING_MAX", "18"),
    ("BACKUPS_MAX", "28"),
    ("BACKUP_CHUNK_BYTES_MAX", "2901"),
    ("BACKUP_HELD_BYTES_MAX", "30001"),
    ("TTL_MAX", "90s"),
    ("DEFAULT_TTL", "1m"),
    ("JOURNAL_QUEUE_CHANGES_MAX", "24"),
    ("JOURNAL_QUEUE_BYTES_MAX", "25MiB"),
    ("DISK_FREE_BYTES_MIN", "26B"),
    ("DURABILITY_INTERVAL_MS", "27"),
];

#[tokio::test]
async fn every_limit_is_in_force_as_it_was_chosen() {
    let chosen = Limits {
        key_bytes_max: 5,
        value_bytes_max: 1001,
        message_bytes_max: 10_002,
        reply_bytes_max: 20_003,
        batch_operations_max: 4,
        page_entries_max: 6,
        delete_range_entries_max: 7,
        pipeline_lists_in_flight_max: 3,
        pipelines_max: 19,
        request_ids_max: 20,
        request_ids_bytes_max: 21_021,
        request_id_window_ms: 22,
        memory_max: 100 << 20,
        eviction_entries_max: 36,
        connections_max: 107,
        health_connections_reserved: 8,
        health_watches_max: 9,
        streams_per_connection_max: 110,
        calls_in_flight_max: 111,
        bytes_in_flight_max: 30_012,
        watch_bytes_in_flight_max: 30_013,
        stream_unread_ms_max: 1019,
        http1_idle_ms_max: 1020,
        header_list_bytes_max: 8113,
        handshake_ms_max: 1014,
        request_read_ms_max: 1015,
        failed_logins_per_minute_max: 60_060,
        calls_per_second_max: 61_061,
        bytes_per_second_max: 62_062,
        drain_ms_max: 1016,
        watchers_max: 19,
        watch_ranges_bytes_max: 19_019,
        watch_ranges_max: 20,
        watch_history_events_max: 21,
        watch_history_bytes_max: 22_000,
        watch_history_armed_ms: 23,
        connection_age_ms_max: 1_000_017,
        reset_streams_pending_max: 18,
        metrics_connections_max: 24,
        metrics_ms_max: 1025,
        otlp_spans_waiting_max: 26,
        ttl_max: Some("90s".parse().unwrap()),
        default_ttl: Some("60s".parse().unwrap()),
        journal_queue_changes_max: 24,
        journal_queue_bytes_max: 25 << 20,
        disk_free_bytes_min: 26,
        backups_max: 28,
        backup_chunk_bytes_max: 2901,
        backup_held_bytes_max: 30_001,
        durability_interval_ms: 27,
    };
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path().to_str().unwrap();
    let program = Program::new(&["serve"]).variable("NANOKV_DATA_DIR", dir);
    let server = CHOSEN
        .iter()
        .fold(program, |program, (name, value)| {
            program.variable(&format!("NANOKV_{name}"), value)
        })
        .serve();
    server.logged("ready").await;

    let mut admin = server.admin().await;
    let described = admin.describe(DescribeRequest::default()).await.unwrap();
    assert_eq!(described.into_inner().limits, Some(chosen));
    what_passes_them_is_refused(server.kv().await).await;
}

async fn what_passes_them_is_refused(mut kv: KvServiceClient<Channel>) {
    let refused = kv.set(set("6bytes", "")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = kv.set(set("5byte", &"v".repeat(1002))).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = kv.set(set("5byte", &"v".repeat(10_003))).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let set = kv.set(set("5byte", "v")).await.unwrap().into_inner();
    assert!(set.expire_time.is_some(), "default_ttl holds");
}

fn set(key: &str, text: &str) -> SetRequest {
    SetRequest {
        key: key.to_owned(),
        value: Some(Value {
            kind: Some(Kind::Text(text.to_owned())),
        }),
        ..SetRequest::default()
    }
}
