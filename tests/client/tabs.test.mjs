/** Many tabs, one connection: whoever leads and however that ends, nothing is lost and nobody is seen leaving. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
import { VERSION } from "../../static/client/tab-link.js";
import { serve } from "../../static/client/worker.js";
import { record, settle, stage } from "./fake-server.mjs";

/** So many tabs of one browser, the first of which leads. */
async function open(count, options = {}) {
  const { server, world, clock } = stage();
  const tabs = [];
  for (let at = 0; at < count; at += 1) {
    const tab = world.shared();
    const client = createClient(tab.options({ room: "r", ...options }));
    const heard = record(client, "note");
    client.connect().catch(() => {});
    await clock.tick(50);
    tabs.push({ tab, client, room: client.room("r"), heard });
  }
  await clock.tick(100);
  return { server, world, clock, tabs };
}
const open_sockets = (server) => server.connections.filter(({ isOpen }) => isOpen).length;
const note = (data) => ({ type: "event", event: "note", data });
const said = (tabs) => tabs.map(({ heard }) => heard.map(({ data }) => data).join());

test("five tabs have one connection and one session, and each hears everything once", async () => {
  const { server, tabs } = await open(5);
  assert.equal(server.connections.length, 1);
  for (const { client, room } of tabs) {
    assert.equal(client.connectionState, "connected");
    assert.equal(client.user.id, "ada");
    assert.equal(room.presence.self.user, "ada");
    assert.equal(client.status.tab.count, 5);
  }
  assert.deepEqual(tabs.map(({ client }) => client.status.tab.role), ["leader", "follower", "follower", "follower", "follower"]);
  for (const n of [1, 2, 3]) server.append("r", note(n));
  await settle(30);
  assert.deepEqual(said(tabs), Array(5).fill("1,2,3"));
});

test("a tab that comes late sees what the others see", async () => {
  const { server, world, clock, tabs } = await open(1);
  const [first] = tabs;
  await first.room.state.set({ a: 1 });
  await first.room.activity.track("looked");
  server.append("r", { type: "state", set: { b: 2 }, removed: [] });
  server.room("r").members.set("grace", server.member("grace"));
  server.connection.push({ type: "presence", room: "r", joined: [server.member("grace")], updated: [], left: [], count: 2 });
  await settle(30);
  const late = createClient(world.shared().options({ room: "r" }));
  late.room("r").join();
  await clock.tick(200);
  assert.deepEqual(late.room("r").state.all(), { a: 1, b: 2 });
  assert.equal(late.room("r").activity.items[0].action, "looked");
  assert.deepEqual(late.room("r").presence.members.map(({ user }) => user), ["ada", "grace"]);
  assert.equal(open_sockets(server), 1);
  server.script("join", (message) => (message.room === "closed" ? { type: "error", code: "forbidden", message: "no" } : undefined));
  const refused = late.room("closed").join();
  await assert.rejects(refused, { code: "forbidden" });
  await assert.rejects((async () => {
    server.script("history", () => ({ type: "error", code: "forbidden", message: "not the past", retry_after: 2 }));
    await late.room("r").history();
  })(), { code: "forbidden", retryAfter: 2 });
});

for (const [how, end] of [
  ["closes", ({ tab, client }) => {
    tab.fire(tab.window, "pagehide", { persisted: false });
    tab.crash();
    client.inspect();
  }],
  ["crashes", ({ tab }) => tab.crash()],
  ["is put away for the way back", ({ tab }) => tab.fire(tab.window, "pagehide", { persisted: true })],
  ["disconnects", ({ client }) => client.disconnect()],
]) {
  test(`the leader ${how}, and another goes on with its session from where each tab is`, async () => {
    const { server, clock, tabs } = await open(3);
    server.append("r", note(1));
    await settle(30);
    const [first, ...others] = tabs;
    const states = record(others[0].client, "connection:state", "connection:restored");
    const people = record(others[0].room, "user:logout", "reset");
    end(first);
    server.append("r", note(2));
    await clock.tick(500);
    server.append("r", note(3));
    await clock.tick(100);
    assert.equal(open_sockets(server), 1);
    assert.equal(server.heardOf("connect").length, 2);
    assert.equal(server.heardOf("connect")[1].secret, "secret-s-1");
    assert.ok(server.connections[0].endedWith >= 1001, "never a goodbye");
    assert.deepEqual(said(others), ["1,2,3", "1,2,3"]);
    assert.deepEqual(people, []);
    assert.deepEqual(others.map(({ client }) => client.status.tab.role).sort(), ["follower", "leader"]);
    assert.equal(others[0].client.status.tab.count, 2);
    assert.deepEqual(states.filter(({ name }) => name === "connection:state").map(({ data }) => data.state), ["reconnecting", "connected"]);
    assert.equal(states.at(-1).data.recovered, true);
  });
}

