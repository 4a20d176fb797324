//! A directory, and the program that serves it.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::program::{Program, Server};

/// Small files, so that a round fills some, and snapshots are taken.
const SETTINGS: [(&str, &str); 8] = [
    ("JOURNAL_SEGMENT_BYTES", "256KiB"),
    ("SNAPSHOT_LOG_BYTES_MIN", "256KiB"),
    ("SNAPSHOT_BYTES_PER_SECOND", "1GiB"),
    ("DISK_FREE_BYTES_MIN", "0B"),
    ("VALUE_BYTES_MAX", "4KiB"),
    ("MESSAGE_BYTES_MAX", "64KiB"),
    ("REPLY_BYTES_MAX", "64KiB"),
    ("WORKERS", "2"),
];

/// A store that is served, or was killed.
pub(crate) struct Store {
    dir: TempDir,
}

/// What files there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Files {
    /// The number of the last segment of the log.
    pub(crate) segment: u64,
    pub(crate) snapshots: usize,
}

impl Store {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { dir }
    }

    fn program(&self) -> Program {
        let program = Program::new(&["serve"]).variable("NANOKV_DATA_DIR", &self.path("data"));
        SETTINGS.iter().fold(program, |program, (name, value)| {
            program.variable(&format!("NANOKV_{name}"), value)
        })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Starts it and kills it while it opens, or just after.
    pub(crate) fn kill_while_it_opens(&self) {
        drop(self.program().serve());
    }

    /// Starts it, until what is returned is dropped, which kills it.
    pub(crate) async fn serve(&self) -> Server {
        let server = self.program().serve();
        server.logged("\"ready\"").await;
        server
    }

    pub(crate) fn files(&self) -> Files {
        let mut files = Files::default();
        for file in fs::read_dir(self.path("data")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if let Some(number) = name.strip_prefix("log-") {
                files.segment = files.segment.max(number.parse().unwrap());
            }
            files.snapshots += usize::from(name.starts_with("snapshot-"));
        }
        files
    }

    /// Keeps the files as they are now.
    pub(crate) fn save(&self) {
        copy(Path::new(&self.path("data")), Path::new(&self.path("old")));
    }

    /// Puts back the files that were saved.
    pub(crate) fn put_back(&self) {
        fs::remove_dir_all(self.path("data")).unwrap();
        fs::rename(self.path("old"), self.path("data")).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
