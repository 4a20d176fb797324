//! The other end of a connection: says what its script says, and listens or not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    bytes::{self, frame},
    script::{Script, Step, Wire},
    server::Server,
};

/// How long it tries to say something that the server does not take: longer
/// than a server waits for one that does not read.
const SAY_MAX: Duration = Duration::from_secs(60);

/// What a server that answers pings says to the last of them.
const LAST_PING: [u8; 8] = *b"still on";

pub struct Client {
    writer: WriteHalf<DuplexStream>,
    listening: Listening,
    is_cut_off: bool,
}

/// What comes from the server.
enum Listening {
    /// It is read, and looked through for the answer to the last ping.
    Reads {
        task: JoinHandle<()>,
        answered: Arc<AtomicBool>,
    },
    Never(#[expect(dead_code, reason = "it holds the pipe open")] ReadHalf<DuplexStream>),
}

impl Client {
    pub fn new(stream: DuplexStream, reads: bool) -> Self {
        let (reader, writer) = split(stream);
        let listening = if reads {
            let answered = Arc::new(AtomicBool::new(false));
            let task = tokio::spawn(listen(reader, Arc::clone(&answered)));
            Listening::Reads { task, answered }
        } else {
            Listening::Never(reader)
        };
        Self {
            writer,
            listening,
            is_cut_off: false,
        }
    }

    pub async fn say_all(&mut self, script: &Script, server: &Server) {
        let mut cuts = script.cuts.iter().cycle();
        let mut streams = Vec::new();
        self.say(&script.beginning(), &mut cuts).await;
        for step in &script.steps {
            if let Step::Wait(times) = step {
                server.wait(u64::from(*times) * 20).await;
            }
            let said = step.bytes(script.wire, &mut streams);
            self.say(&said, &mut cuts).await;
        }
    }

    async fn say<'a>(&mut self, said: &[u8], cuts: &mut impl Iterator<Item = &'a u8>) {
        let mut rest = said;
        while !rest.is_empty() && !self.is_cut_off {
            let size = cuts.next().map_or(0, |size| usize::from(*size));
            let size = if size == 0 {
                rest.len()
            } else {
                size.min(rest.len())
            };
            let (now, later) = rest.split_at(size);
            let written = timeout(SAY_MAX, self.writer.write_all(now)).await;
            // Where nobody takes it, or the server has closed.
            self.is_cut_off = !matches!(written, Ok(Ok(())));
            rest = later;
            // What has been said is looked at before the rest comes.
            tokio::task::yield_now().await;
        }
    }

    /// Says no more, and waits for the end if it listens.
    pub async fn finish(&mut self) {
        let _ = self.writer.shutdown().await;
        if let Listening::Reads { task, .. } = &mut self.listening {
            let ended = timeout(SAY_MAX, task).await;
            ended
                .expect("the server does not say that it is over")
                .expect("no panic");
        }
    }

    /// A server that has not ended the connection says so: a ping is answered.
    pub async fn is_answered_or_ended(&mut self, script: &Script, serving: &JoinHandle<()>) {
        let Listening::Reads { answered, .. } = &self.listening else {
            return;
        };
        let answered = Arc::clone(answered);
        if script.wire != Wire::Http2 || self.is_cut_off {
            return;
        }
        self.say(
            &frame(bytes::PING, 0, 0, &LAST_PING),
            &mut [0].iter().cycle(),
        )
        .await;
        sleep(SAY_MAX).await;
        let is_answered = answered.load(Ordering::Relaxed);
        assert!(
            is_answered || serving.is_finished(),
            "neither answers nor ends"
        );
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It holds the other half of the pipe.
        if let Listening::Reads { task, .. } = &self.listening {
            task.abort();
        }
    }
}

async fn listen(mut reader: ReadHalf<DuplexStream>, answered: Arc<AtomicBool>) {
    let pong = frame(bytes::PING, bytes::ACK, 0, &LAST_PING);
    let mut heard = Vec::new();
    // An error is an end as well.
    while reader
        .read_buf(&mut heard)
        .await
        .is_ok_and(|count| count > 0)
    {
        if heard.windows(pong.len()).any(|some| some == pong) {
            answered.store(true, Ordering::Relaxed);
        }
        // Enough for the rest of an answer that has come in part.
        heard.drain(..heard.len().saturating_sub(pong.len()));
    }
}
