//! Segments that are ready before they are needed: files of zeros, since a
//! write into what a file has already needs no change of the file system.

use std::{collections::VecDeque, sync::Arc};

use crate::engine::journal::{
    disk::{Disk, DiskFile},
    error::Fault,
    layout::{narrow, wide},
    names,
};

/// How much is made zero by one write, and after how many a sync: what waits
/// for the disk beside it shall not wait long.
const STEP_BYTES: usize = 1 << 20;
const STEPS_A_SYNC: usize = 4;

/// A file with zeros in all of its bytes, on the disk.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) name: String,
    pub(super) file: Arc<dyn DiskFile>,
}

/// Files that are not in use.
#[derive(Debug, Default)]
pub(super) struct Spares {
    pub(super) clean: VecDeque<Spare>,
    /// Of earlier segments, or not known.
    pub(super) dirty: VecDeque<String>,
    last_number: u64,
}

impl Spares {
    /// Files of these names were there.
    pub(super) fn found(numbers: impl IntoIterator<Item = u64>) -> Self {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        Self {
            clean: VecDeque::new(),
            last_number: numbers.iter().copied().max().unwrap_or(0),
            dirty: numbers.into_iter().map(names::spare).collect(),
        }
    }

    /// The file to make ready next, and whether it is there.
    pub(super) fn next(&mut self) -> (String, bool) {
        match self.dirty.pop_front() {
            Some(name) => (name, true),
            None => (self.name(), false),
        }
    }

    /// A name that no file has had.
    pub(super) fn name(&mut self) -> String {
        self.last_number += 1;
        names::spare(self.last_number)
    }

    pub(super) fn count(&self) -> usize {
        self.clean.len() + self.dirty.len()
    }
}

/// Makes `name` a file of `bytes` zeros, a new one when it is not `there`.
///
/// # Errors
/// The first call that fails. The file is removed then, if possible.
pub(super) fn prepare(
    disk: &dyn Disk,
    name: String,
    is_there: bool,
    bytes: u64,
) -> Result<Spare, Fault> {
    match fill(disk, &name, is_there, bytes) {
        Ok(file) => Ok(Spare { name, file }),
        Err(fault) => {
            // What cannot be removed is found when the store is opened again.
            drop(disk.remove(&name));
            Err(fault)
        }
    }
}

fn fill(
    disk: &dyn Disk,
    name: &str,
    is_there: bool,
    bytes: u64,
) -> Result<Arc<dyn DiskFile>, Fault> {
    let opened = if is_there {
        disk.open(name)
    } else {
        disk.create(name)
    };
    let mut file = opened.map_err(Fault::of(disk, "make", name))?;
    let found = file.bytes().map_err(Fault::of(disk, "measure", name))?;
    if found > bytes {
        file = disk.create(name).map_err(Fault::of(disk, "make", name))?;
    }
    let zeros = vec![0; STEP_BYTES.min(narrow(bytes))];
    let (mut offset, mut steps) = (0, 0);
    while offset < bytes {
        let step = wide(zeros.len()).min(bytes - offset);
        let zeros = zeros.get(..narrow(step)).unwrap_or(&zeros);
        file.write_at(zeros, offset)
            .map_err(Fault::of(disk, "write zeros to", name))?;
        offset += step;
        steps += 1;
        if steps % STEPS_A_SYNC == 0 || offset == bytes {
            file.sync().map_err(Fault::of(disk, "sync", name))?;
        }
    }
    Ok(file)
}
