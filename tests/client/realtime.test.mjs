/** Realtime switched off: no socket, and what is shown comes by fetch. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { record, settle, stage } from "./fake-server.mjs";

test("realtime is switched off and on by the user, and that is remembered", async () => {
  const { server, world } = stage();
  const client = createClient(world.options());
  await client.connect();
  client.disableRealtime();
  assert.equal(server.connection.endedWith, 1000);
  assert.equal(client.isRealtimeEnabled, false);
  await assert.rejects(client.connect(), { code: "disabled" });
  const next = createClient(world.tab().options());
  assert.equal(next.isRealtimeEnabled, false);
  next.enableRealtime();
  await settle();
  assert.equal(next.isConnected, true);
  assert.equal(createClient(world.tab().options()).isRealtimeEnabled, true);
});

test("while realtime is off data come by fetch: what is behind the cursor, or a new picture", async () => {
  const { server, world, clock } = stage();
  const asked = [];
  const answer = (body, status = 200) => ({ ok: status === 200, status, json: async () => body });
  let isBroken = false;
  const fetch = async (url, { headers }) => {
    asked.push([new URL(url).pathname + new URL(url).search, headers.authorization]);
    if (isBroken) return answer({ type: "error", code: "unavailable", message: "later" }, 503);
    const room = server.room("r");
    if (!url.includes("/history")) return answer({ room: "r", count: 1, members: [server.member("grace")], state: room.state, cursor: server.cursor("r") });
    const behind = Number(new URL(url).searchParams.get("after"));
    const entries = room.entries.filter(({ offset }) => offset > behind).slice(0, 2);
    return answer({ cursor: server.cursor("r"), oldest: room.first, entries, more: entries.at(-1)?.offset < server.cursor("r").offset });
  };
  const client = createClient(world.options({ room: "r", token: "user:ada", environment: { fetch } }));
  const heard = record(client, "note", "reset", "error");
  client.disableRealtime();
  // What does it is loaded first, which takes as long as the disk does.
  for (let turn = 0; turn < 1_000 && asked.length === 0; turn += 1) await settle();
  server.append("r", { type: "state", set: { a: 1 }, removed: [] });
  await clock.tick(30_000);
  const room = client.room("r");
  assert.deepEqual(room.state.all(), { a: 1 });
  assert.equal(room.presence.members[0].user, "grace");
  for (const n of [1, 2, 3]) server.append("r", { type: "event", event: "note", data: n });
  await clock.tick(30_000);
  assert.deepEqual(heard.map(({ data }) => data), [1, 2, 3]);
  assert.deepEqual(asked.at(-1), ["/v1/rooms/r/history?after=3&limit=200", "Bearer user:ada"]);
  Object.assign(server.room("r"), { epoch: "e2", entries: [], state: { b: 2 } });
  await clock.tick(30_000);
  assert.equal(heard.at(-1).name, "reset");
  assert.deepEqual(room.state.all(), { b: 2 });
  isBroken = true;
  await clock.tick(30_000);
  assert.equal(heard.at(-1).data.error.code, "unavailable");
  client.enableRealtime();
  await settle();
  assert.equal(room.status, "joined");
  const before = asked.length;
  await clock.tick(120_000);
  assert.equal(asked.length, before);
  assert.equal(server.heardOf("connect").length, 1);
});

test("answers that come out of order move no room back, and none is taken once realtime is on", async () => {
  const { server, world, clock } = stage();
  /** @type {{ behind: number, answer: () => void }[]} in the order in which they were asked */
  const waiting = [];
  const fetch = (url, { method = "GET" }) => {
    const { searchParams, pathname } = new URL(url);
    const room = server.room("r");
    const behind = Number(searchParams.get("after") ?? 0);
    // As it is when it is asked, whenever it arrives.
    const body = pathname.endsWith("/history")
      ? { cursor: server.cursor("r"), oldest: room.first, entries: room.entries.filter(({ offset }) => offset > behind), more: false }
      : method === "POST" ? { offset: 1, entry: "1", duplicate: false } : { room: "r", count: 0, members: [], state: room.state, cursor: server.cursor("r") };
    return new Promise((resolve) => waiting.push({ behind, answer: () => resolve({ ok: true, status: 200, json: async () => body }) }));
  };
  const next = async () => {
    for (let turn = 0; turn < 1_000 && waiting.length === 0; turn += 1) await settle();
    return waiting.shift();
  };
  const client = createClient(world.options({ room: "r", environment: { fetch } }));
  const heard = record(client, "note", "reset");
  const notes = () => heard.map(({ name, data }) => (name === "note" ? data : name));
  client.disableRealtime();
  (await next()).answer();
  const say = (n) => server.append("r", { type: "event", event: "note", data: n });
  await settle();
  await clock.tick(30_000);
  (await next()).answer();
  await settle();
  say(1);
  await clock.tick(30_000);
  const late = await next();
  assert.deepEqual([late.behind, notes()], [0, []]);
  say(2);
  // A write asks at once what is new, beside the round that is still under way.
  const written = client.room("r").publish("note", "own");
  (await next()).answer();
  await written;
  const early = await next();
  early.answer();
  await settle();
  assert.deepEqual(notes(), [1, 2]);
  late.answer();
  await settle();
  const again = await next();
  assert.equal(again.behind, 2);
  assert.deepEqual(notes(), [1, 2]);
  say(3);
  client.enableRealtime();
  await settle();
  assert.deepEqual(notes(), [1, 2, 3]);
  again.answer();
  await settle();
  say(4);
  await settle();
  assert.deepEqual(notes(), [1, 2, 3, 4]);
  assert.equal(client.room("r").counts.gaps, 0);
});
