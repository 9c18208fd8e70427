/** What breaks heals, and the page proves that nothing was lost or came twice. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { provide, until, Window, Wire, WITH_BACK_CACHE } from "./support.mjs";

let server;
let context;
let serial;
provide((given) => ({ server, context, serial } = given), { context: {}, ...WITH_BACK_CACHE });

const room = () => `test:${serial}`;
const open = (person = 1, origin = server.url) => Window.open(context, `${origin}/?room=${room()}&person=${person}`);
const received = (window, count) => until(() => window.proof(), (proof) => proof.received === String(count));

/** @param {Window} window @param {number} count of the feed's entries */
async function assertWhole(window, count) {
  const { missing, twice, queue } = await until(() => window.proof(), (proof) => proof.received === String(count) && proof.queue === "0");
  assert.deepEqual({ missing, twice, queue }, { missing: "0", twice: "0", queue: "0" });
  assert.deepEqual(window.unexpected(), []);
}

test("cut again and again while entries run, the proof has no hole and no double, and the pill has words", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    await server.feed(room(), 1, 10);
    await received(ada, 10);
    await until(() => ada.pill(), ({ text }) => text === "Live");
    for (let cut = 1; cut <= 3; cut += 1) {
      const from = cut * 20 - 9;
      const running = server.feed(room(), from, from + 19);
      wire.cut();
      await until(() => ada.pill(), ({ state }) => state === "reconnecting");
      await running;
      if (cut === 1) {
        await until(() => ada.pill(), ({ text }) => text === "Reconnecting");
        assert.ok(await ada.page.getByRole("button", { name: "Try now" }).isVisible());
      }
      wire.up();
      await ada.live();
      await received(ada, from + 19);
      await until(() => ada.proof(), ({ gap }) => /recovered, 0 lost$/.test(gap));
    }
    await until(() => ada.page.textContent("#announcer"), (text) => /Live again: \d+ recovered, 0 lost/.test(text));
    await until(() => ada.pill(), ({ text }) => text === "Live");
    assert.equal((await bob.people()).length, 2);
    assert.doesNotMatch(await bob.page.textContent("#announcer"), /left/, "nobody was seen leaving");
    for (const window of [ada, bob]) await assertWhole(window, 70);
  } finally {
    wire.stop();
  }
});

test("after kill -9 both go on where they were, with what they clicked meanwhile", async () => {
  await server.set(room(), { approvals: 9, revenue: 1_000_000, target: 1_000_000 });
  const [ada, bob] = [await open(1), await open(2)];
  await server.feed(room(), 1, 5);
  for (const window of [ada, bob]) await received(window, 5);
  await server.kill();
  for (const window of [ada, bob]) await until(() => window.pill(), ({ state }) => state !== "connected");
  await ada.page.click("#approve");
  await bob.page.click("#approve");
  await ada.page.click("[data-minutes='1']");
  for (const [window, waiting] of [[ada, "3"], [bob, "2"]]) await until(() => window.proof(), ({ queue }) => queue === waiting);
  await server.up();
  for (const window of [ada, bob]) await window.live();
  await server.feed(room(), 6, 10);
  for (const window of [ada, bob]) {
    await until(() => window.value("approvals"), (text) => text === "7");
    await until(() => window.activity(), (all) => all.filter((text) => text.includes("approved")).length === 2);
    await until(() => window.page.getAttribute("[data-minutes='1']", "aria-pressed"), (pressed) => pressed === "true");
    assert.equal(window.connected.at(-1).user.id, window.connected[0].user.id, "the same person as before");
    await until(() => window.people(), (all) => all.length === 2);
    await assertWhole(window, 10);
  }
});

test("offline by the button: clicks fill the outbox, online drains it, and 0 are lost", async () => {
  await server.set(room(), { approvals: 50, revenue: 1_000_000 });
  const [ada, bob] = [await open(1), await open(2)];
  await server.feed(room(), 1, 4);
  await received(ada, 4);
  await ada.page.click("#offline");
  await until(() => ada.pill(), ({ text, state }) => text === "Offline" && state === "offline");
  assert.equal(await ada.page.textContent("#offline"), "Go online");
  for (let n = 0; n < 6; n += 1) await ada.page.click("#approve");
  assert.equal(await ada.value("approvals"), "44", "own clicks show at once");
  await until(() => ada.proof(), ({ queue }) => queue === "7");
  await until(() => ada.page.textContent("#wire"), (text) => text === "7 waiting to be sent");
  assert.equal(await bob.value("approvals"), "50");
  await server.feed(room(), 5, 12);
  assert.equal((await ada.proof()).received, "4");
  await ada.page.click("#offline");
  await ada.live();
  await until(() => ada.proof(), ({ gap }) => / 8 recovered, 0 lost$/.test(gap));
  await until(() => bob.value("approvals"), (text) => text === "44");
  await until(() => bob.activity(), (all) => all.filter((text) => text.includes("approved")).length === 6);
  for (const window of [ada, bob]) await assertWhole(window, 12);
  assert.deepEqual(ada.alarms, []);
});

test("all tabs of a person go offline by the button together, and come back together", async () => {
  const [here, there] = [await open(), await open()];
  await until(() => there.proof(), ({ tabs }) => tabs.startsWith("2"));
  await there.page.click("#offline");
  for (const tab of [here, there]) {
    await until(() => tab.pill(), ({ state }) => state === "offline");
    await until(() => tab.page.textContent("#offline"), (text) => text === "Go online");
  }
  await here.page.click("#offline");
  for (const tab of [here, there]) await tab.live();
  assert.deepEqual([here.alarms, there.alarms], [[], []]);
});

