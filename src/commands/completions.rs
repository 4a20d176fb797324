//! `nanokv completions`: what a shell needs to complete commands.

use std::io::{Write, stdout};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};

use crate::commands::{command_line, failure::Failure};

const SHELL: &str = "SHELL";

/// What can be typed after `nanokv completions`.
#[must_use]
pub fn command() -> Command {
    Command::new("completions")
        .about("Writes a script that lets a shell complete nanokv's commands and flags")
        .arg(
            Arg::new(SHELL)
                .required(true)
                .value_parser(value_parser!(Shell))
                .help("The shell"),
        )
}

/// Writes the script.
///
/// # Errors
/// Stdout cannot be written to.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let Some(shell) = typed.get_one::<Shell>(SHELL) else {
        return Err(Failure::misused("which shell?"));
    };
    let mut script = Vec::new();
    generate(*shell, &mut command_line(), "nanokv", &mut script);
    Ok(stdout().write_all(&script)?)
}
