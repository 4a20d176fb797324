//! Defaults, then a file, then the environment, then flags: later wins.

use std::{env, ffi::OsString, path::Path};

use crate::config::{
    Config, check, environment,
    fault::{Fault, Faults},
    file,
    registry::SETTINGS,
    setting::Setting,
    source::Source,
};

/// A setting as it was given somewhere.
#[derive(Clone, Debug)]
pub struct Given {
    /// Which.
    pub setting: &'static Setting,
    /// What.
    pub text: String,
    /// Where.
    pub source: Source,
}

/// What holds in the end.
#[derive(Debug)]
pub struct Loaded {
    /// Checked.
    pub config: Config,
    /// What was given, each setting at most once.
    pub given: Vec<Given>,
    /// What is no fault and should be told.
    pub warnings: Vec<String>,
    /// How many variables Kubernetes has put beside ours.
    pub injected: usize,
}

impl Loaded {
    /// What was given for a setting, if anything was.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.setting.name == name)
    }

    /// Where the value of a setting came from.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.given(name)
            .map_or(Source::Default, |given| given.source.clone())
    }
}

/// Loads what `flags` and the environment of this process say, and the file
/// that they name.
///
/// # Errors
/// Everything that is wrong in any of them, also where a later one wins.
#[expect(
    clippy::disallowed_methods,
    reason = "this is who reads the environment"
)]
pub fn load(flags: Vec<Given>) -> Result<Loaded, Faults> {
    load_from(flags, env::vars_os())
}

/// Loads what `flags` and `variables` say, and the file that they name.
///
/// # Errors
/// Everything that is wrong in any of them, also where a later one wins.
pub fn load_from(
    flags: Vec<Given>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Faults> {
    let environment = environment::read(variables);
    let mut faults = environment.faults;
    let named_file = last(&flags, "config").or_else(|| last(&environment.given, "config"));
    let from_file = named_file.map_or_else(Vec::new, |named| {
        let (given, wrong) = file::read(Path::new(&named.text), &named.source);
        faults.extend(wrong);
        given
    });

    let mut loaded = Loaded {
        config: Config::default(),
        given: Vec::new(),
        warnings: environment
            .unknown
            .iter()
            .map(|name| environment::warning(name))
            .collect(),
        injected: environment.injected,
    };
    for given in [from_file, environment.given, flags].into_iter().flatten() {
        loaded.take(given, &mut faults);
    }
    loaded.config = loaded.config.shared();
    if faults.is_empty() {
        faults = check::together(&loaded);
    }
    if faults.is_empty() {
        Ok(loaded)
    } else {
        Err(Faults(faults))
    }
}

impl Loaded {
    fn take(&mut self, given: Given, faults: &mut Vec<Fault>) {
        if given.setting.write(&mut self.config, &given.text) {
            self.given
                .retain(|earlier| earlier.setting.name != given.setting.name);
            self.given.push(given);
        } else {
            faults.push(Fault::Value {
                name: given.setting.name,
                given: given.text,
                source: given.source,
                right: given.setting.accepts(),
            });
        }
    }
}

/// All settings with what holds in the end, in the order of the registry.
pub fn effective(loaded: &Loaded) -> impl Iterator<Item = (&'static Setting, String, Source)> {
    SETTINGS.iter().map(|setting| {
        let value = setting.read(&loaded.config);
        (setting, value, loaded.source(setting.name))
    })
}

fn last<'a>(given: &'a [Given], name: &str) -> Option<&'a Given> {
    given.iter().rev().find(|given| given.setting.name == name)
}
