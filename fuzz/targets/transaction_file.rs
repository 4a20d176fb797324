//! A file for `nanokv txn`: what is wrong is told with its line, on one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::commands::txn;

fuzz_target!(|text: &str| {
    match txn::lines("file", text) {
        Ok(lines) => assert!((1..=text.lines().count()).contains(&lines.len())),
        Err(failure) => {
            let told = failure.to_string();
            assert!(!told.contains(char::is_control), "harmless: {told:?}");
            let number = told
                .strip_prefix("file:")
                .and_then(|rest| rest.split(':').next());
            match number.map(str::parse) {
                Some(Ok(number)) => assert!((1..=text.lines().count()).contains(&number)),
                _ => assert_eq!(told, "file has no commands"),
            }
        }
    }
});