test("the lag shows in the round trip, own clicks stay instant, and nothing gets out of order", async () => {
  await server.set(room(), { approvals: 5 });
  const ada = await open();
  await until(() => ada.value("approvals"), (text) => text === "5");
  await ada.page.click("#lag");
  await until(() => ada.page.textContent("#wire"), (text) => /^3\d\d ms · WebSocket$/.test(text));
  await ada.page.click("#approve");
  assert.equal(await ada.value("approvals"), "4");
  await server.feed(room(), 1, 30);
  await ada.page.click("#lag");
  await server.feed(room(), 31, 40);
  await until(() => ada.page.textContent("#wire"), (text) => /^\d{1,2} ms · WebSocket$/.test(text));
  await assertWhole(ada, 40);
});

test("realtime off: numbers come by fetch and say how old they are, over a reload too; on, they come by themselves", async () => {
  await server.set(room(), { orders: 1 });
  await context.clock.install();
  const ada = await open();
  await until(() => ada.value("orders"), (text) => text === "1");
  await ada.page.click("#realtime");
  await until(() => ada.pill(), ({ text, state }) => text === "Polling" && state === "polling");
  assert.equal(await ada.page.getAttribute("#realtime", "aria-checked"), "false");
  await server.set(room(), { orders: 2 });
  await ada.page.clock.runFor(5_000);
  assert.match(await ada.page.textContent("[data-tile=orders] .tile-age"), /^updated [4-6] s ago$/);
  await ada.page.clock.runFor(6_000);
  await until(() => ada.value("orders"), (text) => text === "2");
  await ada.page.clock.runFor(1_000);
  assert.match(await ada.page.textContent("[data-tile=orders] .tile-age"), /^updated [0-3] s ago$/);
  await ada.page.reload();
  await until(() => ada.pill(), ({ state, isBusy }) => state === "polling" && isBusy === "false");
  assert.equal(await ada.value("orders"), "2");
  await ada.page.click("#realtime");
  await ada.live();
  await server.set(room(), { orders: 3 });
  await until(() => ada.value("orders"), (text) => text === "3");
  assert.equal(await ada.page.isVisible("[data-tile=orders] .tile-age"), false);
  assert.deepEqual(ada.alarms, []);
});

test("a reload keeps identity, session and the count, and the other sees no leaving", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await server.feed(room(), 1, 8);
  await received(ada, 8);
  await ada.page.reload();
  await ada.live();
  const [first, second] = ada.connected;
  assert.equal(second.resumed, true);
  assert.deepEqual([second.session, second.user.id], [first.session, first.user.id]);
  await server.feed(room(), 9, 12);
  await assertWhole(ada, 12);
  assert.doesNotMatch(await bob.page.textContent("#announcer"), /left/);
  assert.equal((await bob.people()).length, 2);
});

test("what was clicked while the server was away survives a reload of the page", async () => {
  const wire = await Wire.to(server.port);
  try {
    await server.set(room(), { approvals: 3 });
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    await until(() => ada.value("approvals"), (text) => text === "3");
    wire.cut();
    await until(() => ada.pill(), ({ state }) => state !== "connected");
    await ada.page.click("#approve");
    await until(() => ada.proof(), ({ queue }) => queue === "2");
    // In the browser's keeping once it has a number of its own.
    await until(() => ada.page.evaluate(() => document.getElementById("provider").client.outbox.items.every(({ seq }) => seq !== undefined)));
    // The page itself must come from somewhere, so the wire is up again before its script runs.
    wire.up();
    await ada.page.reload();
    await ada.live();
    for (const window of [ada, bob]) {
      await until(() => window.value("approvals"), (text) => text === "2");
      await until(() => window.activity(), (all) => all.filter((text) => text.includes("approved")).length === 1);
    }
  } finally {
    wire.stop();
  }
});

test("a wire that swallows everything is noticed on waking up, and heals", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    await server.feed(room(), 1, 2);
    await received(ada, 2);
    wire.hang();
    await server.feed(room(), 3, 6);
    await received(bob, 6);
    await ada.page.evaluate(() => dispatchEvent(new Event("online")));
    await assertWhole(ada, 6);
    assert.doesNotMatch(await bob.page.textContent("#announcer"), /left/);
  } finally {
    wire.stop();
  }
});

test("a page from the cache for going back is live again, with what it missed", async () => {
  const ada = await open(1);
  await server.feed(room(), 1, 3);
  await received(ada, 3);
  await ada.page.evaluate(() => void (globalThis.isSamePage = true));
  await ada.page.goto("about:blank");
  await server.feed(room(), 4, 9);
  await ada.page.goBack({ waitUntil: "commit" });
  await ada.live();
  assert.equal(await ada.page.evaluate(() => globalThis.isSamePage), true, "the browser kept the page");
  await assertWhole(ada, 9);
});

test("a token that is no longer good is dropped, and the page is in without it, under its name", async () => {
  const ada = await open(1);
  const name = await ada.name();
  await ada.page.evaluate(() => {
    const key = Object.keys(localStorage).find((each) => each.endsWith(":guest"));
    localStorage.setItem(key, JSON.stringify("no-such-token"));
  });
  await ada.page.reload();
  await ada.live();
  assert.equal(await ada.name(), name);
  assert.deepEqual(ada.unexpected(), []);
});