test("a leader that hangs is robbed, steps down when it wakes, and there are never two sockets for long", async () => {
  const { server, clock, tabs } = await open(2);
  const [first, second] = tabs;
  first.tab.isHanging = true;
  // The server ends the older connection of a session that was taken up.
  server.script("connect", (_, connection) => {
    setImmediate(() => server.connections.filter((each) => each !== connection && each.isOpen).map((each) => each.close(4409)));
    return undefined;
  });
  await clock.tick(10_100);
  server.append("r", note("while it hung"));
  await clock.tick(4_000);
  assert.equal(second.client.status.tab.role, "leader");
  assert.equal(second.client.connectionState, "connected");
  assert.deepEqual(said([second]), ["while it hung"]);
  first.tab.wake();
  await clock.tick(2_500);
  assert.equal(open_sockets(server), 1);
  assert.equal(first.client.status.tab.role, "follower");
  assert.equal(first.client.connectionState, "connected");
  assert.deepEqual(said([first]), ["while it hung"]);
  await clock.tick(30_000);
  assert.equal(server.heardOf("connect").length, 2, "and it stays so");
});

test("what a follower publishes the leader sends, and the follower gets the answer", async () => {
  const { server, clock, tabs } = await open(3);
  const [first, second, third] = tabs;
  const [one, two] = await Promise.all([second.room.publish("note", "b"), third.room.publish("note", "c")]);
  assert.deepEqual([one.offset, two.offset], [1, 2]);
  server.script("publish", () => ({ type: "error", code: "forbidden", message: "no" }), 1);
  await assert.rejects(second.room.publish("note", "x"), { code: "forbidden" });
  await second.room.publish("note", "now", { queue: false });
  await clock.tick(100);
  assert.deepEqual(said(tabs), Array(3).fill("b,c,now"));
  assert.deepEqual(tabs.map(({ client }) => client.outbox.size), [0, 0, 0]);
  assert.equal((await second.room.state.set({ k: 1 })).offset, 4);
  assert.equal(first.room.state.get("k"), 1);
  assert.equal(typeof (await second.client.ping()), "number");
});

test("what waits when the leader crashes is sent by the next one, once and in order", async () => {
  const { server, clock, tabs } = await open(2);
  const [first, second] = tabs;
  server.script("publish", () => null);
  for (const n of [1, 2, 3]) second.client.emit("note", n);
  first.client.emit("note", 4);
  await settle(60);
  first.tab.crash();
  server.script("publish", () => undefined);
  await clock.tick(15_000);
  assert.deepEqual(server.room("r").entries.map(({ data }) => data).sort(), [1, 2, 3, 4]);
  assert.deepEqual(said([second]), [server.room("r").entries.map(({ data }) => data).join()]);
  assert.equal(second.client.outbox.size, 0);
});

test("a tab that is gone gives back what it joined once it can't be reloading any more, and the last one says goodbye", async () => {
  const { server, clock, tabs } = await open(3);
  const [first, second, third] = tabs;
  third.client.room("other").join();
  await clock.tick(50);
  third.tab.crash();
  await clock.tick(50);
  assert.equal(first.client.status.tab.count, 2);
  await clock.tick(3_000);
  assert.deepEqual(server.heardOf("leave"), [], "a reload is seen by nobody");
  await clock.tick(2_000);
  assert.deepEqual(server.heardOf("leave").map(({ room }) => room), ["other"]);
  second.client.room("another").join();
  await clock.tick(50);
  second.client.disconnect();
  await clock.tick(50);
  assert.deepEqual(server.heardOf("leave").at(-1).room, "another", "who says so leaves at once");
  assert.equal(first.client.status.tab.count, 1);
  assert.equal(open_sockets(server), 1);
  first.client.disconnect();
  assert.equal(server.connection.endedWith, 1000, "the last one says goodbye");
});

test("away is who is away in all tabs, also once a tab is gone", async () => {
  const { server, clock, tabs } = await open(3);
  const last = () => server.heard.findLast(({ type, status }) => type === "presence" && status).status;
  tabs[0].client.setStatus("away");
  await settle(30);
  assert.equal(last(), "online");
  tabs[1].client.setStatus("away");
  tabs[2].client.setStatus("busy");
  await settle(30);
  assert.equal(last(), "busy");
  tabs[2].tab.crash();
  await clock.tick(5_000);
  assert.equal(last(), "away");
});

