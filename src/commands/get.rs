//! `nanokv get`: reads an entry.

use clap::{ArgMatches, Command};

use crate::{
    client::{call::Listed, operation, single::Get},
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        terms::{key, switch, typed_key},
        words,
    },
};

const ENTRY: &str = "entry";

/// What can be typed after `nanokv get`.
#[must_use]
pub fn command() -> Command {
    let entry = switch(ENTRY, "Writes key, value, version and expiry");
    server::declare(arguments().arg(entry))
}

/// The command without a server, as one of several.
#[must_use]
pub fn arguments() -> Command {
    Command::new("get")
        .about("Reads an entry and writes its value; exit code 3 when it is absent")
        .arg(key())
}

/// The operation that was typed.
pub fn operation(typed: &ArgMatches) -> Get<Listed> {
    operation::get(typed_key(typed))
}

/// Writes the value.
///
/// # Errors
/// That it is absent, or why it cannot be read.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    ask(typed, async |kv| {
        let found = kv.get(typed_key(typed)).await?;
        if server::json(typed) {
            words::line(json::read(found.as_ref()).to_string())?;
            return found.map(drop).ok_or(Failure::Missed(String::new()));
        }
        let Some(found) = found else {
            let key = words::key(&typed_key(typed));
            return Err(Failure::Missed(format!("{key} is absent")));
        };
        if typed.get_flag(ENTRY) {
            words::line(words::entry(&found))?;
        } else if let Some(value) = &found.value {
            words::value(value)?;
        }
        Ok(())
    })
}
