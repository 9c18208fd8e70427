/** Many tabs, one connection: whoever leads and however that ends, nothing is lost and nobody is seen leaving. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../static/client/index.js";
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
  assert.equal(server.heardOf("join").length, 1);
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
  server.connection.push({ type: "presence", room: "r", joined: [server.member("grace")], updated: [], left: [], count: 2 });
  await settle(30);
  const late = createClient(world.shared().options({ room: "r" }));
  late.room("r").join();
  await clock.tick(200);
  assert.deepEqual(late.room("r").state.all(), { a: 1, b: 2 });
  assert.equal(late.room("r").activity.items[0].action, "looked");
  assert.deepEqual(late.room("r").presence.members.map(({ user }) => user), ["ada", "grace"]);
  assert.equal(server.heardOf("join").length, 1, "the leader answered");
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

test("a tab that is gone gives back what it joined, and the last one leaves the room", async () => {
  const { server, clock, tabs } = await open(3);
  const [first, second, third] = tabs;
  third.client.room("other").join();
  await clock.tick(50);
  assert.equal(server.heardOf("join").length, 2);
  third.tab.crash();
  await clock.tick(50);
  assert.deepEqual(server.heardOf("leave").map(({ room }) => room), ["other"]);
  assert.equal(first.client.status.tab.count, 2);
  second.client.disconnect();
  await clock.tick(50);
  assert.equal(first.client.status.tab.count, 1);
  assert.equal(open_sockets(server), 1);
  first.client.disconnect();
  assert.equal(server.connection.endedWith, 1000, "the last one says goodbye");
});

test("away is who is away in all tabs", async () => {
  const { server, tabs } = await open(2);
  const statuses = () => server.heardOf("presence").map(({ status }) => status);
  tabs[0].client.setStatus("away");
  await settle(30);
  assert.equal(statuses().at(-1), "online");
  tabs[1].client.setStatus("away");
  await settle(30);
  assert.equal(statuses().at(-1), "away");
  tabs[1].client.setStatus("busy");
  await settle(30);
  assert.equal(statuses().at(-1), "busy");
});

test("what others see is the state of the tab that is looked at", async () => {
  const { server, tabs } = await open(2);
  tabs[0].room.presence.update({ state: { page: "costs" } });
  tabs[1].room.presence.update({ state: { page: "overview" } });
  await settle(30);
  tabs[0].tab.fire(tabs[0].tab.window, "focus");
  await settle(30);
  assert.deepEqual(server.heardOf("presence").at(-1).state, { page: "costs" });
});

test("a cut is seen by all tabs, and all come back where they were", async () => {
  const { server, clock, tabs } = await open(3);
  server.append("r", note(1));
  await settle(30);
  server.isRefusing = true;
  server.cut();
  await settle(30);
  assert.deepEqual(tabs.map(({ client }) => client.connectionState), Array(3).fill("reconnecting"));
  server.append("r", note(2));
  server.isRefusing = false;
  await clock.tick(3_000);
  server.append("r", note(3));
  await clock.tick(100);
  assert.deepEqual(said(tabs), Array(3).fill("1,2,3"));
  assert.equal(server.heardOf("join").length, 2);
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
