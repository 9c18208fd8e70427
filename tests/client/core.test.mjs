/** A client made of the core and of what a page hands over: what is there works, what is not is said, and nothing of it is loaded. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { createClient, UsageError } from "../../static/client/core.js";
import { createClient as createWhole } from "../../static/client/index.js";
import * as parts from "../../static/client/parts.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

const { Collection, Notifications, Outbox, RoomCursors, TabLink } = parts;
const notification = (offset, counts = { unread: offset, unseen: offset }) => ({
  type: "notification", room: "@me", offset, id: `me-${offset}`, from: null, at: "2026-11-21T07:00:00Z", notification: { id: `n${offset}`, level: "error", title: "t" }, ...counts,
});

async function online(handed, options) {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r", ...options }), handed);
  await connected(client, clock);
  return { server, world, clock, client, room: client.room("r") };
}

/** @returns the names of the files that importing one of them brings along */
function loadedWith(entry) {
  const loaded = new Set([entry]);
  for (const name of loaded) {
    const text = readFileSync(new URL(`../../static/client/${name}`, import.meta.url), "utf8");
    for (const [, next] of text.matchAll(/^(?:import|export)[^;]*? from "\.\/([a-z-]+\.js)"/gm)) loaded.add(next);
  }
  return loaded;
}

test("a page that imports the core loads nothing of the parts, and each part none of the others", () => {
  const files = { Collection: "collection.js", Notifications: "notifications.js", Outbox: "outbox.js", RoomCursors: "cursors.js", TabLink: "tab-link.js" };
  assert.deepEqual(Object.keys(files).sort(), Object.keys(parts).sort());
  const all = Object.values(files);
  assert.deepEqual([...loadedWith("core.js")].filter((name) => [...all, "toasts.js", "inbox.js", "storage-idb.js", "turn.js"].includes(name)), []);
  for (const file of all) assert.deepEqual([...loadedWith(file)].filter((name) => all.includes(name)), [file]);
  const whole = loadedWith("index.js");
  for (const file of all) assert.ok(whole.has(file), file);
});

test("the core alone joins, hears, shows people and state, and writes", async () => {
  const { server, client, room } = await online();
  const heard = record(client, "note", "error");
  await room.join();
  server.append("r", { type: "event", event: "note", data: 1 });
  assert.equal((await room.publish("note", 2)).duplicate, false);
  await room.state.set({ a: 1 });
  await room.activity.track("looked");
  room.signal("typing", true);
  await settle();
  assert.deepEqual(heard.map(({ name, data }) => [name, data]), [["note", 1], ["note", 2]]);
  assert.deepEqual(room.state.all(), { a: 1 });
  assert.equal(room.activity.items[0].action, "looked");
  assert.equal(room.presence.self.user, "ada");
  const { outbox, counters } = client.inspect();
  assert.deepEqual([outbox, counters, client.status.queued], [{ size: 0, bytes: 0, oldest: null }, { nonsense: 0 }, 0]);
});

test("what it was made without is said at once, by name", async () => {
  const { client, room } = await online();
  const uses = { Notifications: () => client.notifications, Outbox: () => client.outbox, RoomCursors: () => room.cursors, Collection: () => room.collection("todos") };
  for (const [name, use] of Object.entries(uses)) assert.throws(use, (error) => error instanceof UsageError && error.message.includes(name));
});

test("without notifications those that come are passed over: no error, no toast, no gap", async () => {
  const { server, clock, client } = await online();
  const log = record(client, "error", "inbox", "notification:new");
  server.connection.push(notification(1));
  server.connection.push({ ...notification(2), type: "joined", cursor: { epoch: "me", offset: 2, entry: "me-2" }, recovered: true, entries: [], more: false });
  server.append("r", { type: "event", event: "system:error", data: { error: "disk" } });
  server.isRefusing = true;
  server.cut();
  // Long enough for what would be a toast that the connection is lost.
  await clock.tick(12_000);
  server.isRefusing = false;
  await clock.tick(20_000);
  assert.equal(client.connectionState, "connected");
  assert.equal(server.heardOf("connect").at(-1).since, undefined);
  assert.deepEqual(log.filter(({ name }) => name !== "error"), []);
});

