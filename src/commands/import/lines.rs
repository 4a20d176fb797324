//! The lines of a file, each with its number and where it ends.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, stdin},
};

use crate::commands::{failure::Failure, words::key};

/// No line has more: a value of the largest size, every byte of it escaped.
const LINE_BYTES_MAX: u64 = 128 << 20;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The lines of a file.
pub(super) struct Lines {
    path: String,
    input: Box<dyn BufRead>,
    /// How many bytes the file has, where that is known.
    total: Option<u64>,
    /// The number of the line that was read last, and where it ends.
    number: u64,
    offset: u64,
}

impl Lines {
    /// The file at `path` after so many lines, which end at `offset`; `-` is
    /// stdin.
    ///
    /// # Errors
    /// It cannot be read, or no line ends there.
    pub(super) fn open(path: &str, number: u64, offset: u64) -> Result<Self, Failure> {
        let cannot = |error| Failure::misused(format!("{} cannot be read: {error}", key(path)));
        let (input, total): (Box<dyn BufRead>, _) = if path == "-" {
            (Box::new(BufReader::new(stdin())), None)
        } else {
            let mut file = File::open(path).map_err(cannot)?;
            let total = file.metadata().map_err(cannot)?.len();
            if let Some(last) = offset.checked_sub(1) {
                let mut end = [0];
                let found = file.seek(SeekFrom::Start(last));
                let found = found.and_then(|_| file.read_exact(&mut end));
                match found {
                    Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                        return Err(cannot(error));
                    }
                    Ok(()) if end == *b"\n" => {}
                    _ if offset == total => {}
                    _ => {
                        let what = format!("{} is not the file of before", key(path));
                        return Err(Failure::misused(what));
                    }
                }
            }
            let input = BufReader::with_capacity(BUFFER_BYTES, file);
            (Box::new(input), Some(total))
        };
        Ok(Self {
            path: path.to_owned(),
            input,
            total,
            number,
            offset,
        })
    }

    /// The next line, without its end; false when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer than any that is meant.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        line.clear();
        let mut input = self.input.by_ref().take(LINE_BYTES_MAX + 1);
        let read = input.read_until(b'\n', line);
        let read = read.map_err(|error| {
            Failure::failed(format!("{} cannot be read: {error}", key(&self.path)))
        })?;
        if read == 0 {
            return Ok(false);
        }
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > LINE_BYTES_MAX {
            let number = self.number + 1;
            let what = format!("line {number}: it has more than {LINE_BYTES_MAX} bytes");
            return Err(Failure::misused(what));
        }
        self.number += 1;
        self.offset += read;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(true)
    }

    /// The number of the line that was read last: the first is 1.
    #[must_use]
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Where it ends.
    #[must_use]
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are.
    #[must_use]
    pub(super) const fn total(&self) -> Option<u64> {
        self.total
    }
}
