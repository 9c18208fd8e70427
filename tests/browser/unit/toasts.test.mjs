import assert from "node:assert/strict";
import { test } from "node:test";

import { Toasts } from "../../../static/page/toasts.js";
import { Clock } from "./support.mjs";

/** Toasts on a clock of their own, and how to show one by its id. */
function world() {
  const clock = new Clock();
  const w = { clock, changes: 0 };
  w.toasts = new Toasts({ most: () => 3, now: () => clock.now, after: clock.after, onChange: () => (w.changes += 1) });
  w.show = (id, fields = {}, how = {}) => w.toasts.show({ id, title: id, ...fields }, { durationMs: 5_000, ...how });
  w.ids = () => w.toasts.shown.map(({ id }) => id).join();
  return w;
}

test("of six at once the newest three are shown, and after their time all are gone", async () => {
  const { clock, toasts, show, ids } = world();
  for (const id of "abcdef") show(id);
  assert.deepEqual([ids(), toasts.waiting], ["d,e,f", 3]);
  await clock.pass(4_999);
  assert.equal(toasts.shown.length, 3);
  await clock.pass(1);
  assert.deepEqual([ids(), toasts.waiting], ["", 0]);
});

test("one that stays comes back to the front when newer ones are gone", async () => {
  const { clock, show, ids } = world();
  show("stays", {}, { durationMs: null });
  for (const id of "abc") show(id);
  assert.equal(ids(), "a,b,c");
  await clock.pass(5_000);
  assert.equal(ids(), "stays");
  await clock.pass(10 ** 9);
  assert.equal(ids(), "stays");
});

test("a critical one is in sight whatever comes after it", () => {
  const { show, ids } = world();
  show("urgent", { critical: true }, { durationMs: null });
  for (const id of "abcd") show(id);
  assert.equal(ids(), "urgent,c,d");
});

test("time stands still while it is held, and two seconds are left at least", async () => {
  const { clock, toasts, show, ids } = world();
  show("a");
  await clock.pass(4_500);
  toasts.hold("pointer", true);
  toasts.hold("hidden", true);
  await clock.pass(60_000);
  toasts.hold("pointer", false);
  await clock.pass(60_000);
  assert.equal(ids(), "a");
  toasts.hold("hidden", false);
  await clock.pass(1_999);
  assert.equal(ids(), "a");
  await clock.pass(1);
  assert.equal(ids(), "");
});

test("the same id and what replaces it take the place of the first, under the same key", () => {
  const { toasts, show, ids } = world();
  show("a");
  show("b");
  const [{ key }] = toasts.shown;
  assert.equal(show("a", { title: "anew" }), true);
  assert.equal(show("a", { title: "anew" }), false, "the same again is no news");
  assert.equal(show("c", {}, { replaces: "a" }), true);
  assert.equal(ids(), "c,b");
  assert.equal(toasts.shown[0].key, key);
});

test("what replaces a dismissed one stays silent, and so does what replaces that", () => {
  const { toasts, show, ids } = world();
  show("a");
  toasts.dismiss("a");
  assert.equal(show("b", {}, { replaces: "a" }), false);
  assert.equal(show("c", {}, { replaces: "b" }), false);
  assert.equal(ids(), "");
  assert.equal(show("d", { critical: true }, { replaces: "c", durationMs: null }), true);
  assert.equal(ids(), "d");
});

test("a dismissed one comes back when it is shown again", () => {
  const { toasts, show, ids } = world();
  show("a", { critical: true }, { durationMs: null });
  toasts.dismiss("a");
  assert.equal(ids(), "");
  assert.equal(show("a", { critical: true }, { durationMs: null }), true);
  assert.equal(ids(), "a");
});

test("a very long time is no time at once", async () => {
  const { clock, show, ids } = world();
  show("a", {}, { durationMs: 2 ** 40 });
  await clock.pass(10 ** 9);
  assert.equal(ids(), "a");
});
