/** What others write is text, what comes is from here, and nonsense breaks nothing. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, Server, until, Window } from "./support.mjs";

const HTML = '<img src=x onerror="globalThis.isOwned=1"><b>bold</b>&amp;';

let server;
let browser;
let context;
let room = 0;

before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  room += 1;
  context = await browser.newContext();
});
afterEach(() => context.close());

const open = (person = 1) => Window.open(context, `${server.url}/?room=test:${room}&person=${person}`);

test("HTML in a name or a message is shown as it was typed", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const name = "<i>Ada</i><svg onload=isOwned=1>";
  await ada.rename(name);
  await ada.say(HTML);
  await ada.page.click("[data-tile=orders]");
  await ada.point(0.5, 0.5);
  await until(() => bob.messages(), (seen) => seen.join() === HTML);
  await until(() => bob.members(), (seen) => seen.some((member) => member.name === name));
  await until(() => bob.cursors(), ([cursor]) => cursor?.name === name);
  await until(() => bob.page.textContent("[data-tile=orders] .tile-people"), (seen) => seen === name);
  for (const { page, alarms } of [ada, bob]) {
    assert.equal(await page.locator("main :is(img, b, i, script, [onerror], [onload])").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.isOwned), undefined);
    assert.deepEqual(alarms, []);
  }
});

test("the page asks nobody but its own server, under a policy that says so, and logs no error", async () => {
  const ada = await open(1);
  await ada.say("hello");
  await until(() => ada.messages(), (seen) => seen.length === 1);
  assert.deepEqual(ada.alarms, []);
  const response = await fetch(server.url);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/html/);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
});

test("text of every kind comes through as it was", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const texts = ["😀 👩‍👩‍👧", "مرحبا", "a".repeat(2000), "\\u0000 {\"type\":\"close\"}", "  inner   spaces  ".trim(), "‮turned around"];
  for (const text of texts) await ada.say(text);
  await until(() => bob.messages(), (seen) => seen.length === texts.length);
  assert.deepEqual(await bob.messages(), texts);
});

test("nonsense in every place that holds something is survived", async () => {
  const ada = await open(1);
  await ada.page.addInitScript(() => {
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) storage.setItem(key, "]nonsense[");
    }
  });
  await ada.page.reload();
  await ada.live();
  await ada.say("still here");
  await until(() => ada.messages(), (seen) => seen.join() === "still here");
  assert.deepEqual(ada.alarms, []);
});

test("a browser that forbids storage has a page all the same", async () => {
  await context.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, { get() { throw new DOMException("access is denied", "SecurityError"); } });
    }
  });
  const ada = await open(1);
  await ada.say("from memory");
  await until(() => ada.messages(), (seen) => seen.join() === "from memory");
  assert.deepEqual(ada.alarms, []);
});

test("a room that can't be is refused in words, and the page stands", async () => {
  const window = new Window(await context.newPage(), server.url);
  await window.page.goto(`${server.url}/?room=${encodeURIComponent("../<b>no</b>")}`);
  const words = await until(() => window.page.textContent("#problem"), (text) => text !== "");
  assert.match(words, /^The room can't be joined: .*room/);
  assert.equal(await window.page.locator("header b").count(), 0);
  assert.deepEqual(window.alarms, []);
});

test("messages that nobody knows, and broken ones, are passed over", async () => {
  await context.addInitScript(() => {
    // The page's own socket is handed messages as if they came from the server.
    const Real = globalThis.WebSocket;
    globalThis.WebSocket = class extends Real {
      constructor(...from) {
        super(...from);
        globalThis.hear = (text) => this.onmessage(new MessageEvent("message", { data: text }));
      }
    };
  });
  const ada = await open(1);
  const name = `test:${room}`;
  const nonsense = [
    "", "{", "null", "[]", "7", { type: "from the future", room: name, offset: "x" }, { type: "presence", room: name, joined: [null, {}, 7] },
    { type: "signals", room: name, signals: [null, {}, { session: "s", user: "u", event: "cursor", data: { x: "1", y: null } }] },
    { type: "signals", room: name, signals: "all" }, { type: "joined", room: name }, { type: "joined", room: name, cursor: { epoch: 1, offset: -1 } },
    { type: "event", room: name, offset: 1.5, id: "x", event: "message", data: { text: "half" } }, { type: "error" }, { type: "mode" },
    { type: "closing", after: "soon" }, { type: "connected-not" },
  ];
  for (const each of nonsense) {
    await ada.page.evaluate((text) => globalThis.hear(text), typeof each === "string" ? each : JSON.stringify(each));
  }
  await ada.say("still here");
  await until(() => ada.messages(), (seen) => seen.join() === "still here");
  assert.deepEqual(await ada.cursors(), []);
  assert.deepEqual(ada.alarms, []);
});
