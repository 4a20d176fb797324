//! The operations of a load, one after another.

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    load::{
        config::Config,
        keys::{Draw, Keys},
        mix::{Kind, Mix},
    },
    proto::{self as pb, operation},
};

/// Draws operations.
#[derive(Clone, Debug)]
pub(super) struct Source {
    mix: Mix,
    keys: Keys,
    draw: Draw,
    value: Bytes,
    value_bytes: (usize, usize),
    ttl: Option<prost_types::Duration>,
    page_entries: i32,
    random: SmallRng,
}

/// A request of one answer.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// One of the operations that a list may have too.
    Operation(operation::Kind),
    /// A page.
    List(pb::ListRequest),
    /// A list of operations.
    Batch(Vec<pb::Operation>),
}

impl Source {
    /// The operations of one of the streams.
    ///
    /// # Errors
    /// Of what nothing can be drawn.
    pub(super) fn new(config: &Config, stream: u64) -> Result<Self, String> {
        let mut random = SmallRng::seed_from_u64(config.seed.wrapping_add(stream));
        let (least, most) = (*config.value_bytes.start(), *config.value_bytes.end());
        let letters = (0..most).map(|_| random.random_range(b'a'..=b'z'));
        let ttl = config.ttl.map(prost_types::Duration::try_from).transpose();
        Ok(Self {
            mix: config.mix.clone(),
            keys: config.keys.clone(),
            draw: config.keys.draw()?,
            value: letters.collect(),
            value_bytes: (least, most),
            ttl: ttl.map_err(|error| format!("--ttl: {error}"))?,
            page_entries: config.page_entries,
            random,
        })
    }

    /// The next call: which operation it is, and the request.
    pub(super) fn call(&mut self) -> (Kind, Request) {
        let kind = self.mix.draw(&mut self.random);
        let request = match kind {
            Kind::List => Request::List(self.list()),
            kind => Request::Operation(self.operation_of(kind)),
        };
        (kind, request)
    }

    /// The operations of the next list.
    pub(super) fn operations(&mut self, count: usize) -> Vec<pb::Operation> {
        let operations = (0..count).map(|_| {
            let kind = self.mix.draw(&mut self.random);
            Some(self.operation_of(kind))
        });
        operations.map(|kind| pb::Operation { kind }).collect()
    }

    /// Stores one key.
    pub(super) fn set(&mut self, number: u64) -> pb::Operation {
        let set = self.set_of(self.keys.name(number));
        let kind = Some(operation::Kind::Set(set));
        pb::Operation { kind }
    }

    fn operation_of(&mut self, kind: Kind) -> operation::Kind {
        let number = self.draw.number(&mut self.random);
        match kind {
            Kind::Increment => operation::Kind::Increment(pb::IncrementRequest {
                key: self.keys.counter(number),
                expiry: self.ttl.map(pb::increment_request::Expiry::Ttl),
                ..pb::IncrementRequest::default()
            }),
            Kind::Set => operation::Kind::Set(self.set_of(self.keys.name(number))),
            Kind::Delete => operation::Kind::Delete(pb::DeleteRequest {
                key: self.keys.name(number),
                ..pb::DeleteRequest::default()
            }),
            Kind::Touch => operation::Kind::Touch(pb::TouchRequest {
                key: self.keys.name(number),
                expiry: self.ttl.map(pb::touch_request::Expiry::Ttl),
                omit_value: true,
                ..pb::TouchRequest::default()
            }),
            Kind::Get | Kind::List => operation::Kind::Get(pb::GetRequest {
                key: self.keys.name(number),
                omit_value: false,
            }),
        }
    }

    fn set_of(&mut self, key: String) -> pb::SetRequest {
        let (least, most) = self.value_bytes;
        let bytes = if least == most {
            most
        } else {
            self.random.random_range(least..=most)
        };
        pb::SetRequest {
            key,
            value: Some(pb::Value {
                kind: Some(pb::value::Kind::Data(self.value.slice(..bytes))),
            }),
            expiry: self.ttl.map(pb::set_request::Expiry::Ttl),
            ..pb::SetRequest::default()
        }
    }

    fn list(&mut self) -> pb::ListRequest {
        let number = self.draw.number(&mut self.random);
        pb::ListRequest {
            range: Some(pb::Range {
                prefix: self.keys.prefix.clone(),
                start: self.keys.name(number),
                end: String::new(),
            }),
            page_size: self.page_entries,
            ..pb::ListRequest::default()
        }
    }
}
