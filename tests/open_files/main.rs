//! A server whose process may open no more files.

#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "the hostile clients use the rest")]
mod serving;

/// Alone in its process, since it takes every file that the process may open.
#[cfg(all(test, unix))]
mod exhausted {
    use std::{fs::File, iter};

    use rlimit::Resource;

    use crate::serving::{client::Client, frames::Raw, server::Server, soon};

    /// Few, so that they are soon taken.
    const FILES: u64 = 64;

    #[tokio::test]
    async fn connections_are_taken_again_once_there_are_files() {
        let server = Server::start(|_| {});
        let client = Client::connect(server.address()).await;
        soon(async {
            while client.get("a").await.code() != Some(0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let (_, hard) = Resource::NOFILE.get().unwrap();
        Resource::NOFILE.set(FILES, hard).unwrap();
        let mut files: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert!(!files.is_empty());

        // The last file is the client's end of a connection: the server has
        // none left for its own.
        files.pop();
        let mut waiting = Raw::http2(server.address()).await;
        assert!(File::open("/dev/null").is_err(), "all are taken");
        for _ in 0..10 {
            assert_eq!(client.get("a").await.code(), Some(0));
        }
        drop(files);
        assert!(waiting.next().await.is_some());
        server.is_alive().await;
    }
}
