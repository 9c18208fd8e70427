import assert from "node:assert/strict";
import { test } from "node:test";

import { Ledger } from "../../../static/page/ledger.js";

test("entries in order are received, none missing, none twice", () => {
  const ledger = new Ledger();
  ledger.begin(7);
  for (const offset of [8, 9, 10]) assert.equal(ledger.take(offset), "new");
  assert.deepEqual(ledger.counts, { received: 3, missing: 0, twice: 0, last: 10 });
});

test("a number passed over is missing until it comes late", () => {
  const ledger = new Ledger();
  ledger.begin(0);
  ledger.take(1);
  ledger.take(5);
  assert.equal(ledger.counts.missing, 3);
  assert.equal(ledger.take(3), "late");
  assert.equal(ledger.counts.missing, 2);
  assert.equal(ledger.take(3), "twice");
  ledger.take(2);
  ledger.take(4);
  assert.deepEqual(ledger.counts, { received: 5, missing: 0, twice: 1, last: 5 });
});

test("an entry that comes again is counted as twice, also after a reload", () => {
  const before = new Ledger();
  before.begin(0);
  before.take(1);
  before.take(3);
  const after = new Ledger();
  after.restore(JSON.parse(JSON.stringify(before.save())));
  assert.equal(after.take(1), "twice");
  assert.equal(after.take(2), "late");
  assert.deepEqual(after.counts, { received: 3, missing: 0, twice: 1, last: 3 });
});

test("a page that claims more than it brought leaves a hole", () => {
  const ledger = new Ledger();
  ledger.begin(0);
  ledger.take(1);
  ledger.reach(4);
  assert.equal(ledger.counts.missing, 3);
});

test("a new picture counts from where it is, not from before", () => {
  const ledger = new Ledger();
  ledger.begin(0);
  ledger.take(1);
  ledger.begin(1_000);
  ledger.take(1_001);
  assert.deepEqual(ledger.counts, { received: 2, missing: 0, twice: 0, last: 1_001 });
});

test("ten thousand holes don't fill the memory and are counted all the same", () => {
  const ledger = new Ledger();
  ledger.begin(0);
  for (let offset = 2; offset <= 20_000; offset += 2) ledger.take(offset);
  assert.ok(ledger.save().holes.length <= 1000);
  assert.ok(ledger.counts.missing >= 10_000);
});

test("nonsense in storage is not taken up", () => {
  for (const saved of [null, 7, {}, { received: -1, twice: 0, last: 0, holes: [] }, { received: 1, twice: 0, last: 1, holes: [[1]] }]) {
    const ledger = new Ledger();
    ledger.restore(saved);
    assert.equal(ledger.counts.last, null);
  }
});
