//! Every rpc, asked for by everybody: what each of them is answered.

use std::{collections::BTreeSet, fmt::Write, pin::Pin};

use nanokv::proto::{self, FILE_DESCRIPTOR_SET, operation::Kind, operation_result};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, Response, Status};

use crate::{
    authority::Folder,
    people::{Person, Stubs, file, serve},
};

/// Who asks, and what they may below which prefix.
const PEOPLE: [Person<'static>; 7] = [
    Person("nothing", &[]),
    Person("admin", &[("", "admin")]),
    Person("elsewhere", &[("b", "read write")]),
    Person("reader", &[("a/", "read")]),
    Person("writer", &[("a/", "write")]),
    Person("both", &[("a/", "read write")]),
    Person("all", &[("", "read write")]),
];

/// Who may do something.
#[derive(Clone, Copy)]
enum May {
    Read,
    Write,
    Both,
    All,
    Admin,
    Known,
}

pub(crate) type Asking = Pin<Box<dyn Future<Output = Code>>>;

/// One thing to ask for.
pub(crate) struct Asked {
    what: &'static str,
    may: May,
    pub(crate) ask: fn(Stubs, String) -> Asking,
}

macro_rules! asked {
    ($what:literal, $may:ident, |$stubs:ident, $key:ident| $ask:expr) => {
        Asked {
            what: $what,
            may: May::$may,
            ask: |mut $stubs, $key| Box::pin(async move { $ask }),
        }
    };
}

impl May {
    fn lets(self, person: &str) -> bool {
        match self {
            Self::Read => ["reader", "both", "all"].contains(&person),
            Self::Write => ["writer", "both", "all"].contains(&person),
            Self::Both => ["both", "all"].contains(&person),
            Self::All => person == "all",
            Self::Admin => person == "admin",
            Self::Known => true,
        }
    }
}

