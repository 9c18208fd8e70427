/** A move to another node: the new connection stands before the old one goes, and nobody hears of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

/** A node that is about to go says so, and the server ends the old connection once the session is taken up by the new one. */
async function moving(order) {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  const told = record(client, "connection:state", "connection:lost", "disconnect", "connection:restored", "connection:established", "connect_error");
  const heard = record(client, "note", "reset");
  await connected(client, clock);
  const first = server.connection;
  server.append("r", note(1));
  await settle();
  told.length = 0;
  server.script("connect", (_, connection) => {
    if (order === "closed first") first.close(4409);
    else setImmediate(() => first.close(4409));
    if (order === "dies") {
      connection.close(1006);
      return null;
    }
    // What is written between the two is in the log, whoever was told of it.
    server.append("r", note(2));
    return undefined;
  }, 1);
  first.push({ type: "moving", after: 2.5 });
  return { server, world, clock, client, first, told, heard };
}
const note = (data) => ({ type: "event", event: "note", data });

test("a move makes the new connection before it breaks the old one, and nobody hears of it", async () => {
  for (const order of ["usual", "closed first"]) {
    const { server, clock, client, first, told, heard } = await moving(order);
    await clock.tick(2_400);
    assert.equal(server.connections.length, 1, "when it was told to");
    const statuses = [];
    client.subscribe(() => statuses.push(client.connectionState));
    const writing = client.room("r").publish("note", "mine");
    await clock.tick(200);
    assert.equal(server.connections.length, 2);
    assert.equal(server.heardOf("connect")[1].secret, "secret-s-1", "the same session");
    assert.equal(first.isOpen, false);
    assert.equal(client.connectionState, "connected");
    server.append("r", note(3));
    await clock.tick(20_000);
    await writing;
    assert.deepEqual(heard.map(({ name, data }) => (name === "note" ? data : name)), [1, "mine", 2, 3], order);
    assert.deepEqual(told, [], order);
    assert.deepEqual(new Set(statuses), new Set(["connected"]), order);
    assert.equal(server.connections.length, 2);
  }
});

test("tabs that share a connection move with it, and none of them hears of it", async () => {
  const { server, world, clock } = stage();
  const tabs = [];
  for (let n = 0; n < 2; n += 1) {
    const client = createClient(world.shared().options({ room: "r" }));
    const heard = record(client, "note");
    client.connect().catch(() => {});
    await clock.tick(100);
    tabs.push({ client, heard, told: record(client, "connection:state", "connection:lost", "disconnect", "connection:restored", "reset") });
  }
  const first = server.connection;
  for (const { told } of tabs) told.length = 0;
  server.append("r", note(1));
  server.script("connect", () => {
    setImmediate(() => first.close(4409));
    server.append("r", note(2));
    return undefined;
  }, 1);
  first.push({ type: "moving", after: 1 });
  await clock.tick(1_500);
  server.append("r", note(3));
  await clock.tick(1_000);
  assert.equal(server.connections.length, 2);
  for (const { client, heard, told } of tabs) {
    assert.deepEqual(heard.map(({ data }) => data), [1, 2, 3]);
    assert.deepEqual(told, []);
    assert.equal(client.connectionState, "connected");
  }
});

test("a move that fails is a loss once the old connection is gone as well, and no sooner", async () => {
  const { server, clock, client, told } = await moving("dies");
  await clock.tick(2_600);
  await clock.tick(500);
  assert.equal(client.connectionState, "connected");
  assert.ok(told.some(({ name }) => name === "connection:lost"));
  assert.equal(server.connections.length, 3);
  const staying = stage();
  const other = createClient(staying.world.options({ room: "r" }));
  await connected(other, staying.clock);
  staying.server.isRefusing = true;
  staying.server.connection.push({ type: "moving" });
  await staying.clock.tick(1_000);
  assert.equal(other.connectionState, "connected", "the old one goes on");
  staying.server.isRefusing = false;
  assert.equal((await other.room("r").publish("note", 1)).offset, 1);
  assert.equal(staying.server.connections.length, 1);
});

test("asked to move again and again, it moves once and leaves no socket behind", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  const heard = record(client, "note", "connection:lost");
  await connected(client, clock);
  const first = server.connection;
  for (const after of [0, -1, "soon", null, 1e9, 0]) {
    first.push({ type: "moving", after });
    await settle(1);
  }
  server.script("connect", (_, connection) => {
    // Slow to answer, and the old node asks once more.
    first.push({ type: "moving", after: 0 });
    connection.slow = true;
    return null;
  }, 1);
  await clock.tick(100);
  server.append("r", note(1));
  await clock.tick(1_000);
  assert.equal(client.connectionState, "connected");
  assert.deepEqual(heard.map(({ data }) => data), [1]);
  assert.equal(server.connections.filter(({ socket }) => socket.readyState === 1).length, 1);
  assert.ok(server.connections.length <= 4, String(server.connections.length));
  assert.equal(client.inspect().counters.unknown, undefined);
});

test("what waits for an answer while the client moves is asked again, and written once", async () => {
  const { server, clock, client, heard } = await moving("usual");
  server.script("publish", ({ event, data, key }) => {
    // It is in the log; the answer stays on the way.
    server.room("r").keys.set(key, server.append("r", { type: "event", event, data }));
    return null;
  }, 1);
  const writing = client.room("r").publish("note", "once");
  await clock.tick(5_000);
  assert.equal((await writing).duplicate, true);
  assert.equal(heard.filter(({ data }) => data === "once").length, 1);
});
