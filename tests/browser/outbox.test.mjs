/** What is said without a connection, or whose answer is lost: kept over a reload, written once, in order, or refused aloud. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clocked, numbers, Stage, stopClock } from "./stage.mjs";
import { until } from "./support.mjs";

// Pages that the test gives have no address, and one without may not open sockets to this machine.
const stage = new Stage("outbox", "", { args: ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"] });
const HOUR_MS = 3_600_000;

/** The browser's copy of the site: pages and modules come, whatever the wire does. @param {import("playwright-core").BrowserContext} context */
const keepSite = (context) => context.route((url) => url.origin === stage.wire.url && !url.pathname.startsWith("/v1"), async (route) => {
  const { pathname } = new URL(route.request().url());
  const response = await fetch(stage.server.url + pathname);
  await route.fulfill({ contentType: response.headers.get("content-type") ?? "", body: await response.text() });
});

/** Everything that the page says to the server, from now on. @param {import("playwright-core").Page} page */
function listenToSaid(page) {
  const said = [];
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => said.push(JSON.parse(String(payload)))));
  return said;
}

const waits = (tab) => tab.page.evaluate(() => globalThis.client.outbox.items.filter(({ seq }) => seq < Number.MAX_SAFE_INTEGER).length);
const lost = (tab) => until(() => tab.inspect(), ({ status }) => status.state !== "connected", { what: "noticed" });

test("twenty said offline outlive a reload offline, and are written once each, in order, when there is a network again", async () => {
  await keepSite(stage.context);
  const { ada, grace } = await stage.both();
  await stage.context.setOffline(true);
  stage.wire.cut();
  await until(() => ada.inspect(), ({ status }) => status.state === "offline", { what: "knows that it is offline" });
  await ada.say(...numbers(1, 20));
  await until(() => waits(ada), (count) => count === 20, { what: "all are in the browser's keeping" });
  await ada.reload();
  await until(() => ada.inspect(), ({ status, outbox }) => status.state === "offline" && outbox.size === 20 && status.queued === 20, { what: "shows offline what waits" });
  await ada.page.evaluate(() => {
    globalThis.sizes = [20];
    globalThis.client.on("outbox", ({ size }) => globalThis.sizes.push(size));
  });
  assert.deepEqual(await grace.notes(), []);

  stage.wire.up();
  await stage.context.setOffline(false);
  await until(() => grace.notes(), (notes) => notes.length >= 20, { what: "all arrived" });
  await until(() => ada.inspect(), ({ outbox, status }) => outbox.size === 0 && status.queued === 0, { what: "drained" });
  assert.deepEqual(await grace.notes(), numbers(1, 20));
  assert.deepEqual((await stage.log()).map(({ data }) => data), numbers(1, 20), "once each in the log");
  assert.equal(await waits(ada), 0);
  const sizes = await ada.page.evaluate(() => globalThis.sizes);
  assert.deepEqual([Math.max(...sizes), sizes.at(-1)], [20, 0]);
  const down = sizes.slice(sizes.lastIndexOf(20));
  assert.deepEqual(down, numbers(0, 20).reverse(), "one by one");
  assert.deepEqual((await grace.heard()).left, []);
});

test("what waited for too long is refused aloud, to whoever waits for it and after a reload; what is fresh is written", async () => {
  await keepSite(stage.context);
  const ada = await stage.ada({ outbox: { maxAge: HOUR_MS } }, clocked);
  await stopClock(ada);
  stage.wire.cut();
  await lost(ada);
  await ada.say("of before the reload");
  await until(() => waits(ada), (count) => count === 1);
  await ada.reload();
  await ada.page.evaluate(() => {
    globalThis.refused = globalThis.room.publish("note", "too old").catch(({ code, name, help, retryable }) => ({ code, name, help, retryable }));
  });
  await until(() => waits(ada), (count) => count === 2, { what: "both are in the browser's keeping" });
  await ada.page.clock.fastForward(HOUR_MS + 1_000);
  await ada.say("fresh");
  stage.wire.up();
  await ada.page.clock.resume();
  await ada.live();
  await until(() => ada.notes(), (notes) => notes.length === 1, { what: "the fresh one" });
  const { code, name, help, retryable } = await ada.page.evaluate(() => globalThis.refused);
  assert.deepEqual([code, name, retryable], ["queue_expired", "QueueError", false]);
  assert.match(help, /queue_expired/);
  const { errors } = await until(() => ada.heard(), (heard) => heard.errors.length >= 2);
  assert.deepEqual(errors, ["queue_expired", "queue_expired"], "each is told, also when nobody waits any more");
  assert.deepEqual((await stage.log()).map(({ data }) => data), ["fresh"]);
  assert.equal((await ada.inspect()).outbox.size, 0);
});

