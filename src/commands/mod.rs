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
    let served = "Serves the store. Every option is also a variable, --listen NANOKV_LISTEN, \
                  and a key of the file, listen.";
    flags::declare(Command::new("nanokv"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A key-value store over gRPC: a value under a key, with a time to live.")
        .after_help(
            "nanokv alone means nanokv serve. Every option is also a variable, --listen \
             NANOKV_LISTEN, and a key of the file, listen; flags win over variables, and those \
             over the file.\nExit codes: 0 done, 1 failed, 2 wrong usage.",
        )
        // Flags of `serve` before another command would mean nothing.
        .args_conflicts_with_subcommands(true)
        .subcommand(flags::declare(Command::new("serve")).about(served))
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
