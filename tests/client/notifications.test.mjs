/** Toasts, inbox and preferences: what a person sees, against what the server says. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, UsageError } from "../../static/client/index.js";
import { connected, record, settle, stage } from "./fake-server.mjs";

const wire = (id, more = {}) => ({ id, level: "info", title: `title ${id}`, message: "m", topic: null, room: null, at: "2026-11-21T07:00:00Z", read: null, archived: null, acked: null, ...more });

/** The server's inbox as a script: enough of it to answer. */
function inboxOf(server) {
  const box = { list: [], counts: { unread: 0, unseen: 0, offset: 0 }, preferences: { toasts: true, durations: 1 } };
  const entry = (body) => {
    box.counts = { ...box.counts, offset: box.counts.offset + 1, ...body.counts };
    const { counts: _, ...rest } = body;
    server.connection.push({ room: "@me", offset: box.counts.offset, id: `me-${box.counts.offset}`, at: "2026-11-21T07:00:00Z", from: null, unread: box.counts.unread, unseen: box.counts.unseen, ...rest });
  };
  server.script("inbox", () => ({ type: "inbox", notifications: box.list, ...box.counts, more: false }));
  server.script("preferences", ({ set }) => {
    Object.assign(box.preferences, set);
    return { type: "preferences", preferences: box.preferences };
  });
  server.script("mark", ({ as, notifications, upto, undo }) => {
    const body = undo ? { type: "marked", as: "undone", undo, notifications: [] } : { type: "marked", as, notifications, ...(upto !== undefined && { upto }) };
    entry({ ...body, counts: as === "seen" ? { unseen: 0 } : { unread: 0, unseen: 0 } });
    return { type: "ok", ...box.counts };
  });
  return { box, entry };
}

async function online(options) {
  const { server, world, clock } = stage();
  const inbox = inboxOf(server);
  const client = createClient(world.options({ room: "r", ...options }));
  await connected(client, clock);
  return { server, world, clock, client, system: client.notifications, ...inbox };
}

test("a local toast goes after its time, the same id is updated in place", async () => {
  const { system, clock } = await online();
  const id = system.showNotification({ title: "saved" });
  system.showNotification({ id, type: "success", title: "saved twice" });
  assert.deepEqual(system.notifications.map(({ title }) => title), ["saved twice"]);
  assert.ok(system.notifications[0].timestamp instanceof Date);
  await clock.tick(4_999);
  assert.equal(system.notifications.length, 1);
  await clock.tick(1);
  assert.equal(system.notifications.length, 0);
  assert.equal(system.history[0].title, "saved twice");
  assert.throws(() => system.showNotification({}), UsageError);
});

test("clocks stand still while somebody looks, and go on for at least two seconds", async () => {
  const { system, clock, world } = await online();
  system.showNotification({ title: "one" });
  await clock.tick(4_900);
  system.hold("hover");
  world.first.document.visibilityState = "hidden";
  world.first.fire(world.first.document, "visibilitychange");
  system.showNotification({ title: "two" });
  await clock.tick(60_000);
  system.release("hover");
  await clock.tick(60_000);
  assert.equal(system.notifications.length, 2);
  world.first.document.visibilityState = "visible";
  world.first.fire(world.first.document, "visibilitychange");
  await clock.tick(1_900);
  assert.equal(system.notifications.length, 2);
  await clock.tick(5_000);
  assert.equal(system.notifications.length, 0);
});

test("what asks for something stays: errors, actions, criticals, and everything for who wants it so", async () => {
  const { system, clock } = await online();
  system.showNotification({ type: "error", title: "e" });
  system.showNotification({ title: "a", actions: [{ id: "go", label: "Go" }] });
  system.showNotification({ type: "warning", title: "w" });
  system.updatePreferences({ durations: null });
  await settle();
  system.showNotification({ title: "slow reader" });
  await clock.tick(600_000);
  assert.deepEqual(system.notifications.map(({ title }) => title), ["e", "a", "slow reader"]);
});

