/** Rooms: each entry once and in order, whatever happens to the connection; state, people, activities, pointers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConflictError, createClient, UsageError } from "../../static/client/index.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

async function online(options) {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r", ...options }));
  await connected(client, clock);
  return { server, world, clock, client, room: client.room("r") };
}
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

test("a write of state shows at once, stays when it is taken and goes when it is refused", async () => {
  const { server, room } = await online();
  await room.join();
  const told = [];
  room.state.subscribe("a", () => told.push(room.state.get("a")));
  const writing = room.state.set({ a: 1 });
  assert.equal(room.state.get("a"), 1);
  await writing;
  assert.deepEqual(told, [1], "the entry itself changes nothing any more");
  server.append("r", { type: "state", set: { b: 5 }, removed: [] });
  await settle();
  assert.deepEqual(room.state.all(), { a: 1, b: 5 });
  server.script("set", () => ({ type: "error", code: "conflict", message: "too late", current: { a: { value: 7, offset: 3 } } }), 1);
  await assert.rejects(room.state.set({ a: 2 }, { ifOffset: 1 }), (error) => error instanceof ConflictError && error.current.a.value === 7);
  assert.equal(room.state.get("a"), 1);
  assert.deepEqual(told, [1, 2, 1]);
  await room.state.remove("a");
  assert.equal(room.state.get("a"), undefined);
  assert.equal(room.state.offset, 3);
});

test("keys that are names of JavaScript's own are keys like others", async () => {
  const { server, room } = await online();
  await room.join();
  server.connection.raw('{"type":"state","room":"r","offset":1,"id":"n-1","set":{"__proto__":{"polluted":1},"constructor":2},"removed":[],"at":"2026-11-21T07:00:00Z"}');
  await settle();
  assert.equal(room.state.get("constructor"), 2);
  assert.deepEqual(room.state.get("__proto__"), { polluted: 1 });
  assert.equal(room.state.get("toString"), undefined);
  assert.equal({}.polluted, undefined);
});

test("people come and go as join, update and leave, and the derived events say so", async () => {
  const { server, room } = await online();
  const log = record(room, "user:login", "user:logout", "presence");
  const parts = [];
  for (const name of ["join", "update", "leave", "sync"]) room.presence.on(name, () => parts.push(name));
  await room.join();
  const grace = server.member("grace", { name: "<b>Grace</b>", color: "red;background:url(x)", avatar: "javascript:x" });
  const tell = (change) => server.connection.push({ type: "presence", room: "r", joined: [], updated: [], left: [], count: 2, ...change });
  tell({ joined: [grace] });
  tell({ updated: [{ ...grace, status: "away", idle_since: "2026-11-21T07:00:00Z" }] });
  await settle();
  const [member] = room.presence.others;
  assert.equal(room.presence.self.user, "ada");
  assert.deepEqual([member.name, member.status, member.avatar], ["<b>Grace</b>", "away", null]);
  assert.match(member.color, /^#[0-9a-f]{6}$/);
  assert.ok(member.idleSince instanceof Date);
  tell({ left: ["grace"], count: 1 });
  await settle();
  assert.deepEqual(parts, ["sync", "join", "update", "leave"]);
  assert.deepEqual(log.map(({ name }) => name), ["presence", "user:login", "presence", "presence", "user:logout"]);
  room.presence.update({ state: { page: "costs" } });
  await settle();
  assert.deepEqual(server.heardOf("presence")[0].state, { page: "costs" });
});

test("a list of ten thousand is borne, more is cut, a large room only counts", async () => {
  const { server, room } = await online();
  await room.join();
  const members = Array.from({ length: 12_000 }, (_, at) => server.member(`u${at}`));
  server.connection.push({ type: "presence", room: "r", members, count: 12_000, large: false });
  await settle();
  assert.equal(room.presence.members.length, 10_000);
  assert.equal(room.presence.count, 12_000);
  server.connection.push({ type: "presence", room: "r", members: [], count: 12_001, large: true });
  await settle();
  assert.deepEqual([room.presence.getSnapshot().large, room.presence.count, room.presence.members.length], [true, 12_001, 0]);
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

test("activities: the picture's, pushed ones, tracked ones, and older ones when asked", async () => {
  const { server, client, room } = await online();
  for (const n of [1, 2, 3]) server.append("r", { type: "activity", action: `a${n}` });
  const heard = record(client, "user:activity");
  const parts = [];
  room.activity.on("action", ({ action }) => parts.push(action));
  await room.join();
  assert.deepEqual(room.activity.items.map(({ action }) => action), ["a3", "a2", "a1"]);
  client.emit("user:activity", { action: "filtered", target: "kpi", metadata: { range: "week" } });
  await settle(40);
  assert.deepEqual(room.activity.items[0].target, "kpi");
  assert.equal(heard[0].data.userId, "ada");
  assert.ok(heard[0].data.timestamp instanceof Date);
  assert.deepEqual(parts, ["filtered"]);
  assert.equal(await room.activity.more(2), false);
  assert.equal(server.heardOf("history")[0].before, 1);
});

test("signals: the newest wins, one each 33 ms, none while there is no connection", async () => {
  const { server, room, clock } = await online();
  const heard = record(room, "signals");
  room.signal("typing", 0);
  await room.join();
  for (let n = 1; n <= 5; n += 1) room.signal("typing", n);
  room.signal("other", 1);
  assert.deepEqual(server.heardOf("signal").map(({ event, data }) => [event, data]), [["typing", 1], ["other", 1]]);
  await clock.tick(33);
  assert.equal(server.heardOf("signal").at(-1).data, 5);
  server.connection.socket.bufferedAmount = 100_000;
  room.signal("other", 2);
  assert.equal(server.heardOf("signal").length, 3);
  server.connection.socket.bufferedAmount = 0;
  server.connection.push({ type: "signals", room: "r", signals: [{ session: "s-g", user: "grace", event: "typing", data: true }, null, 7] });
  await settle();
  assert.equal(heard[0].data.length, 1);
  server.cut();
  await settle();
  room.signal("typing", 9);
  await clock.tick(1_000);
  assert.equal(server.heardOf("signal").some(({ data }) => data === 9), false);
});

test("pointers are shares of a box, go with who leaves, and after a minute without a word", async () => {
  const { server, room, clock } = await online();
  await room.join();
  room.cursors.move(0.123456, 2, "kpi");
  assert.deepEqual(server.heardOf("signal")[0].data, { x: 0.1235, y: 1, anchor: "kpi" });
  const signal = (user, data) => server.connection.push({ type: "signals", room: "r", signals: [{ session: `s-${user}`, user, event: "cursor", data }] });
  const people = ["grace", "bob"].map((user) => server.member(user));
  server.connection.push({ type: "presence", room: "r", joined: people, updated: [], left: [], count: 3 });
  signal("grace", { x: 0.5, y: 0.5 });
  signal("bob", { x: 0.1, y: 0.1, anchor: "t" });
  signal("bob", { x: 7, y: "<b>" });
  await settle();
  assert.deepEqual([...room.cursors.others.keys()], ["s-grace"], "what is no place is no pointer");
  signal("bob", { x: 0.2, y: 0.2 });
  await settle();
  server.connection.push({ type: "presence", room: "r", joined: [], updated: [], left: ["bob"], count: 2 });
  await settle();
  assert.deepEqual([...room.cursors.others.keys()], ["s-grace"]);
  await clock.tick(61_000);
  assert.equal(room.cursors.others.size, 0);
  room.cursors.hide();
});

test("attach sends where the pointer is over an element, and nothing after it was detached", async () => {
  const { server, room, clock } = await online();
  await room.join();
  const element = Object.assign(new EventTarget(), { getBoundingClientRect: () => ({ left: 10, top: 20, width: 200, height: 100 }) });
  globalThis.Element ??= class {};
  const detach = room.cursors.attach(element);
  element.dispatchEvent(Object.assign(new Event("pointermove"), { clientX: 110, clientY: 70 }));
  assert.deepEqual(server.heardOf("signal")[0].data, { x: 0.5, y: 0.5 });
  await clock.tick(50);
  detach();
  element.dispatchEvent(Object.assign(new Event("pointermove"), { clientX: 10, clientY: 20 }));
  await clock.tick(50);
  assert.equal(server.heardOf("signal").at(-1).data, null);
});

test("who touches nothing or looks elsewhere is away, and back with the first key", async () => {
  const { server, world, room, client, clock } = await online();
  await room.join();
  const said = () => server.heardOf("presence").map(({ status }) => status);
  await clock.tick(300_100);
  assert.deepEqual(said(), ["away"]);
  world.first.fire(world.first.window, "keydown");
  assert.deepEqual(said(), ["away", "online"]);
  world.first.document.visibilityState = "hidden";
  world.first.fire(world.first.document, "visibilitychange");
  await clock.tick(30_100);
  assert.deepEqual(said(), ["away", "online", "away"]);
  client.setStatus("busy");
  assert.equal(said().at(-1), "busy");
  world.first.document.visibilityState = "visible";
  world.first.fire(world.first.document, "visibilitychange");
  client.setStatus("auto");
  assert.equal(said().at(-1), "online");
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
