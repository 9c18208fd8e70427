import assert from "node:assert/strict";
import { test } from "node:test";

import { backoffMs, DELAY_MAX_MS, DELAY_MIN_MS } from "../../../static/page/backoff.js";

test("the ceiling doubles from a quarter of a second to fifteen seconds and stays there", () => {
  const almostOne = () => 1 - Number.EPSILON;
  const ceilings = [0, 1, 2, 3, 6, 7, 1000].map((attempt) => backoffMs(attempt, almostOne) + 1);
  assert.deepEqual(ceilings, [250, 500, 1000, 2000, 15_000, 15_000, 15_000]);
  assert.deepEqual([DELAY_MIN_MS, DELAY_MAX_MS], [250, 15_000]);
});

test("the jitter is full: any wait from nothing to the ceiling", () => {
  assert.equal(backoffMs(5, () => 0), 0);
  for (let draw = 0; draw < 1000; draw += 1) {
    const ms = backoffMs(3);
    assert.ok(ms >= 0 && ms < 2000);
  }
});