test("a notification from the server toasts, is in the inbox, and the counts are the server's", async () => {
  const { system, entry, client } = await online();
  const log = record(client, "notification:new", "inbox");
  entry({ type: "notification", notification: wire("n1", { level: "warning" }), counts: { unread: 7, unseen: 3 } });
  await settle();
  assert.equal(system.unreadCount, 7);
  assert.equal(system.unseenCount, 3);
  assert.deepEqual(system.notifications.map(({ id, type }) => [id, type]), [["n1", "warning"]]);
  assert.deepEqual(log.map(({ name }) => name), ["notification:new", "inbox"]);
  // Pushed once more: nothing new.
  client.inspect();
  entry({ type: "notification", notification: wire("n2", { quiet: true }), counts: { unread: 8 } });
  await settle();
  assert.equal(system.notifications.length, 1, "a quiet one makes no toast");
  assert.equal(system.unreadCount, 8);
});

test("the same entry twice counts once, and an older offset never overwrites a newer count", async () => {
  const { system, server } = await online();
  const entry = { type: "notification", room: "@me", offset: 1, id: "me-1", at: "2026-11-21T07:00:00Z", notification: wire("n1"), unread: 1, unseen: 1 };
  server.connection.push(entry);
  server.connection.push({ ...entry, unread: 99 });
  await settle();
  assert.equal(system.unreadCount, 1);
  server.connection.push({ ...entry, offset: 2, id: "me-2", type: "marked", as: "read", notifications: ["n1"], unread: 0, unseen: 0 });
  server.script("inbox", () => ({ type: "inbox", notifications: [], unread: 5, unseen: 5, offset: 1, more: false }));
  await settle();
  await system.loadMore();
  assert.equal(system.unreadCount, 0);
  assert.equal(system.notifications.length, 0, "read elsewhere, its toast goes");
});

test("history loads the inbox, marks show at once and are taken back when refused", async () => {
  const { system, box, server, client } = await online();
  box.list = [wire("n1", { offset: 1 }), wire("n2", { offset: 2, at: "2026-11-21T08:00:00Z" })];
  box.counts = { unread: 2, unseen: 2, offset: 2 };
  const off = system.subscribe(() => {});
  await settle();
  assert.deepEqual(system.history.map(({ id }) => id), ["n2", "n1"]);
  const marking = system.markRead(["n1"]);
  assert.equal(system.history[1].read, true);
  await marking;
  assert.deepEqual(server.heardOf("mark")[0].notifications, ["n1"]);
  const errors = record(client, "error");
  server.script("mark", () => ({ type: "error", code: "not_found", message: "no such notification" }), 1);
  await assert.rejects(system.archive(["n2"]), { code: "not_found" });
  await settle();
  assert.equal(errors.length, 1);
  assert.deepEqual(system.history.map(({ id }) => id), ["n2", "n1"]);
  off();
});

test("all means up to what was shown, and undo takes it back", async () => {
  const { system, box, server } = await online();
  box.list = [wire("n1", { offset: 4 }), wire("n2", { offset: 9, critical: true })];
  box.counts = { unread: 2, unseen: 2, offset: 9 };
  system.subscribe(() => {});
  await settle();
  system.clearHistory();
  await settle();
  const [archived] = server.heardOf("mark");
  assert.deepEqual([archived.notifications, archived.upto, archived.as], ["all", 9, "archived"]);
  assert.deepEqual(system.history.map(({ id }) => id), ["n2"], "what is critical has to be acknowledged");
  await system.undo();
  await settle();
  assert.equal(server.heardOf("mark")[1].undo, 10);
  assert.deepEqual(system.history.map(({ id }) => id).sort(), ["n1", "n2"]);
  await system.undo();
  assert.equal(server.heardOf("mark").length, 2);
  await system.markSeen();
  assert.equal(server.heardOf("mark")[2].as, "seen");
  await system.snooze(["n1"], new Date("2026-11-22T00:00:00Z"));
  assert.equal(server.heardOf("mark")[3].until, "2026-11-22T00:00:00.000Z");
  await system.markUnread(["n2"]);
  await system.unarchive(["n1"]);
});

test("what came after the newest that was shown is not swept along, neither in the inbox nor on screen", async () => {
  const { system, entry, box } = await online();
  box.list = [wire("old", { offset: 4 })];
  box.counts = { unread: 1, unseen: 1, offset: 4 };
  system.subscribe(() => {});
  await settle();
  entry({ type: "notification", notification: wire("new", { level: "error" }) });
  entry({ type: "marked", as: "read", notifications: "all", upto: 4 });
  await settle();
  assert.deepEqual(system.history.map(({ id, read }) => [id, read]), [["new", false], ["old", true]]);
  assert.deepEqual(system.notifications.map(({ id }) => id), ["new"]);
});

