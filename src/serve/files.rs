//! How many files, and so connections, this process may have open.

/// Raises that as far as it may be raised; how many that is, where it is known.
pub fn raise_open_files() -> Option<u64> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => {
            tracing::debug!(files, "open files raised");
            Some(files)
        }
        Err(error) => {
            tracing::warn!(%error, "open files could not be raised");
            may_be_open()
        }
    }
}

#[cfg(unix)]
fn may_be_open() -> Option<u64> {
    rlimit::getrlimit(rlimit::Resource::NOFILE)
        .ok()
        .map(|(soft, _)| soft)
}

#[cfg(not(unix))]
fn may_be_open() -> Option<u64> {
    None
}
