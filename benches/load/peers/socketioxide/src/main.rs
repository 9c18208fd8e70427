//! socketioxide on its default settings: a room from the query, every message passed on within it.

use axum::Router;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef, io: SocketIo| {
        let query = socket.req_parts().uri.query().unwrap_or_default();
        let value = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.unwrap_or_default().to_owned()
        };
        let (is_all, room) = (value("reach") == "all", value("room"));
        socket.join(room.clone());
        socket.on("m", async move |socket: SocketRef, Data::<Value>(data)| {
            let sent = if is_all { io.to(room).emit("m", &data).await } else { socket.to(room).emit("m", &data).await };
            // A member who is too slow for its buffer misses the message, which the run notices.
            sent.ok();
        });
        socket.emit("m", &json!({ "type": "joined" })).ok();
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://127.0.0.1:{}/", listener.local_addr()?.port());
    Ok(axum::serve(listener, Router::new().layer(layer)).await?)
}
