//! What settings must be so that they go together.

use crate::{
    calls::wire::page_token,
    config::{fault::Fault, load::Loaded, registry::named},
    model::entry::reply_bytes,
};

/// Bytes of a Set beside its key and its value: tags, lengths, its id, an expiry, a
/// condition.
pub const SET_BYTES_BESIDE: usize = 128;

/// Bytes of a file of the log beside the changes of one message.
const SEGMENT_BYTES_BESIDE: usize = 64 << 10;

/// Everything that does not go together.
#[must_use]
pub fn together(loaded: &Loaded) -> Vec<Fault> {
    let config = &loaded.config;
    let limits = config.grpc.limits;
    let message_bytes = SET_BYTES_BESIDE + limits.key_bytes_max + limits.value_bytes_max;
    // Of a List, whose one entry has a token beside it; of a Watch, whose one
    // event has the entry before it.
    let entry_bytes = reply_bytes(limits.key_bytes_max, limits.value_bytes_max);
    let reply_bytes = entry_bytes + entry_bytes.max(page_token::bytes_max(limits.key_bytes_max));
    // A call is let in before its bytes are known: the largest must fit alone.
    let call_bytes = limits.message_bytes_max.max(limits.reply_bytes_max);
    let expiry = config.grpc.expiry;
    let segment_bytes = limits.message_bytes_max + limits.reply_bytes_max + SEGMENT_BYTES_BESIDE;
    let segment_bytes = u64::try_from(segment_bytes).unwrap_or(u64::MAX);
    [
        (limits.message_bytes_max < message_bytes).then(|| {
            let right = format!(
                "must be at least {message_bytes}, to hold a Set of key_bytes_max and value_bytes_max"
            );
            fault(loaded, "message_bytes_max", right)
        }),
        (limits.reply_bytes_max < reply_bytes).then(|| {
            let right = format!(
                "must be at least {reply_bytes}, to hold an event of two entries of key_bytes_max and value_bytes_max"
            );
            fault(loaded, "reply_bytes_max", right)
        }),
        (config.gate.bytes_in_flight_max < call_bytes).then(|| {
            let right = format!(
                "must be at least {call_bytes}, the larger of message_bytes_max and reply_bytes_max"
            );
            fault(loaded, "bytes_in_flight_max", right)
        }),
        (config.tls.cert.is_some() != config.tls.key.is_some()).then(|| {
            let name = if config.tls.cert.is_some() {
                "tls_cert"
            } else {
                "tls_key"
            };
            fault(loaded, name, "tls_cert and tls_key go together".to_owned())
        }),
        (config.tls.client_ca.is_some() && config.tls.cert.is_none())
            .then(|| fault(loaded, "tls_client_ca", "needs tls_cert".to_owned())),
        (config.http.cors_origins.is_any() && config.tls.client_ca.is_some()).then(|| {
            let right = "must name origins where tls_client_ca asks for certificates: a browser shows none to *";
            fault(loaded, "cors_origins", right.to_owned())
        }),
        (config.keeps() && config.journal.segment_bytes < segment_bytes).then(|| {
            let right = format!(
                "must be at least {segment_bytes}, to hold what one message changes and the reply to it"
            );
            fault(loaded, "journal_segment_bytes", right)
        }),
        (config.telemetry.otlp_endpoint.is_some() && !cfg!(feature = "otlp")).then(|| {
            let right = "cannot be: this program was built without the feature otlp";
            fault(loaded, "otlp_endpoint", right.to_owned())
        }),
        (expiry.default_ttl_ms > expiry.ttl_ms_max)
            .then(|| fault(loaded, "default_ttl", "must be at most ttl_max".to_owned())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn fault(loaded: &Loaded, name: &'static str, right: String) -> Fault {
    let as_it_is = || named(name).map(|setting| setting.read(&loaded.config));
    let given = loaded.given(name).map(|given| given.text.clone());
    Fault::Together {
        name,
        given: given.or_else(as_it_is).unwrap_or_default(),
        source: loaded.source(name),
        right,
    }
}
