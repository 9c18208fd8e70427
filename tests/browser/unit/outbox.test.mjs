import assert from "node:assert/strict";
import { test } from "node:test";

import { AGE_MAX_MS, ITEMS_MAX, LEFT_BEHIND_MS, Outbox } from "../../../static/page/outbox.js";
import { openStore } from "../../../static/page/storage.js";
import { forbiddenStorage, memoryStorage, settle } from "./support.mjs";

const published = (offset) => ({ offset, entry: `entry-${offset}`, duplicate: false });

/** An outbox whose server is the list `sent` and the function `answer`, and whose clock stands still. */
function outbox({ storage = memoryStorage(), tab = "one", now = () => 1_000_000, answer = (item, at) => published(at) } = {}) {
  const world = { sent: [], settled: [], pauses: [], storage };
  let serial = 0;
  world.outbox = new Outbox({
    store: openStore(() => storage, "copresence.1."),
    start: "outbox.dashboard:demo.",
    tab,
    newKey: () => `${tab}-${++serial}`,
    now,
    after(ms, wake) {
      world.pauses.push({ ms, wake });
      return () => {};
    },
    async send(item) {
      world.sent.push(item.key);
      return answer(item, world.sent.length);
    },
    onChange() {},
    onSettled: (item, outcome) => world.settled.push({ key: item.key, ...outcome }),
  });
  return world;
}

test("what is said before the room is joined is sent in order once it is", async () => {
  const world = outbox();
  for (const text of ["a", "b", "c"]) world.outbox.add("message", { text });
  await settle();
  assert.deepEqual(world.sent, []);
  world.outbox.open();
  await settle();
  assert.deepEqual(world.sent, ["one-1", "one-2", "one-3"]);
  assert.deepEqual(world.settled.map(({ published }) => published.offset), [1, 2, 3]);
  assert.equal(world.outbox.items.length, 0);
  assert.equal(world.storage.length, 0);
});

test("a message that got no answer is sent again under the same key, and nothing overtakes it", async () => {
  let isDown = true;
  const world = outbox({
    answer(item, at) {
      if (isDown) throw { code: "lost", message: "the connection was lost" };
      return published(at);
    },
  });
  world.outbox.add("message", { text: "a" });
  world.outbox.add("message", { text: "b" });
  world.outbox.open();
  world.outbox.close();
  await settle();
  isDown = false;
  world.outbox.open();
  await settle();
  assert.deepEqual(world.sent, ["one-1", "one-1", "one-2"]);
});

test("a refusal for now waits as long as the server asks, and longer each time when it does not say", async () => {
  const refusals = [
    { code: "rate_limited", message: "", retryAfter: 0.45 },
    { code: "unavailable", message: "" },
    { code: "unavailable", message: "" },
  ];
  const world = outbox({
    answer(item, at) {
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      return published(at);
    },
  });
  world.outbox.open();
  world.outbox.add("message", { text: "a" });
  for (const ms of [450, 1_000, 2_000]) {
    await settle();
    const pause = world.pauses.shift();
    assert.equal(pause.ms, ms);
    pause.wake();
  }
  await settle();
  assert.deepEqual(world.sent, ["one-1", "one-1", "one-1", "one-1"]);
  assert.equal(world.settled.length, 1);
});

test("a return to the room ends the wait before a repeat", async () => {
  let isDown = true;
  const world = outbox({
    answer(item, at) {
      if (isDown) throw { code: "unavailable", message: "", retryAfter: 3_600 };
      return published(at);
    },
  });
  world.outbox.open();
  world.outbox.add("message", { text: "a" });
  await settle();
  isDown = false;
  world.outbox.close();
  world.outbox.open();
  await settle();
  assert.equal(world.settled.length, 1);
});

test("a refusal for good is told, and the next message goes on", async () => {
  const world = outbox({
    answer(item, at) {
      if (item.key === "one-1") throw { code: "too_large", message: "over 64 KiB" };
      return published(at);
    },
  });
  world.outbox.open();
  world.outbox.add("message", { text: "a" });
  world.outbox.add("message", { text: "b" });
  await settle();
  assert.equal(world.settled[0].refused.code, "too_large");
  assert.equal(world.settled[1].published.offset, 2);
  assert.equal(world.storage.length, 0);
});

test("a reload finds its messages again in the order in which they were said", async () => {
  const storage = memoryStorage();
  const before = outbox({ storage });
  for (let count = 0; count < 12; count += 1) before.outbox.add("message", { text: String(count) });
  const after = outbox({ storage });
  after.outbox.adopt();
  after.outbox.adopt();
  after.outbox.open();
  await settle(40);
  assert.deepEqual(after.sent, before.outbox.items.map(({ key }) => key));
});

test("another tab's messages are left to it while it may live, and adopted when it is gone", async () => {
  const storage = memoryStorage();
  outbox({ storage, tab: "one" }).outbox.add("message", { text: "a" });
  let now = 1_000_000;
  const other = outbox({ storage, tab: "two", now: () => now });
  other.outbox.adopt();
  assert.equal(other.outbox.items.length, 0);
  now += LEFT_BEHIND_MS + 1;
  other.outbox.adopt();
  other.outbox.open();
  await settle();
  assert.deepEqual(other.sent, ["one-1"]);
});

test("what another tab saw answered is not sent again from here", () => {
  const world = outbox();
  world.outbox.add("message", { text: "a" });
  world.outbox.add("message", { text: "b" });
  const place = Object.keys(world.storage).find((key) => key.endsWith("one-2"));
  world.outbox.forget(place.slice("copresence.1.".length));
  assert.deepEqual(world.outbox.items.map(({ key }) => key), ["one-1"]);
});

test("a full outbox takes nothing new and drops nothing old", () => {
  const world = outbox();
  for (let count = 0; count < ITEMS_MAX; count += 1) assert.ok(world.outbox.add("message", { text: "a" }));
  assert.equal(world.outbox.add("message", { text: "one too many" }), null);
  assert.equal(world.outbox.items.length, ITEMS_MAX);
});

test("what is older than the server's memory for keys is not repeated", async () => {
  let now = 1_000_000;
  const world = outbox({ now: () => now });
  world.outbox.add("message", { text: "a" });
  now += AGE_MAX_MS + 1;
  world.outbox.open();
  await settle();
  assert.deepEqual(world.sent, []);
  assert.equal(world.settled[0].refused.code, "expired");
});

test("without storage, or with nonsense in it, the outbox works as long as the page lives", async () => {
  const none = outbox({ storage: forbiddenStorage() });
  none.outbox.adopt();
  none.outbox.add("message", { text: "a" });
  none.outbox.open();
  await settle();
  assert.equal(none.settled.length, 1);

  const storage = memoryStorage();
  storage.setItem("copresence.1.outbox.dashboard:demo.1", "{not json");
  storage.setItem("copresence.1.outbox.dashboard:demo.2", '{"key":7}');
  const odd = outbox({ storage });
  odd.outbox.adopt();
  assert.equal(odd.outbox.items.length, 0);
  assert.equal(storage.length, 0);
});
