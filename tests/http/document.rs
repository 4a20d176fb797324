//! The `OpenAPI` document beside the server that gives it.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::{http1::Http1, serving::server::Server};

#[tokio::test]
async fn the_document_tells_of_every_path_and_method_and_of_nothing_else() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let answer = client.ask("GET", "/openapi.json", &[], b"").await;
    assert_eq!(answer.text(), checked_in());
    let document = answer.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{key}", "k");
        // Posted, since a verb is one only where something is.
        let told = client.ask("OPTIONS", &path, &[], b"").await;
        let posted = client
            .ask("POST", &path, &[("content-type", "x/x")], b"")
            .await;
        let allow = match posted.headers.get("allow") {
            Some(allow) => allow.to_str().unwrap().to_owned(),
            None => "POST".to_owned(),
        };
        let mut taken: BTreeSet<_> = allow.split(", ").map(str::to_lowercase).collect();
        taken.remove("options");
        if !path.contains("/k") {
            // Of what only tells, HEAD goes without saying.
            taken.remove("head");
        }
        let written: BTreeSet<_> = methods.as_object().unwrap().keys().cloned().collect();
        assert_eq!(taken, written, "{path}");
        assert_eq!(told.status, 204, "{path}");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), 11);
}

#[test]
fn the_document_says_nothing_twice() {
    serde_json::from_str::<Unique>(&checked_in()).unwrap();
    let twice = serde_json::from_str::<Unique>(r#"{"a":[{"b":1,"c":{},"b":2}]}"#);
    assert!(twice.unwrap_err().to_string().starts_with("`b` twice"));
}

fn checked_in() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/openapi.json");
    std::fs::read_to_string(path).unwrap()
}

/// JSON in which no object names a member twice: of two, readers keep either.
#[derive(Debug)]
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, Self)) = map.next_entry::<String, Self>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("`{name}` twice")));
            }
            names.insert(name);
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while let Some(Self) = seq.next_element()? {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
}
