//! Parse, choose a command, exit code.

use std::process::ExitCode;

use nanokv::commands;

fn main() -> ExitCode {
    // What is typed wrong ends here, with 2.
    let typed = commands::command_line().get_matches();
    match commands::run(&typed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit_code()
        }
    }
}
