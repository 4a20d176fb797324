//! `nanokv set`: stores a value.

use clap::{Arg, ArgMatches, Command};

use crate::{
    client::{
        call::{Call, Listed},
        operation,
        single::Set,
        value::Value,
        wording::{Conditional, Expiring, Keeping, Returning},
    },
    commands::{
        failure::Failure,
        input::read,
        json,
        server::{self, ask},
        terms::{conditioned, conditions, deadlines, keeping, key, switch, typed_key},
        words,
    },
};

const VALUE: &str = "VALUE";
const FILE: &str = "file";
const NUMBER: &str = "number";
const DATA: &str = "data";
const RETURN_PREVIOUS: &str = "return-previous";

/// What can be typed after `nanokv set`.
#[must_use]
pub fn command() -> Command {
    server::declare(arguments())
}

/// The command without a server, as one of several.
#[must_use]
pub fn arguments() -> Command {
    let value = Arg::new(VALUE)
        .required_unless_present(FILE)
        .allow_negative_numbers(true)
        .help("The value");
    let file = Arg::new(FILE)
        .long(FILE)
        .value_name("PATH")
        .conflicts_with(VALUE)
        .help("Reads the value from a file; - is stdin");
    let command = Command::new("set")
        .about("Stores a value: text, unless told otherwise")
        .args([key(), value, file])
        .arg(switch(NUMBER, "The value is a whole number").conflicts_with(DATA))
        .arg(switch(DATA, "The value is bytes, which need not be text"));
    deadlines(conditions(command), true)
        .arg(switch(RETURN_PREVIOUS, "Shows the entry that was replaced"))
}

/// The operation that was typed.
///
/// # Errors
/// The value cannot be read, or is not what it is said to be.
pub fn operation(typed: &ArgMatches) -> Result<Set<Listed>, Failure> {
    let set = operation::set(typed_key(typed), value(typed)?);
    Ok(with_terms(set, typed))
}

/// Stores the value.
///
/// # Errors
/// Why it cannot be stored.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let value = value(typed)?;
    ask(typed, async |kv| {
        let stored = with_terms(kv.set(typed_key(typed), value), typed).await?;
        Ok(words::line(if server::json(typed) {
            json::stored(&stored).to_string()
        } else {
            words::stored(&stored)
        })?)
    })
}

fn with_terms<M, T>(call: Call<M, T>, typed: &ArgMatches) -> Call<M, T>
where
    M: Conditional + Expiring + Keeping + Returning,
{
    let call = keeping(conditioned(call, typed), typed);
    if typed.get_flag(RETURN_PREVIOUS) {
        call.return_previous()
    } else {
        call
    }
}

fn value(typed: &ArgMatches) -> Result<Value, Failure> {
    let bytes = match typed.get_one::<String>(FILE) {
        Some(path) => read(path)?,
        None => typed
            .get_one::<String>(VALUE)
            .cloned()
            .unwrap_or_default()
            .into_bytes(),
    };
    if typed.get_flag(DATA) {
        return Ok(bytes.into());
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::misused("the value is not UTF-8 text; is --data meant?"))?;
    if !typed.get_flag(NUMBER) {
        return Ok(text.into());
    }
    let number: Result<i64, _> = text.trim().parse();
    number
        .map(Value::from)
        .map_err(|error| Failure::misused(format!("the value is no whole number: {error}")))
}
