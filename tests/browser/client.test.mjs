/** The client in a real browser against a real node: nothing is lost or doubled, and tabs share what they should. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Tab } from "./client-support.mjs";
import { provide, until, WITH_BACK_CACHE } from "./support.mjs";

let server;
let wire;
let browser;
let context;
let serial;
provide((given) => ({ server, wire, browser, context, serial } = given), { wire: true, context: {}, ...WITH_BACK_CACHE });

const room = () => `client:${serial}`;
/** Somebody over the wire that is cut, or straight to the node. */
const open = (options = {}, origin = wire.url) => Tab.open(context, origin, { room: room(), ...options });

/** Somebody else, in a browser of their own, straight to the node. */
async function grace() {
  const own = await browser.newContext();
  const tab = await Tab.open(own, server.url, { room: room(), guest: { name: "Grace" }, storageKey: "grace" });
  await tab.page.evaluate((name) => Object.assign(globalThis, { room: globalThis.client.room(name) }), room());
  await tab.live();
  return { tab, close: () => own.close() };
}

async function ada(options) {
  const tab = await open(options);
  await tab.page.evaluate((name) => Object.assign(globalThis, { room: globalThis.client.room(name) }), room());
  await tab.live();
  return tab;
}

test("a reload keeps the session, and the other sees nobody leave", async () => {
  const other = await grace();
  const tab = await ada();
  await until(() => other.tab.page.evaluate(() => globalThis.room.presence.count), (count) => count === 2);
  await tab.page.evaluate(() => globalThis.room.state.set({ revenue: 7 }));
  await tab.reload();
  await tab.page.evaluate((name) => Object.assign(globalThis, { room: globalThis.client.room(name) }), room());
  await tab.live();
  const [first, second] = tab.connected;
  assert.equal(second.resumed, true);
  assert.equal(second.session, first.session);
  assert.equal(await tab.page.evaluate(() => globalThis.room.state.get("revenue")), 7);
  await other.tab.say("after");
  await until(() => tab.notes(), (notes) => notes.length === 1);
  assert.deepEqual((await other.tab.heard()).left, []);
  await other.close();
});

test("a page in the back/forward cache closes its socket, and is back at once with what it missed", async () => {
  const other = await grace();
  const tab = await ada();
  await tab.page.evaluate(() => (globalThis.mark = "kept"));
  await tab.page.goto(`${wire.url}/style.css`);
  await other.tab.say("missed");
  await tab.page.goBack({ waitUntil: "commit" });
  const mark = await until(() => tab.page.evaluate(() => globalThis.mark ?? null).catch(() => null), (value) => value !== null || true);
  assert.equal(mark, "kept", "it came out of the cache");
  await tab.live();
  await until(() => tab.notes(), (notes) => notes.length === 1, { what: "what it missed" });
  assert.deepEqual((await tab.heard()).states.slice(-2), ["connecting", "connected"]);
  assert.deepEqual((await other.tab.heard()).left, []);
  await other.close();
});

test("two tabs have one connection; the leader closes, and the other goes on without a loss", async () => {
  const other = await grace();
  const first = await ada();
  const second = await ada();
  await until(() => second.inspect(), ({ status }) => status.tab.role === "follower" && status.tab.count === 2);
  assert.deepEqual([first.sockets, second.sockets], [1, 0]);
  assert.equal(await other.tab.page.evaluate(() => globalThis.room.presence.members.find(({ user }) => user !== globalThis.client.user.id).sessions.length), 1);
  await other.tab.say(1);
  for (const tab of [first, second]) await until(() => tab.notes(), (notes) => notes.length === 1);
  assert.deepEqual(await second.page.evaluate(() => globalThis.room.publish("note", 2).then(({ duplicate }) => duplicate)), false);
  await first.page.close();
  await other.tab.say(3);
  await until(() => second.inspect(), ({ status }) => status.tab.role === "leader" && status.state === "connected", { what: "leads" });
  await other.tab.say(4);
  await until(() => second.notes(), (notes) => notes.length >= 4);
  assert.deepEqual(await second.notes(), [1, 2, 3, 4]);
  assert.equal(second.sockets, 1);
  assert.equal(second.connected[0].resumed, true);
  assert.deepEqual((await other.tab.heard()).left, []);
  await other.close();
});

