/** Many tabs of one browser against a real node: one connection, whoever leads and however that ends. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Tab } from "./client-support.mjs";
import { provide, until, WITH_BACK_CACHE } from "./support.mjs";

/** Short enough for a test, long enough for a busy machine. */
const QUICK = { watchdog: 2_000, steal: 700 };
/** A name that is no loopback's: over plain http the browser has no Web Locks there. */
const PLAIN = "copresence.test";

let server;
let wire;
let browser;
let context;
let serial;
/** Of somebody else. @type {import("playwright-core").BrowserContext | undefined} */
let elsewhere;

provide((given) => ({ server, wire, browser, context, serial } = given), {
  settings: '[auth]\nguests = "anyone-who-reaches-this-server"\n', wire: true, context: {}, ...WITH_BACK_CACHE,
  args: ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-sync", `--host-resolver-rules=MAP ${PLAIN} 127.0.0.1`],
});
afterEach(async () => {
  await elsewhere?.close();
  elsewhere = undefined;
  await until(connections, (count) => count === 0, { what: "nobody is left over" });
});

const room = () => `tabs:${serial}`;
const numbers = (to) => Array.from({ length: to }, (_, at) => at + 1);

/** What the node itself counts. */
async function connections() {
  const text = await (await fetch(`${server.url}/metrics`, { headers: server.backend })).text();
  return Number(/^copresence_connections (\d+)$/m.exec(text)?.[1]);
}

/** @returns {Promise<{ user: string, sessions: { state: Record<string, unknown> }[] }[]>} who is in the room, as the node tells it */
async function members() {
  return (await (await fetch(`${server.url}/v1/rooms/${room()}`, { headers: server.backend })).json()).members;
}

async function open(options = {}, { origin = wire.url, own = context, live = true } = {}) {
  const tab = await Tab.open(own, origin, { room: room(), ...options });
  await inRoom(tab);
  if (live) await tab.live();
  return tab;
}
const inRoom = (tab) => tab.page.evaluate((name) => void Object.assign(globalThis, { room: globalThis.client.room(name) }), room());

/** So many tabs of Ada's, which know of each other. */
async function ada(count, options, where) {
  const tabs = [];
  for (let at = 0; at < count; at += 1) tabs.push(await open(options, where));
  await knowEachOther(tabs);
  return tabs;
}
const status = (tab) => tab.page.evaluate(() => globalThis.client.status);
const knowEachOther = (tabs) => Promise.all(tabs.map((tab) => (
  until(() => status(tab), ({ state, tab: { count } }) => state === "connected" && count === tabs.length, { what: `one of ${tabs.length}` }))));
const heardAll = (tabs, notes) => Promise.all(tabs.map((tab) => (
  until(() => tab.notes(), (heard) => JSON.stringify(heard) === JSON.stringify(notes), { what: JSON.stringify(notes) }))));

/** Somebody else, in a browser of their own, straight to the node. */
async function grace() {
  elsewhere = await browser.newContext();
  return open({ guest: { name: "Grace" }, storageKey: "grace" }, { origin: server.url, own: elsewhere });
}

/** @param {Tab[]} tabs @returns {Promise<{ leader: Tab, others: Tab[] }>} */
async function led(tabs) {
  const roles = await Promise.all(tabs.map(async (tab) => (await status(tab)).tab.role));
  assert.deepEqual(roles.filter((role) => role === "leader"), ["leader"], "one leads");
  return { leader: tabs[roles.indexOf("leader")], others: tabs.filter((_, at) => roles[at] !== "leader") };
}

/** Ends a renderer as a bug in it would. @param {Tab} tab */
async function crash(tab) {
  const session = await context.newCDPSession(tab.page);
  const isGone = new Promise((resolve) => tab.page.once("crash", resolve));
  session.send("Page.crash").catch(() => {});
  await isGone;
}

