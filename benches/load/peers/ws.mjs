// What most people write in Node: `ws` and a loop over the room.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const rooms = new Map();
const http = createServer();
const sockets = new WebSocketServer({ server: http });
sockets.on("connection", (socket, request) => {
  const [, reach, name] = request.url.split("/");
  if (!rooms.has(name)) rooms.set(name, new Set());
  const room = rooms.get(name).add(socket);
  socket.on("message", (data) => {
    for (const member of room) if (reach === "all" || member !== socket) member.send(data, { binary: false });
  });
  socket.on("error", () => {});
  socket.on("close", () => room.delete(socket));
});
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/`));
