/** Several people, one dashboard: who is here, where they point, what they change. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { provide, until, Window } from "./support.mjs";

let server;
let context;
let serial;
provide((given) => ({ server, context, serial } = given), { context: { viewport: { width: 1280, height: 900 } } });

const room = () => `test:${serial}`;
/** A window of that person in this test's own room, to which the robot does not come. */
const open = (person = 1) => Window.open(context, `${server.url}/?room=${room()}&person=${person}`);
const includes = (name) => (seen) => seen.some((each) => each.includes(name));
const has = (count) => (seen) => seen.length === count;

test("two people see each other within half a second, and see when one goes", async () => {
  const ada = await open(1);
  await ada.page.evaluate(() => {
    const list = document.querySelector("cp-avatars").shadowRoot;
    const watch = () => {
      if (list.querySelectorAll("li").length === 2) globalThis.sawAt ??= Date.now();
    };
    new MutationObserver(watch).observe(list, { childList: true, subtree: true });
  });
  const page = await context.newPage();
  await page.addInitScript(() => {
    // The page is busy until it is in the room.
    const watch = () => {
      if (document.getElementById("main")?.getAttribute("aria-busy") === "false") globalThis.inAt ??= Date.now();
    };
    new MutationObserver(watch).observe(document, { attributes: true, childList: true, subtree: true });
  });
  const bob = new Window(page, server.url);
  await page.goto(`${server.url}/?room=${room()}&person=2`);
  await bob.live();
  const sawAt = await until(() => ada.page.evaluate(() => globalThis.sawAt));
  const inAt = await page.evaluate(() => globalThis.inAt);
  assert.ok(sawAt - inAt <= 500, `${sawAt - inAt} ms`);
  for (const window of [ada, bob]) {
    const both = await until(() => window.people(), has(2));
    for (const other of [ada, bob]) assert.ok(includes(await other.name())(both));
  }
  await until(() => ada.page.textContent("#announcer"), (text) => text.includes("joined"));
  await bob.page.close();
  await until(() => ada.people(), has(1));
  await until(() => ada.page.textContent("#announcer"), (text) => text.includes("left"));
  assert.deepEqual([ada.alarms, bob.alarms], [[], []]);
});

test("a pointer shows where it is on the other's board, and goes when it leaves", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => ada.people(), has(2));
  await bob.page.setViewportSize({ width: 1180, height: 800 });
  await bob.point(0.25, 0.6);
  const [cursor] = await until(() => ada.cursors(), ([one]) => one && Math.abs(one.x - 0.25) < 0.02 && Math.abs(one.y - 0.6) < 0.02);
  assert.equal(cursor.name, await bob.name());
  await bob.page.mouse.move(2, 2);
  await until(() => ada.cursors(), has(0));
  // Who wants no pointers shows none and sends none.
  await ada.page.click("#settings-open");
  await ada.page.uncheck("#pref-cursors");
  await ada.page.keyboard.press("Escape");
  await bob.point(0.5, 0.5);
  await ada.point(0.5, 0.5);
  await bob.pick("orders");
  await until(() => ada.watchers("orders"), (name) => name !== "");
  assert.deepEqual([await ada.cursors(), await bob.cursors()], [[], []]);
});

test("a number that a backend sets changes by itself for everybody, with its line and its past", async () => {
  await server.set(room(), { revenue: 1_200_000, orders: 40, conversion: 3.4, approvals: 7 });
  const [ada, bob] = [await open(1), await open(2)];
  for (const window of [ada, bob]) await until(() => window.value("revenue"), (text) => text === "€ 1,200,000");
  await server.set(room(), { revenue: 1_284_120, conversion: 3.5 });
  for (const window of [ada, bob]) {
    await until(() => window.value("revenue"), (text) => text === "€ 1,284,120");
    await until(() => window.value("conversion"), (text) => text === "3.5 %");
    await until(() => window.page.textContent("[data-tile=revenue] .tile-change"), (text) => text === "▲ 7.0 % in 5 min");
    await until(() => window.page.getAttribute("[data-tile=revenue] .tile-spark path", "d"), (d) => d?.startsWith("M0 "));
  }
  const late = await open(3);
  await until(() => late.page.textContent("[data-tile=revenue] .tile-change"), (text) => text === "▲ 7.0 % in 5 min");
  await until(() => late.page.getAttribute("#chart", "aria-label"), (text) => text.startsWith("Revenue rose from € 1,200,000 to € 1,284,120"));
  assert.deepEqual(late.alarms, []);
});

