import assert from "node:assert/strict";
import { test } from "node:test";

import { Room } from "../../../static/page/room.js";
import { settle } from "./support.mjs";

const ROOM = "test:1";
const entry = (offset) => ({ type: "event", room: ROOM, offset, id: `entry-${offset}`, event: "message", data: { text: String(offset) } });
const cursor = (offset, epoch = "e1") => ({ epoch, offset, entry: offset === 0 ? null : `entry-${offset}` });

/** A room whose server is a list of answers, in the order in which they are asked for. */
function world(...answers) {
  const w = { asked: [], entries: [], pictures: [], refused: [], joined: 0, differences: [], states: [] };
  const connection = {
    async request(message) {
      w.asked.push(structuredClone(message));
      const answer = answers.shift() ?? { type: "history", room: ROOM, entries: [] };
      if (answer.code) throw answer;
      // As the connection does: the message is heard first, the request is settled with it.
      w.room.receive(answer);
      return answer;
    },
    signal: (message) => w.asked.push(message),
  };
  w.room = new Room(ROOM, /** @type {any} */ (connection), {
    onJoined: () => (w.joined += 1),
    onPicture: (reason) => w.pictures.push(reason),
    onEntry: ({ offset }) => w.entries.push(offset),
    onState: (isChange) => w.states.push([isChange, Object.fromEntries(w.room.state)]),
    onMembers: (difference) => w.differences.push(difference),
    onSignals() {},
    onRefused: (problem) => w.refused.push(problem),
    onCounts() {},
  });
  return w;
}

const joined = (at, more = {}) => ({
  type: "joined", room: ROOM, cursor: cursor(at), recovered: true, entries: [], more: false, members: [], count: 0, large: false, ...more,
});

test("a first join takes the picture and asks for what was said before", async () => {
  const w = world(joined(3, { recovered: false }), { type: "history", room: ROOM, entries: [entry(1), entry(2), entry(3)] });
  w.room.join();
  await settle();
  assert.equal("since" in w.asked[0], false);
  assert.deepEqual([w.asked[1].type, w.asked[1].limit], ["history", 50]);
  assert.deepEqual([w.entries, w.pictures, w.joined], [[1, 2, 3], [null], 1]);
  assert.deepEqual(w.room.ledger.counts, { received: 0, missing: 0, twice: 0, last: 3 }, "history is no delivery");
});

test("a return goes on page by page and is in the room with the last one", async () => {
  const w = world(
    joined(2, { recovered: false }), { code: "forbidden", message: "no history" },
    joined(4, { entries: [entry(3), entry(4)], more: true }),
    joined(5, { entries: [entry(5)] }),
  );
  w.room.join();
  await settle();
  w.room.lose();
  w.room.join();
  await settle();
  assert.deepEqual(w.asked.filter(({ type }) => type === "join").map(({ since }) => since?.offset), [undefined, 2, 4]);
  assert.deepEqual([w.entries, w.joined, w.room.isJoined], [[3, 4, 5], 2, true]);
  assert.deepEqual(w.room.ledger.counts, { received: 3, missing: 0, twice: 0, last: 5 });
});

test("what can't be recovered is a new picture with its reason, and no loss that the count hides", async () => {
  const w = world(joined(9, { recovered: false, reason: "epoch_changed", cursor: cursor(9, "e2") }));
  w.room.restore({ cursor: cursor(4), ledger: { received: 4, twice: 0, last: 4, holes: [] } });
  w.room.join();
  await settle();
  assert.deepEqual(w.asked[0].since, cursor(4));
  assert.deepEqual(w.pictures, ["epoch_changed"]);
  assert.deepEqual(w.room.cursor, cursor(9, "e2"));
  assert.equal(w.room.ledger.counts.missing, 0);
});

