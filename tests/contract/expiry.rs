//! Expiry: every form of it, its bounds, and how it is rounded.

use prost_types::{Duration, Timestamp};
use tonic::Code;

use crate::support::{
    call::Expiry,
    kv::Kv,
    server::Server,
    words::{START, Span, start_minus, start_plus, text},
};

contract_of_single_keys![
    ttl_counts_from_now,
    expire_time_is_taken_as_it_is,
    never_expire_never_expires,
    no_expiry_means_never_when_the_default_ttl_is_0,
    no_expiry_means_the_default_ttl_when_there_is_one,
    set_without_an_expiry_does_not_inherit_one,
    keep_expiry_keeps_the_deadline,
    keep_expiry_keeps_never,
    keep_expiry_on_an_absent_key_is_as_if_none_were_given,
    an_entry_is_there_until_the_millisecond_of_its_deadline,
    a_ttl_is_above_0,
    a_ttl_is_at_most_ttl_max,
    a_ttl_is_well_formed,
    an_expire_time_lies_after_now,
    an_expire_time_is_at_most_ttl_max_ahead,
    an_expire_time_is_well_formed,
    an_expiry_is_never_false,
    a_ttl_is_rounded_up_to_whole_milliseconds,
    an_expire_time_is_rounded_up_to_whole_milliseconds,
    a_refused_expiry_changes_nothing,
    every_call_with_an_expiry_refuses_a_bad_one,
    the_farthest_deadline_comes_too,
];

async fn ttl_counts_from_now(server: Server) {
    let kv = server.start().await;
    kv.advance(7.seconds());
    let stored = kv.set("a", "1").ttl(1500.millis()).await;
    assert_eq!(stored.expire_time, Some(start_plus(8500.millis())));
    assert_eq!(deadline(&kv).await, stored.expire_time);
}

async fn expire_time_is_taken_as_it_is(server: Server) {
    let kv = server.start().await;
    let time = start_plus(1234.millis());
    let stored = kv.set("a", "1").expire_time(time).await;
    assert_eq!(stored.expire_time, Some(time));
    assert_eq!(deadline(&kv).await, Some(time));
}

async fn never_expire_never_expires(server: Server) {
    let kv = server.default_ttl(10.seconds()).start().await;
    let stored = kv.set("a", "1").never_expire().await;
    assert_eq!(stored.expire_time, None);
    kv.advance(1000.years());
    assert_eq!(kv.value("a").await, Some(text("1")));
}

async fn no_expiry_means_never_when_the_default_ttl_is_0(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.set("a", "1").await.expire_time, None);
    assert_eq!(kv.increment("n").await.expire_time, None);
    kv.advance(1000.years());
    assert_eq!(kv.value("a").await, Some(text("1")));
}

async fn no_expiry_means_the_default_ttl_when_there_is_one(server: Server) {
    let kv = server.default_ttl(10.seconds()).start().await;
    let expire_time = Some(start_plus(10.seconds()));
    assert_eq!(kv.set("a", "1").await.expire_time, expire_time);
    assert_eq!(kv.increment("n").await.expire_time, expire_time);
    kv.set("b", "1").never_expire().await;
    let touched = kv.touch("b").await.entry.unwrap();
    assert_eq!(touched.expire_time, expire_time);
    kv.advance(10.seconds());
    assert_eq!(kv.list().keys().await, [""; 0]);
}

async fn set_without_an_expiry_does_not_inherit_one(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    assert_eq!(kv.set("a", "2").await.expire_time, None);
    kv.advance(10.seconds());
    assert_eq!(kv.value("a").await, Some(text("2")));
}

async fn keep_expiry_keeps_the_deadline(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    kv.advance(4.seconds());
    let stored = kv.set("a", "2").keep_expiry().await;
    assert_eq!(stored.expire_time, Some(start_plus(10.seconds())));
    assert_eq!(deadline(&kv).await, Some(start_plus(10.seconds())));
    kv.advance(6.seconds());
    assert_eq!(kv.get("a").await, None);
}