/// What is asked of an rpc of the contract. One that is not here fails the test.
#[expect(clippy::too_many_lines, reason = "one table, a row an rpc")]
pub(crate) fn of(rpc: &str) -> Vec<Asked> {
    match rpc {
        "KvService/Get" => vec![asked!("", Read, |it, key| code(it.kv.get(get(key)).await))],
        "KvService/Set" => vec![
            asked!("", Write, |it, key| code(it.kv.set(set(key)).await)),
            asked!("previous", Both, |it, key| {
                let request = proto::SetRequest {
                    return_previous: true,
                    ..set(key)
                };
                code(it.kv.set(request).await)
            }),
        ],
        "KvService/Delete" => vec![
            asked!("", Write, |it, key| code(it.kv.delete(delete(key)).await)),
            asked!("previous", Both, |it, key| {
                let request = proto::DeleteRequest {
                    return_previous: true,
                    ..delete(key)
                };
                code(it.kv.delete(request).await)
            }),
        ],
        "KvService/Increment" => vec![asked!("", Both, |it, key| code(
            it.kv.increment(increment(key)).await
        ))],
        "KvService/Touch" => vec![
            asked!("", Both, |it, key| code(it.kv.touch(touch(key)).await)),
            asked!("omit_value", Write, |it, key| {
                let request = proto::TouchRequest {
                    omit_value: true,
                    ..touch(key)
                };
                code(it.kv.touch(request).await)
            }),
        ],
        "KvService/Batch" => vec![
            asked!("get", Read, |it, key| listed(&mut it, Kind::Get(get(key)))
                .await),
            asked!("set", Write, |it, key| listed(&mut it, Kind::Set(set(key)))
                .await),
            asked!("delete", Write, |it, key| listed(
                &mut it,
                Kind::Delete(delete(key))
            )
            .await),
            asked!("increment", Both, |it, key| listed(
                &mut it,
                Kind::Increment(increment(key))
            )
            .await),
            asked!("touch", Both, |it, key| listed(
                &mut it,
                Kind::Touch(touch(key))
            )
            .await),
        ],
        "KvService/Transact" => vec![
            asked!("check", Read, |it, key| {
                let check = proto::Check {
                    key,
                    condition: Some(proto::Condition {
                        kind: Some(proto::condition::Kind::Version(1)),
                    }),
                };
                let request = proto::TransactRequest {
                    checks: vec![check],
                    ..Default::default()
                };
                code(it.kv.transact(request).await)
            }),
            asked!("set", Write, |it, key| code(
                it.kv.transact(transact(Kind::Set(set(key)))).await
            )),
            asked!("get", Read, |it, key| code(
                it.kv.transact(transact(Kind::Get(get(key)))).await
            )),
        ],
        "KvService/List" => vec![
            asked!("prefix", Read, |it, key| code(
                it.kv.list(list(prefix(&key))).await
            )),
            asked!("start, end", Read, |it, key| code(
                it.kv.list(list(between(&key))).await
            )),
            asked!("too wide", All, |it, _key| code(
                it.kv.list(list(wide())).await
            )),
        ],
        "KvService/DeleteRange" => vec![
            asked!("prefix", Write, |it, key| code(
                it.kv.delete_range(delete_range(prefix(&key))).await
            )),
            asked!("too wide", All, |it, _key| code(
                it.kv.delete_range(delete_range(wide())).await
            )),
        ],
        "KvService/Watch" => vec![
            asked!("prefix", Read, |it, key| code(
                it.kv.watch(watch(vec![prefix(&key)])).await
            )),
            asked!("one too wide", All, |it, key| code(
                it.kv.watch(watch(vec![prefix(&key), wide()])).await
            )),
        ],
        "KvService/Pipeline" => vec![
            asked!("get", Read, |it, key| piped(&mut it, Kind::Get(get(key)))
                .await),
            asked!("set", Write, |it, key| piped(&mut it, Kind::Set(set(key)))
                .await),
            asked!("increment", Both, |it, key| piped(
                &mut it,
                Kind::Increment(increment(key))
            )
            .await),
        ],
        "AdminService/Describe" => vec![asked!("", Known, |it, _key| code(
            it.admin.describe(proto::DescribeRequest {}).await
        ))],
        "AdminService/Backup" => vec![asked!("", Admin, |it, _key| code(
            it.admin.backup(proto::BackupRequest {}).await
        ))],
        other => panic!("{other} is not in the matrix: say who may do what by it"),
    }
}

#[tokio::test]
async fn every_rpc_is_answered_by_what_the_caller_may() {
    let folder = Folder::new();
    let server = serve(&folder, &file(&PEOPLE), &[]).await;
    let channel = server.channel().await;
    let mut all = Stubs::new(&channel, Some("all"));
    let names: Vec<_> = PEOPLE.iter().map(|Person(name, _)| *name).collect();
    let mut table = format!("| rpc | nobody | {} |\n", names.join(" | "));
    for rpc in rpcs() {
        for asked in of(&rpc) {
            let what = format!("{rpc} {}", asked.what);
            let nobody = (asked.ask)(Stubs::new(&channel, None), "a/there".into()).await;
            assert_eq!(nobody, Code::Unauthenticated, "{what}");
            let _ = write!(table, "| {what} | {nobody:?} |");
            for name in &names {
                let mut answers = BTreeSet::new();
                // What is there makes no difference to a refusal.
                for key in ["a/there", "a/absent"] {
                    all.kv.set(set("a/there".into())).await.unwrap();
                    let stubs = Stubs::new(&channel, Some(name));
                    let answer = (asked.ask)(stubs, key.into()).await;
                    let denied = answer == Code::PermissionDenied;
                    let may = asked.may.lets(name);
                    assert_eq!(!denied, may, "{what} by {name} on {key}: {answer:?}");
                    answers.insert(if denied { "no" } else { "yes" });
                }
                assert_eq!(answers.len(), 1, "{what} by {name}");
                let _ = write!(table, " {} |", answers.first().unwrap());
            }
            table.push('\n');
        }
    }
    println!("{table}");
}

