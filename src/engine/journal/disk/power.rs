//! What could be on a disk after the power was cut.

use std::collections::BTreeMap;

use crate::engine::journal::disk::simulated::{Call, Image};

/// What could be on a disk that began as `began`, if the power was cut after
/// `notes`. Of what was not synced, each sector of `sector_bytes` is as it was
/// after any of the writes to it since the last sync, as `choose` picks (a number
/// below its argument); and of names that were not synced some of the last
/// changes are missing.
pub(in crate::engine::journal) fn after_power_cut(
    began: &Image,
    notes: &[(Call, u64)],
    sector_bytes: usize,
    choose: &mut dyn FnMut(usize) -> usize,
) -> Image {
    let names_synced = notes
        .iter()
        .rposition(|(call, _)| matches!(call, Call::SyncNames))
        .map_or(0, |at| at + 1);
    let is_of_names = |call: &Call| {
        matches!(
            call,
            Call::Create { .. } | Call::Rename { .. } | Call::Remove { .. }
        )
    };
    let unsynced = notes[names_synced..]
        .iter()
        .filter(|(call, _)| is_of_names(call));
    let mut names_left = choose(unsynced.count() + 1);
    let mut files: Vec<Vec<u8>> = began.values().cloned().collect();
    let mut names: BTreeMap<String, usize> = began.keys().cloned().zip(0..).collect();
    for (at, (call, _)) in notes.iter().enumerate() {
        if let Call::Create { file, .. } = call {
            files.resize(files.len().max(file + 1), Vec::new());
        }
        if is_of_names(call) && at >= names_synced {
            if names_left == 0 {
                continue;
            }
            names_left -= 1;
        }
        match call {
            Call::Create { name, file } => {
                names.insert(name.clone(), *file);
            }
            Call::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Call::Remove { name } => {
                names.remove(name);
            }
            Call::Write { .. } | Call::Sync { .. } | Call::SyncNames => {}
        }
    }
    for (file, content) in files.iter_mut().enumerate() {
        let writes: Vec<(usize, &[u8])> = notes
            .iter()
            .filter_map(|(call, _)| match call {
                Call::Write {
                    file: of,
                    offset,
                    bytes,
                } if *of == file => Some((*offset, bytes.as_slice())),
                _ => None,
            })
            .collect();
        let of_this = |call: &Call| matches!(call, Call::Sync { file: of } if *of == file);
        let synced_at = notes.iter().rposition(|(call, _)| of_this(call));
        let synced = notes[..synced_at.unwrap_or(0)]
            .iter()
            .filter(|(call, _)| matches!(call, Call::Write { file: of, .. } if *of == file))
            .count();
        let (lasting, open) = writes.split_at(synced);
        for (offset, bytes) in lasting {
            write(content, *offset, bytes);
        }
        settle(content, open, sector_bytes, choose);
    }
    names
        .into_iter()
        .map(|(name, file)| (name, files[file].clone()))
        .collect()
}

/// Each sector as it was after some of the writes to it.
fn settle(
    content: &mut Vec<u8>,
    open: &[(usize, &[u8])],
    sector_bytes: usize,
    choose: &mut dyn FnMut(usize) -> usize,
) {
    if open.is_empty() {
        return;
    }
    let end = open
        .iter()
        .map(|(offset, bytes)| offset + bytes.len())
        .max();
    let end = end.unwrap_or(0).max(content.len());
    // Its length is kept with its names: old, or any later one.
    let lengths = 1 + open.len();
    let mut len = content.len();
    for (offset, bytes) in &open[..choose(lengths)] {
        len = len.max(offset + bytes.len());
    }
    content.resize(end, 0);
    let mut touched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (nth, (offset, bytes)) in open.iter().enumerate() {
        for sector in offset / sector_bytes..(offset + bytes.len()).div_ceil(sector_bytes) {
            touched.entry(sector).or_default().push(nth);
        }
    }
    for (sector, nths) in touched {
        let kept = choose(nths.len() + 1);
        let (from, to) = (
            sector * sector_bytes,
            ((sector + 1) * sector_bytes).min(end),
        );
        for nth in &nths[..kept] {
            let (offset, bytes) = open[*nth];
            let begin = offset.max(from);
            let finish = (offset + bytes.len()).min(to);
            content[begin..finish].copy_from_slice(&bytes[begin - offset..finish - offset]);
        }
    }
    content.truncate(len);
}

/// Writes into a file in memory.
pub(super) fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if !bytes.is_empty() && file.len() < end {
        file.resize(end, 0);
    }
    if !bytes.is_empty() {
        file[offset..end].copy_from_slice(bytes);
    }
}
