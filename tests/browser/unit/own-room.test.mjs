import assert from "node:assert/strict";
import { test } from "node:test";

import { links } from "../../../static/page/levels.js";
import { OwnRoom } from "../../../static/page/own-room.js";
import { snoozes } from "../../../static/page/inbox.js";
import { settle } from "./support.mjs";

const EPOCH = "5b0c6f1e8d7a4c3b9a8f7e6d5c4b3a29";
const id = (offset) => `019a0000-0000-7000-8000-${String(offset).padStart(12, "0")}`;
const cursor = (offset, epoch = EPOCH) => ({ epoch, offset, entry: offset === 0 ? null : id(offset) });
const entry = (offset, counts = { unread: offset, unseen: offset }) => ({ type: "notification", room: "@me", offset, id: id(offset), ...counts });

function world(...answers) {
  const w = { asked: [], offsets: [], counts: [], again: [], pictures: [] };
  const connection = {
    async request(message) {
      w.asked.push(structuredClone(message));
      const answer = answers.shift();
      if (answer.code) throw answer;
      w.room.receive(answer);
      return answer;
    },
  };
  w.room = new OwnRoom(/** @type {any} */ (connection), {
    onEntry: ({ offset }) => w.offsets.push(offset),
    onCounts: ({ offset, unseen }, epoch) => w.counts.push([offset, unseen, epoch]),
    onAgain: (notification) => w.again.push(notification.id),
    onPicture: (isVoid) => w.pictures.push(isVoid),
  });
  return w;
}

test("the first connect knows nothing before it, and later ones go on from the last entry", () => {
  const w = world();
  assert.deepEqual(w.room.since(), {});
  w.room.connected({ cursor: cursor(4), recovered: false, entries: [], counts: { unread: 2, unseen: 1, offset: 4 } });
  w.room.receive(entry(5));
  assert.deepEqual([w.offsets, w.pictures], [[5], [false]]);
  assert.deepEqual(w.room.since(), { since: cursor(5) });
  w.room.connected({ cursor: cursor(7), recovered: true, entries: [entry(6), entry(7)], counts: { unread: 0, unseen: 0, offset: 7 } });
  w.room.receive(entry(7));
  assert.deepEqual(w.offsets, [5, 6, 7], "each once");
  assert.deepEqual(w.counts.at(-1), [7, 0, EPOCH]);
  assert.deepEqual(w.pictures, [false]);
});

test("while there are more pages it joins again with the cursor of the last one", async () => {
  const page = (offset, more) => ({ type: "joined", room: "@me", cursor: cursor(offset), recovered: true, entries: [entry(offset)], more });
  const w = world(page(2, true), page(3, false));
  w.room.restore(cursor(0));
  w.room.connected({ cursor: cursor(1), recovered: true, entries: [entry(1)], more: true, counts: { unread: 3, unseen: 3, offset: 3 } });
  await settle();
  assert.deepEqual(w.offsets, [1, 2, 3]);
  assert.deepEqual(w.asked.map(({ type, room, since }) => [type, room, since.offset]), [["join", "@me", 1], ["join", "@me", 2]]);
});

test("another life of the log makes all that was known void", () => {
  const w = world();
  w.room.restore(cursor(9));
  w.room.connected({ cursor: cursor(1, "f".repeat(32)), recovered: false, reason: "epoch_changed", entries: [], counts: { unread: 1, unseen: 1, offset: 1 } });
  assert.deepEqual([w.pictures, w.counts], [[true], [[1, 1, "f".repeat(32)]]]);
  w.room.receive({ type: "joined", room: "@me", cursor: cursor(0, "a".repeat(32)), recovered: false, entries: [] });
  assert.deepEqual(w.pictures, [true, true]);
});

test("what is shown again is no entry", () => {
  const w = world();
  w.room.connected({ cursor: cursor(4), recovered: false, counts: {} });
  assert.equal(w.room.receive({ type: "notification", room: "@me", again: true, notification: { id: "a" } }), true);
  assert.deepEqual([w.again, w.offsets, w.room.cursor.offset], [["a"], [], 4]);
  assert.equal(w.room.receive({ ...entry(5), room: "dashboard:sales" }), false);
});

test("a cursor that no server could read is not kept", () => {
  for (const bad of [null, 7, {}, cursor(3, "e1"), { ...cursor(3), entry: "x" }, { ...cursor(3), offset: -1 }, { ...cursor(3), entry: null }]) {
    const w = world();
    w.room.restore(bad);
    assert.deepEqual(w.room.since(), {}, JSON.stringify(bad));
  }
});

test("only links into the web or to this host are followed", () => {
  const urls = ["/kpi?x=1", "https://example.com/", "HTTP://example.com", "javascript:alert(1)", "//evil.example", "/\\evil", "/\t/evil.example", "data:text/html,x", "kpi", "", 7];
  const actions = urls.map((url) => ({ id: "a", label: "A", url }));
  assert.deepEqual(links(actions).map(({ url }) => url), urls.slice(0, 3));
  assert.deepEqual(links([null, 7, { url: "/" }, { label: "A" }]), []);
  assert.deepEqual(links("x"), []);
});

test("tomorrow morning is eight o'clock on the next day", () => {
  const now = new Date(2026, 11, 31, 23, 30);
  const { hour, morning } = snoozes(now);
  assert.equal(hour.getTime() - now.getTime(), 3_600_000);
  assert.deepEqual([morning.getFullYear(), morning.getMonth(), morning.getDate(), morning.getHours()], [2027, 0, 1, 8]);
});
