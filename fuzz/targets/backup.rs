//! A backup that was changed in any way is refused; any bytes are refused, or
//! are a backup that is written the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    engine::journal::{
        Record,
        backup::{About, Reader, Writer, verify},
    },
    model::{time::UnixMillis, version::Version},
};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        any_bytes(data);
    } else {
        changed(data);
    }
});

/// What is believed holds what its end says, and reads the same when it is
/// written again.
fn any_bytes(data: &[u8]) {
    let Ok((about, summary)) = verify(data, &mut |_| {}) else {
        return;
    };
    assert_eq!(summary.bytes, data.len() as u64);
    let (again, written) = written_again(data);
    assert_eq!(written.entries, summary.entries);
    assert_eq!(written.requests, summary.requests);
    let read = verify(&*again, &mut |_| {}).expect("it was just written");
    assert_eq!(read, (about, written));
}

fn written_again(data: &[u8]) -> (Vec<u8>, nanokv::engine::journal::backup::Summary) {
    let reader = Reader::begin(data).expect("it was read");
    let mut out = Vec::new();
    let mut writer = Writer::begin(reader.about(), &mut out);
    let mut take = |record: Record<'_>| {
        writer.push(record);
        Ok(())
    };
    reader.each(&mut take, &mut |_| {}).expect("it was read");
    let summary = writer.finish(&mut out);
    (out, summary)
}

/// Records, then edits of what a backup of them is.
fn changed(mut data: &[u8]) {
    let about = About {
        store_id: "a store".to_owned(),
        version: Version::new(i64::MAX).expect("above 0"),
        time: UnixMillis::new(1_700_000_000_000),
    };
    let mut whole = Vec::new();
    let mut writer = Writer::begin(&about, &mut whole);
    while let Some((record, rest)) = Record::read(data) {
        if let Record::Put { .. } | Record::Remember { .. } = record {
            writer.push(record);
        }
        data = rest;
    }
    let summary = writer.finish(&mut whole);
    let read = verify(&*whole, &mut |_| {}).expect("it is whole");
    assert_eq!(read, (about, summary));
    assert_eq!(written_again(&whole).0, whole);

    let mut edited = whole.clone();
    for edit in data.chunks_exact(4) {
        let &[how, low, high, byte] = edit else {
            return;
        };
        let at = usize::from(u16::from_le_bytes([low, high])) % (edited.len() + 1);
        match how % 4 {
            0 => edited.truncate(at),
            1 => edited.insert(at, byte),
            2 if at < edited.len() => drop(edited.remove(at)),
            _ => {
                if let Some(there) = edited.get_mut(at) {
                    *there = byte;
                }
            }
        }
    }
    let is_whole = edited == whole;
    assert_eq!(verify(&*edited, &mut |_| {}).is_ok(), is_whole);
}
