import assert from "node:assert/strict";
import { test } from "node:test";

import { Kpis, number } from "../../../static/page/kpis.js";

/** State as a server keeps it, and a page that sees it as of `seenAt`. */
function world() {
  const w = { value: undefined, offset: 0, seen: { value: undefined, offset: 0 }, writes: 0, problems: [], told: [] };
  w.kpis = new Kpis({
    see: () => w.seen,
    async write(key, value, ifOffset) {
      w.writes += 1;
      await null;
      const isStale = w.offset > ifOffset && (ifOffset > 0 || w.value !== undefined);
      if (isStale) throw { code: "conflict", message: "late", current: { [key]: { value: w.value, offset: w.offset } } };
      w.value = value;
      w.offset += 1;
    },
    tell: async (key, from, to) => void w.told.push([key, from, to]),
    onProblem: (problem) => w.problems.push(problem),
  });
  return w;
}

test("presses while a write is on its way are written together, and none is lost", async () => {
  const w = world();
  await Promise.all([w.kpis.change("a", 1), w.kpis.change("a", 1), w.kpis.change("a", 1), w.kpis.change("a", -1)]);
  assert.deepEqual([w.value, w.problems], [2, []]);
  assert.ok(w.writes <= 3, `${w.writes} writes`);
});

test("who comes too late adds to what is there now", async () => {
  const w = world();
  Object.assign(w, { value: 40, offset: 9, seen: { value: 10, offset: 3 } });
  await w.kpis.change("a", 1);
  assert.deepEqual([w.value, w.writes, w.problems], [41, 2, []]);
});

test("a refusal that is no lost race is told, and the next press is free", async () => {
  const w = world();
  const kpis = new Kpis({
    see: () => w.seen,
    write: async () => { throw { code: "forbidden", message: "no right to" }; },
    tell: async () => {},
    onProblem: (problem) => w.problems.push(problem),
  });
  await kpis.change("a", 1);
  await kpis.change("a", 1);
  assert.deepEqual(w.problems, ["no right to", "no right to"]);
});

test("whatever somebody wrote under the key, a press counts from a number", () => {
  assert.deepEqual([7, "7", null, undefined, { value: 1 }, NaN, 1.5, 2 ** 60].map(number), [7, 0, 0, 0, 0, 0, 0, 0]);
});
