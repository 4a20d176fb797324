//! `nanokv backup` and `nanokv restore`: a store goes into a file and out of
//! it, whole or not at all.

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    asked::{Asked, Ended},
    program::{Program, eventually},
    terminal::terminal,
};

/// The program, which asks no server.
fn alone(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nanokv"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Ended {
    Ended::of(&alone(arguments).output().unwrap())
}

/// A folder for a test, and paths in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn names(&self, name: &str) -> Vec<String> {
        let listed = fs::read_dir(self.0.path().join(name)).unwrap();
        let names = listed.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn filled() -> Asked {
    let kv = Asked::new();
    kv.done(&["set", "text", "some \"text\"", "--ttl", "1h"]);
    kv.done(&["set", "number", "--number", "-7"]);
    kv.done(&["set", "other", "value"]);
    kv.done(&["del", "other"]);
    kv
}

/// Values that take a while to send.
fn large() -> Asked {
    let (kv, value) = (Asked::new(), vec![b'v'; 1 << 20]);
    for number in 0..40 {
        let key = format!("key/{number}");
        let set = kv.run_with_input(&["set", &key, "--file", "-"], &value);
        assert_eq!(set.code, 0, "{set:?}");
    }
    kv
}

/// A store in a directory, served as soon as it is read, and asked.
async fn serve(dir: &str) -> Asked {
    let program = Program::new(&["serve"]).variable("NANOKV_DATA_DIR", dir);
    let server = program.serve();
    server.logged("\"message\":\"ready\"").await;
    Asked::of(server)
}

