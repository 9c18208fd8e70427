/**
 * A server that says what no server of ours says, a browser that keeps nothing, and text that would like to be more: the client
 * passes over it, counts it, stays bounded and goes on.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { ADA, AT, EPOCH, FakeNode, usual } from "./fake-node.mjs";
import { launch, until } from "./support.mjs";

const HTML = '<img src=x onerror="globalThis.isOwned=1"><script>globalThis.isOwned=1</script>';

let browser;
let node;
let context;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  node = await FakeNode.start();
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  node.stop();
});

/** A page with a client of the fake node. @param {(page: import("playwright-core").Page) => Promise<unknown>} [prepare] */
async function open(prepare = async () => {}) {
  const page = await context.newPage();
  const alarms = [];
  page.on("pageerror", (error) => alarms.push(String(error)));
  page.on("request", (request) => new URL(request.url()).origin === node.url || alarms.push(`request elsewhere: ${request.url()}`));
  page.on("dialog", (dialog) => alarms.push(`dialog: ${dialog.message()}`));
  await prepare(page);
  await page.goto(`${node.url}/page`);
  await page.evaluate(async () => {
    const { createClient } = await import("/client/index.js");
    const client = createClient({ room: "r" });
    const heard = { notes: [], errors: [] };
    client.on("note", (data) => heard.notes.push(data));
    client.on("error", ({ error }) => heard.errors.push(error.code));
    Object.assign(globalThis, { client, heard, room: client.room("r") });
  });
  return { page, alarms };
}
const joined = (page) => until(() => page.evaluate(() => globalThis.room.status), (status) => status === "joined", { what: "joined" });
const inspect = (page) => page.evaluate(() => JSON.parse(JSON.stringify(globalThis.client.inspect())));
const heard = (page) => page.evaluate(() => globalThis.heard);
const entry = (offset, more) => ({ type: "event", room: "r", offset, id: `n-${offset}`, from: { user: "grace", session: "s-2" }, at: AT, event: "note", ...more });
const member = (user, more) => ({ user, name: user, avatar: null, color: "#00639b", status: "online", since: AT, sessions: [{ session: `s-${user}`, status: "online", state: {}, device: "desktop" }], ...more });

test("nonsense between two entries is counted and passed over, whatever it looks like", async () => {
  const { page, alarms } = await open();
  await joined(page);
  node.say(entry(1, { data: "before" }));
  const noMessages = ["", "{", "null", "[]", "7", '"x"', "{}", '{"type":7}', '{"type":null}', `${"[".repeat(50_000)}`, "\u0000", "x".repeat(2_000_000)];
  node.say(...noMessages);
  node.sayBinary(Buffer.from(JSON.stringify(entry(2, { data: "binary" }))));
  const unknown = ["brand-new", "__proto__", "constructor", "toString", "", "x".repeat(10_000)];
  node.say(...unknown.map((type) => ({ type, room: "r" })));
  const noEntries = [
    { offset: -1, id: "x" }, { offset: 0, id: "x" }, { offset: 1.5, id: "x" }, { offset: "2", id: "x" }, { offset: 2 }, { offset: 2, id: 7 }, { offset: null, id: "x" }, {},
  ].map((given) => ({ type: "event", room: "r", event: "note", data: "nonsense", ...given }));
  node.say(...noEntries, '{"type":"event","room":"r","offset":1e400,"id":"x","event":"note","data":"endless"}');
  node.say(
    { type: "joined", room: "r" }, { type: "joined", room: "r", cursor: { epoch: 7, offset: "x" } }, { type: "presence", room: "r", joined: [null, 7, { user: 3 }, {}], left: "all", updated: { a: 1 }, count: "many" },
    { type: "presence", room: "r", members: "nobody" }, { type: "signals", room: "r", signals: { a: 1 } }, { type: "signals", room: "r", signals: [null, 7, { session: 1 }, { session: "s", event: "cursor", data: { x: "1e9", y: {} } }] },
    { type: "source", room: "r", ok: "no", message: 7, age: [] }, { type: "ok", id: 999_999 }, { type: "published", id: "nobody" }, { type: "pong" },
    { type: "event", room: "elsewhere", offset: 1, id: "x" }, { type: "mode", mode: 7 }, { type: "notification", room: "@me", offset: "x" }, { type: "marked", room: "@me" },
    { type: "preferred", room: "@me", offset: 1, id: "m", preferences: "all" }, { type: "connected", user: 7 },
  );
  node.say(entry(2, { data: "after", from: 7, at: "yesterday" }));
  await until(() => heard(page), ({ notes }) => notes.at(-1) === "after", { what: "what came after it" });
  assert.deepEqual((await heard(page)).notes, ["before", "after"]);
  const { status, counters, rooms } = await inspect(page);
  // The frame that is no text is one more; each entry that is none, the two pictures, and what is for an inbox count besides.
  assert.ok(counters.nonsense >= noMessages.length + 1 + noEntries.length + 1 + 2, JSON.stringify(counters));
  assert.ok(counters.unknown >= unknown.length, JSON.stringify(counters));
  assert.deepEqual([status.state, rooms.r.gaps, rooms.r.resets, rooms.r.members], ["connected", 0, 0, 0]);
  assert.deepEqual([node.opened, alarms], [1, []]);
  assert.equal(await page.evaluate(() => Object.keys(Object.prototype).length), 0);
});

