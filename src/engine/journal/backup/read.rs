//! Reads a backup, and believes none of it that is not as it was written.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::{
    engine::journal::{
        backup::{About, Error, Summary},
        layout::{
            Bytes,
            backup::{FORMAT, Fault, First, Last},
            record::{self, Item},
            snapshot::{self, HEADER, Header, Kind},
            wide,
        },
        record::Record,
    },
    model::{time::UnixMillis, version::Version},
};

/// No block has more: it ends with the record that fills it, and none is
/// larger than the largest reply of a request.
const CONTENT_BYTES_MAX: u32 = (1 << 30) + (4 << 20);

/// A backup that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    digest: Sha256,
    /// Where the next block begins.
    offset: u64,
    number: u32,
    chain: u32,
    content: Vec<u8>,
    about: About,
}

/// Reads a whole backup, and says what it is; `progress` is told of the bytes
/// that were read until now.
///
/// # Errors
/// [`Error`], whatever it is that is not as it was written.
pub fn verify(input: impl Read, progress: &mut dyn FnMut(u64)) -> Result<(About, Summary), Error> {
    let reader = Reader::begin(input)?;
    let about = reader.about().clone();
    let summary = reader.each(&mut |_| Ok(()), progress)?;
    Ok((about, summary))
}

impl<R: Read> Reader<R> {
    /// Reads how a backup begins.
    ///
    /// # Errors
    /// [`Error`]: it is none, or a later one.
    pub fn begin(input: R) -> Result<Self, Error> {
        let mut reader = Self {
            input,
            digest: Sha256::new(),
            offset: 0,
            number: 0,
            chain: 0,
            content: Vec::new(),
            about: About {
                store_id: String::new(),
                version: Version::FIRST,
                time: UnixMillis::default(),
            },
        };
        let (header, _) = reader.next()?;
        if header.kind != Kind::BackupFirst || header.count != 0 {
            return Err(reader.wrong("it does not begin as a backup"));
        }
        let First {
            store_id,
            version,
            time,
        } = First::read(&reader.content).map_err(|fault| match fault {
            Fault::Newer(found) => Error::Newer {
                found,
                known: FORMAT,
            },
            Fault::Wrong => reader.wrong("it does not begin as a backup"),
        })?;
        reader.about = About {
            store_id,
            version,
            time,
        };
        Ok(reader)
    }

    /// What it is of.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// Gives out all records, which are to be believed when this has returned
    /// and no sooner: the checksum over all comes last.
    ///
    /// # Errors
    /// [`Error`], whatever it is that is not as it was written, and what `take`
    /// fails with.
    pub fn each(
        mut self,
        take: &mut dyn FnMut(Record<'_>) -> Result<(), Error>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Summary, Error> {
        let (mut entries, mut requests) = (0, 0);
        loop {
            let begin = self.offset;
            let (header, digest) = self.next()?;
            progress(self.offset);
            match header.kind {
                Kind::Records => {
                    self.records(header.count, begin, &mut |record| {
                        match record {
                            Record::Remember { .. } => requests += 1,
                            _ => entries += 1,
                        }
                        take(record)
                    })?;
                }
                Kind::BackupLast => {
                    let last = Last::read(&self.content).filter(|_| header.count == 0);
                    let last = last.ok_or_else(|| self.wrong("it has no end"))?;
                    if (last.entries, last.requests) != (entries, requests) {
                        return Err(self.wrong("it does not have as many records as it says"));
                    }
                    if last.digest != digest {
                        return Err(self.wrong("all of it together does not have its checksum"));
                    }
                    return self.end(last);
                }
                Kind::First | Kind::Last | Kind::BackupFirst => {
                    return Err(self.wrong("a block does not belong here"));
                }
            }
        }
    }

    fn end(mut self, last: Last) -> Result<Summary, Error> {
        if !self.fill(1)?.is_empty() {
            return Err(self.wrong("it goes on after its end"));
        }
        Ok(Summary {
            entries: last.entries,
            requests: last.requests,
            bytes: self.offset,
            sha256: self.digest.finalize().into(),
        })
    }

    /// Reads the next block into `content`; with the last one the checksum of
    /// all before it.
    fn next(&mut self) -> Result<(Header, [u8; 32]), Error> {
        let Ok(head) = <[u8; HEADER]>::try_from(self.fill(wide(HEADER))?) else {
            return Err(self.wrong("it ends too early"));
        };
        let header = snapshot::header(&head);
        let header = header.ok_or_else(|| self.wrong("a block does not have its checksum"))?;
        let before = match header.kind {
            Kind::BackupLast => self.digest.clone().finalize().into(),
            _ => [0; 32],
        };
        self.digest.update(head);
        if header.number != self.number || header.chain != self.chain {
            return Err(self.wrong("a block does not follow on the one before"));
        }
        if header.content_bytes > CONTENT_BYTES_MAX {
            return Err(self.wrong("a block is longer than one can be"));
        }
        let content_bytes = u64::from(header.content_bytes);
        if wide(self.fill(content_bytes)?.len()) < content_bytes {
            return Err(self.wrong("it ends too early"));
        }
        if crc32c::crc32c(&self.content) != header.content_checksum {
            return Err(self.wrong("the content of a block does not have its checksum"));
        }
        self.digest.update(&self.content);
        self.number = self.number.wrapping_add(1);
        self.chain = header.checksum;
        self.offset += wide(HEADER) + content_bytes;
        Ok((header, before))
    }

    fn records(
        &self,
        count: u32,
        begin: u64,
        take: &mut dyn FnMut(Record<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let wrong = |what| Error::Damaged {
            offset: begin,
            what,
        };
        let mut bytes = Bytes(&self.content);
        for _ in 0..count {
            match record::read(&mut bytes) {
                Some(Item::Record(record @ Record::Put { version, .. })) => {
                    if version > self.about.version {
                        return Err(wrong("an entry is later than the backup"));
                    }
                    take(record)?;
                }
                Some(Item::Record(record @ Record::Remember { .. })) => take(record)?,
                Some(Item::Record(_) | Item::Reserve(_)) | None => {
                    return Err(wrong("a record of a block is none"));
                }
            }
        }
        if !bytes.0.is_empty() || count == 0 {
            return Err(wrong("a block has not as many bytes as records"));
        }
        Ok(())
    }

    /// Reads so many bytes into `content`, fewer only at the end. No more is
    /// taken up than there is, whatever a header says.
    fn fill(&mut self, bytes: u64) -> Result<&[u8], Error> {
        self.content.clear();
        let mut input = Read::by_ref(&mut self.input).take(bytes);
        let read = input.read_to_end(&mut self.content);
        read.map_err(Error::Read)?;
        Ok(&self.content)
    }

    const fn wrong(&self, what: &'static str) -> Error {
        Error::Damaged {
            offset: self.offset,
            what,
        }
    }
}
