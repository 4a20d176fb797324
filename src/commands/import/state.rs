//! How far an import is, in a file beside what is imported.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::commands::{failure::Failure, target::of};

/// What is added to the name of what is imported.
const STATE: &str = ".import";

/// What came of the lines until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Lines, empty ones among them.
    pub(super) lines: u64,
    /// Entries that were stored.
    pub(super) stored: u64,
    /// Keys that were there, and stay as they are.
    pub(super) present: u64,
    /// Entries that had expired.
    pub(super) expired: u64,
    /// Lines that were refused.
    pub(super) refused: u64,
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Where it is kept; none: nowhere.
    path: Option<PathBuf>,
    /// Which import it is: its requests are known again by that.
    pub(super) run: String,
    /// Bytes that were read of the file.
    pub(super) offset: u64,
    /// Whether keys that are there stay as they are.
    pub(super) if_absent: bool,
    /// What came of them.
    pub(super) tally: Tally,
}

impl State {
    /// An import of what can be read once, which cannot be resumed.
    #[must_use]
    pub(super) fn unkept(if_absent: bool) -> Self {
        Self {
            path: None,
            run: Uuid::new_v4().to_string(),
            offset: 0,
            if_absent,
            tally: Tally::default(),
        }
    }

    /// An import of `file`, or the one that was cut off.
    ///
    /// # Errors
    /// One was cut off and is not resumed, or there is none, or it was another.
    pub(super) fn of(file: &Path, resume: bool, if_absent: bool) -> Result<Self, Failure> {
        let mut path = file.as_os_str().to_owned();
        path.push(STATE);
        let path = PathBuf::from(path);
        let shown = path.display();
        let found = match fs::read(&path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(of(&path, "read", &error)),
        };
        let state = match (resume, found) {
            (false, None) => Self::unkept(if_absent),
            (true, Some(found)) => read(&found)
                .ok_or_else(|| Failure::failed(format!("{shown} is not as it was written")))?,
            (false, Some(_)) => {
                let what = format!(
                    "an import of it was cut off: --resume goes on, or remove {shown} to begin anew"
                );
                return Err(Failure::misused(what));
            }
            (true, None) => {
                let what = format!("there is nothing to resume: no {shown}");
                return Err(Failure::misused(what));
            }
        };
        if state.if_absent != if_absent {
            let what =
                "the import that was cut off was begun otherwise: with --if-absent, or without";
            return Err(Failure::misused(what));
        }
        Ok(Self {
            path: Some(path),
            ..state
        })
    }

    /// Notes how far it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let written = fs::write(&new, self.written()).and_then(|()| fs::rename(&new, path));
        written.map_err(|error| of(path, "written", &error))
    }

    /// It has come to its end.
    ///
    /// # Errors
    /// What is noted cannot be removed.
    pub(super) fn end(&self) -> Result<(), Failure> {
        match &self.path {
            // Nothing was noted where there was nothing to do.
            Some(path) if path.exists() => {
                fs::remove_file(path).map_err(|error| of(path, "removed", &error))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether another one can go on here.
    #[must_use]
    pub(super) const fn is_kept(&self) -> bool {
        self.path.is_some()
    }

    fn written(&self) -> String {
        let Tally {
            lines,
            stored,
            present,
            expired,
            refused,
        } = self.tally;
        let state = json!({
            "run": self.run,
            "offset": self.offset,
            "ifAbsent": self.if_absent,
            "lines": lines,
            "stored": stored,
            "present": present,
            "expired": expired,
            "refused": refused,
        });
        format!("{state}\n")
    }
}

fn read(found: &[u8]) -> Option<State> {
    let state: Json = serde_json::from_slice(found).ok()?;
    let number = |name: &str| state.get(name).and_then(Json::as_u64);
    Some(State {
        path: None,
        run: state.get("run")?.as_str()?.to_owned(),
        offset: number("offset")?,
        if_absent: state.get("ifAbsent")?.as_bool()?,
        tally: Tally {
            lines: number("lines")?,
            stored: number("stored")?,
            present: number("present")?,
            expired: number("expired")?,
            refused: number("refused")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again_and_nothing_else() {
        let state = State {
            offset: 17,
            tally: Tally {
                lines: 5,
                stored: 1,
                present: 2,
                expired: 0,
                refused: 2,
            },
            ..State::unkept(true)
        };
        let written = state.written();
        assert_eq!(read(written.as_bytes()), Some(state));
        for len in 0..written.len() - 1 {
            assert_eq!(read(&written.as_bytes()[..len]), None, "{len}");
        }
    }
}
