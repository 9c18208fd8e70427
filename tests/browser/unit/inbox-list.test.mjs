import assert from "node:assert/strict";
import { test } from "node:test";

import { InboxCounts } from "../../../static/page/inbox-counts.js";
import { InboxList } from "../../../static/page/inbox-list.js";

const item = (id, offset, fields = {}) => ({ id, offset, title: id, read: null, archived: null, acked: null, snoozed_until: null, critical: false, ...fields });
const arrival = (id, offset, fields = {}, rest = {}) => ({ type: "notification", offset, notification: item(id, undefined, fields), ...rest });
const marked = (offset, as, notifications, rest = {}) => ({ type: "marked", offset, as, notifications, at: "2026-11-21T09:00:00Z", ...rest });

/** A list of that shelf with a, b and c, true at offset 3. */
function list(shelf = "all", fields = {}) {
  const made = new InboxList(shelf);
  made.replace({ notifications: [item("c", 3), item("b", 2, fields), item("a", 1)], offset: 3, more: false }, 3);
  return made;
}
const ids = ({ items }) => items.map(({ id }) => id).join("");

test("what arrives is on top, and takes away what it replaces", () => {
  const all = list();
  all.take(arrival("d", 4));
  all.take(arrival("e", 5, {}, { replaces: "b" }));
  assert.deepEqual([ids(all), all.upto], ["edca", 5]);
  all.take(arrival("e", 5));
  assert.equal(ids(all), "edca", "an entry that the page had is not taken twice");
});

test("all as read ends where it was meant to end", () => {
  const all = list();
  all.take(arrival("d", 4));
  all.take(marked(5, "read", "all", { upto: 3 }));
  assert.deepEqual(all.items.map(({ read }) => read !== null), [false, true, true, true]);
});

test("what was read stays in the list of unread ones until that is asked for anew", () => {
  const unread = list("unread");
  unread.take(marked(4, "read", ["b"]));
  assert.equal(ids(unread), "cba");
  assert.equal(unread.isStale, false);
  unread.take(arrival("d", 5, { read: "2026-11-21T09:00:00Z" }));
  assert.equal(ids(unread), "cba");
});

test("archived ones go, but of all at once the critical ones stay that nobody acknowledged", () => {
  const all = list("all", { critical: true });
  all.take(marked(4, "archived", "all", { upto: 3 }));
  assert.equal(ids(all), "b");
  all.take(marked(5, "archived", ["b"]));
  assert.equal(ids(all), "");
});

test("what only the server can say makes the list stale", () => {
  for (const as of ["undone", "surfaced", "unarchived"]) {
    const all = list();
    all.take(marked(4, as, ["x"]));
    assert.equal(all.isStale, true, as);
  }
  const archived = list("archived");
  archived.take(marked(4, "archived", ["x"]));
  assert.equal(archived.isStale, true);
  const snoozed = list("snoozed");
  snoozed.take(marked(4, "expired", ["a"]));
  assert.deepEqual([ids(snoozed), snoozed.isStale], ["cb", false]);
});

test("a page that was overtaken on its way is stale at once", () => {
  const all = new InboxList("all");
  all.replace({ notifications: [item("a", 1)], offset: 1, more: false }, 2);
  assert.equal(all.isStale, true);
});

test("a server that lists nonsense is not believed", () => {
  const all = new InboxList("all");
  all.replace({ notifications: [null, 7, { id: 3 }, item("a", 1), { id: "x", offset: "1" }], offset: 1, more: "yes" }, 1);
  assert.deepEqual([ids(all), all.hasMore], ["a", false]);
});

test("of counts the newest offset wins, and another life of the log replaces all", () => {
  const counts = new InboxCounts();
  assert.equal(counts.take({ unread: 3, unseen: 2, offset: 9 }, "e1"), true);
  assert.equal(counts.take({ unread: 9, unseen: 9, offset: 8 }), false);
  assert.equal(counts.take({ unread: 9, unseen: 9, offset: 8 }, "e1"), false);
  assert.deepEqual([counts.unread, counts.unseen, counts.offset], [3, 2, 9]);
  assert.equal(counts.take({ unread: 0, unseen: 0, offset: 9 }), true);
  assert.equal(counts.take({ unread: 1, unseen: 1, offset: 1 }, "e2"), true);
  assert.deepEqual([counts.unseen, counts.offset], [1, 1]);
});
