/** Losing the connection, in every way in which one is lost, and what is left of it afterwards: nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clocked, numbers, Stage, stopClock } from "./stage.mjs";
import { until } from "./support.mjs";

const KEPT = 20;
const stage = new Stage("cuts", `
[session]
heartbeat_s = 2
[[rooms]]
match = "trimmed:*"
log = "memory"
keep_entries = ${KEPT}
`);

const CUTS = 10;
const CUT_MS = 2_000;
const EVERY_MS = 20;

/** A backend that says 1, 2, 3 … fifty times a second, each when the one before is written. */
function talk() {
  let said = 0;
  let isOver = false;
  const over = (async () => {
    let next = performance.now();
    while (!isOver) {
      await stage.api("POST", `/rooms/${stage.room}/events`, { event: "note", data: said + 1 });
      said += 1;
      next = Math.max(next + EVERY_MS, performance.now() - 1_000);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    }
  })();
  // Whoever waits for `stop` hears of it.
  over.catch(() => {});
  return {
    get said() {
      return said;
    },
    async stop() {
      isOver = true;
      await over;
      return said;
    },
  };
}

test("ten cuts of two seconds in fifty entries a second: each offset once, in order, and nobody saw anybody leave", async (context) => {
  const { ada, grace } = await stage.both();
  const before = [await ada.heard(), await grace.heard()];
  const backend = talk();
  for (let cut = 0; cut < CUTS; cut += 1) {
    const seen = (await ada.notes()).length;
    await until(async () => (await ada.notes()).length, (count) => count >= seen + 10, { what: "hears it live" });
    stage.wire.cut();
    await new Promise((resolve) => setTimeout(resolve, CUT_MS));
    stage.wire.up();
    // Half of the times the browser says that there is a network again, else the next attempt finds out.
    if (cut % 2 === 0) await ada.page.evaluate(() => dispatchEvent(new Event("online")));
    await until(() => ada.heard(), ({ restored }) => restored.length === cut + 1, { what: "is back" });
  }
  const said = await backend.stop();
  await until(() => ada.notes(), (notes) => notes.length >= said, { what: "everything came" });
  const { notes, offsets, states, resets, restored } = await ada.heard();
  const first = offsets[0];
  assert.deepEqual([notes, offsets], [numbers(1, said), numbers(first, first + said - 1)]);
  assert.deepEqual((await stage.log()).map(({ data }) => data), notes, "and the log holds just these");
  assert.deepEqual(states, ["connected", ...Array(CUTS).fill(["reconnecting", "connected"]).flat()]);
  assert.deepEqual([restored, resets], [Array(CUTS).fill(true), 0]);
  assert.ok(ada.connected.slice(1).every(({ resumed }) => resumed), "the same session each time");
  for (const [at, tab] of [ada, grace].entries()) {
    const { came, left } = await tab.heard();
    assert.deepEqual([came, left], [before[at].came, []], "nobody came or went");
  }
  assert.equal((await stage.truth()).count, 2);
  assert.deepEqual([ada.alarms, grace.alarms], [[], []]);
  context.diagnostic(`${said} entries over ${CUTS} cuts`);
});

test("a wire that swallows everything is noticed by silence, heartbeat and five seconds long", async () => {
  const { ada, grace } = await stage.both({}, clocked);
  await stopClock(ada);
  await ada.page.evaluate(() => globalThis.client.ping());
  stage.wire.hang();
  await grace.say("missed");
  await ada.page.clock.runFor(2_000 + 5_000);
  const { status } = await ada.inspect();
  assert.deepEqual([status.state, status.reason], ["reconnecting", "the server is silent"]);
  await ada.page.clock.resume();
  await until(() => ada.heard(), ({ restored }) => restored.length === 1, { what: "is back" });
  const { notes, restored } = await ada.heard();
  assert.deepEqual([notes, restored], [["missed"], [true]]);
  assert.deepEqual((await grace.heard()).left, []);
});

test("looking at the page asks at once, and three seconds without an answer are enough", async () => {
  const { ada, grace } = await stage.both({ presence: { awayWhenHidden: 3_600_000 } }, clocked);
  await stopClock(ada);
  await ada.page.evaluate(() => globalThis.client.ping());
  stage.wire.hang();
  await ada.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await ada.page.clock.runFor(3_000);
  const { status } = await ada.inspect();
  assert.deepEqual([status.state, status.reason], ["reconnecting", "a ping was not answered"]);
  await ada.page.clock.resume();
  await until(() => ada.heard(), ({ restored }) => restored.length === 1, { what: "is back" });
  assert.deepEqual((await grace.heard()).left, []);
});

