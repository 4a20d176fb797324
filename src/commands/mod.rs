//! What can be typed: `nanokv` alone serves.

pub mod config;
pub mod failure;
pub mod health;
pub mod serve;

use clap::Command;

use crate::config::flags;

/// Everything that can be typed.
#[must_use]
pub fn command_line() -> Command {
    flags::declare(Command::new("nanokv"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A key-value store over gRPC: a value under a key, with a time to live")
        .after_help(
            "Every setting is also a variable (--log-level: NANOKV_LOG_LEVEL) and a key of the \
             file (log_level).\nFlags win over variables, and variables over the file.\n\
             Exit codes: 0 done, 1 failed, 2 wrong usage.",
        )
        // Flags of `serve` before another command would mean nothing.
        .args_conflicts_with_subcommands(true)
        .subcommand(
            flags::declare(Command::new("serve"))
                .about("Serves the store until a signal: what nanokv alone does"),
        )
        .subcommand(health::command())
        .subcommand(config::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command_line().debug_assert();
    }
}