test("five tabs are one connection and one member; the leader closes, crashes, reloads, and nobody sees anything", async () => {
  const other = await grace();
  let tabs = await ada(5);
  assert.equal(await connections(), 2);
  assert.deepEqual((await members()).map(({ sessions }) => sessions.length), [1, 1]);
  assert.equal(tabs.reduce((sum, { sockets }) => sum + sockets, 0), 1);
  let said = 0;
  for (const [how, end] of Object.entries({ closed: (tab) => tab.page.close(), crashed: crash, reloaded: (tab) => tab.reload() })) {
    const { leader, others } = await led(tabs);
    await heardAll(others, numbers(said));
    await other.say((said += 1));
    await end(leader);
    await other.say((said += 1));
    tabs = others;
    await heardAll(others, numbers(said));
    if (how === "reloaded") {
      await inRoom(leader);
      await leader.live();
      assert.equal((await status(leader)).tab.role, "follower");
      tabs = [...others, leader];
    }
    await knowEachOther(tabs);
    await until(connections, (count) => count === 2, { what: "one connection each" });
    const { leader: next } = await led(tabs);
    assert.equal(next.connected.at(-1).resumed, true, "the same session");
    // What a follower says goes up too, whoever leads.
    await others.find((tab) => tab !== next).say((said += 1));
    await heardAll(others, numbers(said));
  }
  for (const tab of tabs) {
    const { rooms } = await tab.inspect();
    assert.deepEqual([(await tab.heard()).resets, rooms[room()].gaps, rooms[room()].cursor.offset], [0, 0, said]);
  }
  await heardAll([other], numbers(said));
  assert.deepEqual((await other.heard()).left, []);
  assert.deepEqual(tabs.flatMap(({ alarms }) => alarms), []);
});

test("a leader whose page hangs is robbed, and what its tabs said is sent while it hangs", async () => {
  const other = await grace();
  const [first, second, third] = await ada(3, { tabs: QUICK });
  const hanging = first.page.evaluate(() => {
    const end = Date.now() + 7_000;
    while (Date.now() < end);
    return globalThis.client.status.tab.role;
  });
  await third.say(1);
  const roles = async () => [(await status(second)).tab.role, (await status(third)).tab.role].sort();
  await until(roles, ([, role]) => role === "leader", { what: "one of the others leads" });
  // The node ends the older connection of a session that was taken up: there are not two for long.
  await until(connections, (count) => count === 2, { what: "one connection each" });
  await heardAll([second, third, other], [1]);
  assert.equal(await hanging, "leader", "all of that while it hung");
  await until(() => status(first), ({ state, tab: { role } }) => role === "follower" && state === "connected", { what: "steps down" });
  await heardAll([first], [1]);
  await knowEachOther([first, second, third]);
  assert.equal(await connections(), 2);
  assert.deepEqual((await other.heard()).left, []);
});

test("a notification toasts once over five tabs, the badge agrees in all, read in one is read in all", async () => {
  const tabs = await ada(5);
  const look = (tab) => tab.page.evaluate(() => {
    const { notifications, unreadCount, unseenCount } = globalThis.client.notifications;
    return { toasts: notifications.map(({ title }) => title), unread: unreadCount, unseen: unseenCount, isFront: globalThis.client.status.tab.front };
  });
  for (const tab of tabs) await tab.page.evaluate(() => void globalThis.client.notifications.subscribe(() => {}));
  await tabs[2].page.evaluate(() => globalThis.dispatchEvent(new Event("focus")));
  await until(() => look(tabs[2]), ({ isFront }) => isFront, { what: "the third tab is in front" });
  const [{ user }] = await members();
  await server.notify(user, { level: "error", title: "Revenue is down" });
  const seen = await Promise.all(tabs.map((tab) => until(() => look(tab), ({ unread }) => unread === 1, { what: "it arrived" })));
  assert.deepEqual(seen.map(({ unseen, isFront }) => [unseen, isFront]), numbers(5).map((at) => [1, at === 3]));
  await until(() => look(tabs[2]), ({ toasts }) => toasts.length === 1);
  assert.deepEqual((await Promise.all(tabs.map(look))).flatMap(({ toasts }) => toasts), ["Revenue is down"]);
  // One that stays goes along with the focus.
  await tabs[4].page.evaluate(() => globalThis.dispatchEvent(new Event("focus")));
  await until(() => Promise.all(tabs.map(look)), (all) => all.map(({ toasts }) => toasts.length).join("") === "00001", { what: "in the fifth tab" });
  await tabs[0].page.evaluate(() => globalThis.client.notifications.markRead("all"));
  for (const tab of tabs) await until(() => look(tab), ({ unread, toasts }) => unread === 0 && toasts.length === 0, { what: "read" });
});

