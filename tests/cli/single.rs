//! get, set, del, incr and touch.

use serde_json::json;

use crate::asked::Asked;

#[test]
fn what_is_stored_is_written_exactly() {
    let kv = Asked::new();
    let stored = kv.done(&["set", "greeting", "hello there"]);
    assert!(stored.starts_with("stored at version "), "{stored}");
    assert!(stored.ends_with(", never expires\n"), "{stored}");
    assert_eq!(kv.done(&["get", "greeting"]), "hello there");
    kv.done(&["set", "number", "--number", "-7"]);
    assert_eq!(kv.done(&["get", "number"]), "-7");
    kv.done(&["set", "dashes", "--", "--not-a-flag"]);
    assert_eq!(kv.done(&["get", "dashes"]), "--not-a-flag");
}

#[test]
fn bytes_go_in_and_out_as_they_are() {
    let kv = Asked::new();
    let bytes = [0, 255, b'\n', 0xc3];
    let set = ["set", "bytes", "--data", "--file", "-"];
    assert_eq!(kv.run_with_input(&set, &bytes).code, 0);
    let got = kv.command(&["get", "bytes"]).output().unwrap();
    assert_eq!(got.stdout, bytes);
    let shown = kv.json(&["get", "bytes"]);
    assert_eq!(shown["entry"]["value"], json!({ "data": "AP8Kww==" }));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value");
    std::fs::write(&path, "from a file").unwrap();
    kv.done(&["set", "text", "--file", path.to_str().unwrap()]);
    let shown = kv.json(&["get", "text"]);
    assert_eq!(shown["entry"]["value"], json!({ "text": "from a file" }));
}

#[test]
fn json_says_what_the_contract_says() {
    let kv = Asked::new();
    let stored = kv.json(&["set", "a", "1", "--expire-time", "2100-01-01T00:00:00Z"]);
    assert_eq!(stored["expireTime"], "2100-01-01T00:00:00.000Z");
    let version = stored["version"].as_str().unwrap();
    let shown = json!({ "entry": {
        "key": "a",
        "value": { "text": "1" },
        "version": version,
        "expireTime": "2100-01-01T00:00:00.000Z",
    } });
    assert_eq!(kv.json(&["get", "a"]), shown);
    let replaced = kv.json(&["set", "a", "--number", "2", "--return-previous"]);
    assert_eq!(replaced["previous"], shown["entry"]);
    let counted = kv.json(&["incr", "a", "--by", "-5"]);
    assert_eq!(counted["number"], "-3");
    let touched = kv.json(&["touch", "a", "--never-expire"]);
    assert_eq!(touched["applied"], true);
    assert_eq!(touched["entry"]["key"], "a");
    let deleted = kv.json(&["del", "a"]);
    assert_eq!(deleted["deleted"], true);
}

#[test]
fn a_miss_has_a_code_of_its_own() {
    let kv = Asked::new();
    for command in ["get", "del", "touch"] {
        let said = kv.ends(3, &[command, "nothing"]);
        assert_eq!(said, "nanokv: nothing is absent\n", "{command}");
    }
    let missed = kv.run(&["get", "nothing", "--json"]);
    assert_eq!((missed.code, missed.out.as_str()), (3, "{}\n"));
    assert_eq!(missed.error, "");
    let missed = kv.run(&["del", "nothing", "--json"]);
    assert_eq!(
        (missed.code, missed.out.as_str()),
        (3, "{\"deleted\":false}\n")
    );
    let missed = kv.run(&["touch", "nothing", "--json"]);
    assert_eq!(
        (missed.code, missed.out.as_str()),
        (3, "{\"applied\":false}\n")
    );
}

#[test]
fn a_condition_that_is_not_met_has_a_code_of_its_own() {
    let kv = Asked::new();
    let version = kv.json(&["set", "a", "--number", "5"])["version"].clone();
    let version = version.as_str().unwrap();
    for (arguments, reason) in [
        (&["set", "a", "2", "--if-absent"][..], "KEY_EXISTS"),
        (&["set", "b", "2", "--if-present"], "KEY_NOT_FOUND"),
        (&["del", "a", "--if-version", "3"], "VERSION_MISMATCH"),
        (&["incr", "a", "--max", "5"], "COUNTER_OUT_OF_BOUNDS"),
        (&["incr", "a", "--if-version", "3"], "VERSION_MISMATCH"),
    ] {
        let said = kv.ends(4, arguments);
        assert!(said.starts_with(&format!("nanokv: {reason}: ")), "{said}");
    }
    let said = kv.ends(4, &["set", "a", "2", "--if-absent", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["reason"], "KEY_EXISTS");
    assert_eq!(said["metadata"]["current_version"], version);
    kv.done(&["set", "a", "2", "--if-version", version]);

    kv.done(&["touch", "a", "--ttl", "1h"]);
    let said = kv.ends(4, &["touch", "a", "--ttl", "1m", "--only-extend"]);
    assert_eq!(said, "nanokv: the deadline of a was not moved\n");
    let unmet = ["touch", "a", "--ttl", "2h", "--only-shorten", "--json"];
    let unmet = kv.run(&unmet);
    assert_eq!(unmet.code, 4);
    assert!(unmet.out.contains("\"applied\":false"), "{unmet:?}");
}

#[test]
fn a_deadline_is_set_kept_and_moved() {
    let kv = Asked::new();
    let at = "2100-01-01T00:00:00Z";
    kv.done(&["set", "a", "1", "--expire-time", at]);
    let kept = kv.done(&["set", "a", "2", "--keep-expiry"]);
    assert!(kept.ends_with(", expires 2100-01-01T00:00:00.000Z\n"));
    let moved = kv.done(&["touch", "a", "--never-expire"]);
    assert_eq!(moved, "never expires\n");
    let counted = kv.json(&["incr", "n", "--expire-time", at, "--initial", "10"]);
    assert_eq!(counted["number"], "11");
    assert_eq!(counted["expireTime"], "2100-01-01T00:00:00.000Z");
}
