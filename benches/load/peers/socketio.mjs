// Socket.IO on its default settings but for the transport: WebSocket from the start.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
io.on("connection", (socket) => {
  const { reach, room } = socket.handshake.query;
  socket.join(room);
  socket.on("m", (data) => (reach === "all" ? io : socket).to(room).emit("m", data));
  socket.emit("m", { type: "joined" });
});
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/`));
