//! Who changed what, in the log of the built program.

use nanokv::{
    client::{operation, range::Range},
    proto,
};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    authority::Folder,
    http1::Http1,
    people::{Person, Stubs, client, file},
    program::{Program, Server, eventually},
};

const ADA: Person<'static> = Person("ada", &[("a/", "read write"), ("", "read")]);

/// The lines about changes: who, by which call and method, what is shown of the
/// key, and the code.
async fn told(server: Server) -> Vec<[String; 5]> {
    server.signal(Signal::TERM);
    let (_, log) = server.ended().await;
    for secret in ["v4lue", "k3y"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let changes = lines.filter(|line: &Value| line["target"] == "audit");
    changes
        .map(|line| {
            assert_eq!(line["level"], "INFO");
            assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
            let done = line["code"] == "Ok" && line["method"] != "Touch";
            assert_eq!(line["version"].is_i64(), done, "{line}");
            ["identity", "call", "method", "prefix", "code"]
                .map(|name| line[name].as_str().unwrap_or("-").to_owned())
        })
        .collect()
}

#[tokio::test]
async fn each_change_is_told_with_who_where_and_how_it_came_out() {
    let folder = Folder::new();
    let arguments = ["--audit", "--log-level", "warn", "--drain-grace-ms", "0"];
    let people = file(&[ADA]);
    let server = serve_quietly(&folder, &people, &arguments).await;
    let kv = client(&server, "ada");
    kv.set("a/k3y", "v4lue").await.unwrap();
    kv.get("a/k3y").await.unwrap();
    kv.set("a/k3y", "v4lue").if_absent().await.unwrap_err();
    kv.set("other/k3y", "v4lue").await.unwrap_err();
    kv.increment("a/n").await.unwrap();
    kv.touch("a/n").await.unwrap();
    kv.batch()
        .then(operation::delete("a/k3y"))
        .then(operation::get("a/k3y"))
        .then(operation::set("b/k3y", "v4lue"))
        .await
        .unwrap();
    let transact = kv.transact().check_absent("a/n");
    let transact = transact.then(operation::set("a/k3y", "v4lue"));
    transact.await.unwrap_err();
    let pipeline = kv.pipeline().await.unwrap();
    let list = vec![operation::set("a/k3y", "v4lue")];
    pipeline.send(list).await.unwrap().await.unwrap();
    kv.delete_range(Range::prefix("a/k")).await.unwrap();
    let http = &mut Http1::connect(server.address()).await;
    let headers = [
        ("authorization", "Bearer ada"),
        ("content-type", "text/plain"),
    ];
    let path = "/v1/entries/a%2Fk3y";
    assert_eq!(http.ask("PUT", path, &headers, b"v4lue").await.status, 200);

    let expected = [
        ["Set", "Set", "a/", "Ok"],
        ["Set", "Set", "a/", "AlreadyExists"],
        ["Set", "Set", "othe", "PermissionDenied"],
        ["Increment", "Increment", "a/", "Ok"],
        ["Touch", "Touch", "a/", "Ok"],
        ["Batch", "Delete", "a/", "Ok"],
        ["Batch", "Set", "b/", "PermissionDenied"],
        ["Transact", "Set", "a/", "Aborted"],
        ["Pipeline", "Set", "a/", "Ok"],
        ["DeleteRange", "DeleteRange", "a/", "Ok"],
        ["Set", "Set", "a/", "Ok"],
    ];
    let expected = expected.map(|[call, method, prefix, code]| ["ada", call, method, prefix, code]);
    assert_eq!(told(server).await, expected);
}

/// Its log says no more than what is looked for.
async fn serve_quietly(folder: &Folder, people: &str, arguments: &[&str]) -> Server {
    let path = folder.write("identities.toml", people);
    let server = Program::new(&[&["--identities", &path], arguments].concat()).serve();
    let opened = async || client(&server, "ada").describe().await.is_ok();
    eventually("the store to be open", opened).await;
    server
}

#[tokio::test]
async fn who_is_not_asked_who_they_are_is_told_by_address_and_nothing_unless_asked() {
    for (arguments, expected) in [
        (&["--drain-grace-ms", "0", "--audit"][..], 1),
        (&["--drain-grace-ms", "0"], 0),
    ] {
        let server = Program::new(arguments).serve();
        server.logged("ready").await;
        let mut stubs = Stubs::new(&server.channel().await, None);
        let request = proto::DeleteRequest {
            key: "sixteen-bytes-is-all-that-is-shown-k3y".to_owned(),
            ..Default::default()
        };
        stubs.kv.delete(request).await.unwrap();
        drop(stubs);
        server.signal(Signal::TERM);
        let (_, log) = server.ended().await;
        assert_eq!(
            log.matches("\"target\":\"audit\"").count(),
            expected,
            "{log}"
        );
        let shown = "\"prefix\":\"sixteen-bytes-is\"";
        assert_eq!(log.matches(shown).count(), expected, "{log}");
    }
}
