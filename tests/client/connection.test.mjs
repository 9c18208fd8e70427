/** The connection's states: every change has a reason, and what is lost comes back as long as that makes sense. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoffMs, RECONNECT } from "../../static/client/backoff.js";
import { AuthError, createClient, TimeoutError, UsageError } from "../../static/client/index.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

const states = (log) => log.map(({ data }) => data.state);
const note = (data) => ({ type: "event", event: "note", data });

test("connect resolves at connected, and calling it twice joins the first", async () => {
  const { server, world } = stage();
  const client = createClient(world.options());
  const log = record(client, "connection:state", "connection:established", "connect");
  await Promise.all([client.connect(), client.connect()]);
  await client.connect();
  assert.equal(server.connections.length, 1);
  assert.deepEqual(log.map(({ name }) => name), ["connection:state", "connection:state", "connection:established", "connect"]);
  assert.equal(client.isConnected, true);
  assert.equal(client.status.transport, "websocket");
  assert.ok(client.lastConnected instanceof Date);
  assert.equal(client.user?.id, "ada");
  assert.equal(server.connection.socket.url, "ws://node.test/v1/ws");
});

test("a cut comes back by itself, as the same session, and tells how long it took", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  const log = record(client, "connection:state", "connection:lost", "connection:restored");
  await client.connect();
  server.cut();
  await settle();
  assert.equal(client.connectionState, "reconnecting");
  assert.equal(client.status.attempt, 1);
  assert.ok(client.status.retryAt instanceof Date);
  await clock.tick(125);
  assert.equal(client.connectionState, "connected");
  assert.equal(server.heardOf("connect")[1].secret, "secret-s-1");
  assert.deepEqual(states(log.filter(({ name }) => name === "connection:state")), ["connecting", "connected", "reconnecting", "connected"]);
  const lost = log.find(({ name }) => name === "connection:lost").data;
  assert.equal(lost.code, 1006);
  assert.ok(lost.timestamp instanceof Date && lost.reason.length > 0);
  const restored = log.find(({ name }) => name === "connection:restored").data;
  assert.equal(restored.downtime, 125);
  assert.equal(restored.recovered, true);
});

test("waits grow with full jitter, stay under four seconds in the first minute, and end at the most", () => {
  const most = (attempt, lostFor) => backoffMs(attempt, RECONNECT, () => 1, lostFor);
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((attempt) => most(attempt, 0)), [250, 500, 1000, 2000, 4000, 4000, 4000]);
  assert.equal(most(9, 61_000), 15_000);
  assert.equal(most(100_000, 61_000), 15_000);
  assert.equal(backoffMs(3, RECONNECT, () => 0, 0), 0);
  assert.equal(backoffMs(3, { ...RECONNECT, jitter: 0 }, () => 0, 0), 2000);
});

test("attempts that fail are tried again until there are no more of them", async () => {
  const { server, world, clock } = stage();
  server.isRefusing = true;
  const client = createClient(world.options({ reconnect: { maxAttempts: 3 } }));
  const failed = record(client, "connection:failed");
  const connecting = client.connect();
  connecting.catch(() => {});
  await clock.tick(60_000);
  assert.equal(client.connectionState, "failed");
  await assert.rejects(connecting, { code: "closed" });
  assert.equal(failed.length, 1);
  server.isRefusing = false;
  await client.connect();
  assert.equal(client.connectionState, "connected");
});

test("a server that never answers is given up after ten seconds, and tried again", async () => {
  const { server, world, clock } = stage();
  server.isSilent = true;
  const client = createClient(world.options());
  client.connect().catch(() => {});
  await clock.tick(9_999);
  assert.equal(client.connectionState, "connecting");
  server.isSilent = false;
  await clock.tick(1_000);
  assert.equal(client.connectionState, "connected");
});

test("reconnect() waits for nothing, neither for the next attempt nor for one that hangs", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await connected(client, clock);
  server.isRefusing = true;
  server.cut();
  await clock.tick(20_000);
  Object.assign(server, { isRefusing: false, isSilent: true });
  const hanging = client.reconnect();
  await clock.tick(1_000);
  assert.equal(client.connectionState, "reconnecting");
  server.isSilent = false;
  const again = client.reconnect();
  await settle();
  await Promise.all([hanging, again]);
  assert.equal(client.connectionState, "connected");
  const before = server.connections.length;
  await Promise.all([client.reconnect(), settle()]);
  assert.equal(server.connections.length, before + 1);
});

test("silence for longer than the heartbeat is a loss, and a ping is answered at once", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  server.connection.push({ type: "ping" });
  await settle();
  assert.equal(server.heardOf("pong").length, 1);
  server.script("ping", () => null);
  const first = server.connection;
  await clock.tick(15_500);
  assert.equal(client.connectionState, "connected");
  assert.notEqual(server.connection, first);
  assert.equal(first.endedWith, 4000);
});

test("disconnect says goodbye, ends connect() and stays so", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  await client.connect();
  client.disconnect();
  assert.equal(server.connection.endedWith, 1000);
  client.subscribe("note", () => {});
  await clock.tick(60_000);
  assert.equal(client.connectionState, "disconnected");
  server.isSilent = true;
  const connecting = client.connect();
  client.disconnect();
  await assert.rejects(connecting, { code: "closed" });
});

test("closes that make no sense to come back from fail, with the server's own words", async () => {
  for (const code of [4400, 4403, 4413, 4409]) {
    const { server, world, clock } = stage();
    const client = createClient(world.options());
    await client.connect();
    server.close(code);
    await clock.tick(120_000);
    assert.equal(client.connectionState, "failed", String(code));
    assert.equal(client.status.code, code);
    assert.equal(server.connections.length, 1);
  }
});

test("closing says when to come back", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  server.connection.push({ type: "closing", code: 1012, reconnect: true, after: 2.5 });
  await settle();
  server.close(1012);
  await clock.tick(2_400);
  assert.equal(client.connectionState, "reconnecting");
  await clock.tick(200);
  assert.equal(client.connectionState, "connected");
});

test("a refused token is asked for once more, a signed-out one never", async () => {
  const { server, world, clock } = stage();
  const asked = [];
  const client = createClient(world.options({ token: (why) => {
    asked.push(why.refused);
    return `user:${asked.length}`;
  } }));
  server.script("connect", (_, connection) => {
    setImmediate(() => connection.close(4401));
    return { type: "error", code: "unauthorized", message: "the token has expired" };
  }, 1);
  await connected(client, clock);
  assert.deepEqual(asked, [false, true]);
  // The end of one that was good: over for it, says the server, and not for the next.
  server.connection.push({ type: "closing", code: 4401, reconnect: false });
  await settle();
  server.close(4401);
  await connected(client, clock);
  assert.deepEqual(asked, [false, true, true]);

  const out = createClient(world.options({ token: () => null }));
  await assert.rejects(out.connect(), AuthError);
  const before = server.connections.length;
  await clock.tick(60_000);
  assert.equal(server.connections.length, before);
  assert.equal(out.connectionState, "failed");
});

test("a token that stays refused fails and is not hammered", async () => {
  const { server, world, clock } = stage();
  server.script("connect", () => ({ type: "error", code: "unauthorized", message: "no" }));
  let asked = 0;
  const client = createClient(world.options({ token: () => `t${asked++}` }));
  await assert.rejects(connected(client, clock), { code: "unauthorized", message: "no" });
  await clock.tick(60_000);
  assert.equal(asked, 2);
  const fixed = createClient(world.options({ token: "fixed" }));
  await assert.rejects(fixed.connect(), AuthError);
});

test("a guest keeps its token, and comes without it when it no longer holds", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ guest: { name: "Ada" } }));
  await client.connect();
  assert.deepEqual(server.heardOf("connect")[0].guest, { name: "Ada" });
  const again = createClient(world.tab().options());
  server.script("connect", (message) => (message.token ? { type: "error", code: "unauthorized", message: "no" } : undefined), 1);
  await connected(again, clock);
  assert.equal(server.heardOf("connect")[1].token, "guest-1");
  assert.equal(server.heardOf("connect")[2].token, undefined);
});

test("a token is refreshed in band when the server says that it ends", async () => {
  const { server, world } = stage();
  const client = createClient(world.options({ token: () => "user:ada" }));
  const expiring = record(client, "token:expiring");
  await client.connect();
  server.connection.push({ type: "expiring", in: 60 });
  await settle();
  assert.deepEqual(expiring[0].data, { in: 60 });
  assert.equal(server.heardOf("refresh")[0].token, "user:ada");
  assert.equal(server.connections.length, 1);
  server.script("refresh", () => ({ type: "error", code: "unauthorized", message: "another user" }));
  await client.setToken("user:bob");
  await settle();
  assert.equal(client.user?.id, "bob");
  assert.equal(server.heardOf("connect").at(-1).secret, undefined, "another user is another session");
  // A token of the same user that is no good any more ends nothing before its time.
  const stale = `.${btoa(JSON.stringify({ sub: "bob" }))}.`;
  await assert.rejects(client.setToken(stale), { code: "unauthorized" });
  assert.equal(client.connectionState, "connected");
  assert.equal(server.connections.length, 2);
});

test("a wake-up asks whether the connection lives, and a dead one is replaced within three seconds", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  world.first.fire(world.first.window, "online");
  await settle();
  assert.equal(server.connections.length, 1, "it answered");
  server.script("ping", () => null);
  world.first.fire(world.first.document, "visibilitychange");
  await clock.tick(3_200);
  assert.equal(server.connections.length, 2);
  assert.equal(client.connectionState, "connected");
});

test("waking up ends a wait, and offline is a browser that says so and a server that is silent", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  world.first.navigator.onLine = false;
  world.first.fire(world.first.window, "offline");
  await clock.tick(3_100);
  assert.equal(client.connectionState, "connected", "a lone offline event closes nothing");
  server.isRefusing = true;
  server.cut();
  await settle();
  assert.equal(client.connectionState, "offline");
  server.isRefusing = false;
  world.first.navigator.onLine = true;
  world.first.fire(world.first.window, "online");
  await settle();
  assert.equal(client.connectionState, "connected");
});

test("a clock that jumps costs a question and nothing else", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  const pings = server.heardOf("ping").length;
  clock.offset += 86_400_000;
  await clock.tick(10_000);
  clock.offset -= 2 * 86_400_000;
  await clock.tick(10_000);
  assert.equal(client.connectionState, "connected");
  assert.equal(server.connections.length, 1);
  assert.ok(server.heardOf("ping").length >= pings + 2);
});

test("a page that is put away closes its socket for now, and is back at once", async () => {
  const { server, world } = stage();
  const client = createClient(world.options());
  await client.connect();
  world.first.fire(world.first.window, "pagehide", { persisted: true });
  assert.equal(server.connection.endedWith, 4000);
  assert.equal(client.connectionState, "disconnected");
  world.first.fire(world.first.window, "pageshow", { persisted: true });
  await settle();
  assert.equal(client.connectionState, "connected");
  assert.equal(server.heardOf("connect")[1].secret, "secret-s-1");
});

test("a reload goes on with the same session, and a duplicated tab does not", async () => {
  const { server, world } = stage();
  const { session } = world.first;
  const client = createClient(world.options());
  await client.connect();
  const copied = new Map(session.items);
  world.first.fire(world.first.window, "pagehide", { persisted: false });
  const reloaded = createClient(world.tab(session).options());
  await reloaded.connect();
  assert.equal(server.heardOf("connect")[1].secret, "secret-s-1");
  assert.equal(copied.size, 0, "while a page lives its secret is not in storage");
});

test("a command without an answer ends, and says that its outcome is unknown", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options());
  await client.connect();
  server.script("history", () => null);
  const asked = client.room("r").history();
  asked.catch(() => {});
  await clock.tick(10_100);
  await assert.rejects(asked, (error) => error instanceof TimeoutError && error.retryable && /unknown/.test(error.message));
  const lost = client.room("r").history();
  lost.catch(() => {});
  server.cut();
  await assert.rejects(lost, { code: "closed", room: "r" });
});

test("a server that sends nonsense is passed over and counted", async () => {
  const { server, world } = stage();
  const client = createClient(world.options({ room: "r" }));
  await client.connect();
  const room = client.room("r");
  await room.join();
  for (const text of ["", "{", "null", "[]", "7", '"x"', "{}", '{"type":7}']) server.connection.raw(text);
  for (const message of [
    { type: "brand-new", room: "r" }, { type: "event" }, { type: "event", room: "r", offset: -1, id: "x" }, { type: "event", room: "other", offset: 1, id: "x" },
    { type: "joined", room: "r" }, { type: "presence", room: "r", joined: [null, 7, { user: 3 }], left: "all", count: "many" },
    { type: "signals", room: "r", signals: { a: 1 } }, { type: "expiring" },
  ]) server.connection.push(message);
  await settle();
  const { counters, status } = client.inspect();
  assert.equal(counters.nonsense, 10);
  assert.equal(counters.unknown, 1);
  assert.equal(status.state, "connected");
  assert.equal(room.presence.count, 1);
  await room.publish("note", { still: "works" });
});

test("what is a bug in the calling code is thrown at once", () => {
  const { world } = stage();
  const client = createClient(world.options());
  assert.equal(client.defaultRoom, null);
  const withRoom = createClient(world.options({ room: "r" }));
  assert.equal(withRoom.defaultRoom, withRoom.room("r"));
  assert.throws(() => client.emit("note"), UsageError);
  assert.throws(() => client.room("no spaces"), UsageError);
  assert.throws(() => client.subscribe("note"), UsageError);
  assert.throws(() => createClient({ environment: { location: null } }), UsageError);
  assert.throws(() => createClient(world.options({ url: "http://[" })), UsageError);
});

test("dispose ends every timer and listener", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r" }));
  client.subscribe("note", () => {});
  await settle();
  client.room("r").cursors.move(0.5, 0.5);
  client.dispose();
  await clock.tick(100);
  assert.equal(clock.pending, 0);
  assert.equal(server.connection.isOpen, false);
});

test("heartbeats of our own notice a dead server sooner", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ heartbeat: 1_000 }));
  const latency = record(client, "latency");
  await client.connect();
  await clock.tick(3_500);
  assert.ok(server.heardOf("ping").length >= 3);
  assert.ok(latency.length >= 1);
  server.script("ping", () => null);
  await clock.tick(2_500);
  assert.equal(server.connections.length, 2);
  client.enableHeartbeat(0);
  client.setReconnectOptions({ enabled: false });
  server.cut();
  await settle();
  assert.equal(client.connectionState, "failed");
});

test("a transport that this server has not is refused in words", async () => {
  const { world } = stage();
  const client = createClient(world.options());
  await client.setTransport("auto");
  await client.setTransport("websocket");
  await assert.rejects(client.setTransport("poll"), { code: "transport_unavailable", message: /"poll" is no transport of this server/ });
});

test("a server that is hostile in size and text is taken at its word, and shown as it is", async () => {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r", guest: { name: "Ada" } }));
  const heard = record(client, "note");
  await connected(client, clock);
  const room = client.room("r");
  const html = '<img src=x onerror="alert(1)">&amp;\u202e';
  const members = Array.from({ length: 20_000 }, (_, n) => server.member(`u${n}`, { name: html }));
  server.connection.push({ type: "presence", room: "r", joined: members, updated: [], left: [], count: 20_001 });
  server.append("r", { type: "state", set: { [html]: html }, removed: [] });
  server.append("r", note({ html, list: Array.from({ length: 50_000 }, (_, n) => n) }));
  server.connection.push({ type: "signals", room: "r", signals: Array.from({ length: 5_000 }, (_, n) => ({ session: `s${n}`, event: "typing", data: html })) });
  server.connection.push({ type: "error", code: html, message: html });
  server.connection.push({ type: html, room: html });
  server.connection.raw("x".repeat(2_000_000));
  await settle(30);
  const { length } = room.presence.members;
  assert.ok(length >= 1_000 && length <= 10_001, `so many are kept: ${length}`);
  assert.equal(room.presence.members.find(({ user }) => user === "u7").name, html);
  assert.equal(room.state.get(html), html);
  assert.equal(heard[0].data.html, html);
  assert.equal(heard[0].data.list.length, 50_000);
  assert.equal(client.connectionState, "connected");
  const { counters } = client.inspect();
  assert.deepEqual({ unknown: counters.unknown, nonsense: counters.nonsense }, { unknown: 1, nonsense: 1 });
  await room.publish("note", { still: "works" });
});

test("a clock that jumps while the connection is lost moves no wait", async () => {
  for (const jump of [86_400_000, -86_400_000]) {
    const { server, world, clock } = stage();
    const client = createClient(world.options({ room: "r" }));
    await connected(client, clock);
    server.isRefusing = true;
    server.cut();
    await settle();
    const written = client.room("r").publish("note", jump);
    written.catch(() => {});
    await settle(40);
    clock.offset += jump;
    await clock.tick(30_000);
    const { attempt } = client.status;
    assert.ok(attempt >= 8 && attempt < 30, `it is asked as often as ever: ${attempt}`);
    server.isRefusing = false;
    await clock.tick(16_000);
    assert.equal(client.connectionState, "connected");
    // Forwards it looks as if keys could be forgotten by now, and twice would be worse than never; backwards nothing does.
    if (jump > 0) await assert.rejects(written, { code: "queue_expired" });
    else assert.equal((await written).offset, 1);
    assert.equal(server.room("r").entries.length, jump > 0 ? 0 : 1);
  }
});