#[tokio::test]
async fn a_store_goes_into_a_file_and_out_of_it() {
    let (kv, folder) = (filled(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("d"));
    let told = kv.done(&["backup", &file]);
    assert!(told.starts_with("2 entries, "), "{told}");
    assert_eq!(folder.names(""), ["b"], "and nothing beside it");
    let dry = run(&["restore", &file, "--dry-run"]);
    assert_eq!((dry.code, dry.out), (0, format!("whole: {told}")));
    let restored = run(&["restore", &file, "--data-dir", &dir]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(restored.out.ends_with(&told), "{restored:?}");
    let before = kv.done(&["list"]);
    assert_eq!(before.lines().count(), 2);
    assert_eq!(serve(&dir).await.done(&["list"]), before);
}

#[test]
fn it_answers_in_json_too() {
    let (kv, folder) = (filled(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("d"));
    let told = kv.json(&["backup", &file]);
    assert_eq!(told["entries"], "2");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(fs::read(&file).unwrap());
    let mut hex = String::new();
    for byte in digest {
        let _ = write!(hex, "{byte:02x}");
    }
    assert_eq!(told["sha256"], hex);
    let json = |ended: Ended| -> serde_json::Value {
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    };
    assert_eq!(json(run(&["restore", &file, "--dry-run", "--json"])), told);
    let restored = json(run(&["restore", &file, "--data-dir", &dir, "--json"]));
    assert_eq!(restored["backup"], told);
    assert_ne!(restored["storeId"], told["storeId"]);
}

#[tokio::test]
async fn it_goes_through_pipes() {
    let (kv, folder) = (filled(), Folder::new());
    let dir = folder.path("d");
    let sent = kv.command(&["backup", "-"]).output().unwrap();
    assert!(sent.status.success());
    let mut child = alone(&["restore", "-", "--data-dir", &dir])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&sent.stdout).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(serve(&dir).await.done(&["list"]), kv.done(&["list"]));
}

#[test]
fn what_is_there_is_not_written_over() {
    let (kv, folder) = (filled(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("d"));
    fs::write(&file, "mine").unwrap();
    assert!(kv.ends(2, &["backup", &file]).contains("is there already"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let whole = folder.path("whole");
    kv.done(&["backup", &whole]);
    fs::create_dir(&dir).unwrap();
    fs::write(folder.path("d/notes"), "mine").unwrap();
    let refused = run(&["restore", &whole, "--data-dir", &dir]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.error.contains("is not empty, there is notes"));
    assert_eq!(folder.names("d"), ["notes"]);
    let nowhere = run(&["restore", &whole]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
}

#[tokio::test]
async fn a_backup_that_is_damaged_or_cut_short_makes_no_store() {
    let (kv, folder) = (filled(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("d"));
    kv.done(&["backup", &file]);
    let whole = fs::read(&file).unwrap();
    let middle = whole.len() / 2;
    let (damaged, cut, none) = (
        folder.path("damaged"),
        folder.path("cut"),
        folder.path("none"),
    );
    let mut bytes = whole.clone();
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::write(&cut, &whole[..middle]).unwrap();
    fs::write(&none, "").unwrap();
    for bad in [&damaged, &cut, &none] {
        for arguments in [
            &["restore", bad, "--data-dir", &dir][..],
            &["restore", bad, "--dry-run"],
        ] {
            let refused = run(arguments);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.error.contains("is damaged at byte"), "{refused:?}");
        }
        // Nothing of it is left, and no server takes it for a new store.
        assert_eq!(folder.names("d"), ["lock", "restoring"]);
        let refused = run(&["serve", "--data-dir", &dir, "--listen", "127.0.0.1:0"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let told = "was not restored into";
        assert!(refused.error.contains(told), "{refused:?}");
    }
    run(&["restore", &file, "--data-dir", &dir]);
    assert_eq!(serve(&dir).await.done(&["list"]), kv.done(&["list"]));
}

#[tokio::test]
async fn what_is_stored_can_be_read_by_its_owner_alone() {
    let (kv, folder) = (filled(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("above/d"));
    kv.done(&["backup", &file]);
    run(&["restore", &file, "--data-dir", &dir]);
    drop(serve(&dir).await);
    let mode = |path: &str| fs::metadata(folder.path(path)).unwrap().mode() & 0o777;
    assert_eq!(
        (mode("b"), mode("above"), mode("above/d")),
        (0o600, 0o700, 0o700)
    );
    for name in folder.names("above/d") {
        assert_eq!(mode(&format!("above/d/{name}")), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_leaves_no_file_that_looks_whole() {
    let (kv, folder) = (large(), Folder::new());
    let (file, partial) = (folder.path("b"), folder.path("b.partial"));
    let mut command = kv.command(&["backup", &file]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_begun = async || fs::metadata(&partial).is_ok_and(|it| it.len() > 0);
    eventually("some of it", is_begun).await;
    kv.server().signal(Signal::KILL);
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.out.as_str()), (5, ""), "{ended:?}");
    assert!(ended.error.starts_with("nanokv: 127.0.0.1:"), "{ended:?}");
    assert_eq!(folder.names(""), Vec::<String>::new());
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_no_store_and_can_be_made_again() {
    let (kv, folder) = (large(), Folder::new());
    let (file, dir) = (folder.path("b"), folder.path("d"));
    kv.done(&["backup", &file]);
    let bytes = fs::read(&file).unwrap();
    let mut child = alone(&["restore", "-", "--data-dir", &dir])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let written = Path::new(&dir).join("snapshot.new");
    let is_begun = async || fs::metadata(&written).is_ok_and(|it| it.len() > 1 << 20);
    eventually("some of it", is_begun).await;
    child.kill().unwrap();
    child.wait().unwrap();
    drop(input);
    let refused = run(&["serve", "--data-dir", &dir, "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.error.contains("was not restored into"),
        "{refused:?}"
    );
    let again = run(&["restore", &file, "--data-dir", &dir]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(
        serve(&dir).await.done(&["list", "--keys"]),
        kv.done(&["list", "--keys"])
    );
}

#[test]
fn it_tells_on_a_terminal_how_it_goes_and_leaves_nothing_of_it() {
    let (kv, folder) = (large(), Folder::new());
    let (mut near, far) = terminal();
    let mut command = kv.command(&["backup", &folder.path("b")]);
    let out = command.stderr(far).output().unwrap();
    drop(command);
    assert!(out.status.success());
    let mut shown = Vec::new();
    // Ends with an error when nobody is left at the other end.
    let _ = near.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.contains("##") && shown.contains(" entries, "),
        "{shown:?}"
    );
    assert!(shown.ends_with("\r\x1b[K"), "{shown:?}");
}

#[test]
fn a_terminal_is_no_place_for_a_backup() {
    let kv = filled();
    let (near, far) = terminal();
    let mut command = kv.command(&["backup", "-"]);
    let ended = command.stdout(far).stderr(Stdio::piped()).output().unwrap();
    drop((command, near));
    assert_eq!(ended.status.code(), Some(2));
}
