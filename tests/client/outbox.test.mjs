/** What was said is written once, in order, however often the connection, the page or the storage goes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, UsageError } from "../../static/client/index.js";
import { connected, online, record, settle, stage } from "./fake-server.mjs";

const written = (server, name = "r") => server.room(name).entries.map(({ data }) => data);

test("a publish is answered with where it stands", async () => {
  const { server, room } = await online();
  await room.join();
  assert.deepEqual(await room.publish("note", { a: 1n, b: undefined }), { offset: 1, entry: "n-1", duplicate: false });
  assert.deepEqual(written(server), [{ a: "1" }]);
  assert.match(server.heardOf("publish")[0].key, /^[0-9a-f]{32}$/);
  assert.equal((await room.publish("note", 1, { key: "k" })).duplicate, false);
  assert.equal((await room.publish("note", 1, { key: "k" })).duplicate, true);
});

test("twenty publishes offline survive a reload and are written once each, in order", async () => {
  const { server, world, clock, client, room } = await online();
  await room.join();
  server.isRefusing = true;
  server.cut();
  await settle();
  for (let n = 0; n < 20; n += 1) client.emit("note", n);
  await settle(80);
  assert.equal(client.status.queued, 20);
  assert.ok(client.outbox.oldest instanceof Date);
  world.first.fire(world.first.window, "pagehide", { persisted: false });
  client.dispose();
  server.isRefusing = false;
  // The answer to the third is lost, so it is sent again under its key.
  let published = 0;
  server.script("publish", (message, connection) => {
    published += 1;
    if (published !== 3) return undefined;
    const { key, event, data } = message;
    const entry = server.append("r", { type: "event", event, data }, { user: "ada" });
    server.room("r").keys.set(key, entry);
    connection.close(1006);
    return null;
  });
  const next = createClient(world.tab(world.first.session).options({ room: "r" }));
  await connected(next, clock, 20_000);
  assert.deepEqual(written(server), Array.from({ length: 20 }, (_, n) => n));
  assert.equal(next.status.queued, 0);
  assert.equal(published, 21);
  const later = createClient(world.tab().options({ room: "r" }));
  await connected(later, clock, 20_000);
  assert.equal(written(server).length, 20, "nothing was left behind");
});

test("what another tab left behind is taken up after a while", async () => {
  const { server, world, clock, client } = await online();
  server.isRefusing = true;
  server.cut();
  await settle();
  client.emit("note", "orphan");
  await settle(40);
  server.isRefusing = false;
  client.dispose();
  await clock.tick(20_000);
  const next = createClient(world.tab().options());
  await connected(next, clock, 5_000);
  assert.deepEqual(written(server), ["orphan"]);
  assert.equal(server.heardOf("join").at(-1).presence, false, "written into a room that nobody here is seen in");
  assert.equal(server.heardOf("leave").at(-1).room, "r");
});

test("a full outbox refuses the new and keeps the old", async () => {
  const { server, clock, client, room } = await online({ outbox: { max: 2 } });
  const errors = record(client, "error");
  server.isRefusing = true;
  server.cut();
  await settle();
  for (const n of [1, 2, 3]) client.emit("note", n);
  await settle(40);
  assert.equal(errors.find(({ data }) => data.error.code === "queue_full").data.error.room, "r");
  await assert.rejects(room.publish("note", 4), { code: "queue_full", retryable: false });
  server.isRefusing = false;
  await clock.tick(16_000);
  assert.deepEqual(written(server), [1, 2]);
  const small = await online({ outbox: { maxBytes: 100 } });
  small.server.cut();
  await assert.rejects(small.room.publish("note", "x".repeat(200)), { code: "queue_full" });
});

test("a hundred at once are paced to half of what the server allows", async () => {
  const { server, clock, room } = await online();
  await room.join();
  const times = [];
  server.script("publish", () => void times.push(clock.time));
  const all = Promise.all(Array.from({ length: 100 }, (_, n) => room.publish("note", n)));
  for (let tick = 0; tick < 100 && times.length < 100; tick += 1) {
    await settle(100);
    await clock.tick(200);
  }
  await settle(100);
  await all;
  assert.deepEqual(written(server), Array.from({ length: 100 }, (_, n) => n));
  for (const begun of times) assert.ok(times.filter((time) => time >= begun && time < begun + 1_000).length <= 20, `from ${begun}`);
});

test("retry_after is honoured, and what is refused for good makes way", async () => {
  const { server, clock, client, room } = await online();
  const errors = record(client, "error");
  await room.join();
  server.script("publish", () => ({ type: "error", code: "rate_limited", message: "slow", retry_after: 3 }), 1);
  const first = room.publish("note", 1);
  const second = room.publish("note", 2);
  await clock.tick(2_900);
  assert.deepEqual(written(server), []);
  await clock.tick(200);
  assert.deepEqual([(await first).offset, (await second).offset], [1, 2]);
  server.script("publish", () => ({ type: "error", code: "forbidden", message: "not here" }), 1);
  const refused = room.publish("note", 3);
  const third = room.publish("note", 4);
  await assert.rejects(refused, { code: "forbidden", room: "r" });
  assert.equal((await third).offset, 3);
  assert.equal(errors[0].data.error.code, "forbidden");
  server.script("publish", () => ({ type: "error", code: "forbidden", message: "not here" }), 2);
  client.emit("note", 5);
  client.emit("note", 6);
  await clock.tick(1_000);
  assert.equal(errors.length, 3, "each is told once");
});

test("what is too large, or no JSON, is said at once and never sent", async () => {
  const { server, room } = await online();
  await assert.rejects(room.publish("note", "x".repeat(70_000)), { code: "too_large" });
  const circle = {};
  circle.self = circle;
  await assert.rejects(room.publish("note", circle), UsageError);
  assert.equal(server.heardOf("publish").length, 0);
});

test("a deadline says that the outcome is unknown; an abort takes back what was not sent", async () => {
  const { server, clock, room, client } = await online();
  await room.join();
  server.isRefusing = true;
  server.cut();
  await settle();
  const stop = new AbortController();
  const late = room.publish("note", "late", { timeout: 500 });
  const never = room.publish("note", "never", { signal: stop.signal });
  late.catch(() => {});
  never.catch(() => {});
  await settle();
  stop.abort();
  await assert.rejects(never, { name: "AbortError" });
  await assert.rejects(room.publish("note", 1, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await clock.tick(600);
  await assert.rejects(late, { code: "timeout", retryable: true });
  assert.equal(client.outbox.size, 1);
  server.isRefusing = false;
  await clock.tick(5_000);
  assert.deepEqual(written(server), ["late"]);
});

test("now or not at all: without the queue a publish ends with the connection", async () => {
  const { server, room, client } = await online();
  await room.join();
  assert.equal((await room.publish("note", 1, { queue: false })).offset, 1);
  const stop = new AbortController();
  server.script("publish", () => null, 1);
  const waiting = room.publish("note", 2, { queue: false, signal: stop.signal });
  await settle();
  stop.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  server.cut();
  await settle();
  await assert.rejects(room.publish("note", 3, { queue: false }), { code: "closed" });
  assert.equal(client.outbox.size, 0);
});

test("what waits for longer than keys are remembered is not sent, and told", async () => {
  const { server, clock, client, room } = await online();
  const errors = record(client, "error");
  server.isRefusing = true;
  server.cut();
  await settle();
  room.publish("note", "old").catch(() => {});
  await settle(40);
  server.isRefusing = false;
  clock.offset += 23.5 * 3_600_000;
  await clock.tick(5_000);
  assert.deepEqual(written(server), []);
  assert.ok(errors.some(({ data }) => data.error.code === "queue_expired"));
});

test("storage that throws costs durability and nothing else", async () => {
  const { server, world, clock } = stage();
  world.local.isThrowing = true;
  world.first.session.isThrowing = true;
  const broken = { open: () => {
    throw new DOMException("denied", "SecurityError");
  } };
  const client = createClient(world.options({ room: "r", environment: { indexedDB: broken } }));
  await connected(client, clock);
  assert.equal((await client.room("r").publish("note", 1)).offset, 1);
  world.first.fire(world.first.window, "pagehide", { persisted: false });
  assert.deepEqual(written(server), [1]);

  const failing = await online();
  const proto = Object.getPrototypeOf(failing.world.indexedDB);
  assert.ok(proto);
  failing.server.cut();
  await settle();
  failing.world.indexedDB.deleteDatabase("copresence");
  failing.client.emit("note", "kept in memory");
  await failing.clock.tick(3_000);
  assert.deepEqual(written(failing.server), ["kept in memory"]);
});

test("nothing in storage can break the outbox", async () => {
  const { server, world, clock } = stage();
  const open = world.indexedDB.open("copresence", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("outbox", { keyPath: "seq", autoIncrement: true });
  await new Promise((resolve) => {
    open.onsuccess = resolve;
  });
  const store = open.result.transaction("outbox", "readwrite").objectStore("outbox");
  for (const junk of [{ key: 7 }, { key: "k", room: "r" }, { key: "k", room: "r", message: { type: 3 }, at: 1 }]) store.add(junk);
  open.result.close();
  world.local.setItem("copresence::http://node.test/v1:user", "{not json");
  world.first.session.setItem("copresence::http://node.test/v1:tab", '{"rooms":{"r":{"cursor":7}},"secret":9,"tab":[]}');
  const client = createClient(world.options({ room: "r" }));
  await connected(client, clock, 2_000);
  assert.equal((await client.room("r").publish("note", 1)).offset, 1);
  assert.equal(server.heardOf("publish").length, 1);
});

test("clear throws away what waits, and its promises end", async () => {
  const { server, client, room } = await online();
  server.isRefusing = true;
  server.cut();
  await settle();
  const waiting = room.publish("note", 1);
  await settle(40);
  waiting.catch(() => {});
  await client.outbox.clear();
  await assert.rejects(waiting, { code: "queue_expired" });
  assert.equal(client.outbox.size, 0);
  assert.equal(client.outbox.bytes, 0);
});

test("what one user said is not sent as another", async () => {
  const { server, world, clock, client } = await online({ token: () => "user:ada" });
  server.isRefusing = true;
  server.cut();
  await settle();
  client.emit("note", "ada's");
  await settle(40);
  client.dispose();
  server.isRefusing = false;
  await clock.tick(20_000);
  const bob = createClient(world.tab().options({ token: () => "user:bob" }));
  await connected(bob, clock, 20_000);
  assert.deepEqual(written(server), []);
  bob.dispose();
  const ada = createClient(world.tab().options({ token: () => "user:ada" }));
  await connected(ada, clock, 20_000);
  assert.deepEqual(written(server), ["ada's"]);
});

test("while realtime is off writes go by HTTP, through the outbox and under the same keys", async () => {
  const { server, world, clock } = stage();
  const posted = [];
  const answers = [];
  const room = server.room("r");
  const fetch = async (url, { method = "GET", headers, body }) => {
    const path = new URL(url).pathname;
    if (method === "GET") {
      const answer = path.endsWith("/history") ? { cursor: server.cursor("r"), oldest: 1, entries: room.entries.slice(Number(new URL(url).searchParams.get("after"))), more: false }
        : { room: "r", count: 0, members: [], state: {}, cursor: server.cursor("r") };
      return { ok: true, status: 200, json: async () => answer };
    }
    const { key, ...rest } = JSON.parse(body);
    posted.push({ path, key, rest, headers });
    const answer = answers.shift();
    if (answer === "no network") throw new TypeError("Failed to fetch");
    if (answer) return { ok: false, status: answer.status, json: async () => answer.body };
    const known = room.keys.get(key);
    const entry = known ?? server.append("r", { type: "event", event: rest.event, data: rest.data });
    room.keys.set(key, entry);
    return { ok: true, status: known ? 200 : 201, json: async () => ({ offset: entry.offset, entry: entry.id, duplicate: Boolean(known) }) };
  };
  const client = createClient(world.options({ room: "r", token: "user:ada", environment: { fetch } }));
  const heard = record(client, "note", "error");
  await connected(client, clock);
  client.disableRealtime();
  await clock.tick(100);
  const { offset } = await client.room("r").publish("note", "by hand");
  await clock.tick(100);
  assert.equal(offset, 1);
  assert.deepEqual([posted[0].path, posted[0].rest, posted[0].headers.authorization], ["/v1/rooms/r/events", { event: "note", data: "by hand" }, "Bearer user:ada"]);
  assert.equal(heard.at(-1)?.data, "by hand", "and one sees it at once");
  answers.push("no network", { status: 429, body: { type: "error", code: "rate_limited", message: "slow", retry_after: 2 } }, { status: 502, body: {} });
  const second = client.room("r").publish("note", 2);
  await clock.tick(10_000);
  assert.equal((await second).offset, 2);
  assert.equal(new Set(posted.slice(1).map(({ key }) => key)).size, 1);
  answers.push({ status: 403, body: { type: "error", code: "forbidden", message: "not here" } });
  await assert.rejects(client.room("r").state.set({ a: 1 }), { code: "forbidden" });
  assert.equal(posted.at(-1).path, "/v1/rooms/r/state");
  assert.equal(client.outbox.size, 0);
  // What waits when it is switched on again goes the other way.
  answers.push("no network", "no network", "no network");
  const third = client.room("r").publish("note", 3);
  await settle(40);
  client.enableRealtime();
  await clock.tick(5_000);
  assert.equal((await third).offset, 3);
  assert.equal(server.heardOf("publish").at(-1).data, 3);
  assert.deepEqual(written(server), ["by hand", 2, 3]);
});

test("what is settled while the store is read stays settled", async () => {
  const items = new Map();
  /** Readings that end when the test says so. @type {(() => void)[]} */
  const reading = [];
  const objectStore = () => ({
    getAll: () => ({ result: [...items.values()] }),
    add(item) {
      items.set(items.size + 1, { ...item, seq: items.size + 1 });
      return { result: items.size };
    },
    delete: (seq) => ({ result: items.delete(seq) }),
  });
  const transaction = (_, mode) => {
    const begun = { objectStore, oncomplete() {} };
    if (mode === "readonly") reading.push(() => begun.oncomplete());
    else setImmediate(() => begun.oncomplete());
    return begun;
  };
  const open = () => {
    const request = { result: { transaction, close() {} }, onsuccess() {} };
    setImmediate(() => request.onsuccess());
    return request;
  };
  const goOn = async () => {
    for (const end of reading.splice(0)) end();
    await settle();
  };
  const { server, clock, client } = await online({ environment: { indexedDB: { open } } });
  await goOn();
  server.isRefusing = true;
  server.cut();
  await settle();
  client.emit("note", "once");
  await settle(40);
  server.isRefusing = false;
  await clock.tick(5_000);
  await settle(40);
  assert.deepEqual([reading.length, server.heardOf("publish").length, items.size], [1, 1, 0], "answered, and still being read");
  await goOn();
  await clock.tick(5_000);
  assert.equal(server.heardOf("publish").length, 1);
  assert.equal(client.outbox.size, 0);
});

test("two writes under one key both get the one answer", async () => {
  const { server, clock, room } = await online();
  await room.join();
  server.isRefusing = true;
  server.cut();
  await settle();
  const both = [room.publish("note", 1, { key: "k" }), room.publish("note", 1, { key: "k" })];
  await settle(40);
  server.isRefusing = false;
  await clock.tick(16_000);
  assert.deepEqual((await Promise.all(both)).map(({ offset }) => offset), [1, 1]);
  assert.deepEqual(written(server), [1]);
});

test("what was called off before the browser had it is not found there after a reload", async () => {
  const { server, world, clock, client, room } = await online();
  server.isRefusing = true;
  server.cut();
  await settle();
  const stop = new AbortController();
  const never = room.publish("note", "never", { signal: stop.signal });
  // Begun, and not yet numbered.
  await Promise.resolve();
  assert.equal(client.outbox.size, 1);
  stop.abort();
  await assert.rejects(never, { name: "AbortError" });
  await settle(40);
  client.dispose();
  server.isRefusing = false;
  const next = createClient(world.tab(world.first.session).options({ room: "r" }));
  await connected(next, clock, 20_000);
  assert.deepEqual(written(server), []);
});
