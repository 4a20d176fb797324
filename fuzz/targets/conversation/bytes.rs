//! Frames of HTTP/2 and blocks of headers, as a client writes them.

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("payloads are short");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Headers as literals that are never indexed.
pub fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        text(&mut block, name.as_bytes());
        text(&mut block, value);
    }
    block
}

/// A text with its length, which has seven bits of a byte and then more bytes.
fn text(block: &mut Vec<u8>, bytes: &[u8]) {
    const PREFIX_MAX: usize = 127;
    if bytes.len() < PREFIX_MAX {
        block.push(bytes.len() as u8);
    } else {
        block.push(PREFIX_MAX as u8);
        let mut rest = bytes.len() - PREFIX_MAX;
        while rest >= 128 {
            block.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend(bytes);
}

/// A message of gRPC, with the length that it says it has.
pub fn message(flag: u8, length: u32, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![flag];
    message.extend(length.to_be_bytes());
    message.extend(bytes);
    message
}
