import assert from "node:assert/strict";
import { test } from "node:test";

import { Ledger } from "../../../static/page/ledger.js";

const take = (ledger, run, ...numbers) => numbers.map((n) => ledger.take(run, n));

test("numbers in order are received, none missing, none twice", () => {
  const ledger = new Ledger();
  assert.deepEqual(take(ledger, "a", 8, 9, 10), ["new", "new", "new"]);
  assert.deepEqual(ledger.counts, { received: 3, recovered: 0, missing: 0, twice: 0 });
});

test("a number passed over is missing until it comes late", () => {
  const ledger = new Ledger();
  take(ledger, "a", 1, 5);
  assert.equal(ledger.counts.missing, 3);
  assert.deepEqual(take(ledger, "a", 3), ["late"]);
  assert.equal(ledger.counts.missing, 2);
  assert.deepEqual(take(ledger, "a", 3, 2, 4), ["twice", "late", "late"]);
  assert.deepEqual(ledger.counts, { received: 5, recovered: 0, missing: 0, twice: 1 });
});

test("a run that begins while one watches begins at 1", () => {
  const ledger = new Ledger();
  take(ledger, "a", 40, 41);
  take(ledger, "b", 1, 2);
  assert.equal(ledger.counts.missing, 0);
  take(ledger, "c", 3);
  assert.equal(ledger.counts.missing, 2);
});

test("after a new picture nothing before it is missing, and what was missing stays so", () => {
  const ledger = new Ledger();
  take(ledger, "a", 1, 4);
  ledger.begin();
  take(ledger, "a", 90, 91);
  assert.deepEqual(ledger.counts, { received: 4, recovered: 0, missing: 2, twice: 0 });
});

test("what came with what was missed is counted as recovered, once", () => {
  const ledger = new Ledger();
  ledger.take("a", 1);
  for (const n of [2, 3, 3]) ledger.take("a", n, true);
  assert.deepEqual(ledger.counts, { received: 3, recovered: 2, missing: 0, twice: 1 });
});

test("nonsense is not counted", () => {
  const ledger = new Ledger();
  for (const [run, n] of [[undefined, 1], ["a", 0], ["a", -1], ["a", 1.5], ["a", "1"], ["a", NaN], [{}, 1], ["x".repeat(201), 1], ["a", 2 ** 60]]) {
    assert.equal(ledger.take(run, n), "nonsense");
  }
  assert.deepEqual(ledger.counts, { received: 0, recovered: 0, missing: 0, twice: 0 });
});

test("the count goes on after a reload, and holes are still holes", () => {
  const before = new Ledger();
  take(before, "a", 1, 2, 5);
  const after = new Ledger();
  after.restore(JSON.parse(JSON.stringify(before.save())));
  assert.deepEqual(take(after, "a", 2, 3, 6), ["twice", "late", "new"]);
  assert.deepEqual(after.counts, { received: 5, recovered: 0, missing: 1, twice: 1 });
  // A run that is new to it begins at 1 here, too.
  take(after, "b", 2);
  assert.equal(after.counts.missing, 2);
});

test("what storage holds may be anything", () => {
  for (const saved of [null, undefined, 7, "x", {}, { received: -1 }, { received: 1, recovered: 0, twice: 0, lostBefore: 0, tracks: [["a", { last: 1, holes: [[1]] }]] }]) {
    const ledger = new Ledger();
    ledger.restore(saved);
    take(ledger, "a", 7);
    assert.deepEqual(ledger.counts, { received: 1, recovered: 0, missing: 0, twice: 0 });
  }
});

test("a feed of nonsense does not fill the memory, and never counts less", () => {
  const ledger = new Ledger();
  for (let n = 1; n < 6_000; n += 2) ledger.take("a", n);
  assert.ok(ledger.counts.missing >= 2_999);
  assert.ok(JSON.stringify(ledger.save()).length < 40_000);
  for (let run = 0; run < 100; run += 1) ledger.take(`r${run}`, 1);
  assert.ok(ledger.save().tracks.length <= 8);
  assert.ok(ledger.counts.missing >= 2_999);
});