async fn keep_expiry_keeps_never(server: Server) {
    let kv = server.default_ttl(10.seconds()).start().await;
    kv.set("a", "1").never_expire().await;
    assert_eq!(kv.set("a", "2").keep_expiry().await.expire_time, None);
}

async fn keep_expiry_on_an_absent_key_is_as_if_none_were_given(server: Server) {
    let kv = server.default_ttl(10.seconds()).start().await;
    let stored = kv.set("a", "1").keep_expiry().await;
    assert_eq!(stored.expire_time, Some(start_plus(10.seconds())));
    let counted = kv.increment("n").keep_expiry().await;
    assert_eq!(counted.expire_time, Some(start_plus(10.seconds())));
}

async fn an_entry_is_there_until_the_millisecond_of_its_deadline(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(1.millis()).await;
    kv.set("b", "1").ttl(1500.millis()).await;
    kv.set("c", "1")
        .expire_time(start_plus(1501.millis()))
        .await;
    assert_eq!(kv.list().keys().await, ["a", "b", "c"]);
    kv.advance(1.millis());
    assert_eq!(kv.list().keys().await, ["b", "c"]);
    kv.advance(1498.millis());
    assert_eq!(kv.value("b").await, Some(text("1")));
    kv.advance(1.millis());
    assert_eq!(kv.value("b").await, None);
    assert_eq!(kv.value("c").await, Some(text("1")));
    kv.advance(1.millis());
    assert_eq!(kv.value("c").await, None);
}

async fn a_ttl_is_above_0(server: Server) {
    let kv = server.start().await;
    for (seconds, nanos) in [(0, 0), (-1, 0), (0, -1), (-1, -999_999_999), (i64::MIN, 0)] {
        let ttl = Expiry::Ttl(Duration { seconds, nanos });
        kv.set("a", "1").expiry(ttl).invalid("ttl").await;
    }
}

async fn a_ttl_is_at_most_ttl_max(server: Server) {
    let kv = server.start().await;
    let stored = kv.set("a", "1").ttl(100.years()).await;
    assert_eq!(stored.expire_time, Some(start_plus(100.years())), "not cut");
    for above in [
        100.years() + 1.nanos(),
        100.years() + 1.millis(),
        101.years(),
    ] {
        let refusal = kv.set("a", "1").ttl(above).invalid("ttl").await;
        assert!(refusal.message.contains("ttl_max"), "{refusal:?}");
    }
    // The largest that a Duration may say, and the largest that fits.
    for seconds in [315_576_000_000, i64::MAX] {
        let ttl = Expiry::Ttl(Duration { seconds, nanos: 0 });
        kv.set("a", "1").expiry(ttl).invalid("ttl").await;
    }
}

async fn a_ttl_is_well_formed(server: Server) {
    let kv = server.start().await;
    let malformed = [
        (1, -1),
        (-1, 1),
        (1, 1_000_000_000),
        (0, i32::MAX),
        (1, i32::MIN),
    ];
    for (seconds, nanos) in malformed {
        let ttl = Expiry::Ttl(Duration { seconds, nanos });
        kv.set("a", "1").expiry(ttl).invalid("ttl").await;
    }
}

async fn an_expire_time_lies_after_now(server: Server) {
    let kv = server.start().await;
    let field = "expire_time";
    for past in [0.nanos(), 1.nanos(), 1.millis(), 1.seconds(), 100.years()] {
        let time = start_minus(past.min(START.get().millis()));
        kv.set("a", "1").expire_time(time).invalid(field).await;
    }
    let long_ago = Timestamp {
        seconds: -62_135_596_800,
        nanos: 0,
    };
    kv.set("a", "1").expire_time(long_ago).invalid(field).await;
    kv.set("a", "1").expire_time(start_plus(1.nanos())).await;
}

