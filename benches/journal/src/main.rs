//! How many changes a second are committed to a disk, each on it before it is
//! acknowledged: by the journal, and by two embedded stores.
//!
//! `nanokv-bench-journal DIRECTORY [SECONDS]`. Keys of 16 bytes out of a million
//! and values of 64, by the size of a group that one writer commits, and by how
//! many writers wait at once for a committer that groups them. CPU is that of
//! the whole process.

mod embedded;
mod own;

use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// What is measured of all.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const KEYS: u64 = 1_000_000;
const VALUE: [u8; 64] = [b'v'; 64];
const GROUPS: [usize; 4] = [1, 16, 128, 1024];
const WRITERS: [usize; 3] = [1, 16, 256];

/// Something that keeps changes.
pub trait Store {
    /// Keeps so many changes together, and returns when they are on the disk.
    fn commit(&mut self, changes: usize, keys: &mut Keys) -> Outcome<()>;

    /// Lets so many writers put one change after the other, each when its last
    /// is on the disk, and gives how many were put.
    fn writers(&mut self, writers: usize, time: Duration) -> Outcome<u64>;
}

/// Keys in no order.
#[derive(Clone, Debug)]
pub struct Keys(u64);

impl Keys {
    pub fn starting(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> String {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        format!("key:{:012}", number * KEYS >> 32)
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().ok_or("in which directory?")?;
    let seconds: f64 = arguments.next().map_or(Ok(3.0), |text| text.parse())?;
    let time = Duration::from_secs_f64(seconds);
    println!(
        "{:<8} {:>22} {:>12} {:>14}",
        "store", "", "changes/s", "CPU us/change"
    );
    for name in ["journal", "fjall", "redb"] {
        for group in GROUPS {
            let dir = tempfile::tempdir_in(&parent)?;
            let mut store = open(name, dir.path())?;
            let mut keys = Keys::starting(1);
            measure(name, &format!("group of {group}"), || {
                let (began, mut changes) = (Instant::now(), 0);
                while began.elapsed() < time {
                    store.commit(group, &mut keys)?;
                    changes += group as u64;
                }
                Ok(changes)
            })?;
        }
        for writers in WRITERS {
            let dir = tempfile::tempdir_in(&parent)?;
            let mut store = open(name, dir.path())?;
            measure(name, &format!("{writers} writers"), || {
                store.writers(writers, time)
            })?;
        }
    }
    Ok(())
}

fn open(name: &str, dir: &Path) -> Outcome<Box<dyn Store>> {
    Ok(match name {
        "journal" => Box::new(own::Own::open(dir)?),
        "fjall" => Box::new(embedded::Grouped(embedded::Fjall::open(dir)?)),
        _ => Box::new(embedded::Grouped(embedded::Redb::open(dir)?)),
    })
}

fn measure(name: &str, what: &str, work: impl FnOnce() -> Outcome<u64>) -> Outcome<()> {
    let (began, cpu) = (Instant::now(), cpu_us()?);
    let changes = work()?;
    let took = began.elapsed().as_secs_f64();
    let cpu = (cpu_us()? - cpu) / changes as f64;
    let rate = changes as f64 / took;
    println!("{name:<8} {what:>22} {rate:>12.0} {cpu:>14.2}");
    Ok(())
}

/// What this process has used: user and system time, in ticks of 10 ms.
fn cpu_us() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no /proc/self/stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks * 10_000.0)
}
