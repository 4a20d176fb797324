//! Parse, choose a command, exit code.

use std::process::ExitCode;

use nanokv::commands;

// Not in the library: who uses that chooses for themselves.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
