//! A backend that calls, and its keys.

use serde_json::Value;

use super::{Node, NodeConfig, http};

/// May do everything in the tests' tenant.
pub(crate) const KEY: &str = "an-api-key-for-tests-8e1d07";
/// May join and read history.
pub(crate) const WEAK_KEY: &str = "another-key-that-may-only-read-3c";
/// May do everything in another tenant.
pub(crate) const FOREIGN_KEY: &str = "a-key-of-another-tenant-77b1e0";

/// A node with a key of every kind.
pub(crate) async fn node() -> Node {
    Node::start(config()).await
}

/// A config with a key of every kind.
pub(crate) fn config() -> NodeConfig {
    let key =
        |name: &str, key: &str, rest: &str| format!("[[auth.api_keys]]\nname = \"{name}\"\nkey = \"{key}\"\n{rest}\n");
    let keys = [
        key("billing", KEY, ""),
        key("reader", WEAK_KEY, "rights = [\"join\", \"history\"]"),
        key("foreign", FOREIGN_KEY, "tenant = \"acme\""),
    ];
    NodeConfig::default().appendix(&keys.concat())
}

/// Calls with a key or token; the status and the JSON of the answer, null when it has none.
pub(crate) async fn call(node: &Node, bearer: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = request(node, &format!("Authorization: Bearer {bearer}\r\n"), method, path, &body.to_string()).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// Reads with a key or token.
pub(crate) async fn get(node: &Node, bearer: &str, path: &str) -> (u16, Value) {
    call(node, bearer, "GET", path, &Value::Null).await
}

/// Calls with these header lines, each ending in `\r\n`.
pub(crate) async fn request(node: &Node, headers: &str, method: &str, path: &str, body: &str) -> http::Response {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}", node.address);
    let body = if method == "POST" { body } else { "" };
    http::send(&node.address, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
}
