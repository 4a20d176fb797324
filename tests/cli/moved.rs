//! `nanokv export` and `nanokv import`: entries as lines of JSON, and on from
//! where one was cut off.

use std::{fs, process::Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    asked::{Asked, Ended},
    program::{Program, eventually},
};

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// Entries of every kind.
fn filled() -> Asked {
    let kv = Asked::new();
    kv.done(&["set", "a/text", "é \"quoted\"\nnext", "--ttl", "1h"]);
    kv.done(&["set", "a/empty", ""]);
    kv.done(&["set", "a/number", "--number", "-9223372036854775808"]);
    let data = kv.run_with_input(&["set", "b/data", "--data", "--file", "-"], &[0, 255, 10]);
    assert_eq!(data.code, 0, "{data:?}");
    kv.done(&["set", "b/more", "x", "--ttl", "2h"]);
    kv
}

/// What is there, without versions.
fn entries(kv: &Asked) -> Vec<Value> {
    let listed = kv.done(&["list", "--json"]);
    let entries = listed.lines().map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry.as_object_mut().unwrap().remove("version");
        entry
    });
    entries.collect()
}

/// Lines that set `key/N` to `N`.
fn lines(count: usize) -> String {
    let line = |number: usize| {
        let entry = json!({"key": format!("key/{number:04}"), "value": {"number": number}});
        format!("{entry}\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let (kv, folder) = (filled(), TempDir::new().unwrap());
    let file = path(&folder, "f");
    let told = kv.done(&["export", &file]);
    assert!(told.starts_with("5 entries, "), "{told}");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, kv.done(&["list", "--json"]));
    assert_eq!(written, kv.done(&["export"]), "to stdout too");
    let other = Asked::new();
    assert_eq!(other.done(&["import", &file]), "5 stored\n");
    assert_eq!(entries(&other), entries(&kv));
    let piped = Asked::new();
    let ended = piped.run_with_input(&["import", "-"], written.as_bytes());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(entries(&piped), entries(&kv));
    assert!(!fs::exists(path(&folder, "f.import")).unwrap());
    // A file that is there is not written over.
    assert!(kv.ends(2, &["export", &file]).contains("is there already"));
}

#[test]
fn no_more_is_sent_at_once_than_the_server_takes() {
    let (small, folder) = (
        Program::new(&["serve"])
            .variable("NANOKV_VALUE_BYTES_MAX", "16KiB")
            .variable("NANOKV_MESSAGE_BYTES_MAX", "24KiB"),
        TempDir::new().unwrap(),
    );
    let kv = Asked::of(small.serve());
    let file = path(&folder, "f");
    let value = |number: usize| {
        "x".repeat(if number.is_multiple_of(9) {
            16 << 10
        } else {
            1000
        })
    };
    let lines = (0..100).map(|number| {
        let entry = json!({"key": format!("key/{number}"), "value": {"text": value(number)}});
        format!("{entry}\n")
    });
    fs::write(&file, lines.collect::<String>()).unwrap();
    assert_eq!(kv.done(&["import", &file]), "100 stored\n");
}

#[test]
fn a_part_of_the_keys_is_exported() {
    let kv = filled();
    let all = kv.done(&["export"]);
    let part = kv.done(&["export", "--prefix", "a/"]);
    let expected: Vec<_> = all.lines().filter(|it| it.contains("\"a/")).collect();
    assert_eq!(part.lines().collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 3);
}

#[test]
fn an_export_goes_on_after_its_last_whole_line() {
    let (kv, folder) = (filled(), TempDir::new().unwrap());
    let (file, partial) = (path(&folder, "f"), path(&folder, "f.partial"));
    let whole = kv.done(&["export"]);
    assert_eq!(
        kv.run(&["export", &file, "--resume"]).code,
        2,
        "there is nothing"
    );
    for cut in 0..whole.len() {
        if !whole.is_char_boundary(cut) || cut % 7 > 0 {
            continue;
        }
        fs::write(&partial, &whole[..cut]).unwrap();
        assert!(kv.ends(2, &["export", &file]).contains("--resume"));
        let told = kv.done(&["export", &file, "--resume"]);
        assert!(told.starts_with("5 entries, "), "{cut}: {told}");
        assert_eq!(fs::read_to_string(&file).unwrap(), whole, "{cut}");
        fs::remove_file(&file).unwrap();
    }
    fs::write(&partial, "no entry\n").unwrap();
    let refused = kv.ends(1, &["export", &file, "--resume"]);
    assert!(refused.contains("the last line of"), "{refused}");
}

#[test]
fn lines_that_are_refused_are_told_by_number_and_field_and_the_others_are_stored() {
    let (kv, folder) = (Asked::new(), TempDir::new().unwrap());
    let file = path(&folder, "f");
    let long = "v".repeat((1 << 20) + 1);
    let text = [
        "{\"key\":\"a\",\"value\":{\"text\":\"1\"}}",
        "",
        "{\"key\":\"b\",\"value\":{\"number\":\"x\"}}",
        "not json",
        "{\"key\":\"\",\"value\":{\"number\":1}}",
        &format!("{{\"key\":\"c\",\"value\":{{\"text\":\"{long}\"}}}}"),
        "{\"key\":\"d\",\"value\":{\"number\":1},\"expireTime\":\"9000-01-01T00:00:00Z\"}",
        "{\"key\":\"e\",\"value\":{\"number\":1},\"expireTime\":\"2001-01-01T00:00:00Z\"}",
        // Without an end.
        "{\"key\":\"z\",\"value\":{\"number\":1}}",
    ];
    fs::write(&file, text.join("\n")).unwrap();
    let ended = kv.run(&["import", &file]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (1, "2 stored, 1 had expired, 5 refused\n")
    );
    let told: Vec<&str> = ended.error.lines().collect();
    let begins = [
        "line 3: value.number: ",
        "line 4: it is no JSON: ",
        "line 5: key: FIELD_MISSING: a key has at least 1 byte",
        "line 6: value: 1048577 bytes, value_bytes_max is 1048576",
        "line 7: expire_time: FIELD_OUT_OF_RANGE: at most ",
        "nanokv: 5 of 9 lines were refused",
    ];
    for (line, begin) in told.iter().zip(begins) {
        assert!(line.starts_with(begin), "{begin:?}: {told:#?}");
    }
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    let keys = kv.done(&["list", "--keys"]);
    assert_eq!(keys, "a\nz\n");
    // It came to its end, and is not resumed.
    assert_eq!(kv.run(&["import", &file, "--resume"]).code, 2);
    let ended = kv.run(&["import", &file, "--json"]);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["refused"], "5");
    let first: Value = serde_json::from_str(ended.error.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["line"], &first["field"]),
        (&json!(3), &json!("value.number"))
    );
}

