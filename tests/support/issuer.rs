//! An issuer that publishes its keys, or fails to, and counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on loopback whose answer the test sets. It ends with the test's runtime.
pub(crate) struct Issuer {
    /// Where the keys are.
    pub(crate) url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    /// An issuer that publishes `keys`.
    pub(crate) async fn with(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("it is bound"));
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let issuer = Self { url, answer: Arc::clone(&answer), asked: Arc::clone(&asked) };
        issuer.publish(keys);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let text = answer.lock().unwrap().clone();
                tokio::spawn(answer_with(stream, text));
            }
        });
        issuer
    }

    /// Publishes these keys and no others from now on.
    pub(crate) fn publish(&self, keys: &[Value]) {
        let body = json!({ "keys": keys }).to_string();
        self.answer("200 OK", &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()), &body);
    }

    /// Answers with this status, these header lines and this body from now on.
    pub(crate) fn answer(&self, status: &str, headers: &str, body: &str) {
        *self.answer.lock().unwrap() = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n{body}");
    }

    /// How many connections came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer_with(mut stream: TcpStream, text: String) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
    // Whoever has read enough may hang up meanwhile.
    let _ = stream.write_all(text.as_bytes()).await;
}