test("a leader whose page hangs is replaced, and steps down when it wakes", async () => {
  const quick = { tabs: { watchdog: 1_500, steal: 500 } };
  const other = await grace();
  const first = await ada(quick);
  const second = await ada(quick);
  await until(() => second.inspect(), ({ status }) => status.tab.role === "follower");
  const hanging = first.page.evaluate(() => {
    const end = Date.now() + 6_000;
    while (Date.now() < end);
  });
  await until(() => second.inspect(), ({ status }) => status.tab.role === "leader" && status.state === "connected", { what: "leads" });
  await other.tab.say(1);
  await until(() => second.notes(), (notes) => notes.length === 1);
  await hanging;
  await until(() => first.inspect(), ({ status }) => status.tab.role === "follower" && status.state === "connected", { what: "follows" });
  await until(() => first.notes(), (notes) => notes.length === 1);
  assert.deepEqual((await other.tab.heard()).left, []);
  await other.close();
});

test("a notification toasts in the tab in front, its badge agrees in both, read in one is read in both", async () => {
  const [first, second] = [await ada(), await ada()];
  await until(() => second.inspect(), ({ status }) => status.tab.count === 2);
  for (const tab of [first, second]) await tab.page.evaluate(() => globalThis.client.notifications.subscribe(() => {}));
  await second.page.evaluate(() => globalThis.dispatchEvent(new Event("focus")));
  // Somebody else: the same user on another device, who may always tell themselves.
  await first.page.evaluate(async () => {
    const kept = Object.keys(localStorage).find((key) => key.endsWith(":guest"));
    const socket = new WebSocket(`ws://${location.host}/v1/ws`, "copresence.v1");
    await new Promise((resolve) => {
      socket.onmessage = ({ data }) => data.includes("notified") && resolve();
      socket.onopen = () => {
        socket.send(JSON.stringify({ type: "connect", id: 1, token: JSON.parse(localStorage.getItem(kept)) }));
        const to = { users: [globalThis.client.user.id] };
        socket.send(JSON.stringify({ type: "notify", id: 2, to, notification: { level: "warning", title: "<b>Revenue</b> is down" } }));
      };
    });
    socket.close(1000);
  });
  const look = (tab) => tab.page.evaluate(() => {
    const { notifications, unreadCount, unseenCount, history } = globalThis.client.notifications;
    return { toasts: notifications.map(({ title }) => title), unread: unreadCount, unseen: unseenCount, read: history.map(({ read }) => read) };
  });
  for (const [tab, toasts] of [[first, []], [second, ["<b>Revenue</b> is down"]]]) {
    const seen = await until(() => look(tab), ({ unread, read }) => unread === 1 && read.length === 1, { what: "it arrived" });
    assert.deepEqual(seen, { toasts, unread: 1, unseen: 1, read: [false] });
  }
  await first.page.evaluate(() => globalThis.client.notifications.markRead("all"));
  for (const tab of [first, second]) {
    const seen = await until(() => look(tab), ({ unread, toasts }) => unread === 0 && toasts.length === 0, { what: "read" });
    assert.deepEqual(seen, { toasts: [], unread: 0, unseen: 0, read: [true] });
  }
  await first.page.evaluate(() => globalThis.client.notifications.undo());
  for (const tab of [first, second]) await until(() => look(tab), ({ unread, read }) => unread === 1 && read[0] === false, { what: "taken back" });
  await second.page.evaluate(() => globalThis.client.notifications.updatePreferences({ topics: { kpi: "mute" } }));
  await until(() => first.page.evaluate(() => globalThis.client.notifications.preferences.topics.kpi), (value) => value === "mute");
});

test("without Web Locks and SharedWorker each tab has a connection of its own", async () => {
  await context.addInitScript(() => {
    Object.defineProperty(navigator, "locks", { value: undefined });
    Object.defineProperty(globalThis, "SharedWorker", { value: undefined });
  });
  const [first, second] = [await ada(), await ada()];
  assert.deepEqual([first.sockets, second.sockets], [1, 1]);
  await first.say("hello");
  await until(() => second.notes(), (notes) => notes.length === 1);
});

test("the files come as JavaScript, are asked for again, and nothing outside is needed", async () => {
  const response = await fetch(`${server.url}/client/index.js`);
  assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-cache");
  const etag = response.headers.get("etag");
  assert.equal((await fetch(`${server.url}/client/index.js`, { headers: { "if-none-match": etag } })).status, 304);
  for (const path of ["/client/", "/client/../Cargo.toml", "/client/%2e%2e/index.html"]) {
    assert.notEqual((await fetch(`${server.url}${path}`)).headers.get("content-type"), "text/javascript; charset=utf-8");
  }
});
