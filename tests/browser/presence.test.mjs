/** Who is there, away or hidden, as others see it; and a page whose user switched realtime off. Time is what the tests say. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clocked, pass, Stage, stopClock } from "./stage.mjs";
import { until } from "./support.mjs";

const stage = new Stage("presence");

/** @param {import("./client-support.mjs").Tab} tab @param {"hidden" | "visible"} sight */
const see = ({ page }, sight) => page.evaluate((value) => {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => value });
  document.dispatchEvent(new Event("visibilitychange"));
}, sight);

/** What Grace sees of the other one, each time that it changes. */
const watch = (grace) => grace.page.evaluate(() => {
  globalThis.statuses = [];
  globalThis.room.presence.on("update", ({ status }) => {
    if (globalThis.statuses.at(-1) !== status) globalThis.statuses.push(status);
  });
});
const statuses = (grace) => grace.page.evaluate(() => globalThis.statuses);
const isSeen = (grace, ...path) => until(() => statuses(grace), (seen) => seen.join() === path.join(), { what: `sees ${path}` });
/** What the node itself says of Ada. */
const truth = async () => (await stage.truth()).members.find(({ name }) => name === "Ada")?.status;

test("nobody touches anything for five minutes, or looks elsewhere for half a minute: away, and online with the first sign", async () => {
  const { ada, grace } = await stage.both({}, clocked);
  await watch(grace);
  await stopClock(ada);
  await ada.page.mouse.move(10, 10);
  await pass(ada, 295_000);
  assert.deepEqual([await statuses(grace), await truth()], [[], "online"]);
  await pass(ada, 6_000);
  await isSeen(grace, "away");
  assert.equal(await truth(), "away");
  await ada.page.mouse.move(20, 20);
  await isSeen(grace, "away", "online");

  await see(ada, "hidden");
  await pass(ada, 28_000);
  assert.deepEqual([await statuses(grace), await truth()], [["away", "online"], "online"]);
  await pass(ada, 3_000);
  await isSeen(grace, "away", "online", "away");
  await see(ada, "visible");
  await isSeen(grace, "away", "online", "away", "online");
  assert.equal(await truth(), "online");
  // What a person sets goes before what the page sees.
  await ada.page.evaluate(() => globalThis.client.setStatus("busy"));
  await isSeen(grace, "away", "online", "away", "online", "busy");
  await see(ada, "hidden");
  await pass(ada, 31_000);
  assert.equal(await truth(), "busy");
  await ada.page.evaluate(() => globalThis.client.setStatus("auto"));
  await isSeen(grace, "away", "online", "away", "online", "busy", "away");
  assert.deepEqual([(await ada.heard()).states, (await grace.heard()).left], [["connected"], []]);
});

test("with two tabs one is away when both are", async () => {
  const { ada: first, grace } = await stage.both({}, clocked);
  const second = await stage.ada({}, clocked);
  await until(() => second.inspect(), ({ status }) => status.tab.role === "follower" && status.tab.count === 2);
  for (const tab of [first, second]) await stopClock(tab);
  const both = async (ms) => {
    // In turns, so that no tab misses the other's beats.
    for (let left = ms; left > 0; left -= 2_000) for (const tab of [first, second]) await pass(tab, 2_000);
  };
  // Others see the state of the tab that is looked at.
  await first.page.evaluate(() => dispatchEvent(new Event("focus")));
  await until(() => first.inspect(), ({ status }) => status.tab.front);
  await watch(grace);
  await see(first, "hidden");
  await both(32_000);
  // Behind whatever the first tab said about itself.
  await first.page.evaluate(() => globalThis.room.presence.update({ state: { mark: 1 } }));
  await until(() => grace.page.evaluate(() => globalThis.room.presence.others[0].sessions[0].state.mark), (mark) => mark === 1);
  assert.equal(await truth(), "online");
  await see(second, "hidden");
  await both(32_000);
  await until(() => statuses(grace), (seen) => seen.at(-1) === "away", { what: "away" });
  assert.equal(await truth(), "away");
  await see(first, "visible");
  await until(() => statuses(grace), (seen) => seen.at(-1) === "online", { what: "online again" });
  assert.deepEqual([await truth(), (await stage.truth()).members.length], ["online", 2]);
  assert.deepEqual([(await second.inspect()).status.tab, (await grace.heard()).left], [{ role: "follower", count: 2, front: false }, []]);
});

test("realtime off: the socket is closed, data come by fetch each half minute, over a reload too; on: joined and current", async () => {
  const fetched = [];
  /** How far the log goes. */
  let written = 0;
  const { ada, grace } = await stage.both({}, async (page) => {
    await clocked(page);
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/v1/rooms/")) fetched.push(pathname);
    });
  });
  const rounds = async (count) => {
    await until(() => fetched.length, (length) => length === count, { what: `${count} requests` });
    // The answer was taken when the page can be asked for the next.
    await until(() => ada.page.evaluate(() => globalThis.room.cursor.offset), (offset) => offset === written, { what: "is current" });
  };
  const write = async (value) => {
    await grace.page.evaluate((revenue) => globalThis.room.state.set({ revenue }), value);
    await stage.api("POST", `/rooms/${stage.room}/events`, { event: "note", data: value });
    written = (await stage.truth()).cursor.offset;
  };
  const shown = () => ada.page.evaluate(() => globalThis.room.state.get("revenue"));
  await write(1);
  await until(() => ada.notes(), (notes) => notes.length === 1);
  await stopClock(ada);
  assert.equal(fetched.length, 0);

  await ada.page.evaluate(() => globalThis.client.disableRealtime());
  await until(() => grace.heard(), ({ left }) => left.length === 1, { what: "sees Ada go" });
  assert.equal((await stage.truth()).count, 1);
  assert.deepEqual((({ state, realtime }) => ({ state, realtime }))((await ada.inspect()).status), { state: "disconnected", realtime: false });
  await rounds(1);
  await write(2);
  await ada.page.clock.runFor(29_000);
  assert.deepEqual([fetched.length, await shown()], [1, 1], "not yet");
  await ada.page.clock.runFor(1_500);
  await rounds(2);
  assert.deepEqual([await shown(), await ada.notes()], [2, [1, 2]]);

  await ada.reload();
  assert.equal(await ada.page.evaluate(() => globalThis.client.isRealtimeEnabled), false);
  await rounds(3);
  await write(3);
  await ada.page.clock.runFor(30_500);
  await rounds(4);
  assert.deepEqual([await shown(), await ada.notes(), ada.sockets], [3, [3], 1], "and no socket since");
  assert.equal((await stage.truth()).count, 1);

  await write(4);
  await ada.page.evaluate(() => globalThis.client.enableRealtime());
  await ada.live();
  await until(() => ada.notes(), (notes) => notes.length === 2);
  assert.deepEqual([await shown(), await ada.notes()], [4, [3, 4]]);
  await until(() => grace.heard(), ({ came }) => came.length === 2, { what: "sees Ada come back" });
  await write(5);
  await until(shown, (value) => value === 5, { what: "pushed again" });
  await pass(ada, 60_000);
  assert.deepEqual([fetched.length, ada.sockets, (await ada.heard()).resets], [4, 2, 0], "and fetches no more");
});
