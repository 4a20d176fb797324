//! A page of a listing, and the token of the next.

use crate::{
    calls::wire::{page_token, request, response},
    engine::{Engine, ListQuery},
    model::{error::Error, limits::Limits},
    proto,
};

/// Decodes the token, asks for a page, and makes the token of the next.
///
/// # Errors
/// [`Error::Invalid`] for a token of another listing, and what the engine
/// refuses.
pub async fn page<E: Engine>(
    engine: &E,
    asked: &request::List,
    limits: &Limits,
) -> Result<proto::ListResponse, Error> {
    let store_id = engine.describe().store_id;
    let listing = page_token::Listing {
        store_id: &store_id,
        range: &asked.range,
        omit_value: asked.omit_value,
    };
    let position = match asked.page_token.as_str() {
        "" => None,
        token => Some(listing.position(token)?),
    };
    let token_bytes_max = page_token::bytes_max(limits.key_bytes_max);
    let page = engine
        .list(ListQuery {
            range: &asked.range,
            after: position.as_ref().map(|position| position.key.as_str()),
            entries_max: asked.entries_max,
            reply_bytes_max: limits.reply_bytes_max.saturating_sub(token_bytes_max),
            omit_value: asked.omit_value,
        })
        .await?;
    // The version from before the first page goes along with the token.
    let version = position.map_or(page.version, |position| position.version);
    // Where more may follow, there is an entry to go on after.
    let last = page.entries.last().filter(|_| page.more);
    let next_page_token =
        last.map_or_else(String::new, |entry| listing.token(version, entry.key()));
    Ok(proto::ListResponse {
        entries: page.entries.into_iter().map(response::entry).collect(),
        next_page_token,
        version: version.get(),
    })
}