test("clearHistory takes what is of this page along, undo brings all of it back, and is too late after ten seconds", async () => {
  const { system, box, server, clock } = await online();
  box.list = [wire("n1", { offset: 4 })];
  box.counts = { unread: 1, unseen: 1, offset: 4 };
  system.subscribe(() => {});
  await settle();
  system.showNotification({ id: "mine", title: "saved" });
  const ids = () => system.history.map(({ id }) => id).sort();
  system.clearHistory();
  assert.deepEqual(ids(), []);
  await settle();
  await system.undo();
  await settle();
  assert.deepEqual(ids(), ["mine", "n1"]);
  box.list = [];
  system.clearHistory();
  await clock.tick(10_001);
  await system.undo();
  assert.deepEqual(server.heardOf("mark").map(({ undo }) => undo), [undefined, 5, undefined]);
  assert.deepEqual(ids(), []);
});

test("a page that has only what is its own asks the server nothing", async () => {
  const { system, server } = await online();
  system.showNotification({ id: "a", title: "one" });
  system.showNotification({ id: "b", title: "two", critical: true });
  await system.markRead(["a"]);
  assert.deepEqual(system.history.map(({ id, read }) => [id, read]).sort(), [["a", true], ["b", false]]);
  await system.acknowledge("b");
  system.clearHistory();
  assert.deepEqual(system.history, []);
  await system.undo();
  assert.equal(system.history.length, 2);
  assert.deepEqual([...server.heardOf("mark"), ...server.heardOf("ack")], []);
  for (let at = 0; at < 150; at += 1) system.showNotification({ title: `toast ${at}` });
  assert.equal(system.history.length, 100, "and it keeps no more than a hundred");
});

test("a refusal that nobody waits for is an error that can be heard, and what was shown is taken back", async () => {
  const { system, box, server, client } = await online();
  box.list = [wire("n1", { offset: 4, critical: true, actions: [{ id: "ok", label: "OK" }] })];
  box.counts = { unread: 1, unseen: 1, offset: 4 };
  system.subscribe(() => {});
  await settle();
  const errors = record(client, "error");
  for (const type of ["mark", "ack"]) server.script(type, () => ({ type: "error", code: "unavailable", message: "later" }), 1);
  system.act("n1", "ok");
  system.clearHistory();
  await settle();
  assert.deepEqual(errors.map(({ data }) => data.error.code), ["unavailable", "unavailable"]);
  assert.deepEqual(system.history.map(({ id, acked }) => [id, acked]), [["n1", false]]);
});

test("act stays in the browser: it runs what the page gave, and tells the server of criticals alone", async () => {
  const { system, server, entry } = await online();
  const ran = [];
  const id = system.showNotification({ title: "saved", actions: [{ id: "undo", label: "Undo", run: () => ran.push("undo") }] });
  entry({ type: "notification", notification: wire("n1", { actions: [{ id: "open", label: "Open", url: "/kpi" }] }) });
  await settle();
  const before = server.heard.length;
  assert.equal(system.act(id, "undo").label, "Undo");
  assert.equal(system.act("n1", "open").url, "/kpi");
  assert.equal(system.act("n1", "other"), null);
  assert.equal(system.act("unknown", "open"), null);
  await settle();
  assert.deepEqual(ran, ["undo"]);
  assert.equal(server.heard.length, before);
  assert.equal(system.notifications.length, 0);
});

test("what is snoozed goes until its time, and then asks again", async () => {
  const { system, box, entry } = await online();
  box.list = [wire("n1", { offset: 1 })];
  system.subscribe(() => {});
  await settle();
  await system.snooze(["n1"], new Date("2026-11-22T00:00:00Z"));
  assert.deepEqual(system.history, []);
  box.list = [wire("n1", { offset: 9 })];
  box.counts = { unread: 1, unseen: 1, offset: 8 };
  entry({ type: "marked", as: "surfaced", notifications: ["n1"] });
  await settle();
  assert.deepEqual([system.history, system.notifications].map((list) => list.map(({ id }) => id)), [["n1"], ["n1"]]);
});

