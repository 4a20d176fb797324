//! A disk that becomes full, and has room again: what is refused then, what goes
//! on, and what is there after the program was killed.

use std::collections::BTreeMap;

use nanokv::client::{
    Client,
    error::Error,
    operation::{self, Outcome},
    range::Range,
    reason::Reason,
    value::Value,
};
use tonic::Code;

use crate::{
    asked::{client, listed},
    program::{Program, Server, eventually},
    volume::{Kind, Volume},
};

const VOLUME_BYTES: u64 = 48 << 20;

/// What stays free: less than the store holds when it is full.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// As much as the log takes at once.
const SEGMENT_BYTES: u64 = 1 << 20;

const SETTINGS: [(&str, &str); 7] = [
    ("JOURNAL_SEGMENT_BYTES", "1MiB"),
    ("SNAPSHOT_LOG_BYTES_MIN", "4MiB"),
    ("DISK_FREE_BYTES_MIN", "16MiB"),
    ("VALUE_BYTES_MAX", "16KiB"),
    ("MESSAGE_BYTES_MAX", "64KiB"),
    ("REPLY_BYTES_MAX", "64KiB"),
    ("WORKERS", "2"),
];

const VALUE_BYTES: usize = 15_000;

/// A store on a small disk, and what it has acknowledged.
struct Run {
    volume: Volume,
    known: BTreeMap<String, u8>,
    /// The number of the next key.
    next: usize,
    acknowledged: usize,
    /// The last version that there was.
    version: i64,
}

impl Run {
    async fn serve(&self) -> (Server, Client) {
        let program = self
            .volume
            .program(&["serve"])
            .variable("NANOKV_DATA_DIR", &self.volume.path("data"));
        let server = SETTINGS.iter().fold(program, |program, (name, value)| {
            program.variable(&format!("NANOKV_{name}"), value)
        });
        let server = server.serve();
        server.logged("\"ready\"").await;
        let client = client(server.address());
        (server, client)
    }

    /// Stores so many more keys, a few at a time, or until one is refused.
    async fn grow(&mut self, client: &Client, keys: usize) -> Result<(), Error> {
        for _ in 0..keys.div_ceil(4) {
            let names = (self.next..self.next + 4).map(|nth| format!("key/{nth:06}"));
            let names: Vec<_> = names.collect();
            let byte = u8::try_from(self.next % 251).unwrap();
            self.next += 4;
            let sets = names
                .iter()
                .map(|name| operation::set(name.clone(), vec![byte; VALUE_BYTES]));
            let mut refused = Ok(());
            for (name, outcome) in names.iter().zip(client.batch().all(sets).await?) {
                match outcome {
                    Ok(Outcome::Set(_)) => {
                        self.known.insert(name.clone(), byte);
                        self.acknowledged += 1;
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => refused = Err(error),
                }
            }
            refused?;
        }
        Ok(())
    }

    /// Stores more until the disk is said to be full.
    async fn grow_until_refused(&mut self, client: &Client) {
        let most = usize::try_from(VOLUME_BYTES).unwrap() / VALUE_BYTES;
        let refused = self.grow(client, 2 * most).await.unwrap_err();
        assert_eq!(refused.reason(), Some(&Reason::DiskFull), "{refused}");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.metadata("limit"), Some("disk_free_bytes_min"));
    }

    /// Stores until it is taken; the program sees to that by itself.
    async fn grow_when_there_is_room(&mut self, client: &Client) {
        eventually("room", async || self.grow(client, 1).await.is_ok()).await;
    }

    async fn delete(&mut self, client: &Client, name: &str) {
        let deleted = client.delete(name).await.unwrap();
        assert!(deleted.deleted, "{name} was there");
        self.known.remove(name);
        self.acknowledged += 1;
    }

    /// Deletes all but the last so many keys.
    async fn delete_all_but(&mut self, client: &Client, left: usize) {
        let begin = self.known.keys().rev().nth(left - 1).unwrap().clone();
        let range = Range::all().end(begin.clone());
        let removed = client.delete_range(range).await.unwrap();
        assert!(!removed.more);
        self.known = self.known.split_off(&begin);
        self.acknowledged += 1;
    }

    /// What is there is what was acknowledged, and the program is well.
    async fn check(&mut self, server: &Server, client: &Client) {
        let listing = listed(client).await;
        assert!(listing.version >= self.version, "versions went back");
        self.version = listing.version;
        let there: BTreeMap<_, _> = listing
            .entries
            .into_values()
            .map(|entry| (entry.key, entry.value.unwrap()))
            .collect();
        let expected: BTreeMap<_, _> = self
            .known
            .iter()
            .map(|(name, byte)| (name.clone(), Value::from(vec![*byte; VALUE_BYTES])))
            .collect();
        assert!(there == expected, "not what was acknowledged");
        let address = server.address().to_string();
        // On a machine that is busy too.
        let asked = ["health", "--address", &address, "--timeout-ms", "60000"];
        let health = Program::new(&asked).output();
        assert!(health.status.success(), "{health:?}");
        assert!(!server.log().contains("panicked"), "{}", server.log());
    }
}

async fn a_disk_becomes_full_and_has_room_again(kind: Kind) {
    let volume = match Volume::mount(kind, VOLUME_BYTES) {
        Ok(volume) => volume,
        Err(why) => return println!("full disk, {kind:?}: left out: {why}"),
    };
    let mut run = Run {
        volume,
        known: BTreeMap::new(),
        next: 0,
        acknowledged: 0,
        version: 0,
    };
    let (server, client) = run.serve().await;
    run.grow(&client, 40).await.unwrap();

    // Something else takes the room, and gives it back.
    run.volume.fill();
    run.grow_until_refused(&client).await;
    run.delete(&client, "key/000000").await;
    run.check(&server, &client).await;
    run.volume.empty();
    run.grow_when_there_is_room(&client).await;
    assert!(server.log().contains("the disk has room again"));

    // The store itself grows, but only while others have room.
    run.grow_until_refused(&client).await;
    // But for as long as a snapshot is tried.
    let reserve = FREE_BYTES_MIN - 4 * SEGMENT_BYTES;
    eventually("a reserve", async || run.volume.free_bytes() > reserve).await;
    run.delete(&client, "key/000001").await;
    run.check(&server, &client).await;

    // Without any room it is killed, and opens again.
    run.volume.fill();
    run.delete(&client, "key/000002").await;
    drop(server);
    let (server, client) = run.serve().await;
    run.check(&server, &client).await;
    run.grow_until_refused(&client).await;
    run.delete(&client, "key/000003").await;
    run.volume.empty();
    run.check(&server, &client).await;

    // What is deleted gives its room back.
    run.delete_all_but(&client, 50).await;
    run.grow_when_there_is_room(&client).await;
    run.grow(&client, 400).await.unwrap();
    run.check(&server, &client).await;
    let free = run.volume.free_bytes();
    assert!(free > FREE_BYTES_MIN, "{free} are left");
    drop(server);
    let (server, client) = run.serve().await;
    run.check(&server, &client).await;
    println!(
        "full disk, {kind:?}: {} acknowledged, {} there",
        run.acknowledged,
        run.known.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    a_disk_becomes_full_and_has_room_again(Kind::Tmpfs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file() {
    a_disk_becomes_full_and_has_room_again(Kind::Ext4).await;
}