test("handlers that throw, and errors that answer nothing, stop nobody", async () => {
  const { page, alarms } = await open();
  await joined(page);
  await page.evaluate(() => {
    for (const event of ["note", "presence", "error", "state", "connection:state"]) globalThis.client.on(event, () => { throw new Error(`thrown by a handler of ${event}`); });
    globalThis.client.on("note", (data) => globalThis.heard.notes.push(`again ${data}`));
  });
  node.say({ type: "error", code: "no such code", message: 7 }, { type: "error" }, entry(1, { data: "a" }), { type: "presence", room: "r", joined: [member("grace")], updated: [], left: [], count: 1 }, entry(2, { data: "b" }));
  await until(() => heard(page), ({ notes }) => notes.length === 4);
  assert.deepEqual((await heard(page)).notes, ["a", "again a", "b", "again b"]);
  assert.equal((await inspect(page)).status.state, "connected");
  await until(() => alarms.length, (count) => count > 0, { what: "the page is told whose fault it is" });
  assert.ok(alarms.every((alarm) => /thrown by a handler/.test(alarm)), alarms.join());
});

test("lists without end are cut, and the page still answers", async () => {
  const crowd = Array.from({ length: 50_000 }, (_, at) => member(`u-${at}`));
  const past = Array.from({ length: 20_000 }, (_, at) => ({ type: "activity", room: "r", offset: at + 1, id: `n-${at + 1}`, from: { user: "grace" }, at: AT, action: "did", target: `${at}` }));
  node.answer = (message) => {
    const answer = usual(message);
    if (message.type !== "join") return answer;
    return { ...answer, cursor: { epoch: EPOCH, offset: 20_000, entry: "n-20000" }, members: crowd, count: crowd.length, activity: past, state: Object.fromEntries(past.map(({ id }) => [id, id])) };
  };
  const { page, alarms } = await open(async (fresh) => {
    await fresh.addInitScript(() => document.addEventListener("DOMContentLoaded", async () => {
      await import("/client/ui/index.js");
      document.body.innerHTML = "<cp-avatars></cp-avatars><cp-activity></cp-activity>";
    }));
  });
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("cp-avatars, cp-activity")) element.client = globalThis.client;
  });
  await joined(page);
  const signals = Array.from({ length: 50_000 }, (_, at) => ({ session: `s-${at}`, user: `u-${at}`, event: "cursor", data: { x: 0.5, y: 0.5 } }));
  node.say({ type: "signals", room: "r", signals }, entry(20_001, { data: "after" }));
  await until(() => heard(page), ({ notes }) => notes.length === 1, { what: "it goes on" });
  const sizes = await page.evaluate(() => ({
    members: globalThis.room.presence.members.length, activity: globalThis.room.activity.items.length, shown: document.querySelector("cp-avatars").shadowRoot.querySelectorAll("li").length,
    listed: document.querySelector("cp-activity").shadowRoot.querySelectorAll("li").length,
  }));
  assert.ok(sizes.members <= 10_000 && sizes.activity <= 500 && sizes.shown <= 6 && sizes.listed <= 20, JSON.stringify(sizes));
  assert.deepEqual(alarms, []);
});

