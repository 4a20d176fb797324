//! `nanokv touch`: moves a deadline.

use clap::{ArgMatches, Command};

use crate::{
    client::{call::Listed, operation, single::Touch},
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        terms::{conditioned, conditions, deadlines, expiring, key, switch, typed_key},
        words,
    },
};

const ONLY_EXTEND: &str = "only-extend";
const ONLY_SHORTEN: &str = "only-shorten";

/// What can be typed after `nanokv touch`.
#[must_use]
pub fn command() -> Command {
    server::declare(arguments())
}

/// The command without a server, as one of several.
#[must_use]
pub fn arguments() -> Command {
    let command = Command::new("touch")
        .about(
            "Moves the deadline of an entry, to the default_ttl of the server unless one is given; \
             exit code 3 when it is absent",
        )
        .arg(key());
    deadlines(conditions(command), false)
        .arg(switch(
            ONLY_EXTEND,
            "Only if it is then later; else exit code 4",
        ))
        .arg(
            switch(ONLY_SHORTEN, "Only if it is then earlier; else exit code 4")
                .conflicts_with(ONLY_EXTEND),
        )
}

/// The operation that was typed.
pub fn operation(typed: &ArgMatches) -> Touch<Listed> {
    with_terms(operation::touch(typed_key(typed)), typed)
}

/// Moves the deadline.
///
/// # Errors
/// That the entry is absent, or why its deadline was not moved.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    ask(typed, async |kv| {
        let call = with_terms(kv.touch(typed_key(typed)), typed);
        let touched = call.omit_value().await?;
        let quiet = server::json(typed);
        if quiet {
            words::line(json::touched(&touched).to_string())?;
        } else if touched.applied {
            words::line(words::touched(&touched))?;
        }
        let key = words::key(&typed_key(typed));
        let told = |what: String| if quiet { String::new() } else { what };
        match (touched.entry.is_some(), touched.applied) {
            (true, true) => Ok(()),
            (true, false) => Err(Failure::Unmet(told(format!(
                "the deadline of {key} was not moved"
            )))),
            (false, _) => Err(Failure::Missed(told(format!("{key} is absent")))),
        }
    })
}

fn with_terms<T>(call: Touch<T>, typed: &ArgMatches) -> Touch<T> {
    let call = expiring(conditioned(call, typed), typed);
    if typed.get_flag(ONLY_EXTEND) {
        call.only_extend()
    } else if typed.get_flag(ONLY_SHORTEN) {
        call.only_shorten()
    } else {
        call
    }
}
