//! A line of an import: what is read is written as a line that reads the same,
//! and what is wrong is told on one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    client::entry::Entry,
    commands::{
        import::line::{Line, parse},
        json,
    },
};

fuzz_target!(|data: &[u8]| {
    let Ok(Line {
        key,
        value,
        expire_time,
    }) = parse(data)
    else {
        return;
    };
    let entry = Entry {
        key: key.clone(),
        value: Some(value.clone()),
        version: 1,
        expire_time,
    };
    let line = json::entry(&entry).to_string();
    assert!(!line.contains('\n'), "one line: {line:?}");
    let again = parse(line.as_bytes()).expect("it was just written");
    assert_eq!((again.key, again.value), (key, value));
    // Written to the millisecond.
    let millis = |time: std::time::SystemTime| {
        let since = time.duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_millis()
    };
    assert_eq!(again.expire_time.map(millis), expire_time.map(millis));
});
