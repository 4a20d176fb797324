//! A directory, and the program that serves it under strace.

use std::{
    fmt, fs, io,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::program::{Program, Server};

/// Small files, so that a few changes fill some, and snapshots are taken.
const SETTINGS: [(&str, &str); 9] = [
    ("JOURNAL_SEGMENT_BYTES", "128KiB"),
    ("SNAPSHOT_LOG_BYTES_MIN", "64KiB"),
    ("SNAPSHOT_BYTES_PER_SECOND", "1GiB"),
    ("DISK_FREE_BYTES_MIN", "0B"),
    ("VALUE_BYTES_MAX", "4KiB"),
    ("MESSAGE_BYTES_MAX", "16KiB"),
    ("REPLY_BYTES_MAX", "16KiB"),
    // A run of all takes longer than they are remembered as it comes.
    ("REQUEST_ID_WINDOW_MS", "86400000"),
    ("WORKERS", "1"),
];

/// The files of a store by the beginnings of their names, and its directory.
pub(crate) const ALL: &[&str] = &[
    "",
    "lock",
    "store",
    "store.new",
    "snapshot.new",
    "log-",
    "spare-",
    "snapshot-",
    "cut-",
];

/// What is written beside the log.
pub(crate) const SPARES: &[&str] = &["spare-"];
pub(crate) const SNAPSHOTS: &[&str] = &["snapshot.new", "snapshot-"];

/// More files of a kind than a run makes.
const FILES: u64 = 40;

/// Which call fails, and how.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// Of which files.
    pub(crate) files: &'static [&'static str],
    /// The name of the system call.
    pub(crate) call: &'static str,
    /// In strace's words: `error=EIO`, or `retval=0` for a call that does
    /// nothing and says so.
    pub(crate) how: &'static str,
    /// Which of them it is, in each thread, counted from 1.
    pub(crate) nth: u32,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, how, nth, .. } = self;
        write!(formatter, "{call}:{how}:when={nth}")
    }
}

/// A directory for a store, and beside it what strace tells.
pub(crate) struct Store(TempDir);

impl Store {
    /// Without anything in it.
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// With the same files, if there are any.
    pub(crate) fn copied(&self) -> Self {
        let copy = Self::new();
        let (from, to) = (self.path("data"), copy.path("data"));
        if !fs::exists(&from).unwrap() {
            return copy;
        }
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), Path::new(&to).join(file.file_name())).unwrap();
        }
        copy
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Serves it, with all that may go wrong going right.
    pub(crate) fn serve(&self) -> Server {
        self.with_settings(Program::new(&["serve"])).serve()
    }

    /// Serves it, while a call fails.
    pub(crate) fn serve_with(&self, fault: Fault) -> Server {
        let mut strace = Command::new("strace");
        // The tracer stands aside, so that the program is our child.
        strace.args(["-D", "-f", "-qq", "-o", &self.path("trace")]);
        for name in names(fault.files) {
            strace.args(["-P", &format!("{}{name}", self.path("data"))]);
        }
        strace.args(["-e", &format!("trace={}", fault.call)]);
        strace.args(["-e", &format!("inject={fault}")]);
        strace.args([env!("CARGO_BIN_EXE_nanokv"), "serve"]);
        strace.env_clear().stdin(Stdio::null());
        self.with_settings(Program(strace)).serve()
    }

    fn with_settings(&self, program: Program) -> Program {
        let program = program.variable("NANOKV_DATA_DIR", &self.path("data"));
        SETTINGS.iter().fold(program, |program, (name, value)| {
            program.variable(&format!("NANOKV_{name}"), value)
        })
    }

    /// Whether there was such a call, and it has failed.
    pub(crate) fn has_failed_so(&self) -> bool {
        fs::read_to_string(self.path("trace")).is_ok_and(|trace| trace.contains("(INJECTED)"))
    }
}

/// The names that begin so, each after the directory's.
fn names(beginnings: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for beginning in beginnings {
        match *beginning {
            "" => names.push(String::new()),
            numbered if numbered.ends_with('-') => {
                names.extend((1..FILES).map(|nth| format!("/{numbered}{nth:016}")));
            }
            name => names.push(format!("/{name}")),
        }
    }
    names
}

/// Why calls cannot be made to fail here, if they cannot.
pub(crate) fn why_not() -> Option<String> {
    let tried = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(
            String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some("there is no strace".to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}
