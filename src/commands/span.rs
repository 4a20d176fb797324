//! Which keys a command is about.

use clap::{Arg, ArgMatches, Command};

use crate::client::range::Range;

const PREFIX: &str = "prefix";
const START: &str = "start";
const END: &str = "end";

/// Adds to `command` what says which keys.
#[must_use]
pub fn declare(command: Command) -> Command {
    command.args([
        bound(PREFIX, "Only keys that begin with this"),
        bound(START, "Only this key and those after it"),
        bound(END, "Only keys before this"),
    ])
}

/// The range that was typed; none when nothing was.
#[must_use]
pub fn typed(typed: &ArgMatches) -> Option<Range> {
    let given = |name| {
        typed
            .get_one::<String>(name)
            .filter(|text| !text.is_empty())
    };
    let (prefix, start, end) = (given(PREFIX), given(START), given(END));
    prefix.or(start).or(end)?;
    let mut range = prefix.map_or_else(Range::all, Range::prefix);
    if let Some(start) = start {
        range = range.start(start);
    }
    if let Some(end) = end {
        range = range.end(end);
    }
    Some(range)
}

/// The range that was typed, in words that follow "the keys".
#[must_use]
pub fn in_words(typed: &ArgMatches) -> String {
    [
        (PREFIX, "with the prefix"),
        (START, "from"),
        (END, "before"),
    ]
    .into_iter()
    .filter_map(|(name, words)| {
        let text = typed.get_one::<String>(name)?;
        Some(format!(" {words} {text:?}"))
    })
    .collect()
}

fn bound(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("TEXT").help(help)
}
