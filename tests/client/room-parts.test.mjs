/** What a room holds: state, people, activities, pointers and signals, to read and to watch. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConflictError, UsageError } from "../../static/client/index.js";
import { online, record, settle } from "./fake-server.mjs";

const event = (data, name = "note") => ({ type: "event", event: name, data });

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

test("whoever watches some keys hears of those alone, and whoever watches all of each", async () => {
  const { server, room } = await online();
  await room.join();
  const told = [];
  const offs = [room.state.subscribe(["a", "b"], () => told.push("a or b")), room.state.subscribe(() => told.push("any"))];
  assert.throws(() => room.state.subscribe("a"), UsageError);
  for (const set of [{ c: 1 }, { a: 1 }, { a: 1 }, { b: 2, c: 3 }]) server.append("r", { type: "state", set, removed: [] });
  await settle();
  assert.deepEqual(told, ["any", "a or b", "any", "a or b", "any"], "and nobody of what stays as it is");
  for (const off of offs) off();
  await room.state.set({ a: 9 });
  assert.equal(told.length, 5);
});

test("what can be read is the same object until something in it changed", async () => {
  const { server, room, client } = await online();
  await room.join();
  const parts = { room, state: room.state, presence: room.presence, activity: room.activity, cursors: room.cursors, notifications: client.notifications, client };
  const read = () => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.getSnapshot()]));
  const changed = async (message) => {
    const before = read();
    server.append("r", message);
    await settle();
    const now = read();
    assert.deepEqual(read(), now);
    return Object.keys(parts).filter((name) => now[name] !== before[name]);
  };
  assert.deepEqual(await changed(event(1)), ["room"], "its cursor");
  assert.deepEqual(await changed({ type: "state", set: { a: 1 }, removed: [] }), ["room", "state"]);
  assert.deepEqual(await changed({ type: "activity", action: "looked" }), ["room", "activity"]);
  for (const [name, part] of Object.entries(read())) if (!(part instanceof Map)) assert.ok(Object.isFrozen(part), name);
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

test("what a page shows of itself is kept over a loss, and a status of its own goes before what the page sees", async () => {
  const { server, room, clock } = await online();
  room.presence.update({ state: { page: "costs" } });
  assert.equal(server.heardOf("presence").length, 0, "the join brings it");
  await room.join();
  room.presence.update({ status: "busy" });
  await clock.tick(400_000);
  assert.deepEqual(server.heardOf("presence").map(({ room: name, status, state }) => [name, status, state]), [["r", "busy", { page: "costs" }], [undefined, "away", undefined]]);
  server.cut();
  await clock.tick(5_000);
  assert.deepEqual(server.heardOf("join").map(({ presence }) => presence), [
    { status: "online", state: { page: "costs" } }, { status: "busy", state: { page: "costs" } }]);
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

test("a pointer names what it is over, and is hidden where it leaves", async () => {
  const { server, room, clock } = await online();
  await room.join();
  class Part extends EventTarget {
    closest = (selector) => (selector === "[data-cp-anchor]" ? { getAttribute: () => "kpi" } : null);
    getBoundingClientRect = () => ({ left: 0, top: 0, width: this.width, height: 100 });
    width = 0;
  }
  const before = globalThis.Element;
  globalThis.Element = Part;
  try {
    const part = new Part();
    const detach = room.cursors.attach(part);
    const move = () => part.dispatchEvent(Object.assign(new Event("pointermove"), { clientX: 50, clientY: 25 }));
    move();
    part.width = 200;
    move();
    await clock.tick(50);
    part.dispatchEvent(new Event("pointerleave"));
    assert.deepEqual(server.heardOf("signal").map(({ data }) => data), [{ x: 0.25, y: 0.25, anchor: "kpi" }, null], "a box without a size has no places");
    detach();
  } finally {
    globalThis.Element = before;
  }
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
