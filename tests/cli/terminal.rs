//! What somebody sees and is asked who sits at a terminal.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    process::Stdio,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::asked::{Asked, Ended};

/// A terminal: the end of somebody, and the end of a program.
pub(crate) fn terminal() -> (File, File) {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let mut far = OpenOptions::new();
    let far = far.read(true).write(true).open(name.to_str().unwrap());
    (near.into(), far.unwrap())
}

/// Runs `delete-range` for somebody who types `answer`.
fn asked(kv: &Asked, answer: &str) -> Ended {
    let (mut near, far) = terminal();
    let child = kv
        .command(&["delete-range", "--prefix", "user/"])
        .stdin(far)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    near.write_all(answer.as_bytes()).unwrap();
    Ended::of(&child.wait_with_output().unwrap())
}

/// What a terminal shows of a command.
fn shown(kv: &Asked, arguments: &[&str]) -> String {
    let (mut near, far) = terminal();
    let mut command = kv.command(arguments);
    let mut child = command.stdout(far).spawn().unwrap();
    // Else this process would keep the terminal open.
    drop(command);
    assert!(child.wait().unwrap().success());
    let mut shown = Vec::new();
    // Ends with an error when nobody is left at the other end.
    let _ = near.read_to_end(&mut shown);
    String::from_utf8(shown).unwrap()
}

#[test]
fn somebody_is_asked_before_a_range_is_removed() {
    let kv = Asked::new();
    kv.done(&["set", "user/1", "x"]);
    kv.done(&["set", "user/2", "x"]);
    for no in ["n\n", "\n", "yess\n"] {
        let kept = asked(&kv, no);
        assert_eq!(kept.code, 1, "{kept:?}");
        let question = "2 keys with the prefix \"user/\" will be deleted. Go on? [y/N] ";
        assert!(kept.error.starts_with(question), "{kept:?}");
        assert!(kept.error.ends_with("nanokv: nothing was deleted\n"));
    }
    assert_eq!(kv.done(&["list"]).lines().count(), 2);
    let deleted = asked(&kv, "y\n");
    assert_eq!(
        (deleted.code, deleted.out.as_str()),
        (0, "2 keys deleted\n")
    );
    assert_eq!(kv.done(&["list"]), "");
}

#[test]
fn a_value_cannot_steer_the_terminal() {
    let kv = Asked::new();
    kv.done(&["set", "a", "red \u{1b}[31m\nnext"]);
    assert_eq!(shown(&kv, &["get", "a"]), "red \\u{1b}[31m\r\nnext\r\n");
    assert_eq!(kv.done(&["get", "a"]), "red \u{1b}[31m\nnext");
}

#[test]
fn a_listing_is_aligned_and_long_values_are_cut() {
    let kv = Asked::new();
    kv.done(&["set", "a", "short"]);
    kv.done(&["set", "longer", &"x".repeat(1000)]);
    let listed = shown(&kv, &["list"]);
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines[0].find("\"short\""), lines[1].find("\"xxx"));
    assert!(lines[1].contains("x... (1000 bytes)"), "{listed}");
    assert_eq!(lines[0].find("never"), lines[1].find("never"));
}

#[test]
fn a_load_tells_on_a_terminal_how_it_goes_and_leaves_nothing_of_it() {
    let kv = Asked::new();
    let (mut near, far) = terminal();
    let mut command = kv.command(&["bench", "--prefill", "--count", "10", "--json"]);
    let out = command.stderr(far).output().unwrap();
    drop(command);
    assert!(out.status.success());
    let mut shown = Vec::new();
    // Ends with an error when nobody is left at the other end.
    let _ = near.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains(" of 10000 keys are stored"), "{shown:?}");
    assert!(shown.ends_with("\r\x1b[K"), "{shown:?}");
    serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap();
}
