//! `nanokv del`: removes a key.

use clap::{ArgMatches, Command};

use crate::{
    client::{
        call::{Call, Listed},
        operation,
        single::Delete,
        wording::{Conditional, Returning},
    },
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        terms::{conditioned, conditions, key, switch, typed_key},
        words,
    },
};

const RETURN_PREVIOUS: &str = "return-previous";

/// What can be typed after `nanokv del`.
#[must_use]
pub fn command() -> Command {
    server::declare(arguments())
}

/// The command without a server, as one of several.
#[must_use]
pub fn arguments() -> Command {
    let command = Command::new("del")
        .about("Removes a key; exit code 3 when it is absent")
        .arg(key());
    conditions(command).arg(switch(RETURN_PREVIOUS, "Shows the entry that was removed"))
}

/// The operation that was typed.
pub fn operation(typed: &ArgMatches) -> Delete<Listed> {
    with_terms(operation::delete(typed_key(typed)), typed)
}

/// Removes the key.
///
/// # Errors
/// That it is absent, or why it cannot be removed.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    ask(typed, async |kv| {
        let deleted = with_terms(kv.delete(typed_key(typed)), typed).await?;
        if server::json(typed) {
            words::line(json::deleted(&deleted).to_string())?;
            return if deleted.deleted {
                Ok(())
            } else {
                Err(Failure::Missed(String::new()))
            };
        }
        if !deleted.deleted {
            let key = words::key(&typed_key(typed));
            return Err(Failure::Missed(format!("{key} is absent")));
        }
        Ok(words::line(words::deleted(&deleted))?)
    })
}

fn with_terms<M: Conditional + Returning, T>(call: Call<M, T>, typed: &ArgMatches) -> Call<M, T> {
    let call = conditioned(call, typed);
    if typed.get_flag(RETURN_PREVIOUS) {
        call.return_previous()
    } else {
        call
    }
}