test("what others see is the state of the tab that is looked at, whatever the others say", async () => {
  const { server, tabs } = await open(2);
  const states = () => server.heardOf("presence").flatMap(({ state }) => (state ? [state.page] : []));
  const look = async ({ tab }) => {
    tab.fire(tab.window, "focus");
    await settle(30);
  };
  await look(tabs[1]);
  tabs[1].room.presence.update({ state: { page: "overview" } });
  tabs[0].room.presence.update({ state: { page: "costs" } });
  await settle(30);
  assert.equal(states().at(-1), "overview");
  assert.ok(!states().includes("costs"));
  assert.deepEqual(tabs.map(({ client }) => client.status.tab.front), [false, true]);
  await look(tabs[0]);
  assert.equal(states().at(-1), "costs");
  tabs[1].room.presence.update({ state: { page: "revenue" } });
  tabs[0].client.disconnect();
  await settle(60);
  assert.equal(tabs[1].client.status.tab.front, true, "the last one looked at before");
});

test("a cut is seen by all tabs, all come back where they were, and those at one place ask once", async () => {
  const { server, clock, tabs } = await open(5);
  server.append("r", note(1));
  await settle(30);
  server.isRefusing = true;
  server.cut();
  await settle(30);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), Array(5).fill("reconnecting"));
  server.append("r", note(2));
  server.isRefusing = false;
  const before = server.heardOf("join").length;
  let answer;
  // A round trip takes longer than a word between tabs.
  server.script("join", (message, connection) => {
    connection.rooms.add("r");
    answer = () => connection.push({ type: "joined", id: message.id, room: "r", cursor: server.cursor("r"), recovered: true, entries: server.room("r").entries.slice(1), more: false, members: [], count: 0, large: false });
    return null;
  }, 1);
  await clock.tick(3_000);
  answer();
  server.append("r", note(3));
  await clock.tick(100);
  assert.deepEqual(said(tabs), Array(5).fill("1,2,3"));
  assert.equal(server.heardOf("join").length - before, 1);
});

test("a join that is ahead of the other tabs brings them what it passed over", async () => {
  const { server, world, clock, tabs } = await open(2);
  server.append("r", note(1));
  await settle(30);
  // Written, and not pushed before the next join starts the session's entries anew.
  server.connection.rooms.delete("r");
  server.append("r", note(2));
  const late = createClient(world.shared().options({ room: "r" }));
  const heard = record(late, "note");
  await clock.tick(100);
  server.append("r", note(3));
  await clock.tick(50);
  assert.deepEqual(said(tabs), ["1,2,3", "1,2,3"]);
  assert.deepEqual(heard.map(({ data }) => data), [3], "its picture has the others");
  assert.deepEqual(tabs.map(({ client }) => client.inspect().rooms.r.gaps), [0, 0]);
});

test("what is lost for good is lost for all tabs, and each is told", async () => {
  const { server, clock, tabs } = await open(2);
  const resets = tabs.map(({ room }) => record(room, "reset"));
  server.cut();
  Object.assign(server.room("r"), { epoch: "e2", entries: [], state: { anew: 1 } });
  await clock.tick(1_000);
  assert.deepEqual(resets.map((log) => log.length), [1, 1]);
  assert.deepEqual(tabs.map(({ room }) => room.state.all()), [{ anew: 1 }, { anew: 1 }]);
  server.close(4403);
  await clock.tick(100);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["failed", "failed"]);
});

test("a notification toasts where people look, and the badge agrees everywhere", async () => {
  const { server, clock, tabs } = await open(3);
  tabs[1].tab.fire(tabs[1].tab.window, "focus");
  await settle(30);
  server.connection.push({ type: "notification", room: "@me", offset: 1, id: "me-1", at: "2026-11-21T07:00:00Z", notification: { id: "n1", level: "info", title: "t" }, unread: 1, unseen: 1 });
  await clock.tick(50);
  assert.deepEqual(tabs.map(({ client }) => client.notifications.notifications.length), [0, 1, 0]);
  assert.deepEqual(tabs.map(({ client }) => client.notifications.unseenCount), [1, 1, 1]);
});

test("tabs of two users, and of another storage key, have connections of their own", async () => {
  const { server, world, clock } = stage();
  for (const options of [{ token: "user:ada" }, { token: "user:bob" }, { token: "user:ada", storageKey: "second" }, { token: "user:ada", tabs: "off" }]) {
    createClient(world.shared().options(options)).connect();
    await clock.tick(100);
  }
  assert.equal(open_sockets(server), 4);
});

test("a follower that is signed out alone, or uses another token, leaves the others alone", async () => {
  const { server, clock, tabs } = await open(2, { token: () => "user:ada" });
  server.script("refresh", ({ token }) => (token === "user:bob" ? { type: "error", code: "unauthorized", message: "another" } : undefined));
  tabs[1].client.setToken("user:bob").catch(() => {});
  await clock.tick(500);
  assert.equal(tabs[1].client.user.id, "bob");
  assert.equal(tabs[0].client.user.id, "ada");
  assert.equal(open_sockets(server), 2);
  server.connections[0].push({ type: "expiring", in: 60 });
  await clock.tick(50);
  assert.equal(server.heardOf("refresh").at(-1).token, "user:ada");
});