test("what others see is the state of the tab in front, and as much presence as the most present tab", async () => {
  const [first, second] = await ada(2);
  const show = (tab, page) => tab.page.evaluate((state) => globalThis.room.presence.update({ state }), { page });
  const focus = (tab) => tab.page.evaluate(() => void globalThis.dispatchEvent(new Event("focus")));
  const seen = async () => (await members()).map(({ sessions }) => sessions.map(({ state }) => state.page));
  await focus(second);
  await until(() => status(second), ({ tab: { front } }) => front, { what: "in front" });
  await show(second, "costs");
  await show(first, "overview");
  await until(seen, (pages) => JSON.stringify(pages) === '[["costs"]]');
  await focus(first);
  await until(seen, (pages) => JSON.stringify(pages) === '[["overview"]]');
  await second.page.evaluate(() => globalThis.client.setStatus("away"));
  await first.page.evaluate(() => globalThis.client.setStatus("busy"));
  await until(async () => (await members())[0].status, (now) => now === "busy");
  await first.page.evaluate(() => globalThis.client.setStatus("away"));
  await until(async () => (await members())[0].status, (now) => now === "away");
});

for (const [how, tabs, sockets] of [["a leader", {}, [1, 0]], ["a worker", { worker: true }, [0, 0]], ["off", "off", [1, 1]]]) {
  test(`tabs by ${how}: as many connections as there should be, and all hear all`, async () => {
    const both = await ada(how === "off" ? 1 : 2, { tabs });
    if (how === "off") both.push(await open({ tabs }));
    assert.equal(await connections(), how === "off" ? 2 : 1);
    // A worker's sockets are nobody's page's.
    assert.deepEqual(both.map((tab) => tab.sockets), sockets);
    await both[0].say(1);
    await heardAll(both, [1]);
    await both[1].say(2);
    await heardAll(both, [1, 2]);
    assert.deepEqual(both.flatMap(({ alarms }) => alarms), []);
  });
}

test("on plain http tabs share the connection of a worker, over a reload too, and it says goodbye after the last", async () => {
  const other = await grace();
  const origin = `http://${PLAIN}:${server.port}`;
  const tabs = await ada(3, {}, { origin });
  const lacks = await tabs[0].page.evaluate(() => [isSecureContext, typeof navigator.locks, typeof crypto.randomUUID]);
  assert.deepEqual(lacks, [false, "undefined", "undefined"]);
  assert.equal(await connections(), 2);
  assert.deepEqual((await members()).map(({ sessions }) => sessions.length), [1, 1]);
  await tabs[1].say(1);
  await heardAll([other], [1]);
  await other.say(2);
  await heardAll([...tabs, other], [1, 2]);
  await tabs[0].reload();
  await inRoom(tabs[0]);
  await tabs[0].live();
  await tabs[2].page.close();
  await knowEachOther(tabs.slice(0, 2));
  await tabs[0].say(3);
  await heardAll([tabs[1], other], [1, 2, 3]);
  assert.equal(await connections(), 2);
  assert.deepEqual((await other.heard()).left, []);
  for (const tab of tabs.slice(0, 2)) await tab.page.evaluate(() => globalThis.client.disconnect());
  await until(connections, (count) => count === 1, { what: "the worker hung up" });
  await until(members, ({ length }) => length === 1, { what: "and said goodbye", within: 3_000 });
});

test("a page that is alone loads nothing for many tabs, and one that can't load it has a connection of its own", async () => {
  const loaded = [];
  context.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  const [alone] = await ada(1);
  assert.ok(loaded.includes("/client/tab-link.js"));
  assert.deepEqual(loaded.filter((path) => /shared-link|hub|worker|polling/.test(path)), []);
  const page = await context.newPage();
  await page.route("**/client/shared-link.js", (route) => route.abort());
  const second = new Tab(page, wire.url);
  await Tab.prepare(page, { room: room() });
  await second.goto();
  await inRoom(second);
  await second.live();
  assert.deepEqual((await status(second)).tab, { role: "alone", count: 1, front: true });
  await second.say(1);
  await heardAll([alone, second], [1]);
  assert.equal(await connections(), 2);
});

