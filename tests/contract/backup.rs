//! AdminService.Backup: the whole store as it is at one moment.

use std::collections::BTreeMap;

use nanokv::{
    engine::journal::{
        Record,
        backup::{About, Reader},
    },
    model::value::{Value, ValueRef},
    proto::{self as pb, admin_service_client::AdminServiceClient},
};
use sha2::{Digest, Sha256};
use tonic::{Code, Status, Streaming};

use crate::support::{
    kv::Kv,
    refusal::Refusal,
    server::Server,
    words::{Span, data, start_plus},
};

contract![
    a_backup_holds_every_entry_as_it_is,
    a_backup_of_an_empty_store_is_one,
    what_has_expired_is_in_no_backup,
    what_is_changed_after_it_has_begun_is_in_it_as_it_was,
    it_says_at_the_end_what_it_is_and_a_checksum_over_all,
    its_messages_are_no_larger_than_it_is_said,
    there_are_so_many_backups_at_once_as_it_is_said,
    it_is_one_moment_however_slowly_it_is_read,
];

type Parts = Streaming<pb::BackupResponse>;

/// By key: value, version, and deadline in milliseconds since 1970.
type Entries = BTreeMap<String, (Value, i64, Option<u64>)>;

async fn begun(kv: &Kv) -> Result<Parts, Status> {
    let mut admin = AdminServiceClient::new(kv.channel());
    Ok(admin.backup(pb::BackupRequest {}).await?.into_inner())
}

/// All of it, and what it says at the end.
async fn rest(mut parts: Parts) -> (Vec<u8>, pb::BackupSummary) {
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        bytes.extend_from_slice(&part.data);
        if let Some(summary) = part.summary {
            assert_eq!(part.entries_done, summary.entries);
            assert_eq!(parts.message().await.unwrap(), None, "that was the last");
            return (bytes, summary);
        }
    }
    panic!("it ended without a summary");
}

async fn backup(kv: &Kv) -> (Vec<u8>, pb::BackupSummary) {
    rest(begun(kv).await.unwrap()).await
}

fn read(bytes: &[u8]) -> (About, Entries) {
    let reader = Reader::begin(bytes).unwrap();
    let (about, mut entries) = (reader.about().clone(), Entries::new());
    let mut take = |record: Record<'_>| {
        if let Record::Put {
            key,
            value,
            version,
            deadline,
        } = record
        {
            let deadline = deadline.map(nanokv::model::time::UnixMillis::get);
            let entry = (value.to_value(), version.get(), deadline);
            let twice = entries.insert(key.as_str().to_owned(), entry);
            assert_eq!(twice, None, "{key:?}");
        }
        Ok(())
    };
    reader.each(&mut take, &mut |_| {}).unwrap();
    (about, entries)
}

async fn entries(kv: &Kv) -> Entries {
    read(&backup(kv).await.0).1
}

fn text(text: &str) -> Value {
    ValueRef::Text(text).to_value()
}

/// Many entries: more than what waits to be read on a connection.
async fn filled(kv: &Kv) -> Vec<String> {
    let keys: Vec<_> = (0..60).map(|number| format!("key/{number:03}")).collect();
    let value = "v".repeat(100_000);
    for key in &keys {
        kv.set(key, value.as_str()).await;
    }
    keys
}

async fn a_backup_holds_every_entry_as_it_is(server: Server) {
    let kv = server.start().await;
    let long = "long ".repeat(20_000);
    let a = kv.set("text", "é").ttl(90.seconds()).await.version;
    let b = kv.set("number", -5).await.version;
    let c = kv.set("data", data(b"\x00\xff")).await.version;
    let d = kv.set("long", long.as_str()).await.version;
    kv.touch("number").ttl(60.seconds()).await;
    kv.set("gone", "1").await;
    kv.delete("gone").await;
    let (bytes, summary) = backup(&kv).await;
    let (about, entries) = read(&bytes);
    let at = |span: u64| Some(1_767_225_600_000 + span * 1000);
    let expected = Entries::from([
        ("text".to_owned(), (text("é"), a, at(90))),
        ("number".to_owned(), (Value::Number(-5), b, at(60))),
        (
            "data".to_owned(),
            (ValueRef::Data(b"\x00\xff").to_value(), c, None),
        ),
        ("long".to_owned(), (text(&long), d, None)),
    ]);
    assert_eq!(entries, expected);
    let described = kv.describe().await;
    assert_eq!(about.store_id, described.store_id);
    assert_eq!(about.version.get(), described.version);
    assert_eq!((summary.version, summary.entries), (described.version, 4));
}