test("a log that was trimmed meanwhile is one reset: state and members are the node's, a collection is fetched again, once", async () => {
  const room = `trimmed:${stage.room}`;
  const grace = await stage.grace({ room });
  const ada = await stage.ada({ room });
  await ada.page.evaluate(() => {
    globalThis.fetches = 0;
    globalThis.todos = globalThis.room.collection("todos", { fetch: async () => [{ id: "1", seen: (globalThis.fetches += 1) }] });
  });
  await grace.page.evaluate(() => globalThis.room.state.set({ kept: 1, gone: 1 }));
  await until(() => ada.page.evaluate(() => globalThis.room.state.all()), (state) => state.gone === 1);
  await until(() => ada.page.evaluate(() => globalThis.fetches), (fetches) => fetches === 1);

  stage.wire.cut();
  await until(() => ada.inspect(), ({ status }) => status.state !== "connected");
  await grace.page.evaluate(() => globalThis.room.state.set({ kept: 2, fresh: [1, { deep: true }] }));
  await grace.page.evaluate(() => globalThis.room.state.remove("gone"));
  for (const note of numbers(1, KEPT + 10)) await stage.api("POST", `/rooms/${room}/events`, { event: "note", data: note });
  const bob = await stage.grace({ room, guest: { name: "Bob" } });
  stage.wire.up();
  await until(() => ada.heard(), ({ restored }) => restored.length === 1, { what: "is back" });

  const { resets, reasons, notes, restored } = await ada.heard();
  assert.deepEqual({ resets, reasons, notes, restored }, { resets: 1, reasons: ["too_old"], notes: [], restored: [false] });
  const truth = await stage.truth(room);
  const look = () => ada.page.evaluate(() => ({
    state: globalThis.room.state.all(), members: globalThis.room.presence.members.map(({ user }) => user).sort(), cursor: globalThis.room.cursor,
  }));
  const members = truth.members.map(({ user }) => user).sort();
  const seen = await until(look, (now) => now.members.length === members.length);
  assert.deepEqual(seen, { state: truth.state, members, cursor: truth.cursor });
  assert.deepEqual(truth.state, { kept: 2, fresh: [1, { deep: true }] });
  await until(() => ada.page.evaluate(() => globalThis.todos.getSnapshot().isLoading), (isLoading) => !isLoading);
  assert.equal(await ada.page.evaluate(() => globalThis.fetches), 2);
  // From there on it is live again.
  await bob.say("after");
  await until(() => ada.notes(), (all) => all.length === 1);
  assert.deepEqual([(await ada.notes()), (await ada.heard()).resets], [["after"], 1]);
});

test("kill -9 of the node: both go on by cursor, and what was said meanwhile is written once, in order", async () => {
  const { ada, grace } = await stage.both();
  await ada.say(1);
  await until(() => grace.notes(), (notes) => notes.length === 1);
  await stage.server.kill();
  await until(() => ada.inspect(), ({ status }) => status.state !== "connected");
  await ada.say(2, 3, 4);
  await until(() => ada.inspect(), ({ outbox }) => outbox.size === 3);
  await stage.server.up();
  for (const tab of [ada, grace]) {
    await until(() => tab.notes(), (notes) => notes.length >= 4, { what: "all arrived" });
    const { notes, resets } = await until(() => tab.heard(), ({ restored }) => restored.length === 1);
    assert.deepEqual([notes, resets, (await tab.heard()).restored], [[1, 2, 3, 4], 0, [true]]);
  }
  assert.deepEqual((await stage.log()).map(({ data }) => data), [1, 2, 3, 4]);
  assert.equal((await stage.truth()).count, 2);
});

test("a node that drains and comes back is no lost connection to read about, one that stays away is", async () => {
  const toasts = (tab) => tab.page.evaluate(() => globalThis.client.notifications.notifications.map(({ title }) => title));
  const { ada, grace } = await stage.both({}, clocked);
  await ada.page.evaluate(() => {
    globalThis.shown = [];
    globalThis.client.notifications.subscribe(() => globalThis.shown.push(...globalThis.client.notifications.notifications.map(({ title }) => title)));
  });
  await stopClock(ada);
  await stage.server.drain();
  await until(() => ada.inspect(), ({ status }) => status.state === "reconnecting");
  assert.match((await ada.inspect()).status.reason, /drains/);
  await stage.server.up();
  // However slow the machine is: for the page these are less than ten seconds.
  for (let ms = 0; ms < 9_000 && (await ada.inspect()).status.state !== "connected"; ms += 250) {
    await ada.page.clock.runFor(250);
    await until(() => ada.page.evaluate(() => globalThis.client.status.retryAt !== null || globalThis.client.isConnected), Boolean, { what: "the attempt ended" });
  }
  await until(() => ada.heard(), ({ restored }) => restored.length === 1, { what: "is back" });
  assert.deepEqual(await ada.page.evaluate(() => globalThis.shown), []);
  await grace.live();

  stage.wire.cut();
  await until(() => ada.inspect(), ({ status }) => status.state === "reconnecting");
  for (let ms = 0; ms < 10_500; ms += 500) await ada.page.clock.runFor(500);
  assert.deepEqual(await toasts(ada), ["Connection lost"]);
  stage.wire.up();
  await ada.page.clock.resume();
  await until(() => toasts(ada), (shown) => shown.length === 0, { what: "it is gone when the connection is back" });
  assert.equal((await ada.inspect()).status.state, "connected");
});
