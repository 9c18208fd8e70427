/** What is loaded when it is needed: what happens meanwhile, when it can't be had, and when nobody needs it any more. */

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { record, settle, stage } from "./fake-server.mjs";

/** Read by the hook, which runs in a thread of its own: how many loads fail, and whether they are held up. */
const [failing, held] = [new Int32Array(new SharedArrayBuffer(4)), new Int32Array(new SharedArrayBuffer(4))];
const LATE = "/(polling|shared-link)\\.js$/";
const hook = `
  let failing, held;
  let loads = 0;
  export const initialize = (data) => void ({ failing, held } = data);
  export async function resolve(specifier, context, next) {
    const found = await next(specifier, context);
    if (!${LATE}.test(found.url)) return found;
    Atomics.wait(held, 0, 1);
    if (Atomics.load(failing, 0) > 0) {
      Atomics.sub(failing, 0, 1);
      throw new TypeError("Failed to fetch dynamically imported module");
    }
    // To each test it is new.
    loads += 1;
    return { ...found, url: found.url + "?load=" + loads };
  }`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, { data: { failing, held } });

const hold = () => Atomics.store(held, 0, 1);
const release = () => {
  Atomics.store(held, 0, 0);
  Atomics.notify(held, 0);
};
/** As long as the disk takes. */
async function until(isSo) {
  for (let turn = 0; turn < 1_000 && !isSo(); turn += 1) await settle();
  assert.ok(isSo());
}

async function offline() {
  const { server, world, clock } = stage();
  const asked = [];
  const fetch = async (url) => {
    asked.push(new URL(url).pathname);
    return { ok: true, status: 200, json: async () => ({ room: "r", count: 0, members: [], state: server.room("r").state, cursor: server.cursor("r") }) };
  };
  const client = createClient(world.options({ room: "r", environment: { fetch } }));
  client.subscribe("note", () => {});
  return { server, world, clock, client, asked };
}

test("what asks by fetch can't be loaded: that is said once, and the network's return tries again", async () => {
  const { world, clock, client, asked } = await offline();
  const errors = record(client, "error");
  Atomics.store(failing, 0, 1);
  client.disableRealtime();
  await until(() => errors.length > 0);
  const [{ data: { error } }] = errors;
  assert.deepEqual([error.code, error.retryable, error.cause.name], ["unavailable", true, "TypeError"]);
  await clock.tick(60_000);
  assert.deepEqual([asked, errors.length], [[], 1]);
  world.first.fire(world.first.window, "online");
  await until(() => asked.length > 0);
  assert.deepEqual([asked, errors.length], [["/v1/rooms/r"], 1]);
  client.dispose();
});

test("a write while it is being loaded waits for it, in the outbox", async () => {
  const { clock, client, asked } = await offline();
  hold();
  client.disableRealtime();
  const published = client.room("r").publish("note", 1);
  published.catch(() => {});
  await clock.tick(1_000);
  assert.deepEqual([asked, client.outbox.size], [[], 1]);
  release();
  await until(() => asked.includes("/v1/rooms/r/events"));
  await until(() => client.outbox.size === 0);
  client.dispose();
});

test("realtime on again, or the end, while it is being loaded: it never asks, and no timer is left", async () => {
  for (const end of ["enableRealtime", "dispose"]) {
    const { clock, client, asked } = await offline();
    hold();
    client.disableRealtime();
    await settle();
    client[end]();
    release();
    await settle(200);
    await clock.tick(60_000);
    assert.deepEqual(asked, [], end);
    client.dispose();
    await clock.tick(100);
    assert.equal(clock.pending, 0, end);
  }
});

test("what many tabs need can't be loaded: a second tab has a connection of its own, and none misses anything", async () => {
  const { server, world, clock } = stage();
  const clients = [];
  // Both try, once each.
  Atomics.store(failing, 0, 2);
  for (let at = 0; at < 2; at += 1) {
    const client = createClient(world.shared().options({ room: "r" }));
    clients.push({ client, heard: record(client, "note") });
    client.connect();
    await until(() => client.isConnected);
  }
  await clock.tick(1_000);
  server.append("r", { type: "event", event: "note", data: 1 });
  await settle(30);
  assert.deepEqual(clients.map(({ client, heard }) => [client.connectionState, heard.map(({ data }) => data)]), [["connected", [1]], ["connected", [1]]]);
  assert.equal(server.connections.filter(({ isOpen }) => isOpen).length, 2);
  Atomics.store(failing, 0, 0);
});

test("what comes while it is being loaded reaches every tab once, and who ends meanwhile stays ended", async () => {
  const { server, world, clock } = stage();
  const tabs = [];
  const open = () => {
    const client = createClient(world.shared().options({ room: "r" }));
    tabs.push({ client, heard: record(client, "note") });
    client.connect().catch(() => {});
    return client;
  };
  const first = open();
  await until(() => first.isConnected);
  await clock.tick(100);
  hold();
  const second = open();
  await settle(30);
  server.append("r", { type: "event", event: "note", data: 1 });
  await settle(30);
  release();
  await until(() => second.isConnected);
  server.append("r", { type: "event", event: "note", data: 2 });
  await clock.tick(200);
  assert.deepEqual(tabs.map(({ heard }) => heard.map(({ data }) => data).join()), ["1,2", "2"], "the second came behind the first note");
  assert.equal(server.connections.length, 1);

  const lone = createClient(world.shared().options({ room: "r" }));
  hold();
  lone.connect().catch(() => {});
  await settle(30);
  lone.dispose();
  release();
  await settle(200);
  await clock.tick(1_000);
  assert.equal(lone.connectionState, "disconnected");
  assert.equal(server.connections.length, 1);
});
