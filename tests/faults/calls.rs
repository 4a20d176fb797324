//! Which calls fail.

use crate::{
    faulty::{ALL, Fault, SNAPSHOTS, SPARES, why_not},
    run::{Taken, Written},
};

const WRITES: &[&str] = &["error=EIO", "error=ENOSPC", "retval=0", "error=EINTR"];
const SYNCS: &[&str] = &["error=EIO", "error=ENOSPC"];
const NAMES: &[&str] = &["error=EIO", "error=ENOSPC"];
const OPENS: &[&str] = &["error=EIO", "error=ENOSPC", "error=EMFILE"];
const READS: &[&str] = &["error=EIO", "retval=0"];
const OTHERS: &[&str] = &["error=EIO"];

/// Calls of some files.
#[derive(Clone, Copy)]
struct Calls {
    call: &'static str,
    hows: &'static [&'static str],
    files: &'static [&'static str],
}

/// Lets a call fail, until there is none of that number: the first few, and of
/// the later ones some, in one way and then in another. With the variable
/// `FAULTS=all` each in every way.
async fn each(calls: Calls, before: impl AsyncFnOnce() -> Written) {
    let Calls { call, hows, files } = calls;
    if let Some(why) = why_not() {
        return println!("faults of {call}: left out: {why}");
    }
    let before = before().await;
    let met = async |how, nth| {
        let fault = Fault {
            files,
            call,
            how,
            nth,
        };
        let taken = before.copied().meet(fault).await;
        taken.unwrap_or_else(|wrong| panic!("{fault}: {wrong}"))
    };
    let mut counts = Counts::default();
    if is_all() {
        for how in hows {
            let mut nth = 1;
            while counts.add(met(how, nth).await) {
                nth += 1;
            }
        }
    } else {
        let (mut nth, mut hows) = (1, hows.iter().cycle());
        while counts.add(met(hows.next().unwrap(), nth).await) {
            nth += 1 + nth / 3;
        }
    }
    let Counts {
        not_opened,
        stopped,
        went_on,
    } = counts;
    let faults = not_opened + stopped + went_on;
    println!(
        "{faults} faults of {call}: {not_opened} not opened, {stopped} stopped, {went_on} went on"
    );
    assert!(faults > 0, "no {call} has failed");
    assert!(
        files != SNAPSHOTS || went_on == faults,
        "the log goes on without snapshots"
    );
}

/// How programs took their faults.
#[derive(Default)]
struct Counts {
    not_opened: u32,
    stopped: u32,
    went_on: u32,
}

impl Counts {
    /// False when there was no fault.
    fn add(&mut self, taken: Taken) -> bool {
        match taken {
            Taken::NoSuchCall => return false,
            Taken::NotOpened => self.not_opened += 1,
            Taken::Stopped => self.stopped += 1,
            Taken::WentOn => self.went_on += 1,
        }
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "how a longer run is asked for")]
fn is_all() -> bool {
    std::env::var("FAULTS").is_ok_and(|how| how == "all")
}

/// Names the tests.
macro_rules! faults {
    ($before:expr; $($name:ident: $call:literal of $files:ident, $hows:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let calls = super::Calls {
                call: $call,
                hows: super::$hows,
                files: super::$files,
            };
            super::each(calls, $before).await;
        })*
    };
}

/// In the life of a store from its beginning on.
mod new {
    faults! {
        async || super::Written::new();
        a_write_fails: "pwrite64" of ALL, WRITES;
        a_write_of_a_snapshot_fails: "pwrite64" of SNAPSHOTS, WRITES;
        a_sync_fails: "fdatasync" of ALL, SYNCS;
        a_sync_of_a_snapshot_fails: "fdatasync" of SNAPSHOTS, SYNCS;
        a_sync_of_names_fails: "fsync" of ALL, OTHERS;
        a_rename_fails: "rename" of ALL, NAMES;
        a_rename_of_a_snapshot_fails: "rename" of SNAPSHOTS, NAMES;
        a_file_cannot_be_opened: "openat" of ALL, OPENS;
        a_snapshot_cannot_be_opened: "openat" of SNAPSHOTS, OPENS;
        a_file_cannot_be_measured: "statx" of ALL, OTHERS;
        the_disk_cannot_be_measured: "fstatfs" of ALL, OTHERS;
        the_directory_cannot_be_made: "mkdir" of ALL, NAMES;
        the_directory_cannot_be_locked: "flock" of ALL, OTHERS;
    }
}

/// In that of one that was killed.
mod killed {
    faults! {
        super::Written::and_killed;
        a_write_fails: "pwrite64" of ALL, WRITES;
        a_write_of_a_spare_fails: "pwrite64" of SPARES, WRITES;
        a_sync_fails: "fdatasync" of ALL, SYNCS;
        a_sync_of_names_fails: "fsync" of ALL, OTHERS;
        a_read_fails: "pread64" of ALL, READS;
        a_rename_fails: "rename" of ALL, NAMES;
        a_file_cannot_be_opened: "openat" of ALL, OPENS;
        a_spare_cannot_be_opened: "openat" of SPARES, OPENS;
        a_file_cannot_be_removed: "unlink" of ALL, OTHERS;
        a_file_cannot_be_measured: "statx" of ALL, OTHERS;
        the_directory_cannot_be_listed: "getdents64" of ALL, OTHERS;
    }
}