/// Every rpc of the contract, from its descriptor.
pub(crate) fn rpcs() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.iter().filter(|file| file.package() == "nanokv.v1");
    let services = files.flat_map(|file| &file.service);
    let rpcs: BTreeSet<String> = services
        .flat_map(|service| {
            let methods = service.method.iter();
            methods.map(|method| format!("{}/{}", service.name(), method.name()))
        })
        .collect();
    assert!(rpcs.len() >= 12, "{rpcs:?}");
    rpcs
}

fn code<T>(answer: Result<Response<T>, Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

async fn listed(stubs: &mut Stubs, kind: Kind) -> Code {
    // One beside it that everybody may, or nobody: it fails its own slot alone.
    let request = proto::BatchRequest {
        operations: vec![operation(kind)],
    };
    match stubs.kv.batch(request).await {
        Ok(response) => slot(response.into_inner().results.first()),
        Err(status) => status.code(),
    }
}

async fn piped(stubs: &mut Stubs, kind: Kind) -> Code {
    let request = proto::PipelineRequest {
        id: 1,
        operations: vec![operation(kind)],
    };
    let answers = stubs.kv.pipeline(tokio_stream::once(request)).await;
    let mut answers = match answers {
        Ok(answers) => answers.into_inner(),
        Err(status) => return status.code(),
    };
    match answers.message().await {
        Ok(answer) => slot(answer.unwrap().results.first()),
        Err(status) => status.code(),
    }
}

fn slot(result: Option<&proto::OperationResult>) -> Code {
    match result.unwrap().kind.as_ref().unwrap() {
        operation_result::Kind::Failure(failure) => Code::from(failure.code),
        _ => Code::Ok,
    }
}

fn get(key: String) -> proto::GetRequest {
    proto::GetRequest {
        key,
        omit_value: false,
    }
}

fn set(key: String) -> proto::SetRequest {
    proto::SetRequest {
        key,
        value: Some(proto::Value {
            kind: Some(proto::value::Kind::Number(1)),
        }),
        ..Default::default()
    }
}

fn delete(key: String) -> proto::DeleteRequest {
    proto::DeleteRequest {
        key,
        ..Default::default()
    }
}

fn increment(key: String) -> proto::IncrementRequest {
    proto::IncrementRequest {
        key,
        ..Default::default()
    }
}

fn touch(key: String) -> proto::TouchRequest {
    proto::TouchRequest {
        key,
        ..Default::default()
    }
}

fn operation(kind: Kind) -> proto::Operation {
    proto::Operation { kind: Some(kind) }
}

fn transact(kind: Kind) -> proto::TransactRequest {
    proto::TransactRequest {
        operations: vec![operation(kind)],
        ..Default::default()
    }
}

fn prefix(key: &str) -> proto::Range {
    proto::Range {
        prefix: key.to_owned(),
        ..Default::default()
    }
}

fn between(key: &str) -> proto::Range {
    proto::Range {
        start: key.to_owned(),
        end: "a0".to_owned(),
        ..Default::default()
    }
}

/// Begins with what is granted to all who may read below a/, and goes on.
fn wide() -> proto::Range {
    proto::Range {
        start: "a/".to_owned(),
        end: "b".to_owned(),
        ..Default::default()
    }
}

fn list(range: proto::Range) -> proto::ListRequest {
    proto::ListRequest {
        range: Some(range),
        ..Default::default()
    }
}

fn delete_range(range: proto::Range) -> proto::DeleteRangeRequest {
    proto::DeleteRangeRequest {
        range: Some(range),
        ..Default::default()
    }
}

fn watch(ranges: Vec<proto::Range>) -> proto::WatchRequest {
    proto::WatchRequest {
        ranges,
        ..Default::default()
    }
}
