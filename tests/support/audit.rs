//! The audit log, as operators read it: with the binary, beside the server.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::{Node, soon};

/// Runs `copresence audit` with a node's settings, whether or not that runs.
pub(crate) async fn audit(node: &Node, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copresence"));
    command.arg("audit").args(args).arg("--config").arg(node.folder().join("config.toml")).current_dir(node.folder());
    soon("the audit log to be read", command.kill_on_drop(true).output()).await.expect("the binary can be run")
}

/// What a verification exits with and says.
pub(crate) async fn verify(node: &Node, args: &[&str]) -> (Option<i32>, String) {
    let output = audit(node, &[&["verify"], args].concat()).await;
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

/// The records, oldest first and by tenant.
pub(crate) async fn export(node: &Node, args: &[&str]) -> Vec<Value> {
    let output = audit(node, &[&["export"], args].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}
