//! A server in this process with a clock that is held, and a client for it
//! that reads like the sentence under test.

pub(crate) mod call;
pub(crate) mod fault;
pub(crate) mod http1;
pub(crate) mod identified;
pub(crate) mod json;
pub(crate) mod kv;
pub(crate) mod pipeline;
pub(crate) mod plain;
pub(crate) mod raw;
pub(crate) mod refusal;
pub(crate) mod requests;
pub(crate) mod server;
pub(crate) mod unswept;
pub(crate) mod watching;
pub(crate) mod words;