test("a tab that dies amid its pages does not hold up the others", async () => {
  const { server, world, clock, tabs } = await open(2);
  for (const n of [1, 2, 3, 4]) server.append("r", note(n));
  await settle(30);
  const lagging = world.shared();
  lagging.session.setItem("copresence::http://node.test/v1:tab", JSON.stringify({ rooms: { r: { cursor: { epoch: "e-r", offset: 1, entry: "n-1" }, state: {}, activity: [] } } }));
  const client = createClient(lagging.options({ room: "r" }));
  server.script("join", (message, connection) => {
    if (message.since?.offset !== 1) return undefined;
    // While there is more nothing of the room is pushed.
    connection.rooms.delete("r");
    lagging.crash();
    return { type: "joined", room: "r", recovered: true, cursor: { epoch: "e-r", offset: 2, entry: "n-2" }, entries: server.room("r").entries.slice(1, 2), more: true };
  });
  client.room("r").join();
  await clock.tick(200);
  server.append("r", note(5));
  assert.deepEqual(said(tabs), ["1,2,3,4", "1,2,3,4"]);
  await clock.tick(6_000);
  server.append("r", note(6));
  await clock.tick(100);
  assert.deepEqual(said(tabs), ["1,2,3,4,5,6", "1,2,3,4,5,6"]);
});

test("a leader whose session was taken up asks who leads before it fails", async () => {
  const { server, clock, tabs } = await open(2);
  const states = record(tabs[1].client, "connection:state");
  server.close(4409);
  await clock.tick(1_000);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["connected", "connected"], "it may be one of ours");
  await clock.tick(1_500);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), ["failed", "failed"], "nobody of ours");
  assert.equal(states.length, 1);
});

test("realtime switched off in one tab is off in all at once, and on again", async () => {
  const { server, clock, tabs } = await open(3, { pollInterval: 1e9 });
  const switched = async (by) => {
    for (const { tab } of tabs) if (tab !== by.tab) tab.fire(tab.window, "storage", { key: "any" });
    await clock.tick(500);
  };
  tabs[1].client.disableRealtime();
  await switched(tabs[1]);
  assert.deepEqual(tabs.map(({ client }) => [client.isRealtimeEnabled, client.connectionState]), Array(3).fill([false, "disconnected"]));
  assert.equal(open_sockets(server), 0);
  tabs[2].client.enableRealtime();
  await switched(tabs[2]);
  assert.deepEqual(tabs.map(({ client }) => [client.isRealtimeEnabled, client.connectionState]), Array(3).fill([true, "connected"]));
  assert.equal(open_sockets(server), 1);
});

test("whoever comes back from the back button follows, and connects though it was not to connect by itself", async () => {
  const { server, clock, tabs } = await open(2, { autoConnect: false });
  const [first, second] = tabs;
  first.tab.fire(first.tab.window, "pagehide", { persisted: true });
  await clock.tick(200);
  assert.equal(second.client.status.tab.role, "leader");
  server.append("r", note("missed"));
  first.tab.fire(first.tab.window, "pageshow", { persisted: true });
  await clock.tick(300);
  assert.equal(first.client.status.tab.role, "follower");
  assert.deepEqual(said(tabs), ["missed", "missed"]);
  assert.deepEqual(server.connections.map(({ endedWith }) => endedWith), [4000, undefined]);
});

test("a tab that nobody looks at does not toast, whichever came last", async () => {
  const { server, world, clock, tabs } = await open(2);
  const late = world.shared();
  Object.assign(late.document, { hasFocus: () => true });
  const client = createClient(late.options());
  client.connect();
  await clock.tick(100);
  assert.deepEqual([...tabs.map((tab) => tab.client), client].map(({ status }) => status.tab.front), [false, false, true]);
  server.connection.push({ type: "notification", room: "@me", offset: 1, id: "me-1", at: "2026-11-21T07:00:00Z", notification: { id: "n1", level: "info", title: "t" }, unread: 1, unseen: 1 });
  await clock.tick(50);
  assert.deepEqual([...tabs.map((tab) => tab.client), client].map(({ notifications }) => notifications.notifications.length), [0, 0, 1]);
});

test("a heartbeat of our own holds for the shared connection, from the start", async () => {
  const { server, clock } = await open(1, { heartbeat: 2_000 });
  const before = server.heardOf("ping").length;
  await clock.tick(6_500);
  assert.ok(server.heardOf("ping").length - before >= 3);
});

test("the words between tabs bear the package's version", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../static/client/package.json", import.meta.url), "utf8"));
  assert.equal(VERSION, version);
});

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
