//! Batch: operations in order, each for itself.

use nanokv::proto::{self as pb, operation_result::Kind};
use prost::Message;
use tonic::Code;

use crate::support::{
    refusal::Refusal,
    requests::Slot,
    server::Server,
    words::{Span, data, number, start_plus, text},
};

contract![
    a_result_for_each_operation_in_the_same_order,
    an_operation_answers_as_its_call_would,
    later_operations_see_what_earlier_ones_did,
    a_bad_operation_fails_its_own_slot,
    a_failure_says_what_the_single_call_would_have_said,
    an_operation_has_a_kind,
    an_empty_batch_is_ok,
    a_batch_has_at_most_1024_operations,
    a_batch_that_is_too_long_does_nothing,
    versions_of_a_batch_are_in_its_order,
    an_operation_whose_answer_passes_the_reply_is_not_carried_out,
    what_fits_into_the_reply_is_carried_out,
    the_whole_reply_stays_within_reply_bytes_max,
    answers_without_values_do_not_count,
];

async fn a_result_for_each_operation_in_the_same_order(server: Server) {
    let kv = server.start().await;
    let mut batch = kv.batch();
    for index in 0..100 {
        let key = format!("k{:02}", 99 - index);
        batch = batch.then(kv.set(&key, index)).then(kv.get(&key));
    }
    let slots = batch.await;
    assert_eq!(slots.len(), 200);
    for (index, pair) in (0..).zip(slots.chunks(2)) {
        assert_eq!(pair[1].value(), Some(&number(index)));
    }
}

async fn an_operation_answers_as_its_call_would(server: Server) {
    let kv = server.start().await;
    let first = kv.version().await + 1;
    let set = kv.set("a", "1").ttl(10.seconds());
    let slots = kv
        .batch()
        .then(set)
        .then(kv.get("a").omit_value())
        .then(kv.increment("n").initial(4))
        .then(kv.touch("a").never_expire())
        .then(kv.delete("a").return_previous())
        .then(kv.get("a"))
        .await;
    let entry = pb::Entry {
        key: "a".to_owned(),
        value: Some(text("1")),
        version: first,
        expire_time: Some(start_plus(10.seconds())),
    };
    let bare = pb::Entry {
        value: None,
        ..entry.clone()
    };
    let touched = pb::Entry {
        expire_time: None,
        ..entry
    };
    let expected = [
        Kind::Set(pb::SetResponse {
            version: first,
            expire_time: Some(start_plus(10.seconds())),
            previous: None,
        }),
        Kind::Get(pb::GetResponse { entry: Some(bare) }),
        Kind::Increment(pb::IncrementResponse {
            number: Some(5),
            version: first + 1,
            expire_time: None,
        }),
        Kind::Touch(pb::TouchResponse {
            entry: Some(touched.clone()),
            applied: Some(true),
        }),
        Kind::Delete(pb::DeleteResponse {
            deleted: Some(true),
            version: first + 2,
            previous: Some(touched),
        }),
        Kind::Get(pb::GetResponse { entry: None }),
    ];
    let kinds: Vec<Kind> = slots.into_iter().map(|slot| slot.0).collect();
    assert_eq!(kinds, expected);
}

async fn later_operations_see_what_earlier_ones_did(server: Server) {
    let kv = server.start().await;
    let slots = kv
        .batch()
        .then(kv.get("a"))
        .then(kv.set("a", 1))
        .then(kv.get("a"))
        .then(kv.set("a", 2).if_absent())
        .then(kv.increment("a"))
        .then(kv.get("a"))
        .then(kv.delete("a"))
        .then(kv.get("a"))
        .await;
    assert_eq!(slots[0].value(), None);
    assert_eq!(slots[2].value(), Some(&number(1)));
    slots[3].refused(Code::AlreadyExists);
    assert_eq!(slots[5].value(), Some(&number(2)));
    assert_eq!(slots[7].value(), None);
}

async fn a_bad_operation_fails_its_own_slot(server: Server) {
    let kv = server.start().await;
    let slots = kv
        .batch()
        .then(kv.set("a", 1))
        .then(kv.set("", 1))
        .then(kv.set("b", 1).ttl(0.seconds()))
        .then(kv.delete("c").if_present())
        .then(kv.increment("d").min(2).max(1))
        .then(kv.touch("a").if_version(1))
        .then(kv.set("e", 1))
        .await;
    slots[1].refused(Code::InvalidArgument);
    slots[2].refused(Code::InvalidArgument);
    slots[3].refused(Code::NotFound);
    slots[4].refused(Code::InvalidArgument);
    slots[5].refused(Code::Aborted);
    assert!(slots[0].version() < slots[6].version());
    assert_eq!(kv.list().keys().await, ["a", "e"]);
}

