//! Settings from the command line.

use clap::{Arg, ArgMatches, Command, builder::StyledStr};

use crate::config::{
    Config,
    load::Given,
    registry::SETTINGS,
    setting::{Group, Setting},
    source::Source,
};

/// Adds a flag for each setting to `command`.
#[must_use]
pub fn declare(command: Command) -> Command {
    let config = Config::default();
    Group::ALL.into_iter().fold(command, |command, group| {
        SETTINGS
            .iter()
            .filter(|setting| setting.group == group)
            .map(|setting| flag(setting, &config))
            .fold(command, Command::arg)
    })
}

/// What was said in `typed`, which came of a command of [`declare`].
#[must_use]
pub fn read(typed: &ArgMatches) -> Vec<Given> {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            Some(Given {
                setting,
                text: typed.get_one::<String>(setting.name)?.clone(),
                source: Source::Flag(format!("--{}", setting.flag())),
            })
        })
        .collect()
}

fn flag(setting: &'static Setting, config: &Config) -> Arg {
    let default = setting
        .default_in_words
        .map_or_else(|| setting.read(config), str::to_owned);
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.placeholder())
        .help(StyledStr::from(format!("{} [{default}]", setting.help)))
        .help_heading(setting.group.heading())
        // So that a wrong value is told as everywhere else.
        .allow_hyphen_values(true);
    match setting.alone() {
        Some(said) => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(said),
        None => arg,
    }
}
