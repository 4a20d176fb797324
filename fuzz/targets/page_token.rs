//! A token is read only when it is one that this listing gave out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    calls::wire::page_token::{Listing, bytes_max},
    model::{range::Range, version::Version},
};

fuzz_target!(|text: &str| {
    let range = Range::default();
    let listing = Listing {
        store_id: "a store",
        range: &range,
        omit_value: false,
    };
    if let Ok(position) = listing.position(text) {
        assert_eq!(listing.token(position.version, &position.key), text);
    }

    // The same text as a key: its token leads back to it, here and nowhere else.
    let version = Version::new(7).expect("above 0");
    let token = listing.token(version, text);
    assert!(token.len() <= bytes_max(text.len()));
    let position = listing.position(&token).expect("given out here");
    assert_eq!((position.version, position.key.as_str()), (version, text));
    let elsewhere = Listing {
        store_id: "another",
        ..listing
    };
    assert!(elsewhere.position(&token).is_err());
});