async fn a_backup_of_an_empty_store_is_one(server: Server) {
    let kv = server.start().await;
    let (bytes, summary) = backup(&kv).await;
    assert_eq!(summary.entries, 0);
    assert_eq!(read(&bytes).1, Entries::new());
}

async fn what_has_expired_is_in_no_backup(server: Server) {
    let kv = server.unswept().start().await;
    kv.set("gone", "1").ttl(10.seconds()).await;
    let stays = kv.set("stays", "1").ttl(10_001.millis()).await;
    kv.advance(10.seconds());
    let entries = entries(&kv).await;
    assert_eq!(entries.keys().collect::<Vec<_>>(), ["stays"]);
    assert_eq!(entries["stays"].1, stays.version);
}

async fn what_is_changed_after_it_has_begun_is_in_it_as_it_was(server: Server) {
    let kv = server.start().await;
    let keys = filled(&kv).await;
    let before = entries(&kv).await;
    assert_eq!(before.len(), keys.len());
    let mut parts = begun(&kv).await.unwrap();
    let first = parts.message().await.unwrap().unwrap();
    assert_eq!((first.data.len(), first.summary), (0, None));
    assert!(first.entries_total >= 60);
    for (number, key) in keys.iter().enumerate() {
        match number % 3 {
            0 => drop(kv.set(key, "new").await),
            1 => drop(kv.delete(key).await),
            _ => drop(kv.touch(key).ttl(10.seconds()).await),
        }
    }
    kv.set("new", "1").await;
    let (bytes, _) = rest(parts).await;
    let during = read(&bytes).1;
    assert!(during == before, "something is not as it was");
}

async fn it_is_one_moment_however_slowly_it_is_read(server: Server) {
    let kv = server.start().await;
    filled(&kv).await;
    kv.set("left", 0).await;
    kv.set("right", 0).await;
    let mut parts = begun(&kv).await.unwrap();
    let mut bytes = Vec::new();
    parts.message().await.unwrap();
    for _ in 0..20 {
        kv.increment("left").await;
        let part = parts.message().await.unwrap().unwrap();
        bytes.extend_from_slice(&part.data);
        kv.increment("right").await;
    }
    bytes.extend(rest(parts).await.0);
    let then = read(&bytes).1;
    for name in ["left", "right"] {
        assert_eq!(then[name].0, Value::Number(0), "{name}");
    }
    // The next one is of the next moment.
    let later = entries(&kv).await;
    for name in ["left", "right"] {
        assert_eq!(later[name].0, Value::Number(20), "{name}");
    }
}

async fn it_says_at_the_end_what_it_is_and_a_checksum_over_all(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    kv.set("b", "2").await;
    kv.advance(1500.millis());
    let described = kv.describe().await;
    let (bytes, summary) = backup(&kv).await;
    assert_eq!(summary.store_id, described.store_id);
    assert_eq!(summary.version, described.version);
    assert_eq!(summary.time, Some(start_plus(1500.millis())));
    assert_eq!(summary.bytes, i64::try_from(bytes.len()).unwrap());
    assert_eq!(summary.sha256, Sha256::digest(&bytes).as_slice());
}

async fn its_messages_are_no_larger_than_it_is_said(server: Server) {
    let kv = server.start().await;
    filled(&kv).await;
    let limits = kv.describe().await.limits.unwrap();
    let most = usize::try_from(limits.backup_chunk_bytes_max).unwrap();
    let mut parts = begun(&kv).await.unwrap();
    let (mut largest, mut done) = (0, 0);
    while let Some(part) = parts.message().await.unwrap() {
        largest = largest.max(part.data.len());
        assert!(part.entries_done >= done && part.entries_done <= part.entries_total);
        done = part.entries_done;
    }
    assert_eq!((largest, done), (most, 60));
}

async fn there_are_so_many_backups_at_once_as_it_is_said(server: Server) {
    let kv = server.start().await;
    filled(&kv).await;
    let most = kv.describe().await.limits.unwrap().backups_max;
    let mut held = Vec::new();
    for _ in 0..most {
        held.push(begun(&kv).await.unwrap());
    }
    let refused = Refusal::from(begun(&kv).await.unwrap_err());
    assert_eq!(refused.code, Code::ResourceExhausted);
    assert_eq!(refused.reason, "TOO_MANY_BACKUPS");
    assert_eq!(refused.detail("limit"), "backups_max");
    // The place of one that its caller has let go is free sooner or later.
    held.pop();
    let waiting = async {
        while begun(&kv).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(kv.patience(), waiting).await;
    assert!(came.is_ok(), "its place is not free again");
}
