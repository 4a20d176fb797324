//! Tokens and certificates of people: wrong, expired, revoked, reloaded.

use std::{collections::BTreeMap, fs};

use nanokv::{
    client::{credentials::Credentials, error::Error, operation, range::Range, reason::Reason},
    proto,
};
use rcgen::{SanType, string::Ia5String};
use tonic::Code;

use crate::{
    authority::{Authority, Folder},
    people::{Person, Stubs, client, file, hex, rewrite, serve},
    program::{Program, written},
    tls,
};

const ADA: Person<'static> = Person("ada", &[("a/", "read write")]);

fn reason(answer: Result<impl Sized, Error>) -> Option<Reason> {
    answer.err().and_then(|error| error.reason().cloned())
}

#[tokio::test]
async fn wrong_and_expired_tokens_are_told_apart_and_health_needs_none() {
    let folder = Folder::new();
    let old = format!(
        "[[identity]]\nname = \"old\"\n[[identity.token]]\nsha256 = \"{}\"\n\
         expire_time = 2001-01-01T00:00:00Z\n",
        hex("old")
    );
    let server = serve(&folder, &(file(&[ADA]) + &old), &[]).await;
    client(&server, "ada").set("a/1", "x").await.unwrap();
    for (token, expected) in [
        ("adA", Reason::CredentialsInvalid),
        ("", Reason::CredentialsInvalid),
        ("old", Reason::CredentialsExpired),
    ] {
        assert_eq!(
            reason(client(&server, token).get("a/1").await),
            Some(expected)
        );
    }
    let health = ["health", "--address", &server.address().to_string()];
    assert_eq!(Program::new(&health).output().status.code(), Some(0));
    assert!(
        !server.log().contains(&hex("ada")),
        "nothing secret is logged"
    );
}

#[tokio::test]
async fn a_prefix_ends_where_it_says_for_keys_lists_and_watches() {
    let folder = Folder::new();
    let people = [
        Person("ab", &[("ab", "read write")]),
        Person("exact", &[("abc", "read write")]),
        Person("every", &[("", "read write")]),
        Person("none", &[]),
    ];
    let server = serve(&folder, &file(&people), &[]).await;
    for (person, key, may) in [
        ("ab", "a", false),
        ("ab", "ab", true),
        ("ab", "abc", true),
        ("ab", "ac", false),
        ("ab", "Ab", false),
        ("exact", "ab", false),
        ("exact", "abc", true),
        ("exact", "abcd", true),
        ("every", "a", true),
        ("none", "a", false),
    ] {
        let kv = client(&server, person);
        let denied = |answer: Result<(), Error>| reason(answer) == Some(Reason::PermissionDenied);
        let what = format!("{person} {key}");
        assert_eq!(!denied(kv.set(key, "x").await.map(drop)), may, "{what}");
        assert_eq!(!denied(kv.get(key).await.map(drop)), may, "{what}");
        let listed = kv.list(Range::prefix(key));
        let listed = listed.page_size(1).await.map(drop);
        assert_eq!(!denied(listed), may, "a list of {what}");
        let watch = kv.watch(Range::prefix(key)).await.map(drop);
        assert_eq!(!denied(watch), may, "a watch of {what}");
    }
}

#[tokio::test]
async fn one_connection_carries_calls_of_several() {
    let folder = Folder::new();
    let bob = Person("bob", &[("b/", "read write")]);
    let server = serve(&folder, &file(&[ADA, bob]), &[]).await;
    let channel = server.channel().await;
    let get = |key: &str| proto::GetRequest {
        key: key.to_owned(),
        omit_value: false,
    };
    for _ in 0..3 {
        for (token, key, may) in [
            ("ada", "a/1", true),
            ("bob", "a/1", false),
            ("bob", "b/1", true),
            ("ada", "b/1", false),
        ] {
            let answer = Stubs::new(&channel, Some(token)).kv.get(get(key)).await;
            assert_eq!(answer.is_ok(), may, "{token} {key}");
        }
    }
}

