//! Where in a stream of gRPC messages its bytes are.

/// Bytes before each message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// How much of a message that has not arrived whole is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framing {
    head: [u8; HEAD_BYTES],
    arrived: usize,
}

impl Framing {
    /// Bytes of the message that has not arrived whole.
    #[must_use]
    pub const fn partial(&self) -> usize {
        self.arrived
    }

    /// Takes what arrives next.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let missing = self.missing();
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            for (to, from) in self.head.iter_mut().skip(self.arrived).zip(taken) {
                *to = *from;
            }
            self.arrived += taken.len();
            bytes = rest;
            if self.missing() == 0 {
                self.arrived = 0;
            }
        }
    }

    /// Bytes until the head is there, or the message; 0: both are.
    fn missing(&self) -> usize {
        let [_, a, b, c, d] = self.head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        match HEAD_BYTES.checked_sub(self.arrived) {
            None | Some(0) => length.saturating_sub(self.arrived - HEAD_BYTES),
            Some(missing) => missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &[u8] = b"\x00\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02de";

    #[test]
    fn a_message_that_is_whole_is_no_longer_there() {
        for cut in 0..=MESSAGES.len() {
            let mut framing = Framing::default();
            let (before, after) = MESSAGES.split_at(cut);
            framing.take(before);
            let begun = [0, 8, 13, 20].into_iter().rfind(|begin| *begin <= cut);
            assert_eq!(framing.partial(), cut - begun.unwrap(), "cut at {cut}");
            framing.take(after);
            assert_eq!(framing.partial(), 0);
        }
    }

    #[test]
    fn a_message_counts_from_its_first_byte_on() {
        let mut framing = Framing::default();
        for count in 1..=8 {
            framing.take(&[0, 0xff, 0, 0, 0, 1, 2, 3][count - 1..count]);
            assert_eq!(framing.partial(), count);
        }
    }
}
