//! `check` in the file of `nanokv txn`: what must hold for it to be done.

use clap::{ArgMatches, Command};

use crate::{
    client::several::Transact,
    commands::terms::{Condition, conditions, key, typed_condition, typed_key},
};

/// A check that was typed.
#[derive(Clone, Debug)]
pub struct Check {
    key: String,
    condition: Condition,
}

/// What can be typed after `check`.
#[must_use]
pub fn arguments() -> Command {
    let command = conditions(Command::new("check").arg(key()));
    command.mut_group("condition", |group| group.required(true))
}

/// The check that was typed.
#[must_use]
pub fn typed(typed: &ArgMatches) -> Check {
    Check {
        key: typed_key(typed),
        condition: typed_condition(typed),
    }
}

impl Check {
    /// Adds it to a transaction.
    pub fn add_to(self, call: Transact) -> Transact {
        match self.condition {
            Condition::Absent => call.check_absent(self.key),
            Condition::Present => call.check_present(self.key),
            Condition::Version(version) => call.check_version(self.key, version),
            Condition::None => call,
        }
    }
}
