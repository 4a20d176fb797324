//! A file of settings: what is taken is written and read back the same, and
//! what is wrong is told with its line.

#![no_main]

use std::{ffi::OsString, fs, path::Path, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use nanokv::config::{
    fault::Faults,
    load::{Loaded, effective, load_from},
    print::effective_text,
};
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a directory"));

fuzz_target!(|text: &str| {
    let path = DIRECTORY.path().join("nanokv.toml");
    match load(&path, text) {
        Ok(loaded) => {
            let again = load(&path, &effective_text(&loaded)).expect("what is written is read");
            assert_eq!(values(&loaded), values(&again));
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            for fault in &faults.0 {
                let told = fault.to_string();
                assert!(!told.contains(char::is_control), "harmless: {told:?}");
            }
        }
    }
});

fn load(path: &Path, text: &str) -> Result<Loaded, Faults> {
    fs::write(path, text).expect("written");
    let named: (OsString, OsString) = ("NANOKV_CONFIG".into(), path.into());
    load_from(Vec::new(), [named])
}

fn values(loaded: &Loaded) -> Vec<String> {
    effective(loaded)
        .filter(|(setting, ..)| setting.name != "config")
        .map(|(_, value, _)| value)
        .collect()
}
