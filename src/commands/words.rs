//! Answers in words, for people.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write, stdout},
    time::SystemTime,
};

use crate::client::{
    entry::Entry,
    operation::Outcome,
    single::{Counted, Deleted, Stored, Touched},
    value::Value,
    watch::{Event, EventKind, Update},
};

/// How much of a value is shown among others on a terminal.
const SHOWN_CHARS_MAX: usize = 60;

/// Writes a line to stdout. Whoever reads it may have seen enough and be gone.
///
/// # Errors
/// Stdout cannot be written to.
pub fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    out.flush()
}

/// Writes a value to stdout: to a terminal a line, made harmless; elsewhere
/// exactly the bytes that are stored.
///
/// # Errors
/// Stdout cannot be written to.
pub fn value(value: &Value) -> io::Result<()> {
    let mut out = stdout().lock();
    match (out.is_terminal(), value) {
        (true, Value::Text(text)) => writeln!(out, "{}", harmless(text))?,
        (true, value) => writeln!(out, "{}", brief(value))?,
        (false, Value::Number(number)) => write!(out, "{number}")?,
        (false, value) => out.write_all(value.as_bytes().unwrap_or_default())?,
    }
    out.flush()
}

/// What Set stored.
#[must_use]
pub fn stored(stored: &Stored) -> String {
    let mut text = format!(
        "stored at version {}, {}",
        stored.version,
        expiry(stored.expire_time)
    );
    if let Some(previous) = &stored.previous {
        let _ = write!(text, "\nbefore: {}", entry(previous));
    }
    text
}

/// What Delete removed.
#[must_use]
pub fn deleted(deleted: &Deleted) -> String {
    if !deleted.deleted {
        return "was absent".to_owned();
    }
    let mut text = format!("deleted at version {}", deleted.version);
    if let Some(previous) = &deleted.previous {
        let _ = write!(text, "\nbefore: {}", entry(previous));
    }
    text
}

/// What Touch did.
#[must_use]
pub fn touched(touched: &Touched) -> String {
    match &touched.entry {
        None => "is absent".to_owned(),
        Some(entry) if touched.applied => expiry(entry.expire_time),
        Some(entry) => format!("not moved: {}", expiry(entry.expire_time)),
    }
}

/// What one operation of several answered.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Get(None) => "is absent".to_owned(),
        Outcome::Get(Some(found)) => {
            let [_, value, version, expiry] = columns(found);
            format!("{value} at version {version}, {expiry}")
        }
        Outcome::Set(set) => stored(set),
        Outcome::Delete(delete) => deleted(delete),
        Outcome::Increment(increment) => counted(increment),
        Outcome::Touch(touch) => touched(touch),
    }
}

/// An entry, its parts with tabs between.
#[must_use]
pub fn entry(entry: &Entry) -> String {
    columns(entry).join("\t")
}

/// An entry: key, value, version, expiry.
#[must_use]
pub fn columns(entry: &Entry) -> [String; 4] {
    [
        key(&entry.key),
        entry.value.as_ref().map_or_else(String::new, brief),
        entry.version.to_string(),
        expiry(entry.expire_time),
    ]
}

/// A part of what a watch tells.
#[must_use]
pub fn update(update: &Update) -> String {
    match update {
        Update::SnapshotBegins => "SNAPSHOT\tbegins".to_owned(),
        Update::Snapshot(shown) => format!("ENTRY\t{}", entry(shown)),
        Update::SnapshotComplete { version } => format!("SNAPSHOT\tcomplete at version {version}"),
        Update::Event(told) => event(told),
    }
}

/// A key; one with characters that would harm a terminal is quoted.
#[must_use]
pub fn key(key: &str) -> String {
    if key.chars().any(char::is_control) {
        format!("{key:?}")
    } else {
        key.to_owned()
    }
}

/// Text on one line, without what could steer a terminal.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    harmless(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A time as RFC 3339, to the millisecond.
#[must_use]
pub fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn counted(counted: &Counted) -> String {
    format!(
        "{} at version {}, {}",
        counted.number,
        counted.version,
        expiry(counted.expire_time)
    )
}

fn event(event: &Event) -> String {
    let entry = &event.entry;
    let mut text = match event.kind {
        EventKind::Put => format!("PUT\t{}", self::entry(entry)),
        EventKind::Delete => format!("DELETE\t{}\t\t{}", key(&entry.key), entry.version),
        EventKind::Expire => format!("EXPIRE\t{}\t\t{}", key(&entry.key), entry.version),
        EventKind::Evict => format!("EVICT\t{}\t\t{}", key(&entry.key), entry.version),
    };
    if let Some(previous) = &event.previous {
        let _ = write!(text, "\n\tbefore:\t{}", self::entry(previous));
    }
    text
}

fn expiry(expire_time: Option<SystemTime>) -> String {
    match expire_time {
        Some(at) => format!("expires {}", time(at)),
        None => "never expires".to_owned(),
    }
}

/// A value among others: one line, text in quotes, and on a terminal cut.
fn brief(value: &Value) -> String {
    let whole = match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => return number.to_string(),
        Value::Data(data) => {
            let mut hex = String::from("0x");
            for byte in data {
                let _ = write!(hex, "{byte:02x}");
            }
            hex
        }
    };
    if !stdout().is_terminal() || whole.chars().count() <= SHOWN_CHARS_MAX {
        return whole;
    }
    let bytes = value.as_bytes().unwrap_or_default().len();
    let shown: String = whole.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{shown}... ({bytes} bytes)")
}

/// Text without what could steer a terminal.
fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|letter| match letter {
            '\n' | '\t' => vec![letter],
            letter if letter.is_control() => letter.escape_default().collect(),
            letter => vec![letter],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_shown_as_what_it_is() {
        assert_eq!(harmless("a\tb\nc"), "a\tb\nc");
        assert_eq!(harmless("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(key("a b"), "a b");
        assert_eq!(on_one_line("a\n  b\r\u{1b}c"), "a b \\u{1b}c");
        assert_eq!(key("a\u{9b}2J"), "\"a\\u{9b}2J\"");
        assert_eq!(brief(&Value::from("\u{1b}\n")), "\"\\u{1b}\\n\"");
    }

    #[test]
    fn data_is_shown_as_what_it_is() {
        assert_eq!(brief(&Value::from(vec![0, 255])), "0x00ff");
    }
}
