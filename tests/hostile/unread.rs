//! Clients that take nothing of what they are sent, not even that it is over.

use std::time::Duration;

use tokio::{
    io::{AsyncWriteExt, duplex},
    time::timeout,
};

use crate::serving::{
    frames::{PREFACE, SETTINGS, frame},
    piped::Piped,
};

/// How long a connection may last that says nothing and takes nothing.
const ENDED: Duration = Duration::from_mins(5);

#[tokio::test(start_paused = true)]
async fn connection_of_which_nothing_is_taken_ends() {
    let server = Piped::open(|_| {});
    // Less than the settings of the server.
    let (mut client, stream) = duplex(16);
    let serving = server.serve(stream);
    let settings = frame(SETTINGS, 0, 0, &[]);
    client.write_all(PREFACE).await.unwrap();
    client.write_all(&settings).await.unwrap();
    let ended = timeout(ENDED, serving).await;
    ended.expect("it is kept for ever").unwrap();
}
