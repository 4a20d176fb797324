//! A small file system of its own, which nobody else sees and nobody can leave
//! behind: it is mounted in a namespace, and goes with the last process in it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::{fs::statvfs, process::geteuid};
use tempfile::TempDir;

use crate::program::Program;

/// The file that fills it.
const FILLER: &str = "filler";

/// What kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In memory: whoever may make namespaces may mount one.
    Tmpfs,
    /// In a file: only for root.
    Ext4,
}

/// A file system, until it is dropped.
pub(crate) struct Volume {
    kind: Kind,
    dir: TempDir,
    /// The first process that sees it.
    holder: Child,
}

impl Volume {
    /// Mounts one of so many bytes.
    ///
    /// # Errors
    /// Why this machine does not let us.
    pub(crate) fn mount(kind: Kind, bytes: u64) -> Result<Self, String> {
        let dir = TempDir::new().unwrap();
        let at = dir.path().join("volume");
        fs::create_dir(&at).unwrap();
        let mut holder = Command::new("unshare");
        let mount = match kind {
            Kind::Tmpfs => {
                holder.args(["--user", "--map-root-user"]);
                format!("mount -t tmpfs -o size={bytes} tmpfs \"$1\"")
            }
            Kind::Ext4 if !geteuid().is_root() => return Err("only root mounts it".to_owned()),
            Kind::Ext4 => {
                let image = File::create(dir.path().join("image")).unwrap();
                image.set_len(bytes).unwrap();
                // Nothing is kept free for root, so that full is full.
                "mkfs.ext4 -q -F -m 0 \"$1/../image\" && mount -o loop \"$1/../image\" \"$1\""
                    .to_owned()
            }
        };
        let script = format!("{mount} && echo mounted && exec cat");
        holder.args(["--mount", "sh", "-c", &script, "sh"]).arg(&at);
        let holder = holder
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut holder = holder.spawn().map_err(|error| error.to_string())?;
        let mut told = String::new();
        let mut out = BufReader::new(holder.stdout.take().unwrap());
        out.read_line(&mut told).unwrap();
        if told.is_empty() {
            let why = holder.wait_with_output().unwrap().stderr;
            return Err(String::from_utf8_lossy(&why).trim_end().to_owned());
        }
        Ok(Self { kind, dir, holder })
    }

    /// The program, which sees it.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.holder.id().to_string()]);
        if self.kind == Kind::Tmpfs {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg(env!("CARGO_BIN_EXE_nanokv")).args(arguments);
        command.env_clear().stdin(Stdio::null());
        Program(command)
    }

    /// What a file of it is called by who sees it.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.dir.path().join("volume").join(name);
        path.to_str().unwrap().to_owned()
    }

    /// What it is called from outside.
    fn outside(&self, name: &str) -> PathBuf {
        format!("/proc/{}/root{}", self.holder.id(), self.path(name)).into()
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        let about = statvfs(self.outside("")).unwrap();
        about.f_bavail * about.f_frsize
    }

    /// Takes all room that is left, for something else.
    pub(crate) fn fill(&self) {
        let mut filler = File::create(self.outside(FILLER)).unwrap();
        for step in [1 << 20, 1 << 12, 1] {
            let bytes = vec![7; step];
            let error = loop {
                if let Err(error) = filler.write_all(&bytes) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
        filler.sync_all().unwrap();
    }

    /// Gives it back.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.outside(FILLER)).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
