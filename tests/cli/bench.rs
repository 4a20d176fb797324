//! `nanokv bench`: what it does to a server, and what it tells.

#![expect(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::{io::Read, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    asked::{Asked, Ended},
    program::{Program, Server},
    terminal::terminal,
};

/// A small run that ends by itself.
const SMALL: [&str; 6] = ["--connections", "2", "--streams", "4", "--warm-up", "0s"];

fn bench(kv: &Asked, arguments: &[&str]) -> Value {
    let told = kv.json(&[&["bench"], &SMALL[..], arguments].concat());
    assert_eq!(told["failed"], serde_json::json!({}), "{told}");
    told
}

#[test]
fn what_is_counted_is_what_was_carried_out() {
    let kv = Asked::new();
    for (shape, calls, operations) in [
        (&["--count", "30"][..], 30, 30),
        (&["--count", "10", "--batch", "7"], 10, 70),
        (&["--count", "10", "--pipeline", "7"], 10, 70),
        (&["--count", "20", "--rate", "500"], 20, 20),
    ] {
        kv.run(&["delete-range", "--all", "--yes"]);
        let told = bench(&kv, &[&["--mix", "incr", "--keys", "1"], shape].concat());
        assert_eq!(told["calls"], calls, "{told}");
        assert_eq!(told["operations"], operations, "{told}");
        assert_eq!(told["not_begun"], 0, "{told}");
        let counter = kv.done(&["get", "key:n00000000000"]);
        assert_eq!(counter, operations.to_string(), "{shape:?}");
        let latencies = ["min", "p50", "p90", "p99", "p99_9", "p99_99", "max"];
        let latencies = latencies.map(|name| told["latency_us"][name].as_f64().unwrap());
        assert!(latencies.is_sorted() && latencies[0] > 0.0, "{told}");
    }
}

#[test]
fn keys_that_are_stored_first_are_found() {
    let kv = Asked::new();
    let reads = ["--count", "50", "--keys", "300", "--key-bytes", "20"];
    assert_eq!(bench(&kv, &reads)["missed"], 50);
    let stored = [
        "--prefill",
        "--value-bytes",
        "1-9",
        "--distribution",
        "zipf:1.2",
    ];
    assert_eq!(bench(&kv, &[&reads[..], &stored].concat())["missed"], 0);
    let keys = kv.done(&["list", "--keys"]);
    assert_eq!(keys.lines().count(), 300);
    assert_eq!(keys.lines().last(), Some("key:0000000000000299"));
}

#[test]
fn a_mix_has_a_row_for_each_operation() {
    let kv = Asked::new();
    let mix = [
        "--mix",
        "get=2,set=2,del=1,incr=1,touch=1,list=1",
        "--count",
        "200",
    ];
    let csv = kv.done(&[&["bench"], &SMALL[..], &mix, &["--csv"]].concat());
    let mut rows = csv.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let rows: Vec<_> = rows.collect();
    assert!(rows.iter().all(|row| row.len() == names.len()), "{csv}");
    let kinds: Vec<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(kinds, ["all", "get", "set", "del", "incr", "touch", "list"]);
    let calls = names.iter().position(|name| *name == "calls").unwrap();
    let calls: Vec<u32> = rows.iter().map(|row| row[calls].parse().unwrap()).collect();
    assert_eq!(calls[0], 200);
    assert_eq!(calls[1..].iter().sum::<u32>(), 200);
}