#[tokio::test]
async fn what_one_may_not_fails_its_own_slot_in_a_list_and_all_of_a_transaction() {
    let folder = Folder::new();
    let server = serve(&folder, &file(&[ADA]), &[]).await;
    let kv = client(&server, "ada");
    let answers = kv
        .batch()
        .then(operation::set("a/1", "x"))
        .then(operation::set("b/1", "x"))
        .then(operation::get("a/1"))
        .await
        .unwrap();
    let refused: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(Error::code))
        .collect();
    assert_eq!(refused, [None, Some(Code::PermissionDenied), None]);
    let transact = kv.transact().check_absent("b/1");
    let error = transact.then(operation::set("a/2", "x")).await.unwrap_err();
    assert_eq!(error.metadata("check_index"), Some("0"));
    assert_eq!(kv.get("a/2").await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_changes_holds_for_the_next_call_and_a_wrong_one_does_not() {
    let folder = Folder::new();
    let server = serve(&folder, &file(&[ADA]), &[]).await;
    let kv = client(&server, "ada");
    kv.set("a/1", "x").await.unwrap();
    rewrite(&folder, &server, &file(&[Person("ada", &[("a/", "read")])])).await;
    assert_eq!(
        reason(kv.set("a/1", "y").await),
        Some(Reason::PermissionDenied)
    );
    kv.get("a/1").await.unwrap();

    folder.write("identities.toml", "[[identity]]\nnam = \"x\"\n");
    server.logged("identities not renewed").await;
    kv.get("a/1").await.unwrap();

    rewrite(&folder, &server, &file(&[Person("bob", &[])])).await;
    assert_eq!(
        reason(kv.get("a/1").await),
        Some(Reason::CredentialsInvalid)
    );
    rewrite(&folder, &server, &file(&[ADA])).await;
    kv.set("a/1", "z").await.unwrap();
}

#[tokio::test]
async fn a_watch_ends_when_its_right_is_taken_away_and_a_pipeline_when_its_caller_is() {
    let folder = Folder::new();
    let bob = || Person("bob", &[("a/", "read")]);
    let server = serve(&folder, &file(&[ADA, bob()]), &[]).await;
    let (ada, bob_kv) = (client(&server, "ada"), client(&server, "bob"));
    let mut losing = ada.watch(Range::prefix("a/")).await.unwrap();
    let mut keeping = bob_kv.watch(Range::prefix("a/")).await.unwrap();
    let pipeline = bob_kv.pipeline().await.unwrap();
    let list = || vec![operation::get("a/1")];
    pipeline.send(list()).await.unwrap().await.unwrap();

    rewrite(
        &folder,
        &server,
        &file(&[Person("ada", &[("a/", "write")]), bob()]),
    )
    .await;
    let error = losing.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::PermissionDenied), "{error}");
    assert!(error.metadata("resume_version").is_some());
    ada.set("a/1", "x").await.unwrap();
    keeping.next().await.unwrap().unwrap();
    pipeline.send(list()).await.unwrap().await.unwrap();

    rewrite(&folder, &server, &file(&[ADA])).await;
    let error = keeping.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::CredentialsInvalid), "{error}");
    let answer = match pipeline.send(list()).await {
        Ok(answer) => answer.await.map(drop),
        Err(error) => Err(error),
    };
    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn people_are_known_by_their_certificates() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let identities = folder.write(
        "identities.toml",
        "[[identity]]\nname = \"orders\"\ncertificates = [\"orders\", \"spiffe://x/orders\"]\n\
         [[identity.grant]]\nprefix = \"a\"\nrights = [\"read\"]\n",
    );
    let mut arguments = folder.tls(&authority.server());
    let ca = folder.write("ca.pem", authority.pem());
    arguments.extend(["--tls-client-ca", &ca, "--identities", &identities].map(str::to_owned));
    let server = tls::serve(&arguments).await;
    let uri = SanType::URI(Ia5String::try_from("spiffe://x/orders").unwrap());
    for known in [
        authority.client("orders", Vec::new()),
        authority.client("somebody", vec![uri.clone()]),
    ] {
        tls::get(&server, known.trusting(&authority)).await.unwrap();
    }
    let dns = SanType::DnsName(Ia5String::try_from("payments").unwrap());
    for unknown in [
        authority.client("payments", Vec::new()),
        // What stands beside alternative names does not count.
        authority.client("orders", vec![dns]),
    ] {
        let answer = tls::get(&server, unknown.trusting(&authority)).await;
        assert_eq!(reason(answer), Some(Reason::CredentialsInvalid));
    }
}

