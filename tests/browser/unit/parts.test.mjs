/** The page's pure parts besides the ledger: series, lines, delays, counters, names, words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Announcer } from "../../../static/page/announcer.js";
import { Counter } from "../../../static/page/counter.js";
import { Delays } from "../../../static/page/delays.js";
import { ago, count, duration, euros, percent } from "../../../static/page/format.js";
import { cleanName, drawName, NAMES } from "../../../static/page/names.js";
import { sample, Series } from "../../../static/page/series.js";
import { pathOf } from "../../../static/page/sparkline.js";

test("a series is in order of time, takes numbers only, and each moment once", () => {
  const series = new Series();
  for (const [value, at] of [[3, 30], [1, 10], [2, 20], [2.5, 20], ["4", 40], [NaN, 50], [null, 60], [5, NaN]]) series.add(value, at);
  assert.deepEqual(series.points, [{ at: 10, value: 1 }, { at: 20, value: 2.5 }, { at: 30, value: 3 }]);
});

test("between two moments a series begins and ends with what held then", () => {
  const series = new Series();
  for (const at of [10, 20, 30]) series.add(at / 10, at);
  assert.deepEqual(series.between(15, 40), [{ at: 15, value: 1 }, { at: 20, value: 2 }, { at: 30, value: 3 }, { at: 40, value: 3 }]);
  assert.deepEqual(series.between(0, 5), []);
  assert.deepEqual(series.between(100, 110), [{ at: 100, value: 3 }, { at: 110, value: 3 }]);
});

test("a series forgets its oldest", () => {
  const series = new Series();
  for (let at = 0; at < 5_000; at += 1) series.add(at, at);
  assert.ok(series.points.length <= 1_200);
  assert.equal(series.points.at(-1).at, 4_999);
});

test("a table has as many rows as asked for, evenly over time", () => {
  const rows = sample([{ at: 0, value: 1 }, { at: 4, value: 2 }, { at: 10, value: 3 }], 3);
  assert.deepEqual(rows, [{ at: 0, value: 1 }, { at: 5, value: 2 }, { at: 10, value: 3 }]);
  assert.deepEqual([sample([], 3), sample([{ at: 1, value: 1 }], 3)], [[], [{ at: 1, value: 1 }]]);
});

test("a sparkline goes from edge to edge, and what never changed lies in the middle", () => {
  assert.equal(pathOf([{ at: 0, value: 1 }, { at: 5, value: 3 }, { at: 10, value: 2 }], 100, 23), "M0 21.5H50V1.5H100V11.5");
  assert.equal(pathOf([{ at: 0, value: 7 }, { at: 10, value: 7 }], 100, 20), "M0 10H100V10");
  assert.deepEqual([pathOf([]), pathOf([{ at: 1, value: 1 }])], ["", ""]);
});

test("delays are measured though the clocks differ by an hour", () => {
  const delays = new Delays();
  assert.equal(delays.p95(4), null);
  const hour = 3_600_000;
  for (let n = 0; n < 100; n += 1) delays.take(new Date(hour + n * 10), n * 10 + (n < 95 ? 2 : 12));
  assert.equal(delays.p95(4), 2);
  for (let n = 0; n < 10; n += 1) delays.take(new Date(hour + n), n + 12);
  assert.equal(delays.p95(4), 12);
  assert.equal(delays.serverTime(1_000), hour + 1_000 - 2);
});

/** A number that others write, too. */
function shared(value) {
  const log = { value, offset: 1, writes: 0, problems: [] };
  log.counter = new Counter({
    key: "n",
    see: () => ({ value: log.value, offset: log.offset }),
    async write(next, ifOffset) {
      await null;
      log.onWrite?.();
      if (ifOffset < log.offset) throw Object.assign(new Error("too late"), { code: "conflict", current: { n: { value: log.value, offset: log.offset } } });
      log.value = next;
      log.offset += 1;
      log.writes += 1;
    },
    onChange() {},
    onProblem: (problem) => log.problems.push(problem),
  });
  return log;
}

test("presses that come while a write is on its way go out together", async () => {
  const log = shared(9);
  const first = log.counter.change(-1);
  for (let n = 0; n < 4; n += 1) void log.counter.change(-1);
  assert.equal(log.counter.waiting, -4);
  await first;
  assert.deepEqual([log.value, log.writes, log.counter.waiting], [4, 2, 0]);
});

test("who comes too late counts from what is there now", async () => {
  const log = shared(9);
  let races = 2;
  log.onWrite = () => {
    if (races-- > 0) Object.assign(log, { value: log.value - 1, offset: log.offset + 1 });
  };
  await log.counter.change(-1);
  assert.deepEqual([log.value, log.problems], [6, []]);
});

test("who loses every race is told, and nothing waits any more", async () => {
  const log = shared(9);
  log.onWrite = () => (log.offset += 1);
  await log.counter.change(-1);
  assert.deepEqual([log.problems, log.counter.waiting, log.value], [["too late"], 0, 9]);
});

test("comings and goings are summed up, and said after a while", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const region = { textContent: "" };
  const announcer = new Announcer(region, 1_000);
  announcer.person("Ada", "joined");
  announcer.person("Bob", "joined");
  announcer.person("Eve", "left");
  assert.equal(region.textContent, "");
  context.mock.timers.tick(1_000);
  assert.equal(region.textContent, "2 people joined. Eve left");
  for (const n of [1, 2, 3, 4]) announcer.say(`change ${n}`);
  context.mock.timers.tick(1_000);
  assert.equal(region.textContent, "change 1, and 3 more changes");
});

test("names are drawn evenly, differ, and leave Grace to the robot", () => {
  assert.equal(new Set(NAMES).size, NAMES.length);
  assert.ok(NAMES.length >= 50 && !NAMES.includes("Grace"));
  assert.deepEqual([drawName(() => 0), drawName(() => 0.999999)], [NAMES[0], NAMES.at(-1)]);
});

test("a typed name becomes one clean line", () => {
  assert.equal(cleanName("  Ada \n\t Lovelace\u202e "), "Ada Lovelace");
  assert.equal(Array.from(cleanName("😀".repeat(60))).length, 40);
  assert.equal(cleanName(" \u0000\u200b "), "");
});

test("numbers and times are said as people say them, whatever they are", () => {
  assert.deepEqual([euros(1_284_120), count(4_812), percent(3.4), count("7"), euros(NaN), count(undefined)], ["€ 1,284,120", "4,812", "3.4 %", "–", "–", "–"]);
  assert.equal(euros(9e300), "9.0e+300");
  assert.deepEqual([duration(3.6), duration(2_140), duration(63_000)], ["4 ms", "2.1 s", "1 min 3 s"]);
  assert.deepEqual([ago(12_400), ago(61_000), ago(7_200_000), ago(-5)], ["12 s ago", "1 min ago", "2 h ago", "0 s ago"]);
});