test("durations of one, two and none: as long, twice as long, until it is put away", async () => {
  for (const [durations, after] of [[1, 5_000], [2, 10_000], [null, Infinity]]) {
    const { system, clock } = await online();
    system.updatePreferences({ durations });
    await settle();
    system.showNotification({ title: "one" });
    await clock.tick(Math.min(after, 3_600_000) - 1);
    assert.equal(system.notifications.length, 1);
    await clock.tick(1);
    assert.equal(system.notifications.length, after === Infinity ? 1 : 0);
  }
});

test("a page scales durations over what is preferred, and sees what is left, which stands still with the clock", async () => {
  const { system, clock } = await online();
  system.durationScale = 2;
  system.showNotification({ id: "one", title: "one" });
  assert.equal(system.timeLeft("one"), 10_000);
  await clock.tick(4_000);
  assert.equal(system.timeLeft("one"), 6_000);
  system.hold("hover");
  await clock.tick(60_000);
  assert.equal(system.timeLeft("one"), 6_000);
  system.release("hover");
  await clock.tick(5_999);
  assert.equal(system.notifications.length, 1);
  await clock.tick(1);
  assert.equal(system.notifications.length, 0);
  system.durationScale = Infinity;
  system.showNotification({ id: "two", title: "two" });
  assert.equal(system.timeLeft("two"), Infinity);
  system.durationScale = 2;
  system.updatePreferences({ durations: null });
  await settle();
  system.showNotification({ id: "three", title: "three" });
  assert.equal(system.timeLeft("three"), Infinity, "for ever is for ever, times two");
});

test("toasts follow the focus, and what ended in one tab has ended in all", async () => {
  const { server, world, clock } = stage();
  const { entry } = inboxOf(server);
  const tabs = [];
  for (let at = 0; at < 2; at += 1) {
    const tab = world.shared();
    const client = createClient(tab.options({ room: "r" }));
    client.connect();
    await clock.tick(100);
    tabs.push({ system: client.notifications, focus: () => tab.fire(tab.window, "focus") });
  }
  const shown = () => tabs.map(({ system }) => system.notifications.map(({ id }) => id).join());
  tabs[0].focus();
  await settle(30);
  for (const id of ["stays", "goes", "read"]) entry({ type: "notification", notification: wire(id, { level: "error" }) });
  entry({ type: "notification", notification: wire("short") });
  await clock.tick(50);
  tabs[0].system.showNotification({ id: "own", title: "of this page", duration: Infinity });
  assert.deepEqual(shown(), ["stays,goes,read,short,own", ""]);
  tabs[0].system.hideNotification("goes");
  await clock.tick(5_000);
  tabs[1].focus();
  await settle(30);
  assert.deepEqual(shown(), ["own", "stays,read"], "neither what was put away nor what had its time");
  entry({ type: "marked", as: "read", notifications: ["read"] });
  await clock.tick(50);
  tabs[0].focus();
  await settle(30);
  assert.deepEqual(shown(), ["own,stays", ""]);
  entry({ type: "notification", notification: wire("next"), replaces: "goes" });
  await clock.tick(50);
  assert.deepEqual(shown(), ["own,stays", ""], "what replaces something that was put away comes quietly");
});

test("what replaces takes the toast's place, silently when that was dismissed; a critical one comes again", async () => {
  const { system, entry, server } = await online();
  entry({ type: "notification", notification: wire("n1", { critical: true }) });
  await settle();
  entry({ type: "notification", notification: wire("n2"), replaces: "n1" });
  await settle();
  assert.deepEqual(system.notifications.map(({ id }) => id), ["n2"]);
  system.hideNotification("n2");
  entry({ type: "notification", notification: wire("n3"), replaces: "n2" });
  await settle();
  assert.equal(system.notifications.length, 0);
  server.connection.push({ type: "notification", room: "@me", again: true, notification: wire("n2", { critical: true }) });
  await settle();
  assert.deepEqual(system.notifications.map(({ id }) => id), ["n2"]);
  system.act("n2", "none");
  await settle();
  assert.equal(server.heardOf("ack")[0].notification, "n2");
  assert.equal(system.notifications.length, 0);
});