for (const [what, write, heard] of [
  ["a publish", () => globalThis.room.publish("note", "once"), ({ notes }) => notes],
  ["a write of state", () => globalThis.room.state.set({ revenue: 7 }), () => null],
  ["an activity", () => globalThis.room.activity.track("approved", "order:7"), () => null],
]) {
  test(`the answer to ${what} is lost: it is said again under its key, and written once`, async () => {
    const said = [];
    const { ada, grace } = await stage.both({}, (page) => {
      page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => said.push(JSON.parse(String(payload)))));
    });
    const from = await stage.log();
    stage.wire.deafen();
    await ada.page.evaluate((source) => {
      globalThis.outcome = null;
      void Promise.resolve(new Function(`return (${source})()`)()).then((outcome) => (globalThis.outcome = outcome ?? { duplicate: null }));
    }, write.toString());
    await until(async () => (await stage.log()).length, (count) => count === from.length + 1, { what: "it is written" });
    assert.equal(await ada.page.evaluate(() => globalThis.outcome), null, "and nobody knows");
    stage.wire.cut();
    await lost(ada);
    stage.wire.up();
    const outcome = await until(() => ada.page.evaluate(() => globalThis.outcome), Boolean, { what: "the answer" });
    const log = await stage.log();
    assert.equal(log.length, from.length + 1, "one entry");
    const writes = said.filter(({ key }) => key !== undefined);
    assert.equal(writes.length, 2);
    assert.equal(writes[0].key, writes[1].key);
    assert.deepEqual({ ...writes[0], id: 0 }, { ...writes[1], id: 0 });
    if (outcome.duplicate !== null) assert.deepEqual(outcome, { offset: log.at(-1).offset, entry: log.at(-1).id, duplicate: true });
    for (const tab of [ada, grace]) {
      const notes = heard(await until(() => tab.heard(), (all) => (heard(all) ?? [1]).length === 1));
      if (notes) assert.deepEqual(notes, ["once"]);
      await until(() => tab.page.evaluate(() => globalThis.room.cursor.offset), (offset) => offset === log.at(-1).offset);
    }
    const counts = (await ada.inspect()).rooms[stage.room];
    assert.deepEqual([counts.gaps, counts.resets], [0, 0]);
  });
}

test("a reload while the answer is on its way: the next page says it again under its key, and it is written once", async () => {
  await keepSite(stage.context);
  const { ada, grace } = await stage.both();
  stage.wire.deafen();
  await ada.say("once", "and then");
  await until(async () => (await stage.log()).length, (count) => count === 1, { what: "the first is written" });
  await until(() => waits(ada), (count) => count === 2, { what: "both are in the browser's keeping" });
  const said = listenToSaid(ada.page);
  await ada.reload();
  await ada.live();
  await until(() => grace.notes(), (notes) => notes.length >= 2, { what: "both arrived" });
  await until(() => ada.inspect(), ({ outbox }) => outbox.size === 0, { what: "drained" });
  assert.deepEqual(await grace.notes(), ["once", "and then"]);
  assert.deepEqual((await stage.log()).map(({ data }) => data), ["once", "and then"]);
  assert.deepEqual(said.filter(({ type }) => type === "publish").map(({ data }) => data), ["once", "and then"], "each was said to the end");
  assert.deepEqual((await grace.heard()).left, []);
});