test("a room without numbers says so, and takes the first at once", async () => {
  const ada = await open();
  await until(() => ada.page.isVisible("#empty"));
  assert.equal(await ada.value("orders"), "–");
  await server.set(room(), { orders: 1 });
  await until(() => ada.value("orders"), (text) => text === "1");
  assert.equal(await ada.page.isVisible("#empty"), false);
});

test("others see the tile that one picked, as a ring in that one's colour and by name", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => ada.people(), has(2));
  await ada.pick("orders");
  assert.equal(await ada.page.getAttribute("[data-tile=orders] .tile-pick", "aria-pressed"), "true");
  const name = await ada.name();
  await until(() => bob.watchers("orders"), (text) => text === name);
  await until(() => bob.page.getAttribute("[data-tile=orders]", "class"), (names) => names.includes("is-watched"));
  await ada.pick("revenue");
  await until(() => bob.watchers("orders"), (name) => name === "");
  await ada.pick("revenue");
  await until(() => bob.watchers("revenue"), (name) => name === "");
});

test("while one drags the target the other reads who does, and sees it move and settle", async () => {
  await server.set(room(), { revenue: 1_000_000, target: 1_100_000 });
  const [ada, bob] = [await open(1), await open(2)];
  for (const window of [ada, bob]) await until(() => window.page.textContent("#target-value"), (text) => text === "€ 1,100,000");
  await ada.page.focus("#target");
  await ada.page.keyboard.press("ArrowRight");
  const name = await ada.name();
  await until(() => bob.page.textContent("#target-editing"), (text) => text === `${name} is editing`);
  await ada.page.keyboard.press("ArrowRight");
  await until(() => bob.page.textContent("#target-value"), (text) => text === "€ 1,120,000");
  await until(() => bob.page.textContent("#target-editing"), (text) => text === "");
  await until(() => bob.activity(), ([first]) => first?.includes("set target"));
  assert.equal(await bob.page.inputValue("#target"), "1120000");
});

test("the time range is one for all", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => bob.people(), has(2));
  await ada.page.click("[data-minutes='15']");
  await until(() => bob.page.getAttribute("[data-minutes='15']", "aria-pressed"), (pressed) => pressed === "true");
  assert.equal(await bob.page.textContent("#chart-range"), "last 15 minutes");
});

test("of two who approve at once every press counts, and each is told", async () => {
  await server.set(room(), { approvals: 12 });
  const [ada, bob] = [await open(1), await open(2)];
  for (const window of [ada, bob]) await until(() => window.value("approvals"), (text) => text === "12");
  const press = async (window) => {
    for (let n = 0; n < 5; n += 1) await window.page.click("#approve");
  };
  await Promise.all([press(ada), press(bob)]);
  for (const window of [ada, bob]) {
    await until(() => window.value("approvals"), (text) => text === "2");
    await until(() => window.activity(), (all) => all.filter((text) => text.includes("approved an order")).length === 10);
  }
  for (let n = 0; n < 4; n += 1) await ada.page.click("#approve", { force: true });
  await until(() => bob.value("approvals"), (text) => text === "0");
  assert.equal(await ada.page.getAttribute("#approve", "aria-disabled"), "true");
});

test("the link opens a second person with an identity of its own", async () => {
  const ada = await open(1);
  const [page] = await Promise.all([context.waitForEvent("page"), ada.page.click("#second")]);
  const bob = new Window(page, server.url);
  await bob.live();
  await until(() => ada.people(), has(2));
  assert.match(page.url(), /person=2/);
  const keys = await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("copresence")));
  for (const person of ["1", "2"]) assert.ok(keys.some((key) => key.includes(`:${person}:`)), keys.join());
});

test("the split view is a second person in the same window, and what one does there shows here", async () => {
  await server.set(room(), { revenue: 1_000_000, orders: 12 });
  const ada = await open(1);
  await ada.page.click("#split");
  await until(() => ada.people(), has(2));
  const frame = ada.page.frameLocator("#other-half iframe");
  const name = await until(() => frame.locator("#me-text").textContent(), (text) => text !== "…");
  assert.ok(includes(name)(await ada.people()));
  assert.equal(await frame.locator(".try").isVisible(), false);
  await ada.pick("orders");
  const own = await ada.name();
  await until(() => frame.locator("[data-tile=orders] .tile-people").textContent(), (text) => text === own);
  await frame.locator("[data-tile=revenue] .tile-pick").click();
  await until(() => ada.watchers("revenue"), (text) => text === name);
  // Two people, two connections; the one in the frame shares none.
  assert.equal(await frame.locator("#proof-tabs").textContent(), "1");
  await ada.page.click("#split");
  await until(() => ada.people(), has(1));
  assert.deepEqual(ada.alarms, []);
});

