//! Parse, choose a command, exit code.

use std::process::ExitCode;

use nanokv::commands::{self, config, health, serve};

fn main() -> ExitCode {
    // What is typed wrong ends here, with 2.
    let typed = commands::command_line().get_matches();
    let done = match typed.subcommand() {
        Some(("health", typed)) => health::run(typed),
        Some(("config", typed)) => config::run(typed),
        Some((_, typed)) => serve::run(typed),
        None => serve::run(&typed),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("nanokv: {failure}");
            failure.exit_code()
        }
    }
}