test("a page of entries that never ends is not asked for for ever", async () => {
  let asked = 0;
  node.answer = (message) => {
    if (message.type !== "join") return usual(message);
    asked += 1;
    // Always the same page, and always more of it.
    return asked > 500 ? undefined : { type: "joined", id: message.id, room: "r", cursor: { epoch: EPOCH, offset: 7, entry: "n-7" }, recovered: true, entries: [], more: true };
  };
  const { page, alarms } = await open((fresh) => fresh.clock.install());
  await until(() => inspect(page), ({ status }) => status.state === "connected");
  await until(() => asked, (count) => count >= 2);
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1_000);
  const before = asked;
  for (let round = 0; round < 20; round += 1) await page.evaluate(() => globalThis.client.ping());
  assert.ok(asked - before <= 2, `asked ${asked - before} times in twenty round trips and no time`);
  await page.clock.runFor(10_000);
  await page.evaluate(() => globalThis.client.ping());
  assert.ok(asked > before, "but now and then");
  assert.deepEqual([(await inspect(page)).status.state, alarms], ["connected", []]);
});

test("a server that hangs up as soon as it is connected is not hammered", async () => {
  node.answer = (message, self) => {
    if (message.type !== "connect") return usual(message);
    self.say(usual(message));
    self.close(1011);
    return null;
  };
  const { page } = await open((fresh) => fresh.clock.install());
  await until(() => node.opened, (opened) => opened >= 1);
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1_000);
  for (let round = 0; round < 120; round += 1) {
    await page.clock.runFor(500);
    // Whatever was begun is ended before time goes on.
    await until(() => page.evaluate(() => globalThis.client.status.retryAt !== null), Boolean, { what: "the attempt ended" });
  }
  assert.ok(node.opened >= 5 && node.opened < 90, `${node.opened} connections in a minute`);
});

test("a node that says nothing, or nothing sensible, at the door is left and tried again", async () => {
  const answers = [null, "}{", { type: "connected" }, { type: "joined", room: "r" }, { type: "error" }];
  let at = 0;
  node.answer = (message) => {
    if (message.type !== "connect") return usual(message);
    at += 1;
    return at <= answers.length ? answers[at - 1] : usual(message);
  };
  const { page, alarms } = await open((fresh) => fresh.clock.install());
  for (let round = 0; round < 240 && at <= answers.length; round += 1) {
    await page.clock.runFor(500);
    // An answer that is `connected` and nothing else is taken for what it says; the next one comes after a loss.
    if ((await inspect(page)).status.state === "connected") node.close(1011);
  }
  await joined(page);
  assert.equal((await inspect(page)).user.id, ADA.id);
  assert.deepEqual(alarms, []);
});

