/** The hooks against the scripted server: who is connected, who is in which room, and what renders when. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as hooks from "../../../static/client/react/index.js";
import { act, cursor, h, presence, scene, StrictMode, version } from "./support.mjs";

const { CopresenceProvider, RoomProvider, useClient, useConnectionStatus, useCursor, useCursors, useEvent, useMyPresence, useOthers, usePublish, useRoom, useRoomState, useSelf, useTyping, useWebSocket, WebSocketProvider } = hooks;

const inRoom = (client, ...children) => h(CopresenceProvider, { client, room: "board" }, ...children);

test("the version of React is the one that is meant", () => {
  assert.equal(version.split(".")[0], process.env.REACT ?? "19");
});

test("StrictMode mounts twice, which makes one connection and one join", async () => {
  const { server, client, container, show, end } = scene();
  const Board = () => `${useConnectionStatus(({ state }) => state)} ${useOthers().length}`;
  await show(h(StrictMode, null, inRoom(client, h(Board, { key: 1 }), h(Board, { key: 2 }))));
  assert.equal(container.textContent, "connected 0connected 0");
  assert.equal(server.connections.length, 1);
  assert.equal(server.heardOf("join").length, 1);
  assert.equal(server.heardOf("leave").length, 0);
  await end();
});

test("one of two that unmounts keeps the room, the last one leaves it, and the connection stays", async () => {
  const { server, client, show, end } = scene();
  const Board = () => useOthers().length;
  await show(h(CopresenceProvider, { client }, ["a", "b"].map((key) => h(RoomProvider, { key, name: "board" }, h(Board)))));
  await show(h(CopresenceProvider, { client }, h(RoomProvider, { key: "a", name: "board" }, h(Board))));
  assert.equal(server.heardOf("leave").length, 0);
  await show(h(CopresenceProvider, { client }, null));
  assert.deepEqual(server.heardOf("leave").map(({ room }) => room), ["board"]);
  assert.equal(client.isConnected, true);
  await end();
});

test("another room's name leaves one and joins the other", async () => {
  const { server, client, container, show, end } = scene();
  const Name = () => useRoom().name;
  await show(h(CopresenceProvider, { client }, h(RoomProvider, { name: "board" }, h(Name))));
  await show(h(CopresenceProvider, { client }, h(RoomProvider, { name: "other" }, h(Name))));
  assert.equal(container.textContent, "other");
  assert.deepEqual(server.heardOf("join").map(({ room }) => room), ["board", "other"]);
  assert.deepEqual(server.heardOf("leave").map(({ room }) => room), ["board"]);
  await end();
});

test("a provider connects by itself, unless it is told not to or realtime is switched off", async () => {
  for (const [props, prepare, connections] of [[{}, () => {}, 1], [{ autoConnect: false }, () => {}, 0], [{}, (client) => client.disableRealtime(), 0]]) {
    const { server, client, show, end } = scene();
    prepare(client);
    await show(h(WebSocketProvider, { client, ...props }, "page"));
    assert.equal(server.connections.length, connections);
    await end();
  }
});

test("a thousand moves of a pointer render its own component only", async () => {
  const { server, client, container, show, calm, end } = scene();
  const renders = { board: 0, layer: 0, pointer: 0 };
  const Board = () => {
    renders.board += 1;
    useRoomState("revenue");
    useMyPresence();
    useConnectionStatus(({ state }) => state);
    return useOthers().length;
  };
  const Layer = () => {
    renders.layer += 1;
    const { area, others, pointer } = useCursors();
    return h("div", { ref: area }, others.map(({ session, user }) => h("i", { key: session, ref: pointer(session) }, user)));
  };
  const Pointer = () => {
    renders.pointer += 1;
    return useCursor("s-grace")?.x ?? "none";
  };
  await show(inRoom(client, h(Board), h(Layer), h(Pointer)));
  presence(server, { joined: [server.member("grace")] });
  cursor(server, "s-grace", "grace", 0, 0);
  await calm();
  const before = { ...renders };
  for (let at = 1; at <= 1_000; at += 1) {
    cursor(server, "s-grace", "grace", at / 1_000, 0.5);
    if (at % 100 === 0) await calm();
  }
  await calm();
  assert.equal(renders.board, before.board);
  assert.equal(renders.layer, before.layer);
  assert.ok(renders.pointer > before.pointer);
  assert.equal(container.querySelector("i").style.left, "100%");
  assert.equal(container.querySelector("i").style.top, "50%");
  presence(server, { left: ["grace"], count: 1 });
  await calm();
  assert.equal(container.querySelector("i"), null);
  await end();
});

test("one key of the state renders its own readers, at once when it is ours, and a refused write is taken back", async () => {
  const { server, client, container, show, calm, end } = scene();
  let orders = 0;
  let set;
  const Revenue = () => {
    const [revenue, setRevenue] = useRoomState("revenue");
    set = setRevenue;
    return `revenue ${revenue ?? "unknown"}`;
  };
  const Orders = () => {
    orders += 1;
    return ` orders ${useRoomState((state) => state.orders ?? [], (a, b) => a.length === b.length)[0].length}`;
  };
  await show(inRoom(client, h(Revenue), h(Orders)));
  const before = orders;
  server.append("board", { type: "state", set: { revenue: 5, ["__proto__"]: 1 }, removed: [] });
  await calm();
  assert.equal(container.textContent, "revenue 5 orders 0");
  assert.equal(orders, before);
  await act(async () => void set(6));
  assert.equal(container.textContent, "revenue 6 orders 0");
  await calm(1_000);
  server.script("set", () => ({ type: "error", code: "forbidden", message: "not yours" }), 1);
  let refusal;
  await act(async () => void set(7).catch((error) => (refusal = error)));
  await calm(2_000);
  assert.equal(refusal.code, "forbidden");
  assert.equal(container.textContent, "revenue 6 orders 0");
  await end();
});

test("who is here: self, others by a selector, and what this page shows of itself in several parts", async () => {
  const { server, client, container, show, calm, end } = scene();
  let update;
  let renders = 0;
  const Names = () => {
    renders += 1;
    return `${useSelf()?.name} ${useOthers((others) => others.map(({ name }) => name)).join()}`;
  };
  const Mine = () => {
    const [state, change] = useMyPresence();
    update = change;
    return ` ${JSON.stringify(state)}`;
  };
  await show(inRoom(client, h(Names), h(Mine), h(Mine)));
  presence(server, { joined: [server.member("grace")] });
  await calm();
  assert.match(container.textContent, /^ada grace/);
  const before = renders;
  presence(server, { updated: [server.member("grace", { status: "busy" })] });
  await calm();
  assert.equal(renders, before, "the same names are no reason to render");
  await act(async () => update({ tile: "revenue" }));
  await act(async () => update({ page: 2 }));
  await act(async () => update({ tile: undefined }));
  await calm();
  assert.match(container.textContent, /\{"page":2\} \{"page":2\}$/);
  assert.deepEqual(server.heardOf("presence").map(({ state }) => state), [{ tile: "revenue" }, { tile: "revenue", page: 2 }, { page: 2 }]);
  await end();
});

test("typing is told once, ends by unmounting, and is seen of others", async () => {
  const { server, client, container, show, calm, end } = scene();
  let type;
  const Field = () => {
    const [typists, press] = useTyping("comment");
    type = press;
    return typists.map(({ name }) => name).join();
  };
  await show(inRoom(client, h(Field)));
  await act(async () => {
    type();
    type();
  });
  await calm();
  assert.deepEqual(server.heardOf("presence").map(({ state }) => state), [{ typing: "comment" }]);
  const sessions = [{ session: "s-grace", status: "online", state: { typing: "comment" }, device: null }];
  presence(server, { joined: [server.member("grace", { sessions })] });
  await calm();
  assert.equal(container.textContent, "grace");
  await show(inRoom(client, null));
  assert.deepEqual(server.heardOf("presence").at(-1).state, {});
  await end();
});

test("an event reaches the newest render's handler, the client's own as well as the room's", async () => {
  const { server, client, show, calm, end } = scene();
  const heard = [];
  let publish;
  const Ear = ({ name }) => {
    publish = usePublish();
    useEvent("note", ({ text }, { offset }) => heard.push(`${name} ${text} ${offset}`));
    useEvent("connection:lost", () => heard.push(`${name} lost`));
    return null;
  };
  await show(inRoom(client, h(Ear, { name: "first" })));
  await show(inRoom(client, h(Ear, { name: "second" })));
  await act(async () => void publish("note", { text: "hello" }));
  await calm(1_000);
  server.cut();
  await calm();
  assert.deepEqual(heard, ["second hello 1", "second lost"]);
  await end();
});

test("the client under the names that were asked for can be taken apart, and tells when its state changes", async () => {
  const { server, client, container, show, calm, end } = scene();
  let socket;
  const Status = () => {
    socket = useWebSocket();
    return `${socket.connectionState} ${socket.isConnected}`;
  };
  await show(h(CopresenceProvider, { client, autoConnect: false }, h(Status)));
  assert.equal(container.textContent, "disconnected false");
  const { connect, disconnect, subscribe, unsubscribe, emit, setReconnectOptions, enableHeartbeat, reconnect } = socket;
  setReconnectOptions({ maxDelay: 1_000 });
  enableHeartbeat(5_000);
  const heard = [];
  const hear = (data) => heard.push(data);
  const off = await act(async () => subscribe("note", hear));
  await act(async () => void connect());
  await calm();
  assert.equal(container.textContent, "connected true");
  assert.ok(socket.lastConnected instanceof Date);
  emit("note", 1);
  await calm(1_000);
  off();
  subscribe("note", hear);
  unsubscribe("note", hear);
  emit("note", 2);
  await act(async () => void reconnect());
  await calm(2_000);
  assert.deepEqual(heard, [1]);
  assert.equal(server.connections.length, 2);
  await act(async () => disconnect());
  assert.equal(container.textContent, "disconnected false");
  await end();
});

test("a hook without a provider, or without a room, says what is missing", async () => {
  const { client, show, end } = scene();
  const said = [];
  const attempt = (hook) => () => {
    try {
      hook();
    } catch (error) {
      said.push(error.message);
    }
    return null;
  };
  await show(h(attempt(useClient)));
  await show(h(CopresenceProvider, { client }, h(attempt(useRoom))));
  assert.match(said[0], /CopresenceProvider/);
  assert.match(said.at(-1), /RoomProvider/);
  await end();
});