#[test]
fn failures_are_counted_by_reason_and_end_with_1() {
    let kv = Asked::new();
    let large = ["bench", "--count", "9", "--key-bytes", "2000", "--json"];
    for shape in [&[][..], &["--batch", "3"], &["--pipeline", "3"]] {
        let ended = kv.run(&[&large, &SMALL[..], shape].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        let told: Value = serde_json::from_str(&ended.out).unwrap();
        let operations = if shape.is_empty() { 9 } else { 27 };
        let failed = serde_json::json!({"FIELD_TOO_LARGE": operations});
        assert_eq!(told["failed"], failed, "{shape:?}");
        assert_eq!(
            (&told["calls"], &told["latency_us"]),
            (&0.into(), &Value::Null)
        );
        assert_eq!(
            ended.error,
            format!("nanokv: {operations} operations failed\n")
        );
    }
    // A store that is full in the middle of the first fill.
    let full = Program::new(&["serve", "--memory-max", "1MiB"]).serve();
    let filling = ["--prefill", "--keys", "100000"];
    let ended = on(&full, &filling);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert!(ended.error.contains("memory"), "{ended:?}");
}

#[test]
fn a_server_that_goes_away_is_told_and_a_signal_ends_the_run() {
    for shape in [&[][..], &["--batch", "3"], &["--pipeline", "3"]] {
        let kv = Asked::new();
        let (mut near, far) = terminal();
        let mut command = kv.command(&["bench", "--duration", "1h", "--json"]);
        command.args(SMALL).args(shape);
        let running = command.stdout(Stdio::piped()).stderr(far).spawn().unwrap();
        // Else this process would keep the terminal open.
        drop(command);
        let mut shown = String::new();
        let mut until = |seen: fn(&str) -> bool| {
            while !shown.split('\r').any(seen) {
                let mut some = [0; 1024];
                let read = near.read(&mut some).unwrap();
                shown.push_str(str::from_utf8(&some[..read]).unwrap());
            }
        };
        until(|line| line.ends_with("  0 failed") && !line.contains("%  0 operations"));
        let address = kv.server().address().to_string();
        // Whoever is dropped is killed.
        drop(kv);
        until(|line| line.ends_with(" failed") && !line.ends_with("  0 failed"));
        until(|line| line.ends_with(" failed") && line.contains("%  0 operations"));
        let again = Program::new(&["serve"]).variable("NANOKV_LISTEN", &address);
        let _again = again.serve();
        until(|line| line.ends_with(" failed") && !line.contains("%  0 operations"));
        let running_pid = Pid::from_child(&running);
        kill_process(running_pid, Signal::INT).unwrap();
        let ended = running.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{shape:?}: {ended:?}");
        let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(told["interrupted"], true, "{told}");
        assert!(told["failed"]["Unavailable"].as_u64() > Some(0), "{told}");
        assert!(told["calls"].as_u64() > Some(0), "{told}");
    }
}

#[test]
fn a_load_that_cannot_be_is_wrong_usage() {
    for (arguments, said) in [
        (&["--mix", "fetch"][..], "there are get, set, del"),
        (&["--mix", "list", "--batch", "2"], "a call of its own"),
        (&["--batch", "2", "--pipeline", "2"], "cannot be used with"),
        (&["--keys", "1000000", "--key-bytes", "10"], "need 11"),
        (
            &["--connections", "1000", "--streams", "1001"],
            "is the most",
        ),
        (&["--distribution", "zipf:x"], "a number from 0 to 100"),
        (&["--value-bytes", "9-1"], "BYTES or MIN-MAX"),
        (&["--rate", "0"], "is not in 1.."),
        (&["--duration", "1s", "--count", "1"], "cannot be used with"),
        (&["--duration", "400days"], "365 days"),
        (&["--json", "--csv"], "cannot be used with"),
        (&["--tls-ca", "nowhere"], "--tls-ca nowhere: "),
        (&["--token-file", "nowhere"], "--token-file: "),
    ] {
        let ended = Program::new(&[&["bench"], arguments].concat()).output();
        let ended = Ended::of(&ended);
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert!(ended.error.contains(said), "{arguments:?}: {ended:?}");
    }
}

fn on(server: &Server, arguments: &[&str]) -> Ended {
    let address = server.address().to_string();
    let bench = [&["bench", "--address", &address], &SMALL[..], arguments].concat();
    Ended::of(&Program::new(&bench).output())
}