#[test]
fn keys_that_are_there_stay_if_that_is_said() {
    let (kv, folder) = (Asked::new(), TempDir::new().unwrap());
    let file = path(&folder, "f");
    fs::write(&file, lines(3)).unwrap();
    kv.done(&["set", "key/0001", "mine"]);
    let told = kv.done(&["import", &file, "--if-absent"]);
    assert_eq!(told, "2 stored, 1 were there and stay\n");
    assert_eq!(kv.done(&["get", "key/0001"]), "mine");
    assert_eq!(kv.done(&["import", &file]), "3 stored\n");
    assert_eq!(kv.done(&["get", "key/0001"]), "1");
}

#[test]
fn what_an_import_had_sent_and_not_noted_is_not_stored_twice() {
    let (kv, folder) = (Asked::new(), TempDir::new().unwrap());
    let (file, state) = (path(&folder, "f"), path(&folder, "f.import"));
    fs::write(&file, lines(700)).unwrap();
    // As of one that was killed after it had sent its first lines.
    let noted = json!({
        "run": "7f7c0c4e-0000-4000-8000-000000000000", "offset": 0, "ifAbsent": true,
        "lines": 0, "stored": 0, "present": 0, "expired": 0, "refused": 0,
    });
    fs::write(&state, noted.to_string()).unwrap();
    assert_eq!(kv.run(&["import", &file]).code, 2, "it is to be said");
    let otherwise = kv.run(&["import", &file, "--resume"]);
    assert_eq!(otherwise.code, 2, "not as it was begun: {otherwise:?}");
    let resumed = ["import", &file, "--resume", "--if-absent"];
    assert_eq!(kv.done(&resumed), "700 stored\n");
    let once = kv.done(&["list"]);
    fs::write(&state, noted.to_string()).unwrap();
    // None is told to be there already: they are the same requests.
    assert_eq!(kv.done(&resumed), "700 stored\n");
    assert_eq!(kv.done(&["list"]), once, "no version is another");
}

#[tokio::test]
async fn an_import_whose_server_is_killed_goes_on_at_another() {
    let (kv, folder) = (Asked::new(), TempDir::new().unwrap());
    let (file, state) = (path(&folder, "f"), path(&folder, "f.import"));
    let value = "v".repeat(1 << 20);
    let line = |number| {
        let entry = json!({"key": format!("key/{number:02}"), "value": {"text": value}});
        format!("{entry}\n")
    };
    fs::write(&file, (0..60).map(line).collect::<String>()).unwrap();
    let child = kv
        .command(&["import", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let noted = || -> Option<u64> {
        let noted: Value = serde_json::from_slice(&fs::read(&state).ok()?).ok()?;
        noted["lines"].as_u64()
    };
    eventually("some lines", async || noted() > Some(0)).await;
    kv.server().signal(Signal::KILL);
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.out.as_str()), (5, ""), "{ended:?}");
    let done = noted().unwrap();
    let says = format!("nanokv: {done} lines are done; --resume goes on after them");
    assert!(ended.error.contains(&says), "{ended:?}");
    assert!(done < 60, "it was done before");
    let other = Asked::new();
    assert_eq!(other.done(&["import", &file, "--resume"]), "60 stored\n");
    let keys = other.done(&["list", "--keys"]);
    let expected: Vec<_> = (done..60)
        .map(|number| format!("key/{number:02}"))
        .collect();
    assert_eq!(keys.lines().collect::<Vec<_>>(), expected, "from there on");
}
