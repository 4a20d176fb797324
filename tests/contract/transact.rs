//! Transact: operations all together or not at all.

use nanokv::proto::{self as pb, operation_result::Kind};
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{
    call::Call,
    kv::Kv,
    requests::Slot,
    server::Server,
    words::{Span, data, number, start_plus, text},
};

contract![
    a_transaction_answers_each_operation_as_its_call_would,
    checks_alone_are_a_transaction,
    reads_see_the_state_before,
    conditions_see_the_state_before,
    versions_are_consecutive_in_the_order_of_the_operations,
    a_transaction_that_changes_nothing_has_version_0,
    what_has_expired_makes_way_first,
    an_expired_key_is_absent_in_a_transaction,
    at_memory_max_a_transaction_is_refused_whole,
    at_memory_max_an_exchange_is_admitted,
    transfers_at_once_keep_the_sum,
];

async fn a_transaction_answers_each_operation_as_its_call_would(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    kv.set("b", "1").await;
    kv.set("c", "1").await;
    let done = kv
        .transact()
        .check_version("a", before)
        .then(kv.get("a"))
        .then(kv.set("a", "2").ttl(10.seconds()).return_previous())
        .then(kv.increment("n").initial(4))
        .then(kv.touch("b").ttl(20.seconds()).omit_value())
        .then(kv.delete("c").if_present())
        .then(kv.get("none"))
        .then(kv.delete("none"))
        .await;
    let entry = |value, version, expire_time| {
        let key = if version == before { "a" } else { "b" };
        Some(pb::Entry {
            key: key.to_owned(),
            value,
            version,
            expire_time,
        })
    };
    let late = |seconds: u64| Some(start_plus(seconds.seconds()));
    let expected = [
        Kind::Get(pb::GetResponse {
            entry: entry(Some(text("1")), before, None),
        }),
        Kind::Set(pb::SetResponse {
            version: before + 3,
            expire_time: late(10),
            previous: entry(Some(text("1")), before, None),
        }),
        Kind::Increment(pb::IncrementResponse {
            number: Some(5),
            version: before + 4,
            expire_time: None,
        }),
        Kind::Touch(pb::TouchResponse {
            entry: entry(None, before + 1, late(20)),
            applied: Some(true),
        }),
        Kind::Delete(pb::DeleteResponse {
            deleted: Some(true),
            version: before + 5,
            previous: None,
        }),
        Kind::Get(pb::GetResponse { entry: None }),
        Kind::Delete(pb::DeleteResponse {
            deleted: Some(false),
            version: 0,
            previous: None,
        }),
    ];
    let kinds: Vec<Kind> = done.slots.into_iter().map(|slot| slot.0).collect();
    assert_eq!(kinds, expected);
    assert_eq!(done.version, before + 5);
    let stored = kv.get("a").await.unwrap();
    assert_eq!(stored.value, Some(text("2")));
    assert_eq!((stored.version, stored.expire_time), (before + 3, late(10)));
    assert_eq!(kv.get("b").await.unwrap().expire_time, late(20));
    assert_eq!(kv.list().keys().await, ["a", "b", "n"]);
}

async fn checks_alone_are_a_transaction(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let done = kv
        .transact()
        .check_present("a")
        .check_version("a", version)
        .check_absent("b")
        .await;
    assert_eq!((done.slots.len(), done.version), (0, 0));
}

async fn reads_see_the_state_before(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    kv.set("b", 1).await;
    let done = kv
        .transact()
        .then(kv.set("a", 2).return_previous())
        .then(kv.get("a"))
        .then(kv.delete("b"))
        .then(kv.get("b"))
        .then(kv.set("c", 1))
        .then(kv.get("c"))
        .await;
    let seen: Vec<_> = [1, 3, 5].map(|at| done.slots[at].value()).into();
    assert_eq!(seen, [Some(&number(1)), Some(&number(1)), None]);
    assert_eq!(kv.value("a").await, Some(number(2)));
    assert_eq!(kv.list().omit_value().keys().await, ["a", "c"]);
}

async fn conditions_see_the_state_before(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", 1).await.version;
    let done = kv
        .transact()
        .then(kv.set("a", 2).if_version(version))
        .then(kv.set("b", 1).if_absent())
        .check_version("a", version)
        .check_absent("b");
    done.await;
    assert_eq!(kv.value("a").await, Some(number(2)));
}

async fn versions_are_consecutive_in_the_order_of_the_operations(server: Server) {
    let kv = server.start().await;
    kv.set("gone", "1").await;
    kv.set("touched", "1").await;
    // Others write meanwhile.
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let kv = kv.reconnected().await;
        writers.spawn(async move {
            for round in 0..50 {
                kv.set(&format!("w{writer}-{}", round % 7), round).await;
            }
        });
    }
    for round in 0..20 {
        let mut call = kv.transact().then(kv.touch("touched").ttl(10.seconds()));
        for key in 0..40 {
            call = call.then(kv.set(&format!("k{}", key * 37 % 100), round));
            call = call
                .then(kv.get("touched"))
                .then(kv.delete(&format!("none{key}")));
        }
        let done = call.await;
        let set = |slot: &Slot| matches!(slot.0, Kind::Set(_));
        let sets = done.slots.iter().filter(|slot| set(slot));
        let versions: Vec<i64> = sets.map(Slot::version).collect();
        let first = versions[0];
        assert_eq!(versions, (first..first + 40).collect::<Vec<_>>());
        assert_eq!(done.version, first + 39);
    }
    writers.join_all().await;
}

