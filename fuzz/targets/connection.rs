//! What is read of a connection and of a call before the message: the preface,
//! the frames of messages and the caller's deadline, whatever pieces they come
//! in.

#![no_main]

use std::time::Duration;

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use nanokv::{
    gate::{framing::Framing, timeout},
    serve::preface,
};

fuzz_target!(|bytes: &[u8]| {
    told_alike_in_any_pieces(bytes);
    framed_alike_in_any_pieces(bytes);
    a_deadline_is_digits_and_a_unit(bytes);
});

fn told_alike_in_any_pieces(bytes: &[u8]) {
    let mut pieces = (0..=bytes.len()).map(|count| &bytes[..count]);
    let slowly = pieces.find_map(preface::told_by);
    assert_eq!(slowly, preface::told_by(bytes));
}

fn framed_alike_in_any_pieces(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else {
        return;
    };
    let mut framing = Framing::default();
    let mut end = 0;
    for piece in stream.chunks(usize::from(*size).max(1)) {
        framing.take(piece);
        end += piece.len();
        assert_eq!(framing.partial(), partial(&stream[..end]));
    }
}

/// The same, read from the beginning each time.
fn partial(mut stream: &[u8]) -> usize {
    while let Some(([_, a, b, c, d], rest)) = stream.split_first_chunk() {
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).expect("64 bits");
        match rest.get(length..) {
            Some(next) => stream = next,
            None => break,
        }
    }
    stream.len()
}

fn a_deadline_is_digits_and_a_unit(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    assert_eq!(timeout::of(&value).ok(), expected(bytes));
}

fn expected(bytes: &[u8]) -> Option<Duration> {
    let (unit, digits) = bytes.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits
        .iter()
        .fold(0, |count, digit| count * 10 + u32::from(digit - b'0'));
    let one = match unit {
        b'H' => Duration::from_secs(3600),
        b'M' => Duration::from_secs(60),
        b'S' => Duration::from_secs(1),
        b'm' => Duration::from_millis(1),
        b'u' => Duration::from_micros(1),
        b'n' => Duration::from_nanos(1),
        _ => return None,
    };
    // No time at all is refused, as one that has passed.
    (count > 0).then(|| one * count)
}
