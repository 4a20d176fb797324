//! What can be said of a change on the command line: conditions and deadlines.

use std::time::{Duration, SystemTime};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, builder::ValueParser, value_parser};

use crate::client::{
    call::Call,
    wording::{Conditional, Expiring, Keeping},
};

const KEY: &str = "KEY";
const IF_ABSENT: &str = "if-absent";
const IF_PRESENT: &str = "if-present";
const IF_VERSION: &str = "if-version";
const TTL: &str = "ttl";
const EXPIRE_TIME: &str = "expire-time";
const NEVER_EXPIRE: &str = "never-expire";
const KEEP_EXPIRY: &str = "keep-expiry";

/// A condition that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// None.
    None,
    /// The key is absent.
    Absent,
    /// The key is present.
    Present,
    /// The entry has this version.
    Version(i64),
}

/// The key.
#[must_use]
pub fn key() -> Arg {
    Arg::new(KEY).required(true).help("The key")
}

/// The key that was typed.
#[must_use]
pub fn typed_key(typed: &ArgMatches) -> String {
    typed.get_one(KEY).cloned().unwrap_or_default()
}

/// A switch.
#[must_use]
pub fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// Adds the conditions to `command`.
#[must_use]
pub fn conditions(command: Command) -> Command {
    command
        .args([
            switch(IF_ABSENT, "Only if the key is absent"),
            switch(IF_PRESENT, "Only if the key is present"),
            Arg::new(IF_VERSION)
                .long(IF_VERSION)
                .value_name("VERSION")
                .value_parser(value_parser!(i64))
                .help("Only if the entry has this version"),
        ])
        .group(ArgGroup::new("condition").args([IF_ABSENT, IF_PRESENT, IF_VERSION]))
}

/// Adds the deadlines to `command`.
#[must_use]
pub fn deadlines(command: Command, keeps: bool) -> Command {
    let mut names = vec![TTL, EXPIRE_TIME, NEVER_EXPIRE];
    let mut command = command.args([
        Arg::new(TTL)
            .long(TTL)
            .value_name("TIME")
            .value_parser(span())
            .help("Expires so long from now: 90s, 1h 30m, 7d"),
        Arg::new(EXPIRE_TIME)
            .long(EXPIRE_TIME)
            .value_name("TIME")
            .value_parser(time())
            .help("Expires at this time: 2030-01-01T00:00:00Z"),
        switch(NEVER_EXPIRE, "Never expires"),
    ]);
    if keeps {
        names.push(KEEP_EXPIRY);
        let keep = switch(KEEP_EXPIRY, "Keeps the deadline of the entry that is there");
        command = command.arg(keep);
    }
    command.group(ArgGroup::new("expiry").args(names))
}

/// The condition that was typed.
#[must_use]
pub fn typed_condition(typed: &ArgMatches) -> Condition {
    match typed.get_one(IF_VERSION) {
        Some(version) => Condition::Version(*version),
        None if typed.get_flag(IF_ABSENT) => Condition::Absent,
        None if typed.get_flag(IF_PRESENT) => Condition::Present,
        None => Condition::None,
    }
}

/// The call on the condition that was typed.
pub fn conditioned<M: Conditional, T>(call: Call<M, T>, typed: &ArgMatches) -> Call<M, T> {
    match typed_condition(typed) {
        Condition::None => call,
        Condition::Absent => call.if_absent(),
        Condition::Present => call.if_present(),
        Condition::Version(version) => call.if_version(version),
    }
}

/// The call with the deadline that was typed.
pub fn expiring<M: Expiring, T>(call: Call<M, T>, typed: &ArgMatches) -> Call<M, T> {
    if let Some(ttl) = typed.get_one::<Duration>(TTL) {
        call.ttl(*ttl)
    } else if let Some(time) = typed.get_one::<SystemTime>(EXPIRE_TIME) {
        call.expire_time(*time)
    } else if typed.get_flag(NEVER_EXPIRE) {
        call.never_expire()
    } else {
        call
    }
}

/// The call with the deadline that was typed, or that there is.
pub fn keeping<M: Expiring + Keeping, T>(call: Call<M, T>, typed: &ArgMatches) -> Call<M, T> {
    if typed.get_flag(KEEP_EXPIRY) {
        call.keep_expiry()
    } else {
        expiring(call, typed)
    }
}

/// Reads a span of time: `90s`, `1h 30m`.
#[must_use]
pub fn span() -> ValueParser {
    ValueParser::new(|text: &str| {
        humantime::parse_duration(text).map_err(|error| error.to_string())
    })
}

fn time() -> ValueParser {
    ValueParser::new(|text: &str| {
        humantime::parse_rfc3339_weak(text).map_err(|error| error.to_string())
    })
}