test("without an outbox a write is sent now or not at all, and what was shown of it is taken back", async () => {
  const { server, clock, client, room } = await online();
  const elsewhere = client.room("elsewhere");
  await elsewhere.publish("note", 1, { key: "k1" });
  assert.equal((await elsewhere.publish("note", 1, { key: "k1" })).duplicate, true);
  assert.deepEqual(server.heardOf("join").filter(({ room: name }) => name === "elsewhere").map(({ presence }) => presence), [false], "joined once, and not seen there");
  await room.join();
  server.isRefusing = true;
  server.cut();
  await settle();
  const errors = record(client, "error");
  const setting = room.state.set({ a: 1 });
  assert.deepEqual(room.state.all(), { a: 1 });
  await assert.rejects(setting, { code: "closed" });
  assert.deepEqual(room.state.all(), {});
  await assert.rejects(elsewhere.publish("note", 2), { code: "closed" });
  client.emit("note", 3);
  await settle();
  assert.deepEqual(errors.map(({ data }) => data.error.code).filter((code) => code === "closed").length, 1, "what nobody waits for is an error that can be heard");
  server.isRefusing = false;
  await clock.tick(20_000);
  assert.equal((await elsewhere.publish("note", 4)).duplicate, false, "on a new connection the room is joined again");
  assert.deepEqual(server.room("elsewhere").entries.map(({ data }) => data), [1, 4]);
  assert.deepEqual(server.room("r").entries, []);
  await assert.rejects(room.publish("note", 5, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("without an outbox writes go by fetch while realtime is off, and by the connection after it", async () => {
  const asked = [];
  const { server, world, clock } = stage();
  const fetch = async (url, { method = "GET" }) => {
    const { pathname } = new URL(url);
    asked.push(`${method} ${pathname}`);
    const written = { offset: 1, entry: "n-1", duplicate: false };
    return { ok: true, status: 200, json: async () => (method === "POST" ? written : { room: "r", count: 0, members: [], state: {}, cursor: server.cursor("r") }) };
  };
  const client = createClient(world.options({ room: "r", environment: { fetch } }));
  client.disableRealtime();
  await assert.rejects(client.room("other").publish("note", 1), { code: "closed" }, "what asks by fetch is not loaded yet");
  client.room("r").join();
  for (let turn = 0; turn < 1_000 && asked.length === 0; turn += 1) await settle();
  assert.equal((await client.room("other").publish("note", 1)).offset, 1);
  assert.ok(asked.includes("POST /v1/rooms/other/events"));
  client.enableRealtime();
  client.connect();
  await clock.tick(1_000);
  await client.room("other").publish("note", 2);
  assert.deepEqual(server.room("other").entries.map(({ data }) => data), [2]);
});

test("each part works when it alone is handed over", async () => {
  const toasts = await online({ Notifications });
  toasts.server.connection.push(notification(1));
  toasts.client.notifications.showNotification({ id: "own", title: "saved" });
  await settle();
  assert.deepEqual(toasts.client.notifications.notifications.map(({ id }) => id), ["own", "n1"]);

  const writes = await online({ Outbox });
  writes.server.isRefusing = true;
  writes.server.cut();
  await settle();
  const published = writes.room.publish("note", 1);
  await settle();
  assert.equal(writes.client.outbox.size, 1);
  writes.server.isRefusing = false;
  await writes.clock.tick(20_000);
  assert.equal((await published).offset, 1);

  const pointers = await online({ RoomCursors });
  await pointers.room.join();
  pointers.room.cursors.move(0.5, 0.5);
  pointers.server.connection.push({ type: "signals", room: "r", signals: [{ session: "s-g", user: "ada", event: "cursor", data: { x: 0.1, y: 0.2 } }] });
  await settle();
  assert.equal(pointers.server.heardOf("signal")[0].data.x, 0.5);
  assert.equal(pointers.room.cursors.others.get("s-g").y, 0.2);

  const lists = await online({ Collection });
  const todos = lists.room.collection("todos", { initialData: [{ id: "1" }] });
  await settle();
  lists.server.append("r", { type: "event", event: "collection:created", data: { collection: "todos", document: { id: "2" } } });
  await settle();
  assert.deepEqual(todos.data.map(({ id }) => id), ["1", "2"]);
  todos.dispose();
});

test("a lost connection is said on screen, and that writes wait only where they do", async () => {
  for (const handed of [{ Notifications }, { Notifications, Outbox }]) {
    const { server, clock, client } = await online(handed);
    server.isRefusing = true;
    server.cut();
    await clock.tick(12_000);
    const [{ title, message }] = client.notifications.notifications;
    assert.deepEqual([title, message !== ""], ["Connection lost", "Outbox" in handed]);
    server.isRefusing = false;
    await clock.tick(20_000);
    assert.deepEqual(client.notifications.notifications, []);
  }
});

async function open(...made) {
  const { server, world, clock } = stage();
  const clients = [];
  for (const make of made) {
    const client = make(world.shared().options({ room: "r" }));
    client.connect();
    await clock.tick(100);
    clients.push(client);
  }
  return { server, world, clock, clients };
}

test("tabs that are handed the means share one connection, others have each their own", async () => {
  const sharing = await open((options) => createClient(options, { TabLink }), (options) => createClient(options, { TabLink }));
  assert.equal(sharing.server.connections.length, 1);
  assert.deepEqual(sharing.clients.map(({ status }) => status.tab.role), ["leader", "follower"]);
  assert.equal((await sharing.clients[1].room("r").publish("note", 1)).offset, 1);
  const alone = await open(createClient, createClient);
  assert.equal(alone.server.connections.length, 2);
  assert.deepEqual(alone.clients.map(({ status }) => status.tab.role), ["alone", "alone"]);
});

test("a tab with an inbox that follows one without begins where that user's inbox is, and hears each once", async () => {
  const { server, world, clock, clients: [leader] } = await open((options) => createClient(options, { TabLink }));
  for (const offset of [1, 2]) server.connection.push(notification(offset));
  await settle(30);
  const follower = createWhole(world.shared().options({ room: "r" }));
  const seen = record(follower, "notification:new");
  follower.connect();
  await clock.tick(200);
  assert.equal(server.connections.length, 1);
  assert.deepEqual([leader, follower].map(({ status }) => status.tab.role), ["leader", "follower"]);
  assert.deepEqual([follower.notifications.unreadCount, follower.notifications.unseenCount], [2, 2]);
  server.connection.push(notification(2));
  server.connection.push(notification(3));
  await settle(30);
  assert.deepEqual(seen.map(({ data }) => data.id), ["n3"]);
  leader.dispose();
  await clock.tick(1_000);
  assert.deepEqual(server.heardOf("connect").at(-1).since, { epoch: "me", offset: 3, entry: "me-3" });
});

test("a tab without an inbox follows one with, and what comes for that is not its error", async () => {
  const { server, clock, clients: [leader, follower] } = await open(createWhole, (options) => createClient(options, { TabLink }));
  const errors = record(follower, "error");
  server.connection.push(notification(1));
  await settle(30);
  leader.notifications.hideNotification("n1");
  await clock.tick(100);
  assert.equal(leader.notifications.unreadCount, 1);
  assert.deepEqual([errors, follower.inspect().counters.nonsense], [[], 0]);
});

test("another user's token begins another session, and disposing leaves no timer", async () => {
  const { server, clock, client, room } = await online({}, { token: "user:ada" });
  await room.state.set({ a: 1 });
  server.script("refresh", () => ({ type: "error", code: "unauthorized", message: "another user" }));
  await client.setToken("user:bob");
  await settle();
  assert.equal(client.user?.id, "bob");
  assert.equal(server.heardOf("connect").at(-1).secret, undefined);
  await room.join();
  client.dispose();
  await clock.tick(100);
  assert.equal(clock.pending, 0);
  assert.equal(server.connection.isOpen, false);
});