test("preferences show at once, are merged by the server, told by other tabs, and taken back when refused", async () => {
  const { system, server, entry } = await online();
  assert.equal(system.preferences.toasts, true);
  await settle();
  system.updatePreferences({ toasts: false });
  assert.equal(system.preferences.toasts, false);
  await settle();
  assert.deepEqual(server.heardOf("preferences").at(-1).set, { toasts: false });
  entry({ type: "preferred", preferences: { toasts: true, durations: 2 } });
  await settle();
  assert.equal(system.preferences.durations, 2);
  server.script("preferences", () => ({ type: "error", code: "unavailable", message: "later" }), 1);
  system.mute({ topic: "kpi" });
  assert.equal(system.preferences.topics.kpi, "mute");
  await settle();
  assert.equal(system.preferences.topics.kpi, undefined);
  await system.follow("r2");
  await system.unfollow("r2");
  assert.equal(server.heardOf("follow")[0].room, "r2");
});

test("important events become toasts by themselves, others as the application says", async () => {
  const { system, client, server } = await online();
  await client.room("r").join();
  const off = system.from("approval:created", ({ title }) => (title ? { title, type: "info" } : null));
  server.append("r", { type: "event", event: "system:error", data: { error: "<b>disk</b>", severity: "high" } });
  server.append("r", { type: "event", event: "approval:created", data: { title: "Budget" } });
  server.append("r", { type: "event", event: "approval:created", data: {} });
  await settle();
  assert.deepEqual(system.notifications.map(({ type, title, message }) => [type, title, message]), [["error", "Something went wrong", "<b>disk</b>"], ["info", "Budget", ""]]);
  off();
  server.append("r", { type: "event", event: "approval:created", data: { title: "Late" } });
  await settle();
  assert.equal(system.notifications.length, 2);
});

test("a connection that stays lost is said once, and the toast goes when it is back", async () => {
  const { system, server, clock } = await online();
  server.isRefusing = true;
  server.cut();
  await clock.tick(9_000);
  assert.equal(system.notifications.length, 0);
  await clock.tick(2_000);
  assert.deepEqual(system.notifications.map(({ title }) => title), ["Connection lost"]);
  server.isRefusing = false;
  await clock.tick(15_000);
  assert.equal(system.notifications.length, 0);
});

test("@me goes on by its cursor after a loss, page by page", async () => {
  const { system, server, clock } = await online();
  server.script("connect", () => ({
    type: "connected", session: "s-x", secret: "x", user: { id: "ada", name: "Ada" }, heartbeat: 10, resumed: true, limits: {}, counts: { unread: 2, unseen: 2, offset: 3 },
    cursor: { epoch: "me", offset: 1, entry: "me-1" }, recovered: true, more: true,
    entries: [{ type: "notification", room: "@me", offset: 1, id: "me-1", notification: wire("n1"), unread: 1, unseen: 1 }],
  }), 1);
  server.script("join", ({ room, since }) => (room !== "@me" ? undefined : {
    type: "joined", room, cursor: { epoch: "me", offset: 2, entry: "me-2" }, recovered: since.offset === 1, more: false,
    entries: [{ type: "notification", room: "@me", offset: 2, id: "me-2", notification: wire("n2"), unread: 2, unseen: 2 }],
  }));
  server.cut();
  await clock.tick(500);
  assert.deepEqual(server.heardOf("connect")[1].since, { epoch: "me", offset: 0, entry: null });
  assert.deepEqual(system.notifications.map(({ id }) => id), ["n1", "n2"]);
});

test("HTML and nonsense stay what they are: text, or nothing", async () => {
  const { system, server, client } = await online();
  const hostile = '<img src=x onerror="alert(1)">';
  server.connection.push({ type: "notification", room: "@me", offset: 1, id: "me-1", notification: wire("n1", {
    title: hostile, message: 7, level: "fatal", at: "yesterday", duration: -1, actions: [null, { id: "x", url: "javascript:alert(1)" }, { id: "y", label: "Y", url: "/kpi" }, { id: "z", url: "//evil.test" }, { id: "b", url: "/\\evil.test" }, { id: "t", url: "/\t/evil.test" }],
  }) });
  server.connection.push({ type: "notification", room: "@me", offset: 2, id: "me-2", notification: null });
  server.connection.push({ type: "marked", room: "@me" });
  await settle();
  const [shown] = system.notifications;
  assert.deepEqual([shown.title, shown.message, shown.type, shown.duration], [hostile, "", "info", Infinity]);
  assert.deepEqual(shown.actions, [{ id: "x", label: "x" }, { id: "y", label: "Y", url: "/kpi" }, { id: "z", label: "z" }, { id: "b", label: "b" }, { id: "t", label: "t" }]);
  assert.equal(client.inspect().counters.nonsense, 2);
});