#[tokio::test]
async fn who_fails_too_often_waits_and_who_is_known_does_not() {
    let folder = Folder::new();
    let arguments = ["--failed-logins-per-minute-max", "5"];
    let server = serve(&folder, &file(&[ADA]), &arguments).await;
    let known = client(&server, "ada");
    known.get("a/1").await.unwrap();
    let stranger = client(&server, "guess");
    for _ in 0..5 {
        let answer = stranger.get("a/1").await;
        assert_eq!(reason(answer), Some(Reason::CredentialsInvalid));
    }
    let error = stranger.get("a/1").await.unwrap_err();
    assert_eq!(
        error.reason(),
        Some(&Reason::TooManyFailedLogins),
        "{error}"
    );
    known.get("a/1").await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_made_lets_in_whom_its_lines_say() {
    let folder = Folder::new();
    let out = folder.path("orders.token");
    let arguments = [
        "token",
        "--name",
        "orders",
        "--prefix",
        "a/",
        "--expires-in",
        "1d",
    ];
    let make = || Program::new(&[&arguments[..], &["--out", out.to_str().unwrap()]].concat());
    let output = make().output();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (lines, _) = written(&output);
    let token = fs::read_to_string(&out).unwrap();
    assert!(token.starts_with("nanokv_") && token.len() > 40, "{token}");
    assert!(!lines.contains(token.trim()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&out).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let again = make().output();
    assert_eq!(again.status.code(), Some(1), "it is never written over");

    let server = serve(&folder, &lines, &[]).await;
    let address = server.address().to_string();
    let asked = ["--address", &address, "--token-file", out.to_str().unwrap()];
    for (command, code) in [(["set", "a/1", "x"], 0), (["set", "b/1", "x"], 1)] {
        let output = Program::new(&[&command[..], &asked].concat()).output();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    let credentials = Credentials::default().token_file(&out).unwrap();
    assert_eq!(
        reason(tls::get(&server, credentials).await),
        Some(Reason::PermissionDenied)
    );
}

#[test]
fn no_token_is_made_that_would_be_of_no_use() {
    let folder = Folder::new();
    let out = folder.path("a.token");
    for (arguments, told) in [
        (
            ["--name", "two words", "--prefix", "a/"],
            "a name has 1 to 128",
        ),
        (
            ["--name", "a", "--expires-in", "9000y"],
            "--expires-in: not beyond",
        ),
        (
            ["--name", "a", "--rights", "admin"],
            "--rights: on which keys?",
        ),
    ] {
        let made = ["token", "--out", out.to_str().unwrap()];
        let output = Program::new(&[&made[..], &arguments].concat()).output();
        let (lines, error) = written(&output);
        assert_eq!((output.status.code(), &*lines), (Some(2), ""), "{error}");
        assert!(error.contains(told), "{error}");
        assert!(!out.exists());
    }
}

#[tokio::test]
async fn a_load_says_who_calls() {
    let folder = Folder::new();
    let server = serve(&folder, &file(&[ADA]), &[]).await;
    let address = server.address().to_string();
    let token = folder.write("ada.token", "ada\n");
    let asked = ["bench", "--address", &address, "--count", "9", "--json"];
    let told = ["--token-file", &token];
    for shape in [&[][..], &["--batch", "1"], &["--pipeline", "1"]] {
        for (who, prefix, reason) in [
            (&told[..], "a/", None),
            (&told[..], "b/", Some("PERMISSION_DENIED")),
            (&[], "a/", Some("CREDENTIALS_MISSING")),
        ] {
            let keys = ["--key-prefix", prefix, "--warm-up", "0s", "--mix", "set"];
            let output = Program::new(&[&asked, who, &keys, shape].concat()).output();
            let (report, _) = written(&output);
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            let failed = reason.map_or_else(Default::default, |reason| vec![(reason, 9)]);
            let failed: BTreeMap<_, _> = failed.into_iter().collect();
            assert_eq!(report["failed"], serde_json::json!(failed), "{output:?}");
        }
    }
}

#[tokio::test]
async fn listening_beyond_loopback_in_the_open_is_told_aloud() {
    let folder = Folder::new();
    let identities = folder.write("identities.toml", file(&[ADA]));
    for (arguments, tls, people) in [
        (&["--listen", "127.0.0.1:0"][..], false, false),
        (&["--listen", "0.0.0.0:0"], true, true),
        (
            &["--listen", "0.0.0.0:0", "--identities", &identities],
            true,
            false,
        ),
    ] {
        let server = Program::new(arguments)
            .variable("NANOKV_LISTEN", "127.0.0.1:0")
            .serve();
        server.logged("ready").await;
        let log = server.log();
        assert_eq!(log.contains("NO TLS beyond loopback"), tls, "{log}");
        assert_eq!(
            log.contains("NO IDENTITIES beyond loopback"),
            people,
            "{log}"
        );
    }
}
