/** What others write is text, what comes is from here, and nonsense breaks nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { provide, until, Window } from "./support.mjs";

const HTML = '<img src=x onerror="globalThis.isOwned=1"><b>bold</b>&amp;';

let server;
let context;
let serial;
provide((given) => ({ server, context, serial } = given), { context: {} });

const room = () => `test:${serial}`;
const open = (person = 1) => Window.open(context, `${server.url}/?room=${room()}&person=${person}`);

/** @param {Window} window */
async function assertClean({ page, alarms }) {
  assert.equal(await page.locator(":is(img[src], b, i, script, [onerror], [onload]):not(head *)").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.isOwned), undefined);
  assert.deepEqual(alarms, []);
}

test("HTML in a name, a state, an activity or a notification is shown as it was typed", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const name = "<i>Ada</i><svg onload=isOwned=1>";
  await ada.rename(name);
  await until(() => bob.people(), (all) => all.some((each) => each.startsWith(name)));
  await ada.pick("orders");
  await ada.point(0.5, 0.5);
  await ada.page.focus("#target");
  await ada.page.keyboard.press("ArrowRight");
  await until(() => bob.cursors(), ([cursor]) => cursor?.name === name);
  await until(() => bob.watchers("orders"), (seen) => seen === name);
  await until(() => bob.page.textContent("#target-editing"), (seen) => seen === `${name} is editing`);
  await ada.page.evaluate((html) => document.getElementById("provider").client.room(new URLSearchParams(location.search).get("room")).activity.track(html, html), HTML);
  await until(() => bob.activity(), (all) => all.some((text) => text.includes(`${HTML} ${HTML}`)));
  await server.notify(bob.user, { title: HTML, message: HTML, topic: HTML, actions: [{ id: "a", label: HTML, url: "https://example.org/" }] });
  await until(() => bob.toasts(), (all) => all.join() === HTML);
  await bob.openInbox();
  await until(() => bob.inbox(), (all) => all.length === 1);
  for (const window of [ada, bob]) await assertClean(window);
});

test("values that are no numbers, ranges and targets of nonsense are survived and never drawn", async () => {
  const ada = await open();
  await server.set(room(), { revenue: HTML, orders: { toString: 1 }, conversion: null, approvals: [HTML], range: HTML, target: "1e400" });
  await server.set(room(), { orders: 12, __proto__x: 1, constructor: HTML });
  await until(() => ada.value("orders"), (text) => text === "12");
  assert.deepEqual([await ada.value("revenue"), await ada.value("approvals")], ["–", "–"]);
  assert.equal(await ada.page.textContent("#chart-range"), "last 5 minutes");
  await server.set(room(), { revenue: 9e300, target: -5, range: 1e9 });
  await until(() => ada.value("revenue"), (text) => text === "9.0e+300");
  assert.ok(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await assertClean(ada);
});

test("a feed that a guest makes up is not counted, and one of nonsense neither", async () => {
  const [ada, mallory] = [await open(1), await open(2)];
  await mallory.page.evaluate(async () => {
    const room = document.getElementById("provider").client.room(new URLSearchParams(location.search).get("room"));
    room.presence.update({ state: { bot: true } });
    for (const n of [1, 100]) await room.publish("feed", { run: "mine", n });
  });
  for (const data of [null, 7, HTML, { run: 1, n: 1 }, { run: "tests", n: -1 }, { run: "tests", n: "2" }, { run: "x".repeat(1000), n: 1 }]) {
    await server.publish(room(), "feed", data);
  }
  await server.feed(room(), 1, 3);
  const proof = await until(() => ada.proof(), ({ received }) => received === "3");
  assert.deepEqual([proof.missing, proof.twice], ["0", "0"]);
  await assertClean(ada);
});

test("the page asks nobody but its own server, under a policy that says so, and logs no error", async () => {
  const ada = await open();
  // The chart comes last.
  await until(() => ada.page.locator("#chart canvas").count());
  await assertClean(ada);
  const response = await fetch(server.url);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/html/);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.match(await (await fetch(`${server.url}/vendor/uplot/LICENSE`)).text(), /MIT License/);
});

test("nonsense in every place that holds something is survived", async () => {
  const ada = await open();
  await ada.page.addInitScript(() => {
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) storage.setItem(key, "]nonsense[");
    }
  });
  await ada.page.reload();
  await ada.live();
  await server.set(room(), { orders: 3 });
  await until(() => ada.value("orders"), (text) => text === "3");
  await assertClean(ada);
});

test("a browser that forbids storage has a page all the same", async () => {
  await context.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, { get() { throw new DOMException("access is denied", "SecurityError"); } });
    }
  });
  const ada = await open();
  await server.set(room(), { orders: 3 });
  await until(() => ada.value("orders"), (text) => text === "3");
  await assertClean(ada);
});

test("a room that can't be is refused in words, and the page stands", async () => {
  const window = new Window(await context.newPage(), server.url);
  await window.page.goto(`${server.url}/?room=${encodeURIComponent("../<b>no</b>")}`);
  const words = await until(() => window.page.textContent("#problem"), (text) => text !== "");
  assert.match(words, /^There is no room "\.\.\/<b>no<\/b>"/);
  await assertClean(window);
});

test("without the demo there are no buttons that break things, and the page works", async () => {
  await context.route("**/demo.json", (route) => route.fulfill({ json: { room: room(), robot: false, chaos: false, node: "n7" } }));
  const ada = await Window.open(context, server.url);
  assert.deepEqual([await ada.page.isVisible("#offline"), await ada.page.isVisible("#lag")], [false, false]);
  await server.set(room(), { orders: 3 });
  await until(() => ada.value("orders"), (text) => text === "3");
  await context.unroute("**/demo.json");
  await context.route("**/demo.json", (route) => route.fulfill({ contentType: "application/json", body: "<nonsense>" }));
  const bob = await Window.open(context, `${server.url}/?room=${room()}&person=2`);
  await until(() => bob.value("orders"), (text) => text === "3");
  for (const window of [ada, bob]) await assertClean(window);
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
  const ada = await open();
  const name = room();
  const nonsense = [
    "", "{", "null", "[]", "7", { type: "from the future", room: name, offset: "x" }, { type: "presence", room: name, joined: [null, {}, 7] },
    { type: "signals", room: name, signals: [null, {}, { session: "s", user: "u", event: "cursor", data: { x: "1", y: null } }] },
    { type: "signals", room: name, signals: "all" }, { type: "joined", room: name }, { type: "joined", room: name, cursor: { epoch: 1, offset: -1 } },
    { type: "event", room: name, offset: 1.5, id: "x", event: "feed", data: { run: "half", n: 1 } }, { type: "error" }, { type: "mode" },
    { type: "closing", after: "soon" }, { type: "connected-not" },
  ];
  for (const each of nonsense) {
    await ada.page.evaluate((text) => globalThis.hear(text), typeof each === "string" ? each : JSON.stringify(each));
  }
  await server.set(name, { orders: 5 });
  await until(() => ada.value("orders"), (text) => text === "5");
  assert.deepEqual(await ada.cursors(), []);
  await assertClean(ada);
});