async fn a_failure_says_what_the_single_call_would_have_said(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    let bad = || {
        [
            kv.set("", "1"),
            kv.set(&"k".repeat(1025), "1"),
            kv.set("a", "2").if_absent(),
            kv.set("b", "2").if_present(),
            kv.set("a", "2").if_version(1),
            kv.set("a", "2").ttl(101.years()),
        ]
    };
    let mut batch = kv.batch();
    for operation in bad() {
        batch = batch.then(operation);
    }
    for (slot, call) in batch.await.iter().zip(bad()) {
        let status = call.answer().await.unwrap_err();
        let single = Refusal::from(status);
        let in_batch = slot.refused(single.code);
        assert_eq!(in_batch.reason, single.reason);
        // A field is named by its path, which is longer in a list.
        let but_field = |refusal: &Refusal| {
            let mut metadata = refusal.metadata.clone();
            metadata.remove("field");
            metadata
        };
        assert_eq!(but_field(&in_batch), but_field(&single));
    }
}

async fn an_operation_has_a_kind(server: Server) {
    let kv = server.start().await;
    let unset = pb::Operation { kind: None };
    let slots = kv.batch().then(unset).then(kv.set("a", "1")).await;
    slots[0].refused(Code::InvalidArgument);
    assert_eq!(kv.value("a").await, Some(text("1")));
}

async fn an_empty_batch_is_ok(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.batch().await, []);
}

async fn a_batch_has_at_most_1024_operations(server: Server) {
    let kv = server.start().await;
    let full = kv.batch().with(|request| {
        request.operations = vec![kv.increment("n").into(); 1024];
    });
    assert_eq!(full.await.len(), 1024);
    assert_eq!(kv.value("n").await, Some(number(1024)));
}

async fn a_batch_that_is_too_long_does_nothing(server: Server) {
    let kv = server.start().await;
    let long = kv.batch().with(|request| {
        request.operations = vec![kv.increment("n").into(); 1025];
    });
    let refusal = long.invalid("operations").await;
    assert!(
        refusal.message.contains("batch_operations_max"),
        "{refusal:?}"
    );
    assert_eq!(kv.get("n").await, None);
}

async fn versions_of_a_batch_are_in_its_order(server: Server) {
    let kv = server.start().await;
    let mut batch = kv.batch();
    for key in 0..100 {
        batch = batch.then(kv.set(&format!("k{}", key * 37 % 100), key));
    }
    let slots = batch.await;
    let versions: Vec<i64> = slots.iter().map(Slot::version).collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

async fn an_operation_whose_answer_passes_the_reply_is_not_carried_out(server: Server) {
    let kv = server.start().await;
    for key in ["a", "b", "c", "d"] {
        kv.set(key, data(vec![7; 1_000_000])).await;
    }
    kv.set("small", "1").await;
    let slots = kv
        .batch()
        .then(kv.get("a"))
        .then(kv.get("b"))
        .then(kv.touch("c").ttl(10.seconds()))
        .then(kv.get("d"))
        .then(kv.delete("d").return_previous())
        .then(kv.set("d", "2").return_previous())
        .then(kv.touch("d").ttl(10.seconds()))
        .then(kv.get("small"))
        .await;
    for slot in &slots[3..7] {
        let refusal = slot.refused(Code::ResourceExhausted);
        assert_eq!(refusal.reason, "REPLY_TOO_LARGE");
    }
    assert_eq!(
        slots[7].value(),
        Some(&text("1")),
        "what fits is carried out"
    );
    let untouched = kv.get("d").await.unwrap();
    assert_eq!(untouched.value, Some(data(vec![7; 1_000_000])));
    assert_eq!(untouched.expire_time, None);
}

async fn what_fits_into_the_reply_is_carried_out(server: Server) {
    let kv = server.start().await;
    kv.set("a", data(vec![7; 2 << 10])).await;
    let full = kv.batch().with(|request| {
        request.operations = vec![kv.get("a").into(); 1024];
    });
    for slot in full.await {
        assert_eq!(slot.value(), Some(&data(vec![7; 2 << 10])));
    }
}

async fn the_whole_reply_stays_within_reply_bytes_max(server: Server) {
    let kv = server.start().await;
    kv.set("a", data(vec![7; 3 << 10])).await;
    let full = kv.batch().with(|request| {
        request.operations = vec![kv.get("a").into(); 1024];
    });
    let results = full
        .await
        .into_iter()
        .map(|slot| pb::OperationResult { kind: Some(slot.0) });
    let reply = pb::BatchResponse {
        results: results.collect(),
    };
    assert!(reply.encoded_len() <= 3 << 20, "{}", reply.encoded_len());
    assert!(reply.encoded_len() > 2 << 20, "and is made use of");
}

async fn answers_without_values_do_not_count(server: Server) {
    let kv = server.start().await;
    for key in ["a", "b", "c", "d"] {
        kv.set(key, data(vec![7; 1_000_000])).await;
    }
    let mut batch = kv.batch();
    for key in ["a", "b", "c", "d"] {
        batch = batch
            .then(kv.get(key).omit_value())
            .then(kv.touch(key).omit_value().ttl(10.seconds()))
            .then(kv.delete(key));
    }
    let failed = |kind: &Kind| matches!(kind, Kind::Failure(_));
    assert!(!batch.await.iter().any(|slot| failed(&slot.0)));
    assert_eq!(kv.list().keys().await, [""; 0]);
}