test("a duplicated tab, whose storage is a copy, does not fight for the session", async () => {
  const [tab] = await ada(1);
  const [{ session }] = tab.connected;
  // Away from the client the tab's storage holds the secret, and that is when it is copied.
  await tab.page.goto(`${wire.url}/style.css`);
  const opened = context.waitForEvent("page");
  await tab.page.evaluate(() => void globalThis.open("/style.css"));
  const copy = new Tab(await opened, wire.url);
  await copy.page.waitForLoadState();
  const kept = (page) => page.evaluate(() => JSON.stringify(sessionStorage));
  assert.match(await kept(copy.page), /secret/);
  assert.equal(await kept(copy.page), await kept(tab.page));
  await Tab.prepare(copy.page, { room: room() });
  for (const each of [tab, copy]) {
    await each.goto();
    await inRoom(each);
  }
  await Promise.all([tab.live(), copy.live()]);
  await knowEachOther([tab, copy]);
  assert.equal(await connections(), 1);
  assert.equal(tab.connected.at(-1).session, session, "and it is the same as before");
  await copy.say(1);
  await heardAll([tab, copy], [1]);
  assert.ok(![...(await tab.heard()).states, ...(await copy.heard()).states].includes("failed"));
});

test("realtime switched off in one tab is off in all, and on again", async () => {
  const tabs = await ada(3);
  await tabs[1].page.evaluate(() => globalThis.client.disableRealtime());
  for (const tab of tabs) await until(() => status(tab), ({ realtime, state }) => !realtime && state === "disconnected", { what: "off" });
  await until(connections, (count) => count === 0);
  await tabs[2].page.evaluate(() => globalThis.client.enableRealtime());
  await knowEachOther(tabs);
  assert.equal(await connections(), 1);
  await tabs[0].say(1);
  await heardAll(tabs, [1]);
});

test("a leader in the back/forward cache hands over, and follows when it is back", async () => {
  const other = await grace();
  const [first, second] = await ada(2);
  assert.equal((await led([first, second])).leader, first);
  await first.page.evaluate(() => (globalThis.mark = "kept"));
  await first.page.goto(`${wire.url}/style.css`);
  await until(() => status(second), ({ state, tab: { role, count } }) => state === "connected" && role === "leader" && count === 1, { what: "leads" });
  assert.equal(await connections(), 2, "the node saw the old one close");
  await other.say(1);
  await heardAll([second], [1]);
  await first.page.goBack({ waitUntil: "commit" });
  assert.equal(await until(() => first.page.evaluate(() => globalThis.mark ?? null).catch(() => null)), "kept", "it came out of the cache");
  await knowEachOther([first, second]);
  assert.equal((await status(first)).tab.role, "follower");
  await heardAll([first], [1]);
  assert.equal(await connections(), 2);
  assert.deepEqual((await other.heard()).left, []);
});

test("two versions of the client in two tabs never talk to each other, and never send one thing twice", async () => {
  const [old] = await ada(1);
  const page = await context.newPage();
  const fresh = new Tab(page, wire.url);
  await page.route("**/client/tab-link.js", async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    assert.match(text, /VERSION = "\d/);
    await route.fulfill({ response, body: text.replace(/VERSION = "\d[^"]*"/, 'VERSION = "99.0.0"') });
  });
  await Tab.prepare(page, { room: room() });
  await fresh.goto();
  await inRoom(fresh);
  await fresh.live();
  const both = [old, fresh];
  assert.equal(await connections(), 2);
  assert.deepEqual(await Promise.all(both.map(async (tab) => (await status(tab)).tab)), Array(2).fill({ role: "leader", count: 1, front: true }));
  const sent = [];
  for (const tab of both) {
    tab.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(String(payload));
      if (message.type === "publish") sent.push(message.data);
    }));
  }
  // Both lose the wire, so that what waits of both is in the browser's storage when they come back.
  wire.cut();
  for (const tab of both) await until(() => status(tab), ({ state }) => state === "reconnecting");
  await old.say(1, 2);
  await fresh.say(3, 4);
  for (const tab of both) await until(() => tab.inspect(), ({ outbox }) => outbox.size === 2);
  wire.up();
  for (const tab of both) await until(() => tab.inspect(), ({ outbox }) => outbox.size === 0, { what: "sent" });
  await old.say(5);
  await fresh.say(6);
  await until(() => fresh.notes(), ({ length }) => length === 6);
  await heardAll([old], await fresh.notes());
  assert.deepEqual((await fresh.notes()).toSorted(), numbers(6));
  assert.deepEqual(sent.toSorted(), numbers(6), "each over one of the two connections");
  // The one that sends goes, and the other one takes its turn.
  await old.page.close();
  await fresh.say(7);
  await until(() => fresh.notes(), ({ length }) => length === 7);
});