for (const [what, break_] of [
  ["forbids storage", () => {
    for (const name of ["localStorage", "sessionStorage", "indexedDB"]) Object.defineProperty(globalThis, name, { get() { throw new DOMException("access is denied", "SecurityError"); } });
  }],
  ["has a full disk", () => {
    Storage.prototype.setItem = () => { throw new DOMException("no room", "QuotaExceededError"); };
    IDBObjectStore.prototype.add = () => { throw new DOMException("no room", "QuotaExceededError"); };
  }],
  ["refuses to open its database", () => {
    IDBFactory.prototype.open = () => { throw new DOMException("not here", "InvalidStateError"); };
  }],
  ["never answers about its database", () => {
    IDBFactory.prototype.open = () => new EventTarget();
  }],
  ["keeps nonsense", () => {
    const guest = 'copresence::' + location.origin + '/v1:';
    for (const storage of [localStorage, sessionStorage]) for (const key of ["guest", "user", "realtime", "tab"]) storage.setItem(guest + key, key === "tab" ? '{"rooms":{"r":{"cursor":{"epoch":[],"offset":-1}}},"secret":7,"tab":{}}' : "]nonsense[");
  }],
]) {
  test(`a browser that ${what} has a client all the same`, async () => {
    let written = 0;
    node.answer = (message) => {
      const answer = usual(message);
      return message.type === "publish" ? { ...answer, offset: (written += 1) } : answer;
    };
    const { page, alarms } = await open((fresh) => fresh.addInitScript(break_));
    await joined(page);
    await page.evaluate(() => {
      globalThis.offsets = [];
      for (const note of [1, 2]) void globalThis.room.publish("note", note).then(({ offset }) => globalThis.offsets.push(offset));
    });
    assert.deepEqual(await until(() => page.evaluate(() => globalThis.offsets), (offsets) => offsets.length === 2, { what: "both are written" }), [1, 2]);
    assert.deepEqual(node.heard.filter(({ type }) => type === "publish").map(({ data }) => data), [1, 2]);
    assert.deepEqual([(await inspect(page)).outbox.size, (await heard(page)).errors, alarms], [0, [], []]);
  });
}

test("text stays text in all elements, and no address but http is followed", async () => {
  const hostile = member("eve", { name: HTML, avatar: "javascript:globalThis.isOwned=1", color: "red;background:url(//evil.test/x)" });
  node.answer = (message) => (message.type === "join" ? { ...usual(message), members: [member("ada"), hostile], count: 2, state: { [HTML]: HTML } } : usual(message));
  const { page, alarms } = await open();
  await page.evaluate(async () => {
    await import("/client/ui/index.js");
    document.body.innerHTML = "<cp-status details></cp-status><cp-avatars self></cp-avatars><cp-cursors names=always><div style='height:100px'></div></cp-cursors><cp-activity></cp-activity><cp-toasts></cp-toasts>";
    for (const element of document.body.children) element.client = globalThis.client;
  });
  await joined(page);
  node.say(
    entry(1, { type: "activity", event: undefined, from: { user: "eve" }, action: HTML, target: HTML }), entry(2, { data: HTML }),
    { type: "signals", room: "r", signals: [{ session: "s-eve", user: "eve", event: "cursor", data: { x: 0.5, y: 0.5, anchor: HTML } }] },
    ...["javascript:globalThis.isOwned=1", "//evil.test/", "data:text/html,x"].map((url, at) => ({
      type: "notification", room: "@me", offset: at + 1, id: `m-${at}`, at: AT, from: null, unread: at + 1, unseen: at + 1,
      notification: { id: `t-${at}`, level: "error", title: HTML, message: HTML, topic: HTML, at: AT, actions: [{ id: "go", label: `${HTML}${at}`, url }] },
    })),
  );
  const texts = () => page.evaluate(() => [...document.body.children].map(({ shadowRoot }) => shadowRoot?.textContent ?? "").join("\n"));
  await until(texts, (text) => text.split("<img").length > 4, { what: "it is shown, as text" });
  for (const at of [0, 1, 2]) await page.locator("cp-toasts button", { hasText: `</script>${at}` }).click();
  const found = await page.evaluate(() => {
    const roots = [document, ...[...document.body.children].map(({ shadowRoot }) => shadowRoot)].filter(Boolean);
    const all = roots.flatMap((root) => [...root.querySelectorAll("*")]);
    const isBad = ({ localName, attributes }) => ["script", "iframe", "object", "embed"].includes(localName)
      || [...attributes].some(({ name, value }) => name.startsWith("on") || /^\s*(javascript|data):/i.test(value) || value.includes("evil.test"));
    return { bad: all.filter(isBad).map(({ outerHTML }) => outerHTML), isOwned: globalThis.isOwned ?? null, href: location.pathname };
  });
  assert.deepEqual(found, { bad: [], isOwned: null, href: "/page" });
  assert.deepEqual(alarms, []);
});
