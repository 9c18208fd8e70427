import assert from "node:assert/strict";
import { test } from "node:test";

import { Members } from "../../../static/page/members.js";
import { cleanName, drawName, initials, NAMES } from "../../../static/page/names.js";

const member = (user, more = {}) => ({
  user, name: user.toUpperCase(), color: "#006a67", status: "online", sessions: [{ session: `s-${user}`, status: "online", state: {} }], ...more,
});
const names = (difference) => [difference.joined.map(({ user }) => user), difference.left.map(({ user }) => user)];

test("who is there already has not come", () => {
  const members = new Members();
  assert.deepEqual(names(members.replace({ members: [member("ada"), member("bob")], count: 2, large: false })), [[], []]);
  assert.equal(members.count, 2);
});

test("who comes and goes is told once, however often the change arrives", () => {
  const members = new Members();
  members.replace({ members: [member("ada")], count: 1 });
  const change = { joined: [member("bob")], updated: [], left: [], count: 2 };
  assert.deepEqual(names(members.change(change)), [["bob"], []]);
  assert.deepEqual(names(members.change(change)), [[], []]);
  assert.deepEqual(names(members.change({ left: ["bob"], count: 1 })), [[], ["bob"]]);
  assert.deepEqual(names(members.change({ left: ["bob"], count: 1 })), [[], []]);
});

test("a second tab changes the member and adds none", () => {
  const members = new Members();
  members.replace({ members: [member("ada")], count: 1 });
  const sessions = [{ session: "s-1", status: "online", state: {} }, { session: "s-2", status: "away", state: {} }];
  assert.deepEqual(names(members.change({ updated: [member("ada", { sessions })], count: 1 })), [[], []]);
  assert.equal(members.list.length, 1);
  assert.equal(members.list[0].sessions.length, 2);
});

test("after a loss only the difference to the list before is told", () => {
  const members = new Members();
  members.replace({ members: [member("ada"), member("bob")], count: 2 });
  assert.deepEqual(names(members.replace({ members: [member("ada"), member("cleo")], count: 2 })), [["cleo"], ["bob"]]);
});

test("a presence that brings members replaces the list, and a large room has a count alone", () => {
  const members = new Members();
  members.replace({ members: [member("ada")], count: 1 });
  assert.deepEqual(names(members.change({ large: true, count: 500 })), [[], []]);
  assert.deepEqual([members.list.length, members.count, members.isLarge], [0, 500, true]);
  assert.deepEqual(names(members.change({ large: false, members: [member("ada"), member("bob")], count: 2 })), [[], []]);
  assert.equal(members.list.length, 2);
});

test("nonsense makes no member and no style", () => {
  const members = new Members();
  members.replace({ members: [null, 7, "x", {}, { user: 3 }, member("eve", { color: "red;background:url(x)", status: "godlike", sessions: [null, 1] })] });
  assert.equal(members.list.length, 1);
  assert.deepEqual([members.list[0].color, members.list[0].status, members.list[0].sessions], ["#5b6470", "online", []]);
  members.change({ joined: "everyone", left: null, updated: [undefined] });
  assert.equal(members.list.length, 1);
});

test("a name is one clean line, and its initials are letters", () => {
  assert.equal(cleanName("  Ada\n\tLovelace\u202e "), "Ada Lovelace");
  assert.equal(cleanName("\u200b \n"), "");
  assert.equal(Array.from(cleanName("😀".repeat(100))).length, 40);
  assert.deepEqual(["Ada", "ada lovelace", "Ada King of Lovelace", "<b>", "😀", "🎈 łucja"].map(initials), ["A", "AL", "AL", "B", "?", "Ł"]);
  assert.equal(drawName(() => 0), NAMES[0]);
  assert.equal(drawName(() => 0.999999), NAMES.at(-1));
  assert.equal(new Set(NAMES).size, NAMES.length);
});
