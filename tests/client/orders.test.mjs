/** Answers, tabs and promises in the orders that a slow machine brings them in: whatever comes second, nothing is lost or shown twice. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

/** Lets everything happen until it is so, as what is loaded when it is needed takes as long as the disk does. @param {() => unknown} isSo */
async function until(isSo) {
  for (let turn = 0; turn < 1_000 && !isSo(); turn += 1) await settle();
  assert.ok(isSo(), String(isSo));
}

/** A promise of which the test says when it ends. */
function held() {
  let end;
  const promise = new Promise((resolve) => (end = resolve));
  return { promise, end };
}

test("realtime switched off, on and off while a fetch is under way asks no more often than before", async () => {
  const { server, world, clock } = stage();
  /** @type {(() => void)[]} */
  const waiting = [];
  const body = () => ({ room: "r", count: 0, members: [], state: {}, cursor: server.cursor("r"), oldest: 1, entries: [], more: false });
  const fetch = () => new Promise((resolve) => waiting.push(() => resolve({ ok: true, status: 200, json: async () => body() })));
  const answerAll = async () => {
    for (; waiting.length > 0; await settle()) waiting.shift()?.();
  };
  const client = createClient(world.options({ room: "r", environment: { fetch } }));
  void client.room("r").join();
  client.disableRealtime();
  await until(() => waiting.length === 1);
  client.enableRealtime();
  await settle();
  client.disableRealtime();
  await until(() => waiting.length === 2);
  await answerAll();
  for (let round = 0; round < 3; round += 1) {
    await clock.tick(30_000);
    assert.equal(waiting.length, 1);
    await answerAll();
  }
});

test("what a new tab says before it is connected is sent by the tab that leads", async () => {
  const { server, world, clock } = stage();
  const leader = createClient(world.shared().options({ room: "r" }));
  await connected(leader, clock);
  leader.room("r").join();
  await clock.tick(100);
  const tab = world.shared();
  const late = createClient(tab.options({ room: "r" }));
  const published = late.room("r").publish("note", "early").then(({ offset }) => offset);
  await clock.tick(1_000);
  assert.deepEqual(server.room("r").entries.map(({ data }) => data), ["early"]);
  assert.equal(await published, 1);
  assert.equal(late.outbox.size, 0);
});

test("what the tab that leads sent for one that could not hear of it yet is answered there all the same", async () => {
  const { server, world, clock } = stage();
  const token = "user:ada";
  const leader = createClient(world.shared().options({ room: "r", token }));
  await connected(leader, clock);
  await leader.room("r").join();
  const brought = held();
  const late = createClient(world.shared().options({ room: "r", token: () => brought.promise }));
  const published = late.room("r").publish("note", "early");
  await settle();
  // Whoever leads looks into the store when it comes back, and finds it there.
  server.cut();
  await clock.tick(5_000);
  assert.deepEqual(server.room("r").entries.map(({ data }) => data), ["early"]);
  brought.end(token);
  await clock.tick(1_000);
  assert.equal(late.status.tab.role, "follower");
  assert.deepEqual(await published, { offset: 1, entry: "n-1", duplicate: true });
  assert.deepEqual([late.outbox.size, leader.outbox.size, server.room("r").entries.length], [0, 0, 1]);
});

test("a token that is set while the one before is asked for is the one that is said", async () => {
  const { server, world } = stage();
  const old = held();
  const client = createClient(world.options({ token: () => old.promise }));
  const connecting = client.connect();
  await settle();
  await client.setToken("user:grace");
  old.end("user:ada");
  await connecting;
  assert.deepEqual(server.heardOf("connect").map(({ token }) => token), ["user:grace"]);
  assert.equal(client.user.id, "grace");
  assert.deepEqual(server.heardOf("refresh"), []);
});

test("a token that is set while connect is being answered is said as soon as it is", async () => {
  const { server, world } = stage();
  const client = createClient(world.options({ token: "user:ada" }));
  /** @type {(() => void)[]} */
  const waiting = [];
  server.script("connect", (message, connection) => {
    waiting.push(() => server.answer(message, connection));
    return null;
  }, 1);
  const connecting = client.connect();
  await until(() => waiting.length === 1);
  await client.setToken("user:ada:new");
  waiting[0]();
  await connecting;
  await settle();
  assert.deepEqual(server.heardOf("refresh").map(({ token }) => token), ["user:ada:new"]);
});