async fn an_expire_time_is_at_most_ttl_max_ahead(server: Server) {
    let kv = server.start().await;
    let time = start_plus(100.years());
    let stored = kv.set("a", "1").expire_time(time).await;
    assert_eq!(stored.expire_time, Some(time), "not cut");
    for above in [100.years() + 1.nanos(), 101.years()] {
        let refused = kv.set("a", "1").expire_time(start_plus(above));
        refused.invalid("expire_time").await;
    }
    // The last moment that a Timestamp may say, and the largest that fits.
    for seconds in [253_402_300_799, i64::MAX] {
        let time = Timestamp { seconds, nanos: 0 };
        let refused = kv.set("a", "1").expire_time(time);
        refused.invalid("expire_time").await;
    }
}

async fn an_expire_time_is_well_formed(server: Server) {
    let kv = server.start().await;
    let seconds = start_plus(10.seconds()).seconds;
    for nanos in [-1, 1_000_000_000, i32::MIN, i32::MAX] {
        let time = Timestamp { seconds, nanos };
        let refused = kv.set("a", "1").expire_time(time);
        refused.invalid("expire_time").await;
    }
}

async fn an_expiry_is_never_false(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    let (never, keep) = (Expiry::Never(false), Expiry::Keep(false));
    kv.set("a", 2).expiry(never).invalid("never_expire").await;
    kv.set("a", 2).expiry(keep).invalid("keep_expiry").await;
    kv.touch("a").expiry(never).invalid("never_expire").await;
    let counter = || kv.increment("a");
    counter().expiry(never).invalid("never_expire").await;
    counter().expiry(keep).invalid("keep_expiry").await;
}

async fn a_ttl_is_rounded_up_to_whole_milliseconds(server: Server) {
    let kv = server.start().await;
    let rounded = [
        (1.nanos(), 1.millis()),
        (999_999.nanos(), 1.millis()),
        (1_000_000.nanos(), 1.millis()),
        (1_000_001.nanos(), 2.millis()),
        (1_999_000_001.nanos(), 2000.millis()),
    ];
    for (ttl, millis) in rounded {
        let stored = kv.set("a", "1").ttl(ttl).await;
        assert_eq!(stored.expire_time, Some(start_plus(millis)), "{ttl:?}");
    }
}

async fn an_expire_time_is_rounded_up_to_whole_milliseconds(server: Server) {
    let kv = server.start().await;
    let rounded = [
        (1.nanos(), 1.millis()),
        (1_000_000.nanos(), 1.millis()),
        (1_000_001.nanos(), 2.millis()),
        (999_999_999.nanos(), 1000.millis()),
    ];
    for (ahead, millis) in rounded {
        let stored = kv.set("a", "1").expire_time(start_plus(ahead)).await;
        assert_eq!(stored.expire_time, Some(start_plus(millis)), "{ahead:?}");
    }
}

async fn a_refused_expiry_changes_nothing(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).ttl(10.seconds()).await;
    let before = kv.get("a").await;
    kv.set("a", 2).ttl(0.seconds()).invalid("ttl").await;
    kv.touch("a").ttl(0.seconds()).invalid("ttl").await;
    kv.increment("a").ttl(0.seconds()).invalid("ttl").await;
    assert_eq!(kv.get("a").await, before);
}

async fn every_call_with_an_expiry_refuses_a_bad_one(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    let malformed = Expiry::Ttl(Duration {
        seconds: 1,
        nanos: -1,
    });
    for bad in [malformed, Expiry::ExpireTime(start_plus(0.nanos()))] {
        let code = Code::InvalidArgument;
        kv.set("a", 2).expiry(bad).refused(code).await;
        kv.touch("a").expiry(bad).refused(code).await;
        kv.increment("a").expiry(bad).refused(code).await;
        kv.increment("n").expiry(bad).refused(code).await;
    }
    assert_eq!(kv.get("n").await, None);
}

async fn the_farthest_deadline_comes_too(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(100.years()).await;
    let before = kv.version().await;
    kv.advance(99.years());
    kv.advance(364.days());
    kv.advance(86_399_999.millis());
    assert_eq!(kv.value("a").await, Some(text("1")));
    kv.advance(1.millis());
    assert_eq!(kv.value("a").await, None);
    kv.advance(1.seconds());
    kv.until_version(before + 1).await;
}

async fn deadline(kv: &Kv) -> Option<Timestamp> {
    kv.get("a").await.unwrap().expire_time
}
