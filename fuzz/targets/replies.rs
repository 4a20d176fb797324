//! What a server may answer, as the client reads it: an entry, why an
//! operation failed, and why a call did.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    client::{entry::Entry, error::Error},
    proto,
};
use prost::Message;
use tonic::{Code, Status, metadata::MetadataMap};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 3 {
        0 => entry(bytes),
        1 => failure(bytes),
        _ => status(i32::from(*which), bytes),
    }
});

fn entry(bytes: &[u8]) {
    let Ok(told) = proto::Entry::decode(bytes) else {
        return;
    };
    if let Ok(entry) = Entry::try_from(told.clone()) {
        assert_eq!((entry.key, entry.version), (told.key, told.version));
        assert_eq!(entry.value.is_some(), told.value.is_some());
        assert_eq!(entry.expire_time.is_some(), told.expire_time.is_some());
    }
}

fn failure(bytes: &[u8]) {
    let Ok(told) = proto::Failure::decode(bytes) else {
        return;
    };
    let error = Error::from(told.clone());
    assert_eq!(error.code(), Code::from_i32(told.code));
    assert_eq!(error.message(), told.message);
    read(&error);
}

/// The bytes are the details, and the trailer that says when to come again.
fn status(code: i32, bytes: &[u8]) {
    let mut metadata = MetadataMap::new();
    if let Ok(value) = std::str::from_utf8(bytes).unwrap_or_default().parse() {
        metadata.insert("grpc-retry-pushback-ms", value);
    }
    let code = Code::from_i32(code);
    let details = bytes.to_vec().into();
    let error = Error::from(Status::with_details_and_metadata(
        code, "why", details, metadata,
    ));
    assert_eq!(error.code(), code);
    read(&error);
}

fn read(error: &Error) {
    let _ = (
        error.to_string(),
        error.current_version(),
        error.oldest_version(),
        error.check_index(),
        error.operation_index(),
        error.retry_after(),
        error.may_have_changed(),
    );
}
