//! Cache-aside: what is slow to get is kept for a while, and read from there.
//!
//! `nanokv` in one terminal, `cargo run --example cache_aside` in another.

use std::{env::args, error::Error, time::Duration};

use nanokv::client::{Client, error::Error as KvError, reason::Reason, value::Value};

/// How stale an answer may be at most.
const KEEP: Duration = Duration::from_mins(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = args().nth(1).unwrap_or("localhost:50051".to_owned());
    let kv = Client::new(address)?;
    for _ in 0..2 {
        let price = read(&kv, "price/apple", async || {
            println!("asking the slow source");
            Ok("1.20".to_owned())
        });
        println!("an apple costs {}", price.await?);
    }
    write(&kv, "price/apple", "1.30".to_owned(), async |_| Ok(())).await?;
    Ok(())
}

/// What is kept under `key`; when nothing is, what `load` gives, which is then
/// kept.
pub(crate) async fn read(
    kv: &Client,
    key: &str,
    load: impl AsyncFnOnce() -> Result<String, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    match kv.get(key).await {
        Ok(Some(entry)) => {
            if let Some(Value::Text(text)) = entry.value {
                return Ok(text);
            }
        }
        Ok(None) => {}
        // A cache that is away makes it slow, not wrong.
        Err(error) if error.is_unavailable() => return load().await,
        Err(error) => return Err(error.into()),
    }
    let loaded = load().await?;
    // Only if it is still absent: a writer may have kept something newer
    // meanwhile.
    let kept = kv.set(key, loaded.as_str()).ttl(KEEP).if_absent().await;
    kept.map(drop).or_else(harmless)?;
    Ok(loaded)
}

/// Stores where it belongs, and then keeps it: a reader that loaded the old one
/// finds the key taken. Two writers at once can leave the older one in the
/// cache, until it expires.
pub(crate) async fn write(
    kv: &Client,
    key: &str,
    value: String,
    store: impl AsyncFnOnce(&str) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    store(&value).await?;
    kv.set(key, value).ttl(KEEP).await?;
    Ok(())
}

/// What does not matter when something is to be kept.
fn harmless(error: KvError) -> Result<(), KvError> {
    match error.reason() {
        Some(Reason::KeyExists | Reason::MemoryFull) => Ok(()),
        _ if error.is_unavailable() => Ok(()),
        _ => Err(error),
    }
}
