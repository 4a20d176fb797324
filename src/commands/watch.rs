//! `nanokv watch`: follows the changes of keys.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use crate::{
    client::{
        range::Range,
        watch::{EventKind, Update, WatchCall},
    },
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        span,
        terms::switch,
        words,
    },
};

const SNAPSHOT: &str = "snapshot";
const AFTER_VERSION: &str = "after-version";
const WITH_PREVIOUS: &str = "with-previous";
const OMIT_VALUE: &str = "omit-value";
const BEGIN_AGAIN: &str = "begin-again";
const ONLY: &str = "only";
const COUNT: &str = "count";

/// What can be typed after `nanokv watch`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("watch")
        .about("Follows the changes of keys, over connections that break")
        .args([
            switch(SNAPSHOT, "First all entries that there are"),
            Arg::new(AFTER_VERSION)
                .long(AFTER_VERSION)
                .value_name("VERSION")
                .value_parser(value_parser!(i64))
                .help("From the change after this version on"),
            switch(WITH_PREVIOUS, "With each change the entry before it"),
            switch(OMIT_VALUE, "Without values"),
            switch(
                BEGIN_AGAIN,
                "When changes are gone, begins again with all entries instead of ending",
            ),
            Arg::new(ONLY)
                .long(ONLY)
                .value_name("KIND")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(["put", "delete", "expire", "evict"])
                .help("Only changes of these kinds"),
            Arg::new(COUNT)
                .long(COUNT)
                .value_name("COUNT")
                .value_parser(value_parser!(u64).range(1..))
                .help("Ends after so many changes"),
        ])
        .group(ArgGroup::new("beginning").args([SNAPSHOT, AFTER_VERSION]));
    server::declare(span::declare(command))
}

/// Follows the changes until it is stopped, or has seen as many as it was asked
/// to.
///
/// # Errors
/// Why it cannot go on; then also from where another one could.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let range = span::typed(typed).unwrap_or_else(Range::all);
    let form = if server::json(typed) {
        |update: &Update| json::update(update).to_string()
    } else {
        words::update
    };
    let mut left = typed.get_one(COUNT).copied().unwrap_or(u64::MAX);
    ask(typed, async |kv| {
        let mut watch = with_terms(kv.watch(range), typed).await?;
        while let Some(update) = watch.next().await {
            let update = update.inspect_err(|_| {
                if !server::json(typed) {
                    let version = watch.resume_version();
                    eprintln!("nanokv: every change up to version {version} was told");
                }
            })?;
            words::line(form(&update))?;
            if matches!(update, Update::Event(_)) {
                left = left.saturating_sub(1);
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    })
}

fn with_terms(mut watch: WatchCall, typed: &ArgMatches) -> WatchCall {
    if let Some(version) = typed.get_one(AFTER_VERSION) {
        watch = watch.after_version(*version);
    }
    if typed.get_flag(SNAPSHOT) {
        watch = watch.snapshot();
    }
    if typed.get_flag(WITH_PREVIOUS) {
        watch = watch.with_previous();
    }
    if typed.get_flag(OMIT_VALUE) {
        watch = watch.omit_value();
    }
    if typed.get_flag(BEGIN_AGAIN) {
        watch = watch.begin_again();
    }
    match typed.get_many::<String>(ONLY) {
        Some(kinds) => watch.only(kinds.map(|kind| match kind.as_str() {
            "put" => EventKind::Put,
            "delete" => EventKind::Delete,
            "expire" => EventKind::Expire,
            _ => EventKind::Evict,
        })),
        None => watch,
    }
}
