//! list and delete-range.

use std::process::Stdio;

use serde_json::json;

use crate::asked::Asked;

fn stored() -> Asked {
    let kv = Asked::new();
    for key in ["user/1", "user/2", "user/3", "visit/1"] {
        kv.done(&["set", key, "some\ttext"]);
    }
    kv
}

#[test]
fn a_listing_has_a_line_for_each_entry() {
    let kv = stored();
    let listed = kv.done(&["list", "--prefix", "user/"]);
    let lines: Vec<Vec<_>> = listed
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0][..2], ["user/1", "\"some\\ttext\""]);
    assert_eq!(lines[0][3], "never expires");
    let keys = kv.done(&["list", "--keys", "--start", "user/2", "--end", "visit/1"]);
    assert_eq!(keys, "user/2\nuser/3\n");
    assert_eq!(kv.done(&["list", "--keys", "--limit", "1"]), "user/1\n");
    assert_eq!(kv.done(&["list", "--limit", "0"]), "");
    assert_eq!(kv.done(&["list", "--prefix", "none"]), "");
}

#[test]
fn a_listing_in_json_has_an_entry_a_line() {
    let kv = stored();
    let listed = kv.done(&["list", "--json"]);
    let entries: Vec<serde_json::Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[3]["key"], "visit/1");
    assert_eq!(entries[3]["value"], json!({ "text": "some\ttext" }));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let kv = stored();
    let mut child = kv
        .command(&["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_dry_run_shows_the_keys_and_removes_none() {
    let kv = stored();
    let shown = kv.run(&["delete-range", "--prefix", "user/", "--dry-run"]);
    assert_eq!(shown.code, 0);
    assert_eq!(shown.out, "user/1\nuser/2\nuser/3\n");
    assert_eq!(shown.error, "3 keys would be deleted\n");
    assert_eq!(kv.done(&["list"]).lines().count(), 4);
}

#[test]
fn a_range_is_removed_by_whoever_says_yes() {
    let kv = stored();
    let said = kv.ends(2, &["delete-range", "--prefix", "user/"]);
    assert!(said.contains("--yes"), "{said}");
    let deleted = kv.done(&["delete-range", "--prefix", "user/", "--yes"]);
    assert_eq!(deleted, "3 keys deleted\n");
    assert_eq!(kv.done(&["list", "--keys"]), "visit/1\n");
    let deleted = kv.json(&["delete-range", "--all", "--yes"]);
    assert_eq!(deleted["deletedCount"], "1");
    assert_eq!(kv.done(&["list"]), "");
}

#[test]
fn nothing_is_removed_that_was_not_named() {
    let kv = stored();
    for arguments in [
        &["delete-range", "--yes"][..],
        &["delete-range", "--yes", "--prefix", ""],
        &["delete-range", "--yes", "--all", "--prefix", "user/"],
    ] {
        kv.ends(2, arguments);
    }
    assert_eq!(kv.done(&["list"]).lines().count(), 4);
}