async fn a_transaction_that_changes_nothing_has_version_0(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    let call = kv.transact().check_present("a").then(kv.get("a"));
    let call = call.then(kv.delete("none")).then(kv.touch("neither"));
    let done = call.then(kv.touch("a").ttl(10.seconds())).await;
    assert_eq!(done.version, 0);
    assert_eq!(kv.version().await, before);
}

async fn what_has_expired_makes_way_first(server: Server) {
    let kv = server.unswept().start().await;
    for key in ["a", "b", "c"] {
        kv.set(key, "1").ttl(10.seconds()).await;
    }
    kv.advance(10.seconds());
    let before = kv.version().await;
    let call = kv.transact().check_absent("a").then(kv.get("a"));
    let call = call
        .then(kv.set("new", "1"))
        .then(kv.set("a", "2").if_absent());
    let done = call.then(kv.delete("c")).then(kv.increment("b")).await;
    // Two expire, then three change; `c` is absent, and stays unswept.
    assert_eq!(done.slots[1].version(), before + 3);
    assert_eq!(done.slots[2].version(), before + 4);
    assert_eq!(done.version, before + 5);
    assert_eq!(kv.version().await, before + 5);
    assert_eq!(kv.list().keys().await, ["a", "b", "new"]);
}

async fn an_expired_key_is_absent_in_a_transaction(server: Server) {
    let kv = server.unswept().start().await;
    let version = kv.set("a", 7).ttl(10.seconds()).await.version;
    kv.advance(10.seconds());
    let check = async |call: Call<'_, pb::TransactRequest>| {
        let refusal = call.then(kv.get("x")).refused(Code::Aborted).await;
        assert_eq!(refusal.detail("current_version"), "0");
    };
    check(kv.transact().check_present("a")).await;
    check(kv.transact().check_version("a", version)).await;
    let call = kv.transact().check_absent("a").then(kv.get("a"));
    let done = call.then(kv.increment("a").ttl(10.seconds())).await;
    assert_eq!(done.slots[0].value(), None);
    assert_eq!(kv.value("a").await, Some(number(1)));
}

async fn at_memory_max_a_transaction_is_refused_whole(server: Server) {
    let kv = full(server).await;
    let before = kv.version().await;
    let call = kv.transact().then(kv.set("k0", 1)).then(kv.delete("k1"));
    let call = call.then(kv.set("new", data(vec![8; 1 << 20])));
    let refusal = call.refused(Code::ResourceExhausted).await;
    assert_eq!(refusal.reason, "MEMORY_FULL");
    assert_eq!(kv.version().await, before);
    assert_eq!(kv.value("k0").await, Some(filling(7)));
    assert_eq!(kv.value("k1").await, Some(filling(7)));
    assert_eq!(kv.get("new").await, None);
}

async fn at_memory_max_an_exchange_is_admitted(server: Server) {
    let kv = full(server).await;
    let call = kv
        .transact()
        .then(kv.delete("k0"))
        .then(kv.set("new", filling(8)));
    call.then(kv.set("k1", filling(9)))
        .then(kv.set("k2", 1))
        .await;
    assert_eq!(kv.value("new").await, Some(filling(8)));
    assert_eq!(kv.value("k1").await, Some(filling(9)));
    assert_eq!(kv.value("k2").await, Some(number(1)));
    assert_eq!(kv.get("k0").await, None);
}

async fn transfers_at_once_keep_the_sum(server: Server) {
    const ACCOUNTS: usize = 5;
    let kv = server.start().await;
    for account in 0..ACCOUNTS {
        kv.set(&format!("account/{account}"), 100).await;
    }
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        let kv = kv.reconnected().await;
        callers.spawn(async move {
            for round in 0..40 {
                let from = format!("account/{}", (caller + round) % ACCOUNTS);
                let to = format!("account/{}", (caller * 3 + round * 2 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                let call = kv.transact().then(kv.increment(&to).by(30));
                let moved = call.then(kv.increment(&from).by(-30).min(0)).answer().await;
                let code = moved.err().map(|status| status.code());
                assert!(code.is_none_or(|code| code == Code::FailedPrecondition));
            }
        });
    }
    for _ in 0..40 {
        let mut call = kv.transact();
        for account in 0..ACCOUNTS {
            call = call.then(kv.get(&format!("account/{account}")));
        }
        let numbers = call.await.slots.into_iter().map(|slot| {
            match slot.value().and_then(|value| value.kind.clone()) {
                Some(pb::value::Kind::Number(number)) => number,
                other => panic!("{other:?}"),
            }
        });
        let numbers: Vec<i64> = numbers.collect();
        assert_eq!(numbers.iter().sum::<i64>(), 500, "{numbers:?}");
        assert!(numbers.iter().all(|number| *number >= 0), "{numbers:?}");
    }
    callers.join_all().await;
}

/// A server that holds as much as it may: `k0` and on.
async fn full(server: Server) -> Kv {
    let kv = server.memory_max(8 << 20).start().await;
    for key in 0..1000 {
        let filled = kv.set(&format!("k{key}"), filling(7)).answer().await;
        if let Err(status) = filled {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            assert!(key > 10, "full with {key} keys");
            return kv;
        }
    }
    panic!("never full");
}

/// Of a size that fills a store in few steps.
fn filling(byte: u8) -> pb::Value {
    data(vec![byte; 64 << 10])
}