test("a tab that stops and begins anew while it learns to share shares once", async () => {
  for (let turns = 0; turns < 20; turns += 1) {
    const { world, clock } = stage();
    const tab = world.shared();
    const { BroadcastChannel } = tab.environment;
    let workers = 0;
    tab.environment.SharedWorker = class {
      port = { postMessage() {} };
      constructor() {
        workers += 1;
      }
    };
    let isFirst = true;
    // Made right before the loading begins, so the stop comes so many turns into it.
    tab.environment.BroadcastChannel = class extends BroadcastChannel {
      constructor(name) {
        super(name);
        if (isFirst) void stopAndBegin();
        isFirst = false;
      }
    };
    const client = createClient(tab.options({ tabs: { worker: true } }));
    const stopAndBegin = async () => {
      for (let turn = 0; turn < turns; turn += 1) await null;
      client.disconnect();
      workers = 0;
      client.connect().catch(() => {});
    };
    client.connect().catch(() => {});
    await clock.tick(10);
    assert.equal(workers, 1, `stopped after ${turns} turns`);
  }
});

test("a reset while documents are being fetched has them fetched again", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  await connected(client, clock);
  await client.room("r").join();
  let stored = [{ id: "a", n: 1 }];
  const answers = [];
  const list = client.room("r").collection("docs", { fetch: () => new Promise((resolve) => { const now = stored; answers.push(() => resolve(now)); }) });
  await settle();
  assert.equal(answers.length, 1);
  stored = [{ id: "a", n: 2 }];
  Object.assign(server.room("r"), { epoch: "e2", entries: [] });
  server.cut();
  await clock.tick(1_000);
  assert.equal(client.room("r").status, "joined");
  for (let n = 0; n < 2; n += 1) {
    answers.shift()?.();
    await settle();
  }
  assert.deepEqual(list.data, [{ id: "a", n: 2 }]);
});

test("what is made between the first fetch of documents and the join of their room is not missed", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  let stored = ["a"];
  let fetched = 0;
  const fetch = async () => {
    fetched += 1;
    return stored.map((id) => ({ id }));
  };
  const ids = () => list.data.map(({ id }) => id);
  server.isRefusing = true;
  const list = client.room("r").collection("docs", { fetch });
  assert.equal(list.isLoading, true);
  await clock.tick(499);
  assert.equal(fetched, 0);
  // Nobody knows when the server comes back, so what there is by now is shown.
  await clock.tick(1);
  assert.deepEqual([fetched, ids(), list.isLoading], [1, ["a"], false]);
  stored = ["a", "b"];
  server.isRefusing = false;
  client.reconnect();
  await clock.tick(1_000);
  assert.equal(client.room("r").status, "joined");
  assert.deepEqual([fetched, ids()], [2, ["a", "b"]]);
  server.cut();
  await clock.tick(1_000);
  assert.equal(fetched, 2, "what was missed came by the cursor");
  // Where the room is joined soon, and where it is already, one question is enough.
  const other = client.room("r").collection("docs", { fetch });
  await settle();
  assert.equal(fetched, 3);
  const gone = client.room("s").collection("docs", { fetch });
  gone.dispose();
  await clock.tick(1_000);
  assert.equal(fetched, 3);
  for (const each of [list, other]) each.dispose();
});

test("a return that was cut short is not told, and the next one is told once", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  const told = record(client, "connection:lost", "connection:restored", "connection:established");
  const names = () => told.map(({ name }) => name.slice("connection:".length));
  await connected(client, clock);
  await client.room("r").join();
  server.script("join", () => null, 2);
  server.cut();
  await clock.tick(1_000);
  assert.equal(client.isConnected, true);
  client.disconnect();
  await connected(client, clock);
  assert.deepEqual(names(), ["established", "lost", "established"]);
  server.cut();
  await clock.tick(1_000);
  assert.equal(client.room("r").status, "joined");
  assert.deepEqual(names(), ["established", "lost", "established", "lost", "restored"]);
  // Lost again before its room was back: told together, by what then held.
  server.script("join", () => null, 1);
  server.cut();
  await clock.tick(1_000);
  Object.assign(server.room("r"), { epoch: "e2", entries: [] });
  server.cut();
  await clock.tick(2_000);
  assert.deepEqual(names().slice(5), ["lost", "lost", "restored"]);
  assert.equal(told.at(-1).data.recovered, false);
});
