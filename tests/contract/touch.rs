//! Touch: changes the deadline alone, and reads.

use nanokv::proto as pb;

use crate::support::{
    kv::Kv,
    server::Server,
    words::{Span, start_plus, text},
};

contract_of_single_keys![
    touch_moves_the_deadline_and_nothing_else,
    touch_takes_every_form_of_an_expiry,
    touch_of_an_absent_key_is_ok_without_an_entry,
    touch_leaves_the_value_out_when_asked,
    a_mode_that_is_not_met_is_not_applied,
    only_extend_moves_a_deadline_later_only,
    only_shorten_moves_a_deadline_earlier_only,
    never_counts_as_infinity,
    the_same_deadline_is_neither_later_nor_earlier,
    an_unknown_mode_is_refused,
    the_new_deadline_is_the_one_that_counts,
];

async fn touch_moves_the_deadline_and_nothing_else(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let touched = kv.touch("a").ttl(10.seconds()).await;
    let entry = pb::Entry {
        key: "a".to_owned(),
        value: Some(text("1")),
        version,
        expire_time: Some(start_plus(10.seconds())),
    };
    assert_eq!(touched.applied, Some(true));
    assert_eq!(touched.entry.as_ref(), Some(&entry));
    assert_eq!(kv.get("a").await, Some(entry));
}

async fn touch_takes_every_form_of_an_expiry(server: Server) {
    let kv = server.default_ttl(7.seconds()).start().await;
    kv.set("a", "1").await;
    let time = start_plus(20.seconds());
    let forms = [
        (kv.touch("a").ttl(1.nanos()), Some(start_plus(1.millis()))),
        (kv.touch("a").expire_time(time), Some(time)),
        (kv.touch("a").never_expire(), None),
        (kv.touch("a"), Some(start_plus(7.seconds()))),
    ];
    for (form, expire_time) in forms {
        assert_eq!(form.await.entry.unwrap().expire_time, expire_time);
        assert_eq!(kv.get("a").await.unwrap().expire_time, expire_time);
    }
}

async fn touch_of_an_absent_key_is_ok_without_an_entry(server: Server) {
    let kv = server.start().await;
    let touched = kv.touch("a").ttl(10.seconds()).await;
    assert_eq!((touched.entry, touched.applied), (None, Some(false)));
    assert_eq!(kv.get("a").await, None);
}

async fn touch_leaves_the_value_out_when_asked(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    let touched = kv.touch("a").omit_value().ttl(10.seconds()).await;
    let entry = touched.entry.unwrap();
    assert_eq!((entry.key.as_str(), entry.value), ("a", None));
    let unmoved = kv.touch("a").omit_value().ttl(10.seconds()).only_extend();
    assert_eq!(unmoved.await.entry.unwrap().value, None);
    assert_eq!(kv.value("a").await, Some(text("1")), "it is still stored");
}

async fn a_mode_that_is_not_met_is_not_applied(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let before = kv.get("a").await;
    let touched = kv.touch("a").ttl(5.seconds()).only_extend().await;
    assert_eq!(touched.applied, Some(false));
    assert_eq!(touched.entry, before, "with the deadline that it has");
    assert_eq!(kv.get("a").await, before);
}

async fn only_extend_moves_a_deadline_later_only(server: Server) {
    let kv = ten_seconds(server).await;
    let touch = |seconds: u64| kv.touch("a").ttl(seconds.seconds()).only_extend();
    assert_eq!(touch(9).await.applied, Some(false));
    assert_eq!(touch(11).await.applied, Some(true));
    assert_eq!(deadline(&kv).await, Some(start_plus(11.seconds())));
}

async fn only_shorten_moves_a_deadline_earlier_only(server: Server) {
    let kv = ten_seconds(server).await;
    let touch = |seconds: u64| kv.touch("a").ttl(seconds.seconds()).only_shorten();
    assert_eq!(touch(11).await.applied, Some(false));
    assert_eq!(touch(9).await.applied, Some(true));
    assert_eq!(deadline(&kv).await, Some(start_plus(9.seconds())));
}

async fn never_counts_as_infinity(server: Server) {
    let kv = ten_seconds(server).await;
    let never = || kv.touch("a").never_expire();
    let century = || kv.touch("a").ttl(100.years());
    assert_eq!(never().only_shorten().await.applied, Some(false));
    assert_eq!(never().only_extend().await.applied, Some(true));
    assert_eq!(deadline(&kv).await, None);
    assert_eq!(century().only_extend().await.applied, Some(false));
    assert_eq!(century().only_shorten().await.applied, Some(true));
    assert_eq!(deadline(&kv).await, Some(start_plus(100.years())));
}

async fn the_same_deadline_is_neither_later_nor_earlier(server: Server) {
    let kv = ten_seconds(server).await;
    kv.set("never", "1").await;
    let same = || kv.touch("a").ttl(10.seconds());
    let never = || kv.touch("never").never_expire();
    assert_eq!(same().only_extend().await.applied, Some(false));
    assert_eq!(same().only_shorten().await.applied, Some(false));
    assert_eq!(same().await.applied, Some(true));
    assert_eq!(never().only_extend().await.applied, Some(false));
    assert_eq!(never().only_shorten().await.applied, Some(false));
}

async fn an_unknown_mode_is_refused(server: Server) {
    let kv = ten_seconds(server).await;
    for mode in [3, 99, -1] {
        let unknown = kv.touch("a").with(|request| request.mode = mode);
        unknown.invalid("mode").await;
    }
    assert_eq!(deadline(&kv).await, Some(start_plus(10.seconds())));
}

async fn the_new_deadline_is_the_one_that_counts(server: Server) {
    let kv = ten_seconds(server).await;
    kv.set("b", "1").ttl(10.seconds()).await;
    kv.set("c", "1").ttl(10.seconds()).await;
    kv.touch("a").ttl(5.seconds()).await;
    kv.touch("b").ttl(15.seconds()).await;
    kv.touch("c").never_expire().await;
    kv.advance(5.seconds());
    assert_eq!(kv.list().keys().await, ["b", "c"]);
    kv.advance(9.seconds());
    assert_eq!(kv.list().keys().await, ["b", "c"]);
    kv.advance(1.seconds());
    assert_eq!(kv.list().keys().await, ["c"]);
}

/// A server where the key `a` expires ten seconds after the start.
async fn ten_seconds(server: Server) -> Kv {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    kv
}

async fn deadline(kv: &Kv) -> Option<prost_types::Timestamp> {
    kv.get("a").await.unwrap().expire_time
}
