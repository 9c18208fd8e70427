/** Tabs where there are no locks: a worker has their connection, and none of them is lost sight of. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { serve } from "../../static/client/worker.js";
import { record, settle, stage } from "./fake-server.mjs";

const open_sockets = (server) => server.connections.filter(({ isOpen }) => isOpen).length;
const note = (data) => ({ type: "event", event: "note", data });
const said = (tabs) => tabs.map(({ heard }) => heard.map(({ data }) => data).join());

/** Tabs of plain http: no locks, a worker for each name. It hears its tabs only through the channel and their ports. */
async function openByWorker(count, options = {}) {
  const staged = stage();
  const { world, clock } = staged;
  const workers = new Map();
  const openTab = async (more = {}) => {
    const tab = world.shared();
    tab.environment.locks = null;
    tab.environment.SharedWorker = class {
      constructor(url, { type, name }) {
        assert.equal(url.pathname.split("/").at(-1), "worker.js");
        assert.equal(type, "module");
        if (!workers.has(name)) workers.set(name, begin(name));
        const port = {};
        workers.get(name).scope.onconnect({ ports: [port] });
        this.port = { postMessage: (data) => world.toTab(workers.get(name).tab, () => port.onmessage({ data: structuredClone(data) })) };
      }
    };
    const client = createClient(tab.options({ room: "r", ...options, ...more }));
    const heard = record(client, "note");
    client.connect().catch(() => {});
    await clock.tick(50);
    return { tab, client, room: client.room("r"), heard };
  };
  const begin = (name) => {
    const tab = world.shared();
    const { BroadcastChannel, ...rest } = tab.environment;
    const scope = { name, navigator: {}, BroadcastChannel };
    serve(scope, { ...rest, locks: null, document: null, window: null, local: null, session: null });
    return { tab, scope };
  };
  const tabs = [];
  for (let at = 0; at < count; at += 1) tabs.push(await openTab());
  await clock.tick(100);
  return { ...staged, tabs, workers, openTab };
}

test("without locks five tabs share the connection of a worker, and each hears everything once", async () => {
  const { server, clock, tabs, workers } = await openByWorker(5);
  assert.equal(workers.size, 1);
  assert.equal(server.connections.length, 1);
  assert.equal(server.connection.socket.tab, [...workers.values()][0].tab);
  assert.deepEqual(tabs.map(({ client }) => [client.connectionState, client.status.tab.count, client.status.tab.role]), Array(5).fill(["connected", 5, "follower"]));
  server.append("r", note(1));
  await settle(30);
  assert.equal((await tabs[3].room.publish("note", 2)).offset, 2);
  assert.equal((await tabs[0].room.publish("note", 3)).offset, 3);
  await settle(30);
  assert.deepEqual(said(tabs), Array(5).fill("1,2,3"));
  await clock.tick(60_000);
  assert.deepEqual([server.connections.length, tabs[0].client.status.tab.count], [1, 5], "and it stays so");
});

test("what waits in tabs of a worker is sent by one of them, and by the next when that is gone", async () => {
  const { server, clock, tabs } = await openByWorker(2);
  server.script("publish", () => null);
  for (const n of [1, 2]) tabs[1].client.emit("note", n);
  await settle(60);
  tabs[0].tab.crash();
  server.script("publish", () => undefined);
  await clock.tick(30_000);
  assert.deepEqual(server.room("r").entries.map(({ data }) => data), [1, 2]);
  assert.equal(tabs[1].client.outbox.size, 0);
  assert.equal(tabs[1].client.status.tab.count, 1);
});

test("a tab that a worker took for gone joins its rooms again when it wakes", async () => {
  const { server, clock, tabs } = await openByWorker(2);
  tabs[1].tab.isHanging = true;
  server.append("r", note(1));
  await clock.tick(20_000);
  assert.equal(tabs[0].client.status.tab.count, 1);
  server.append("r", note(2));
  await clock.tick(100);
  tabs[1].tab.wake();
  await clock.tick(1_000);
  assert.deepEqual(said(tabs), ["1,2", "1,2"]);
  assert.deepEqual(tabs.map(({ client }) => client.status.tab.count), [2, 2]);
});

test("a worker says goodbye when the last tab is gone, and a tab that comes later begins anew", async () => {
  const { server, clock, tabs, openTab } = await openByWorker(2);
  tabs[0].client.disconnect();
  await clock.tick(5_000);
  assert.equal(open_sockets(server), 1);
  tabs[1].tab.fire(tabs[1].tab.window, "pagehide", { persisted: false });
  tabs[1].tab.crash();
  await clock.tick(3_000);
  assert.equal(open_sockets(server), 1, "it may be reloading");
  await clock.tick(2_000);
  assert.equal(server.connection.endedWith, 1000);
  const { client } = await openTab();
  await clock.tick(200);
  assert.equal(client.connectionState, "connected");
  assert.equal(server.connections.length, 2);
});

test("a worker asks the tabs who they are, also when the token was refused, and never twice for the same", async () => {
  const asked = [];
  const { server, clock, tabs } = await openByWorker(2, { token: ({ refused }) => (asked.push(refused), refused ? "user:ada2" : "user:ada") });
  server.script("connect", () => ({ type: "error", code: "unauthorized", message: "no" }), 1);
  server.cut();
  await clock.tick(5_000);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["connected", "connected"]);
  assert.equal(asked.filter(Boolean).length, 1);
  server.connection.push({ type: "expiring", in: 60 });
  await clock.tick(100);
  assert.equal(server.heardOf("refresh").length, 1);
  server.script("connect", () => ({ type: "error", code: "unauthorized", message: "no" }));
  server.cut();
  await clock.tick(5_000);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["failed", "failed"]);
});

test("a worker that can't be had, or falls silent, leaves each tab a connection of its own", async () => {
  const { server, clock, tabs, workers, openTab } = await openByWorker(2);
  [...workers.values()][0].tab.crash();
  server.close(1006);
  await clock.tick(20_000);
  assert.deepEqual(tabs.map(({ client }) => [client.connectionState, client.status.tab.role]), Array(2).fill(["connected", "alone"]));
  assert.equal(open_sockets(server), 2);
  await clock.tick(30_000);
  assert.equal(open_sockets(server), 2, "neither takes the other's session");
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["connected", "connected"]);
  const { client } = await openTab({ environment: { SharedWorker: class { constructor() { throw new DOMException("no", "SecurityError"); } } } });
  await clock.tick(100);
  assert.equal(client.status.tab.role, "alone");
  assert.equal(client.connectionState, "connected");
});
