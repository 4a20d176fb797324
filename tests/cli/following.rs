//! watch.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::asked::Asked;

/// A watch, and what it writes.
struct Following {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Following {
    fn of(kv: &Asked, arguments: &[&str]) -> Self {
        let mut child = kv
            .command(&[&["watch"], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn version(stored: &Value) -> &str {
    stored["version"].as_str().unwrap()
}

#[test]
fn changes_after_a_version_are_told_in_order() {
    let kv = Asked::new();
    kv.done(&["list"]);
    let first = kv.json(&["set", "user/1", "x"]);
    let second = kv.json(&["set", "other", "x"]);
    let third = kv.json(&["del", "user/1"]);
    let arguments = ["--prefix", "user/", "--count", "1"];
    let after = ["--after-version", version(&first)];
    let mut watch = Following::of(&kv, &[&arguments[..], &after].concat());
    let deleted = format!("DELETE\tuser/1\t\t{}", version(&third));
    assert_eq!(watch.line(), deleted);
    assert_eq!(watch.code(), Some(0));

    let after = ["--after-version", version(&first), "--with-previous"];
    let mut watch = Following::of(&kv, &[&["--json", "--count", "2"], &after[..]].concat());
    let event = json!({ "events": [{
        "type": "EVENT_TYPE_PUT",
        "entry": { "key": "other", "value": { "text": "x" }, "version": version(&second) },
    }] });
    assert_eq!(watch.json(), event);
    let event = watch.json();
    assert_eq!(event["events"][0]["type"], "EVENT_TYPE_DELETE");
    assert_eq!(event["events"][0]["previous"]["version"], version(&first));
    assert_eq!(watch.code(), Some(0));
}

#[test]
fn a_snapshot_is_told_and_what_follows_it() {
    let kv = Asked::new();
    kv.done(&["set", "a", "1"]);
    let mut watch = Following::of(&kv, &["--snapshot", "--only", "put", "--count", "1"]);
    assert_eq!(watch.line(), "SNAPSHOT\tbegins");
    assert!(watch.line().starts_with("ENTRY\ta\t\"1\"\t"));
    assert!(watch.line().starts_with("SNAPSHOT\tcomplete at version "));
    kv.done(&["del", "a"]);
    kv.done(&["set", "b", "2"]);
    assert!(watch.line().starts_with("PUT\tb\t\"2\"\t"));
    assert_eq!(watch.code(), Some(0));
}

#[test]
fn changes_that_are_gone_are_an_error_that_says_so() {
    let kv = Asked::new();
    let ended = kv.run(&["watch", "--after-version", "1"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let said = ended.error;
    assert!(said.starts_with("nanokv: VERSION_COMPACTED: "), "{said}");
}