test("a new life of the log under an open session comes unasked and is taken", async () => {
  const w = world(joined(3, { recovered: false }));
  w.room.join();
  await settle();
  w.room.receive(joined(0, { recovered: false, reason: "epoch_changed", cursor: cursor(0, "e2") }));
  w.room.receive(entry(1));
  assert.deepEqual(w.room.cursor, { epoch: "e2", offset: 1, entry: "entry-1" });
  assert.deepEqual(w.room.ledger.counts, { received: 1, missing: 0, twice: 0, last: 1 });
});

test("an entry that comes twice is counted and shown once", async () => {
  const w = world(joined(0, { recovered: false }));
  w.room.join();
  await settle();
  for (const offset of [1, 2, 2, 1]) w.room.receive(entry(offset));
  assert.deepEqual(w.entries, [1, 2]);
  assert.equal(w.room.ledger.counts.twice, 2);
  assert.equal(w.room.cursor?.offset, 2, "the cursor never goes back");
});

test("a page that claims entries it did not bring shows as missing", async () => {
  const w = world(joined(0, { recovered: false }), { type: "history", room: ROOM, entries: [] }, joined(3, { entries: [entry(1)] }));
  w.room.join();
  await settle();
  w.room.join();
  await settle();
  assert.equal(w.room.ledger.counts.missing, 2);
});

test("a cursor that the server can't read is dropped, once", async () => {
  const bad = { code: "bad_message", message: "since.entry is missing" };
  const w = world(bad, bad);
  w.room.restore({ cursor: cursor(4), ledger: null });
  w.room.join();
  await settle();
  assert.deepEqual(w.asked.map(({ since }) => since?.offset), [4, undefined]);
  assert.deepEqual(w.refused, ["since.entry is missing"]);
});

test("a room that can't be had now is asked for again when the server said", async () => {
  const w = world({ code: "unavailable", message: "the log is away", retryAfter: 0.001 }, joined(0, { recovered: false }));
  w.room.join();
  while (w.joined === 0) await settle(1);
  assert.deepEqual(w.refused, ["the log is away", null]);
});

test("a reload goes on where the page was", async () => {
  const before = world(joined(0, { recovered: false }));
  before.room.join();
  await settle();
  before.room.receive(entry(1));
  const after = world(joined(2, { entries: [entry(2)] }));
  after.room.restore(JSON.parse(JSON.stringify(before.room.save())));
  after.room.join();
  await settle();
  assert.deepEqual(after.asked[0].since, cursor(1));
  assert.deepEqual(after.room.ledger.counts, { received: 2, missing: 0, twice: 0, last: 2 });
});

test("messages of other rooms and nonsense change nothing", () => {
  const w = world();
  for (const message of [{ ...entry(1), room: "other" }, { type: "joined", room: ROOM }, { type: "left" }, { type: "signals", room: ROOM }, {}]) {
    w.room.receive(/** @type {any} */ (message));
  }
  assert.deepEqual([w.entries, w.joined, w.room.cursor], [[], 0, null]);
});

test("state is that of the picture, and then follows each entry once, across a reload too", async () => {
  const change = { type: "state", room: ROOM, offset: 4, id: "entry-4", set: { b: 2, __proto__x: 3 }, removed: ["a"] };
  const w = world(joined(3, { recovered: false, state: { a: 1 }, activity: [] }));
  w.room.join();
  await settle();
  w.room.receive(change);
  w.room.receive(change);
  assert.deepEqual(w.states, [[false, { a: 1 }], [true, { b: 2, __proto__x: 3 }]]);
  const again = world(joined(4));
  again.room.restore(JSON.parse(JSON.stringify(w.room.save())));
  assert.deepEqual(Object.fromEntries(again.room.state), { b: 2, __proto__x: 3 });
});

test("the activities of a picture are shown and not counted as delivered", async () => {
  const w = world(joined(3, { recovered: false, activity: [{ ...entry(2), type: "activity", action: "x" }] }));
  w.room.join();
  await settle();
  assert.deepEqual([w.entries, w.room.ledger.counts.received], [[2], 0]);
});
