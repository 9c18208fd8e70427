// The fastest peer: uWebSockets in Bun. Passes bytes on within a room, and nothing else.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    // "/all/room": the sender hears itself, as our publishers do; "/others/room": it does not, as with our signals.
    const [, reach, room] = new URL(request.url).pathname.split("/");
    return server.upgrade(request, { data: { isAll: reach === "all", room } }) ? undefined : new Response("", { status: 400 });
  },
  websocket: {
    open(socket) {
      socket.subscribe(socket.data.room);
    },
    message(socket, text) {
      if (socket.data.isAll) server.publish(socket.data.room, text);
      else socket.publish(socket.data.room, text);
    },
  },
});
console.log(`http://127.0.0.1:${server.port}/`);
