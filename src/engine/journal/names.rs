//! What the files of a store are called.

/// A file of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// Which store it is, and its mark.
    Store,
    /// A segment of the log.
    Segment(u64),
    /// A file that shall become a segment.
    Spare(u64),
    /// A snapshot.
    Snapshot(u64),
    /// What a power cut has left half written.
    Cut(u64),
    /// What is being written, and has no name yet.
    Unfinished,
    /// There while a backup is restored into the directory.
    Restoring,
}

/// There while a backup is restored: what is beside it is no store yet.
pub(super) const RESTORING: &str = "restoring";

/// While the file `store` is being written.
pub(super) const STORE_UNFINISHED: &str = "store.new";

/// While a snapshot is being written.
pub(super) const SNAPSHOT_UNFINISHED: &str = "snapshot.new";

/// The name of a segment.
pub(super) fn segment(number: u64) -> String {
    format!("log-{number:016}")
}

/// The name of a spare.
pub(super) fn spare(number: u64) -> String {
    format!("spare-{number:016}")
}

/// The name of a snapshot.
pub(super) fn snapshot(number: u64) -> String {
    format!("snapshot-{number:016}")
}

/// The name of what was set aside.
pub(super) fn cut(number: u64) -> String {
    format!("cut-{number:016}")
}

/// Which file has this name; `None`: none of ours.
pub(super) fn read(name: &str) -> Option<Name> {
    let number = |digits: &str| {
        let is_ours = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_ours.then(|| digits.parse().ok()).flatten()
    };
    match name {
        "store" => Some(Name::Store),
        STORE_UNFINISHED | SNAPSHOT_UNFINISHED => Some(Name::Unfinished),
        RESTORING => Some(Name::Restoring),
        _ => {
            let (kind, digits) = name.split_once('-')?;
            let number = number(digits)?;
            match kind {
                "log" => Some(Name::Segment(number)),
                "spare" => Some(Name::Spare(number)),
                "snapshot" => Some(Name::Snapshot(number)),
                "cut" => Some(Name::Cut(number)),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_left_alone() {
        for (name, read_back) in [
            (segment(7), Name::Segment(7)),
            (spare(1), Name::Spare(1)),
            (
                snapshot(9_999_999_999_999_999),
                Name::Snapshot(9_999_999_999_999_999),
            ),
            (cut(0), Name::Cut(0)),
            ("store".to_owned(), Name::Store),
            ("snapshot.new".to_owned(), Name::Unfinished),
            ("restoring".to_owned(), Name::Restoring),
        ] {
            assert_eq!(read(&name), Some(read_back), "{name}");
        }
        for name in [
            "",
            "lock",
            "lost+found",
            "log-7",
            "log-00000000000000007",
            "log-000000000000000x",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
