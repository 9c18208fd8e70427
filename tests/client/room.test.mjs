/** Rooms: each entry once and in order, whatever happens to the connection. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, UsageError } from "../../static/client/index.js";
import { online, record, settle } from "./fake-server.mjs";

const event = (data, name = "note") => ({ type: "event", event: name, data });

test("a handler is in the room for as long as it listens, and leaving waits a tick", async () => {
  const { server, client, room, clock } = await online();
  const heard = [];
  const off = client.subscribe("note", (data, meta) => heard.push([data, meta]));
  const other = room.on("note", () => {});
  await settle();
  assert.equal(server.heardOf("join").length, 1);
  server.append("r", event({ n: 1 }));
  await settle();
  const [[data, meta]] = heard;
  assert.deepEqual(data, { n: 1 });
  assert.deepEqual([meta.offset, meta.room, meta.from.user, meta.at instanceof Date], [1, "r", "grace", true]);
  off();
  off();
  await clock.tick(10);
  assert.equal(room.status, "joined", "one of two left");
  other();
  const third = room.on("note", () => {});
  await clock.tick(10);
  assert.equal(room.status, "joined", "gone and come back within a tick");
  third();
  await clock.tick(10);
  assert.equal(room.status, "idle");
  assert.equal(server.heardOf("leave").length, 1);
});

test("once, signal and unsubscribe end a subscription; a handler that throws stops nobody", async () => {
  const { server, client, room } = await online();
  const heard = [];
  const stop = new AbortController();
  const reported = [];
  globalThis.reportError = (error) => reported.push(error);
  const thrower = () => {
    throw new Error("mine");
  };
  const named = (data) => heard.push(`named ${data}`);
  room.on("note", thrower);
  room.once("note", (data) => heard.push(`once ${data}`));
  client.on("note", (data) => heard.push(`signal ${data}`), { signal: stop.signal });
  client.on("note", named);
  client.once("note", (data) => heard.push(`client once ${data}`));
  await room.join();
  server.append("r", event(1));
  await settle();
  stop.abort();
  client.unsubscribe("note", named);
  server.append("r", event(2));
  await settle();
  assert.deepEqual(heard.sort(), ["client once 1", "named 1", "once 1", "signal 1"]);
  assert.equal(reported.length, 2);
  delete globalThis.reportError;
});

test("after a cut exactly what was missed comes, in order, and nobody left", async () => {
  const { server, client, room, clock } = await online();
  const heard = record(room, "note");
  const people = record(room, "presence", "user:logout", "reset");
  const joined = record(room, "joined");
  await settle();
  server.room("r").members.set("grace", server.member("grace"));
  server.connection.push({ type: "presence", room: "r", joined: [server.member("grace")], updated: [], left: [], count: 2 });
  server.append("r", event(1));
  await settle();
  people.length = 0;
  server.isRefusing = true;
  server.cut();
  await clock.tick(6_000);
  for (const n of [2, 3, 4]) server.append("r", event(n));
  assert.equal(room.status, "rejoining");
  assert.equal(room.presence.getSnapshot().stale, true);
  assert.equal(room.presence.count, 2);
  server.isRefusing = false;
  await clock.tick(5_000);
  assert.deepEqual(heard.map(({ data }) => data), [1, 2, 3, 4]);
  assert.deepEqual(people, []);
  assert.equal(room.presence.getSnapshot().stale, false);
  assert.equal(joined.at(-1).data.recovered, true);
  assert.equal(client.inspect().rooms.r.received, 4);
});

test("what can't be recovered is a reset with its reason, and the new picture", async () => {
  const { server, client, room, clock } = await online();
  const log = record(room, "reset");
  const restored = record(client, "connection:restored");
  await room.state.set({ a: 1 });
  await room.join();
  server.cut();
  Object.assign(server.room("r"), { epoch: "e2", entries: [], state: { b: 2 }, first: 1 });
  await clock.tick(1_000);
  assert.deepEqual(log.map(({ data }) => data), [{ reason: "epoch_changed" }]);
  assert.deepEqual(room.state.all(), { b: 2 });
  assert.equal(restored[0].data.recovered, false);
  assert.equal(room.cursor.epoch, "e2");
});

test("pages with more are asked for until the last", async () => {
  const { server, room, clock } = await online();
  const heard = record(room, "note");
  await room.join();
  server.cut();
  for (const n of [1, 2, 3]) server.append("r", event(n));
  server.script("join", ({ since }) => {
    const entries = server.room("r").entries.filter(({ offset }) => offset === since.offset + 1);
    const cursor = { epoch: "e-r", offset: since.offset + 1, entry: entries[0].id };
    return { type: "joined", room: "r", cursor, recovered: true, entries, more: true };
  }, 2);
  await clock.tick(1_000);
  assert.deepEqual(heard.map(({ data }) => data), [1, 2, 3]);
  assert.equal(server.heardOf("join").length, 4);
  assert.equal(room.status, "joined");
});

test("an entry that comes twice is heard once, and a hole is asked for again", async () => {
  const { server, room } = await online();
  const heard = record(room, "note");
  await room.join();
  const first = server.append("r", event(1));
  server.connection.push(first);
  await settle();
  server.room("r").entries.push({ ...first, offset: 2, id: "n-2", data: 2 });
  server.append("r", event(3));
  await settle();
  assert.deepEqual(heard.map(({ data }) => data), [1, 2, 3]);
  assert.deepEqual([room.counts.twice, room.counts.gaps], [1, 1]);
});

test("a refused room says so, a passing refusal is tried again, a cursor nobody can read is dropped", async () => {
  const { server, client, room, clock } = await online();
  const errors = record(client, "error");
  server.script("join", () => ({ type: "error", code: "unavailable", message: "the log rests", retry_after: 2 }), 1);
  const joining = room.join();
  await clock.tick(1_900);
  assert.equal(room.status, "joining");
  assert.equal(room.getSnapshot().error.code, "unavailable");
  await clock.tick(200);
  assert.equal((await joining).recovered, false);
  server.connection.push({ type: "left", room: "r", code: "forbidden" });
  await settle();
  assert.equal(room.status, "refused");
  assert.equal(errors[0].data.error.code, "forbidden");
  server.script("join", () => ({ type: "error", code: "forbidden", message: "no" }), 1);
  await assert.rejects(room.join(), { code: "forbidden", room: "r" });
  await room.join();
  server.script("join", ({ since }) => (since ? { type: "error", code: "bad_message", message: "since" } : undefined));
  server.cut();
  await clock.tick(1_000);
  assert.equal(room.status, "joined");
});

test("a picture out of the blue, when a log begins another life, replaces what was there", async () => {
  const { server, room } = await online();
  const log = record(room, "reset");
  await room.join();
  await room.state.set({ a: 1 });
  server.connection.push({ type: "joined", room: "r", cursor: { epoch: "e9", offset: 0, entry: null }, recovered: false, reason: "epoch_changed", entries: [], state: {}, activity: [], members: [], count: 0, large: false, more: false });
  await settle();
  assert.equal(log[0].data.reason, "epoch_changed");
  assert.deepEqual(room.state.all(), {});
  assert.equal(room.presence.count, 0);
});

test("entries of the past come in pages, also of a room that nobody joined", async () => {
  const { server, client } = await online();
  const other = client.room("other");
  for (const n of [1, 2, 3]) server.append("other", event(n));
  const page = await other.history({ after: 1, limit: 2, kinds: ["event"] });
  const { type, room, after, limit, kinds } = server.heardOf("history")[0];
  assert.deepEqual([type, room, after, limit, kinds], ["history", "other", 1, 2, ["event"]]);
  assert.deepEqual(page.entries.map(({ offset, data }) => [offset, data]), [[2, 2], [3, 3]]);
  assert.ok(page.entries[0].at instanceof Date);
  assert.equal(other.status, "idle");
  server.script("history", () => ({ type: "history", entries: [null, { offset: "1" }], cursor: 7, oldest: -1 }), 1);
  assert.deepEqual(await other.history(), { entries: [], cursor: { epoch: "", offset: 0, entry: null }, oldest: 0, more: false });
});

test("names of the client's own reach no handler, and nobody can send them", async () => {
  const { server, client, room } = await online();
  const heard = record(room, "connection:lost", "user:activity");
  await room.join();
  server.append("r", event({}, "connection:lost"));
  server.append("r", event({}, "user:activity"));
  await settle();
  assert.deepEqual(heard, []);
  assert.equal(client.inspect().counters.reserved, 2);
  assert.throws(() => client.emit("connection:lost", {}), UsageError);
  assert.throws(() => client.emit("user:activity", {}), UsageError);
  await assert.rejects(room.publish("joined"), UsageError);
  assert.throws(() => room.signal("", 1), UsageError);
});

test("a reload goes on by cursor from where the page was", async () => {
  const { server, world, room } = await online();
  await room.state.set({ a: 1 });
  await room.join();
  await room.activity.track("looked");
  world.first.fire(world.first.window, "pagehide", { persisted: false });
  server.connection.close(1001);
  server.append("r", event("missed"));
  const next = createClient(world.tab(world.first.session).options({ room: "r" }));
  const heard = record(next, "note");
  assert.deepEqual(next.room("r").state.all(), { a: 1 });
  assert.equal(next.room("r").activity.items[0].action, "looked");
  await next.connect();
  await settle();
  assert.deepEqual(heard.map(({ data }) => data), ["missed"]);
  assert.equal(server.heardOf("join").at(-1).since.offset, 2);
});

test("requestDashboardData brings the room's state, or what is wrong with it", async () => {
  const { server, client, room } = await online();
  const log = record(client, "dashboardDataUpdate", "dashboardDataError");
  await room.state.set({ revenue: 1 });
  client.emit("requestDashboardData");
  await settle();
  server.script("refresh_state", () => ({ type: "error", code: "forbidden", message: "not you" }));
  client.emit("requestDashboardData");
  await settle();
  assert.deepEqual(log.map(({ name, data }) => [name, data]), [["dashboardDataUpdate", { revenue: 1 }], ["dashboardDataError", { message: "not you" }]]);
  server.connection.push({ type: "source", room: "r", ok: false, message: "down", age: 95 });
  await settle();
  assert.deepEqual(room.getSnapshot().source, { ok: false, message: "down", age: 95 });
});

test("a collection is fetched, kept current by events, fetched again after a reset and while nothing is pushed", async () => {
  const { server, room, clock } = await online();
  let answer = [{ id: "a", n: 1 }];
  let asked = 0;
  const collection = room.collection("todos", { fetch: async () => {
    asked += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  } });
  const told = [];
  collection.onCreated((item) => told.push(["created", item.id]));
  collection.onUpdated((item) => told.push(["updated", item.id]));
  collection.onDeleted((id) => told.push(["deleted", id]));
  const tell = (name, data) => server.append("r", event({ collection: "todos", ...data }, `collection:${name}`));
  await settle();
  tell("created", { document: { id: "b", n: 1 } });
  tell("updated", { id: "a", document: { id: "a", n: 2 } });
  tell("created", { collection: "others", document: { id: "x" } });
  await settle();
  assert.deepEqual(collection.data, [{ id: "a", n: 2 }, { id: "b", n: 1 }]);
  tell("deleted", { id: "a" });
  await settle();
  assert.deepEqual(told, [["created", "b"], ["updated", "a"], ["deleted", "a"]]);
  assert.ok(collection.lastUpdate instanceof Date && !collection.isLoading);
  server.isRefusing = true;
  server.cut();
  answer = new Error("the database rests");
  await clock.tick(31_000);
  assert.equal(asked, 2);
  assert.equal(collection.error.message, "the database rests");
  assert.deepEqual(collection.data, [{ id: "b", n: 1 }], "what is known stays");
  answer = [];
  server.room("r").epoch = "e2";
  server.isRefusing = false;
  await clock.tick(16_000);
  assert.deepEqual(collection.data, []);
  collection.dispose();
  await clock.tick(10);
  assert.equal(room.status, "idle");
});

test("another user sees nothing of the one before", async () => {
  const { server, client, room } = await online({ token: "user:ada" });
  await room.join();
  await room.state.set({ mine: 1 });
  server.script("refresh", () => ({ type: "error", code: "unauthorized", message: "another" }), 1);
  server.script("join", () => null, 1);
  await client.setToken("user:bob");
  await settle();
  assert.equal(client.user.id, "bob");
  assert.deepEqual(room.state.all(), {});
  assert.equal(room.cursor, null);
});
