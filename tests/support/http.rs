//! HTTP as small as the tests need it: one request, one answer, the connection closed.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    /// 0 when the connection was refused or ended before an answer.
    pub(crate) status: u16,
    /// Names in lowercase.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name (lowercase).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Answers a GET of `path`.
pub(crate) async fn get(address: &str, path: &str) -> Response {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")).await
}

/// Asks for the WebSocket with these further header lines, each ending in `\r\n`; only the head of the answer counts.
pub(crate) async fn upgrade(address: &str, headers: &str) -> Response {
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    send(
        address,
        &format!(
            "GET /v1/ws HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: copresence.v1\r\n{headers}\r\n"
        ),
    )
    .await
}

/// Sends a whole request and reads the answer to its end; of a 101 the head alone.
pub(crate) async fn send(address: &str, request: &str) -> Response {
    let answer = soon("an HTTP answer", async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while !is_whole(&answer) && stream.read_buf(&mut answer).await? > 0 {}
        std::io::Result::Ok(answer)
    })
    .await
    .unwrap_or_default();
    parse(&answer)
}

/// Whether everything that is announced is there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = head_end(answer) else { return false };
    let response = parse(answer);
    let length = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
    response.status == 101 || length.is_some_and(|length| answer.len() - head >= length)
}

fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn parse(answer: &[u8]) -> Response {
    let head = head_end(answer).unwrap_or(answer.len());
    let text = String::from_utf8_lossy(&answer[..head]);
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Response { status, headers, body: answer[head..].to_vec() }
}
