//! txn.

use std::fs;

use crate::asked::Asked;

#[test]
fn a_file_is_carried_out_as_a_whole() {
    let kv = Asked::new();
    kv.done(&["set", "from", "--number", "50"]);
    kv.done(&["set", "old", "x"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("move.txn");
    let text = "# Moves 10.\n\
                check from --if-present\n\n\
                incr from --by -10 --min 0\n\
                incr to --by 10   # created when absent\n\
                set 'a note' \"two words\" --expire-time 2100-01-01T00:00:00Z\n\
                del old\nget from\n";
    fs::write(&path, text).unwrap();
    let done = kv.done(&["txn", path.to_str().unwrap()]);
    let lines: Vec<_> = done.lines().collect();
    assert!(lines[0].starts_with("incr from: 40 at version "), "{done}");
    assert!(lines[1].starts_with("incr to: 10 at version "), "{done}");
    assert!(lines[2].starts_with("set a note: stored at "), "{done}");
    assert!(lines[3].starts_with("del old: deleted at "), "{done}");
    assert!(lines[4].starts_with("get from: 50 at version "), "{done}");
    assert!(lines[5].starts_with("done at version "), "{done}");
    assert_eq!(kv.done(&["get", "a note"]), "two words");
    assert_eq!(kv.done(&["list", "--keys"]), "a note\nfrom\nto\n");
}

#[test]
fn a_check_that_does_not_hold_leaves_all_as_it_was() {
    let kv = Asked::new();
    kv.done(&["set", "a", "1"]);
    let text = b"check a --if-absent\nset b 2\n";
    let refused = kv.run_with_input(&["txn", "-"], text);
    assert_eq!(refused.code, 4);
    assert!(refused.error.starts_with("nanokv: CHECK_FAILED: "));
    assert_eq!(kv.done(&["list", "--keys"]), "a\n");
    let refused = kv.run_with_input(&["txn", "-", "--json"], text);
    let said: serde_json::Value = serde_json::from_str(&refused.error).unwrap();
    assert_eq!(said["metadata"]["check_index"], "0");
}

#[test]
fn json_has_a_result_for_each_operation() {
    let kv = Asked::new();
    let text = b"set a 1\nget a\n";
    let done = kv.run_with_input(&["txn", "-", "--json"], text);
    let done: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(done["results"][0]["set"]["version"], done["version"]);
    assert_eq!(done["results"][1]["get"], serde_json::json!({}));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    let kv = Asked::new();
    for (text, said) in [
        ("get a\nset b\n", "-:2: the following required arguments"),
        ("set b 'c\n", "-:1: a quote is not closed"),
        ("fetch a\n", "-:1: unrecognized subcommand 'fetch'"),
        ("check a\n", "-:1: the following required arguments"),
        ("set n --number x\n", "-:1: the value is no whole number"),
        ("get a --address b:1\n", "-:1: unexpected argument"),
        (
            "set a --file \u{1b}[2J\r\u{5}\n",
            "-:1: \"\\u{1b}[2J\\r\\u{5}\" cannot be read",
        ),
        ("# nothing\n", "- has no commands"),
    ] {
        let wrong = kv.run_with_input(&["txn", "-"], text.as_bytes());
        assert_eq!(wrong.code, 2, "{text}: {wrong:?}");
        assert!(wrong.error.contains(said), "{text}: {wrong:?}");
    }
    let said = kv.ends(2, &["txn", "nowhere.txn"]);
    assert!(said.contains("nowhere.txn cannot be read"), "{said}");
}
