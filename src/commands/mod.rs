//! What can be typed: `nanokv` alone serves.

pub mod backed_up;
pub mod backup;
pub mod bench;
pub mod check;
pub mod completions;
pub mod config;
pub mod del;
pub mod delete_range;
pub mod export;
pub mod failure;
pub mod get;
pub mod health;
pub mod import;
pub mod incr;
pub mod input;
pub mod json;
pub mod list;
pub mod open;
pub mod progress;
pub mod restore;
pub mod serve;
pub mod server;
pub mod set;
pub mod span;
pub mod target;
pub mod terms;
pub mod token;
pub mod touch;
pub mod txn;
pub mod watch;
pub mod words;

use clap::{ArgMatches, Command};

use crate::{commands::failure::Failure, config::flags};

/// Everything that can be typed.
#[must_use]
pub fn command_line() -> Command {
    flags::declare(Command::new("nanokv"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A key-value store over gRPC: a value under a key, with a time to live")
        .after_help(
            "Every setting is also a variable (--log-level: NANOKV_LOG_LEVEL) and a key of the \
             file (log_level).\nFlags win over variables, and variables over the file.\n\
             Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the key is absent, 4 a condition is \
             not met,\n5 the server cannot be reached or did not answer in time.",
        )
        // Flags of `serve` before another command would mean nothing.
        .args_conflicts_with_subcommands(true)
        .subcommand(
            flags::declare(Command::new("serve"))
                .about("Serves the store until a signal: what nanokv alone does"),
        )
        .subcommands([
            get::command(),
            set::command(),
            del::command(),
            incr::command(),
            touch::command(),
            list::command(),
            watch::command(),
            txn::command(),
            delete_range::command(),
            backup::command(),
            restore::command(),
            export::command(),
            import::command(),
            bench::command(),
            health::command(),
            token::command(),
            config::command(),
            completions::command(),
        ])
}

/// Does what was typed.
///
/// # Errors
/// Why it was not done.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    match typed.subcommand() {
        Some(("get", typed)) => get::run(typed),
        Some(("set", typed)) => set::run(typed),
        Some(("del", typed)) => del::run(typed),
        Some(("incr", typed)) => incr::run(typed),
        Some(("touch", typed)) => touch::run(typed),
        Some(("list", typed)) => list::run(typed),
        Some(("watch", typed)) => watch::run(typed),
        Some(("txn", typed)) => txn::run(typed),
        Some(("delete-range", typed)) => delete_range::run(typed),
        Some(("backup", typed)) => backup::run(typed),
        Some(("restore", typed)) => restore::run(typed),
        Some(("export", typed)) => export::run(typed),
        Some(("import", typed)) => import::run(typed),
        Some(("bench", typed)) => bench::run(typed),
        Some(("health", typed)) => health::run(typed),
        Some(("token", typed)) => token::run(typed),
        Some(("config", typed)) => config::run(typed),
        Some(("completions", typed)) => completions::run(typed),
        Some((_, typed)) => serve::run(typed),
        None => serve::run(typed),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command_line().debug_assert();
    }
}