test("a second tab of the same person is one member on one connection, and its end is no leaving", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const again = await open(1);
  assert.equal(await again.name(), await ada.name());
  await until(() => ada.proof(), ({ tabs }) => tabs === "2, this one leads");
  await until(() => again.proof(), ({ tabs }) => tabs === "2, another one leads");
  assert.deepEqual([ada.sockets, again.sockets], [1, 0]);
  assert.equal((await bob.people()).length, 2);
  await again.page.close();
  await until(() => ada.proof(), ({ tabs }) => tabs === "1");
  assert.equal((await bob.people()).length, 2);
  assert.doesNotMatch(await bob.page.textContent("#announcer"), /left/);
});

test("a duplicated tab does not fight for the session of the first", async () => {
  const ada = await open(1);
  const [page] = await Promise.all([context.waitForEvent("page"), ada.page.evaluate(() => void window.open(location.href))]);
  const copy = new Window(page, server.url);
  await copy.live();
  await until(() => ada.proof(), ({ tabs }) => tabs.startsWith("2"));
  assert.equal((await ada.pill()).state, "connected");
  assert.equal(ada.sockets, 1);
});

test("a click changes the name for everyone, in all tabs, and it survives a reload", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const again = await open(1);
  await until(() => bob.people(), has(2));
  await again.rename("Countess of Lovelace");
  await until(() => bob.people(), includes("Countess of Lovelace"));
  for (const window of [ada, again]) await until(() => window.name(), (name) => name === "Countess of Lovelace");
  assert.doesNotMatch(await bob.page.textContent("#announcer"), /left|Countess/, "a new name is neither leaving nor coming");
  const [{ user }] = ada.connected;
  await ada.page.reload();
  await ada.live();
  assert.equal(await ada.name(), "Countess of Lovelace");
  await until(() => bob.people(), (all) => all.length === 2 && includes("Countess of Lovelace")(all));
  assert.equal(ada.connected.at(-1).user.id, user.id);
});

test("a name is edited by keyboard, and Escape leaves it as it was", async () => {
  const ada = await open(1);
  const name = await ada.name();
  await ada.page.focus("#me-name");
  await ada.page.keyboard.press("Enter");
  await ada.page.keyboard.type("Nobody");
  await ada.page.keyboard.press("Escape");
  assert.equal(await ada.name(), name);
  await ada.page.keyboard.press("Enter");
  await ada.page.keyboard.type("Somebody");
  await ada.page.keyboard.press("Enter");
  await until(() => ada.people(), includes("Somebody (you)"));
});

test("the code of what is under the pointer, or has the focus, is shown on demand", async () => {
  const ada = await open();
  await ada.page.click("#code-toggle");
  await ada.page.hover("#approve", { force: true });
  await until(() => ada.page.textContent("#code-lines"), (code) => code.includes("ifOffset"));
  await ada.page.focus("#target");
  assert.match(await ada.page.textContent("#code-lines"), /editing: "target"/);
  await ada.page.hover("#avatars");
  await until(() => ada.page.textContent("#code-lines"), (code) => code.includes("<cp-avatars"));
  await ada.page.click("#code-toggle");
  assert.equal(await ada.page.isVisible("#code"), false);
});

test("a lone visitor sees life at once: Grace is there, points, changes numbers, and is counted", async () => {
  const ada = await Window.open(context, server.url);
  await until(() => ada.people(), includes("Grace"));
  const first = await until(() => ada.cursors(), ([cursor]) => cursor?.name === "Grace");
  await until(() => ada.cursors(), ([cursor]) => cursor && Math.hypot(cursor.x - first[0].x, cursor.y - first[0].y) > 0.05);
  const values = async () => (await Promise.all(["revenue", "orders", "conversion", "approvals"].map((key) => ada.value(key)))).join();
  const before = await until(values, (all) => !all.includes("–"));
  await until(values, (all) => all !== before);
  const { missing, twice, node } = await until(() => ada.proof(), ({ received, p95 }) => Number(received) >= 8 && /^[\d.]+ m?s$/.test(p95));
  assert.deepEqual([missing, twice, node], ["0", "0", "n1"]);
  await ada.page.click("#offline");
  await until(() => ada.pill(), ({ text }) => text === "Offline");
  const { received } = await ada.proof();
  const bob = await Window.open(context, `${server.url}/?person=2`);
  await until(() => bob.proof(), (proof) => Number(proof.received) >= 4);
  await ada.page.click("#offline");
  await until(() => ada.proof(), (proof) => /, [1-9]\d* recovered, 0 lost$/.test(proof.gap) && Number(proof.received) > Number(received));
  assert.deepEqual([(await ada.proof()).missing, (await ada.proof()).twice], ["0", "0"]);
  assert.deepEqual([ada.alarms, bob.alarms], [[], []]);
});
