//! `nanokv config`: what holds, and where it came from.

use std::io::{Write, stdout};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{
    commands::failure::Failure,
    config::{
        flags,
        load::load,
        print::{effective_text, reference},
    },
};

const REFERENCE: &str = "reference";

/// What can be typed after `nanokv config`.
#[must_use]
pub fn command() -> Command {
    flags::declare(Command::new("config"))
        .about("Prints every setting and where it came from; is itself a file of settings")
        .arg(
            Arg::new(REFERENCE)
                .long(REFERENCE)
                .action(ArgAction::SetTrue)
                .help("Prints the list of all settings, in Markdown, instead"),
        )
}

/// Prints every setting and where it came from.
///
/// # Errors
/// What is wrong with the settings, or that stdout cannot be written to.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let text = if typed.get_flag(REFERENCE) {
        reference()
    } else {
        let loaded = load(flags::read(typed))?;
        for warning in &loaded.warnings {
            eprintln!("nanokv: {warning}");
        }
        effective_text(&loaded)
    };
    stdout().write_all(text.as_bytes()).map_err(Failure::failed)
}
