//! What is made of files, and made anew when they change.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::sleep};

use crate::serve::error::Error;

/// Bytes of one file that are read: more is no certificate and no list of
/// identities.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Files, and whoever wants to know what is in them.
pub struct Kept {
    what: &'static str,
    paths: Vec<PathBuf>,
    seen: Seen,
    renew: Renew,
}

/// Takes over what files say.
type Renew = Box<dyn FnMut(&[Vec<u8>]) -> Result<(), String> + Send>;

/// What the files were when they were read last; nothing, when they could not
/// be.
type Seen = Option<[u8; 32]>;

impl Kept {
    /// Reads `paths`, and makes of them what `make` does, given what it made
    /// last; then again whenever they change. What cannot be made is told in
    /// the log, and what was made before stays.
    ///
    /// # Errors
    /// [`Error::Credentials`] for the first time.
    pub fn load<T: Send + Sync + 'static>(
        what: &'static str,
        paths: Vec<PathBuf>,
        make: impl Fn(&[Vec<u8>], Option<&T>) -> Result<T, String> + Send + 'static,
    ) -> Result<(Self, watch::Receiver<Arc<T>>), Error> {
        let failed = |reason| Error::Credentials { what, reason };
        let files = read(&paths).map_err(failed)?;
        let first = make(&files, None).map_err(failed)?;
        let (renewed, current) = watch::channel(Arc::new(first));
        let renew = move |files: &[Vec<u8>]| {
            let before = Arc::clone(&renewed.borrow());
            renewed.send_replace(Arc::new(make(files, Some(&before))?));
            Ok(())
        };
        let kept = Self {
            what,
            seen: Some(digest(&files)),
            paths,
            renew: Box::new(renew),
        };
        Ok((kept, current))
    }

    /// Looks whether the files have changed, and takes over what they say.
    fn look(&mut self) {
        let (seen, renewed) = match read(&self.paths) {
            Ok(files) => {
                let seen = Some(digest(&files));
                if seen == self.seen {
                    return;
                }
                (seen, (self.renew)(&files))
            }
            // Told once, until they can be read again.
            Err(_) if self.seen.is_none() => return,
            Err(reason) => (None, Err(reason)),
        };
        self.seen = seen;
        match renewed {
            Ok(()) => tracing::info!("{} renewed", self.what),
            Err(reason) => {
                tracing::error!(%reason, "{} not renewed, those before stay", self.what);
            }
        }
    }
}

/// Looks at all of `kept` each `every`, and when this process is told SIGHUP,
/// which it is left to die of where there is none. Never returns.
///
/// # Errors
/// When the system does not let signals be listened to.
pub async fn keep(mut kept: Vec<Kept>, every: Duration) -> io::Result<()> {
    if kept.is_empty() {
        return std::future::pending().await;
    }
    let mut hangup = Hangup::listen()?;
    loop {
        tokio::select! {
            () = sleep(every) => {}
            () = hangup.came() => tracing::info!("told to look at credentials"),
        }
        // Files may lie where reading takes its time.
        let looked = tokio::task::spawn_blocking(move || {
            kept.iter_mut().for_each(Kept::look);
            kept
        });
        kept = looked.await.map_err(io::Error::other)?;
    }
}

#[cfg(unix)]
struct Hangup(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangup {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        signal(SignalKind::hangup()).map(Self)
    }

    async fn came(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
struct Hangup;

#[cfg(not(unix))]
impl Hangup {
    #[expect(clippy::unnecessary_wraps, reason = "as on unix")]
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn came(&mut self) {
        std::future::pending::<()>().await;
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let read = |path: &PathBuf| {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let length = fs::metadata(path).map_err(|error| told(&error))?.len();
        if length > FILE_BYTES_MAX {
            return Err(told(&format_args!("has more than {FILE_BYTES_MAX} bytes")));
        }
        fs::read(path).map_err(|error| told(&error))
    };
    paths.iter().map(read).collect()
}

fn digest(files: &[Vec<u8>]) -> [u8; 32] {
    let mut all = Sha256::new();
    for file in files {
        all.update(Sha256::digest(file));
    }
    all.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(files: &[Vec<u8>], before: Option<&u64>) -> Result<u64, String> {
        let text = String::from_utf8_lossy(files.first().ok_or("none")?);
        let number: u64 = text.trim().parse().map_err(|_| "no number".to_owned())?;
        Ok(number + before.copied().unwrap_or(0))
    }

    #[test]
    fn a_change_is_taken_over_and_a_fault_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, "1").unwrap();
        let (mut kept, mut current) = Kept::load("numbers", vec![path.clone()], number).unwrap();
        let mut now = || {
            current
                .has_changed()
                .unwrap()
                .then(|| **current.borrow_and_update())
        };
        kept.look();
        assert_eq!(now(), None, "nothing has changed");
        fs::write(&path, "2").unwrap();
        kept.look();
        assert_eq!(now(), Some(3), "it is told what was before");
        fs::write(&path, "two").unwrap();
        kept.look();
        assert_eq!(now(), None);
        fs::remove_file(&path).unwrap();
        kept.look();
        kept.look();
        assert_eq!(now(), None);
        fs::write(&path, "4").unwrap();
        kept.look();
        assert_eq!(now(), Some(7));
    }

    #[test]
    fn what_cannot_be_made_at_first_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent");
        let error = Kept::load("numbers", vec![path], number).err().unwrap();
        assert!(error.to_string().contains("absent: "), "{error}");
    }
}
