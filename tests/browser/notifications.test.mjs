/** Toasts that arrive, a bell that counts right, and an inbox that is the same in every tab. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, Server, until, Window, Wire } from "./support.mjs";

const HTML = '<img src=x onerror="globalThis.isOwned=1"><b>bold</b>&amp;';

let server;
let browser;
let context;
let room = 0;

before(async () => {
  server = await Server.start("[inbox]\nagain_s = 1");
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  room += 1;
  context = await browser.newContext();
});
afterEach(() => context.close());

const open = (person = 1) => Window.open(context, `${server.url}/?room=test:${room}&person=${person}`);
const isEmpty = (list) => list.length === 0;
const is = (...expected) => (list) => list.join() === expected.join();

/** Opens the panel and waits for what it lists. @param {Window} window @param {...string} expected */
async function look(window, ...expected) {
  await window.page.click("#bell");
  await until(() => window.inbox(), is(...expected));
}

/** @param {Window} window @param {string} title @param {string} deed */
const press = (window, title, deed) => window.page.locator("#inbox-list > li", { hasText: title }).locator(`[data-deed=${deed}]`).click();

test("what a backend tells shows as a toast in an open tab and lights the bell, and goes after its time", async () => {
  const ada = await open();
  assert.equal(await ada.bell(), "Notifications");
  await server.notify(ada.user, { title: "Revenue is down", message: "By a third", level: "warning", duration: 1_500 });
  await until(() => ada.toasts(), is("Revenue is down"));
  await until(() => ada.bell(), (name) => name === "Notifications, 1 unseen");
  assert.equal(await ada.page.textContent("#bell-count"), "1");
  await until(() => ada.page.textContent("#toast-status"), (text) => text === "Warning: Revenue is down: By a third");
  assert.equal(await ada.page.textContent(".toast .level-word"), "Warning");
  await until(() => ada.toasts(), isEmpty);
  await look(ada, "*Revenue is down");
  await until(() => ada.bell(), (name) => name === "Notifications");
  assert.deepEqual(ada.alarms, []);
});

test("what is read, archived and seen in one tab is so in the other", async () => {
  const [here, there] = [await open(), await open()];
  const other = await open(2);
  for (const title of ["one", "two", "three"]) await server.notify(here.user, { title, duration: null });
  for (const tab of [here, there]) await until(() => tab.bell(), (name) => name === "Notifications, 3 unseen");
  assert.equal(await other.bell(), "Notifications");
  await look(here, "*three", "*two", "*one");
  for (const tab of [here, there]) await until(() => tab.bell(), (name) => name === "Notifications");
  await until(() => there.toasts(), isEmpty);
  await look(there, "*three", "*two", "*one");
  await press(here, "two", "read");
  await until(() => there.inbox(), is("*three", "two", "*one"));
  await press(there, "three", "archived");
  await until(() => here.inbox(), is("two", "*one"));
  await press(there, "two", "unread");
  await until(() => here.inbox(), is("*two", "*one"));
});

test("all as read leaves what came meanwhile as it is, and can be taken back", async () => {
  const [here, there] = [await open(), await open()];
  await server.notify(here.user, { title: "old" });
  await until(() => there.bell(), (name) => name === "Notifications, 1 unseen");
  await look(here, "*old");
  await here.page.click("#inbox-read-all");
  await until(() => here.inbox(), is("old"));
  await server.notify(here.user, { title: "new" });
  await until(() => here.inbox(), is("*new", "old"));
  await here.page.click("#inbox-undo");
  await until(() => here.inbox(), is("*new", "*old"));
});

test("an archived one is brought back by undo, and a snoozed one by hand", async () => {
  const ada = await open();
  await server.notify(ada.user, { title: "keep" });
  await server.notify(ada.user, { title: "away" });
  await look(ada, "*away", "*keep");
  await press(ada, "away", "archived");
  await until(() => ada.inbox(), is("*keep"));
  await until(() => ada.page.textContent("#inbox-undo-text"), (text) => text === "Archived.");
  await ada.page.click("#inbox-undo");
  await until(() => ada.inbox(), is("*away", "*keep"));
  await press(ada, "away", "snooze");
  await press(ada, "away", "morning");
  await until(() => ada.inbox(), is("*keep"));
  await ada.page.click("#shelf-snoozed");
  await until(() => ada.inbox(), is("*away"));
  assert.match(await ada.page.textContent("#inbox-list .item-about"), /snoozed until .*8:00/);
  await press(ada, "away", "unarchived");
  await until(() => ada.inbox(), isEmpty);
  await ada.page.click("#shelf-all");
  await until(() => ada.inbox(), is("*away", "*keep"));
  await press(ada, "keep", "archived");
  await ada.page.click("#shelf-archived");
  await until(() => ada.inbox(), is("*keep"));
  await press(ada, "keep", "unarchived");
  await ada.page.click("#shelf-unread");
  await until(() => ada.inbox(), is("*away", "*keep"));
});

test("a snooze that ends brings the toast again, and what is past its use takes its toast along", async () => {
  const ada = await open();
  const id = await server.notify(ada.user, { title: "later", duration: null });
  await until(() => ada.toasts(), is("later"));
  await server.mark(ada.user, { notifications: [id], as: "snoozed", until: new Date(Date.now() + 1_500).toISOString() });
  await until(() => ada.toasts(), isEmpty);
  await until(() => ada.bell(), (name) => name === "Notifications");
  await until(() => ada.toasts(), is("later"));
  await until(() => ada.bell(), (name) => name === "Notifications, 1 unseen");
  await server.mark(ada.user, { notifications: [id], as: "archived" });
  await until(() => ada.toasts(), isEmpty);
  await server.notify(ada.user, { title: "soon over", duration: null, expires: new Date(Date.now() + 1_500).toISOString() });
  await until(() => ada.toasts(), is("soon over"));
  await until(() => ada.toasts(), isEmpty);
  await until(() => ada.bell(), (name) => name === "Notifications");
});

test("a toast waits for the pointer on it, and for the focus in it", async () => {
  const ada = await open();
  await ada.page.clock.install();
  await server.notify(ada.user, { title: "wait", duration: 2_000 });
  await until(() => ada.toasts(), is("wait"));
  await ada.page.hover(".toast");
  await ada.page.clock.runFor(60_000);
  assert.deepEqual(await ada.toasts(), ["wait"]);
  await ada.page.focus(".toast-close");
  await ada.page.mouse.move(2, 2);
  await ada.page.clock.runFor(60_000);
  assert.deepEqual(await ada.toasts(), ["wait"]);
  await ada.page.focus("#say-text");
  await ada.page.clock.runFor(2_100);
  assert.deepEqual(await ada.toasts(), []);
});

test("a critical one comes back, closed or reloaded, until it is acknowledged in any tab", async () => {
  const [here, there] = [await open(), await open()];
  await server.notify(here.user, { title: "The pump stands still", level: "error", critical: true });
  for (const tab of [here, there]) await until(() => tab.toasts(), is("The pump stands still"));
  await until(() => here.page.textContent("#toast-alert"), (text) => text === "Critical error: The pump stands still");
  await here.page.click(".toast-close");
  await until(() => here.toasts(), is("The pump stands still"));
  await here.page.reload();
  await here.live();
  await until(() => here.toasts(), is("The pump stands still"));
  await here.page.click(".toast-ack");
  for (const tab of [here, there]) await until(() => tab.toasts(), isEmpty);
  await there.page.reload();
  await there.live();
  await look(there, "*The pump stands still");
  assert.equal(await there.page.locator("[data-deed=ack]").count(), 0);
  assert.deepEqual(await there.toasts(), []);
});

test("HTML in every field is shown as it was typed, and only links are links", async () => {
  const ada = await open();
  const bad = { id: "a", label: HTML, url: "https://example.org/" };
  await server.notify(ada.user, { title: HTML, message: HTML, topic: HTML, metadata: { x: HTML }, actions: [bad, { id: "b", label: HTML }], dedupe: HTML });
  await until(() => ada.toasts(), is(HTML));
  assert.equal(await ada.page.textContent(".toast-message"), HTML);
  await look(ada, `*${HTML}`);
  assert.equal(await ada.page.textContent("#inbox-list .item-message"), HTML);
  assert.equal(await ada.page.textContent("#inbox-list .item-about"), HTML);
  const link = ada.page.locator("#inbox-list a");
  assert.deepEqual(await link.evaluateAll((all) => all.map(({ href, rel, target }) => [href, rel, target])), [["https://example.org/", "noopener noreferrer", "_blank"]]);
  assert.equal(await ada.page.locator(":is(#inbox, #toasts) :is(img, b, script, [onerror])").count(), 0);
  assert.equal(await ada.page.evaluate(() => globalThis.isOwned), undefined);
  assert.deepEqual(ada.alarms, []);
});

test("what takes another's place updates its toast and its line, and stays silent when that was closed", async () => {
  const ada = await open();
  const progress = (title) => server.notify(ada.user, { title, dedupe: "import", duration: null });
  await progress("10 %");
  await until(() => ada.toasts(), is("10 %"));
  const key = await ada.page.getAttribute(".toast", "data-key");
  await progress("50 %");
  await until(() => ada.toasts(), is("50 %"));
  assert.equal(await ada.page.getAttribute(".toast", "data-key"), key);
  assert.equal(await ada.bell(), "Notifications, 1 unseen");
  await ada.page.click(".toast-close");
  await progress("90 %");
  await server.notify(ada.user, { title: "another" });
  await until(() => ada.toasts(), is("another"));
  await look(ada, "*another", "*90 %");
});

test("of six at once three are shown, the others wait behind a button that opens the inbox", async () => {
  const ada = await open();
  for (let n = 1; n <= 6; n += 1) await server.notify(ada.user, { title: `n${n}`, duration: null });
  await until(() => ada.toasts(), is("n4", "n5", "n6"));
  await until(() => ada.page.textContent("#toast-more"), (text) => text === "3 more in the inbox");
  await ada.page.click("#toast-more");
  await until(() => ada.inbox(), (list) => list.length === 6);
  await until(() => ada.toasts(), isEmpty);
});

test("long lists come page by page", async () => {
  const ada = await open();
  for (let n = 1; n <= 25; n += 1) await server.notify(ada.user, { title: `n${n}` });
  await until(() => ada.bell(), (name) => name === "Notifications, 25 unseen");
  await ada.page.click("#bell");
  await until(() => ada.inbox(), (list) => list.length === 20);
  await ada.page.click("#inbox-more");
  await until(() => ada.inbox(), (list) => list.length === 25 && list[24] === "*n1");
  assert.equal(await ada.page.isVisible("#inbox-more"), false);
});

test("what came while the page was away is there when it is back, once, over a lost connection and a reload", async () => {
  const wire = await Wire.to(server.port);
  const ada = await Window.open(context, `${wire.url}/?room=test:${room}`);
  await server.notify(ada.user, { title: "before" });
  await until(() => ada.bell(), (name) => name === "Notifications, 1 unseen");
  wire.cut();
  await server.notify(ada.user, { title: "meanwhile", duration: null });
  wire.up();
  await ada.live();
  await until(() => ada.toasts(), (list) => list.includes("meanwhile"));
  assert.equal(ada.connected.at(-1).recovered, true);
  await ada.page.goto("about:blank");
  await server.notify(ada.user, { title: "later", duration: null });
  await ada.page.goto(`${wire.url}/?room=test:${room}`);
  await ada.live();
  await until(() => ada.toasts(), is("later"));
  await until(() => ada.bell(), (name) => name === "Notifications, 3 unseen");
  assert.deepEqual([ada.connected.at(-1).recovered, ada.connected.at(-1).entries.length], [true, 1]);
  await look(ada, "*later", "*meanwhile", "*before");
  wire.stop();
});

test("an inbox of another life is taken as new, and what was shown of the old one goes", async () => {
  const ada = await open();
  await server.notify(ada.user, { title: "old", duration: null });
  await until(() => ada.toasts(), is("old"));
  await until(() => ada.page.evaluate(() => sessionStorage.getItem("copresence.1.inbox")), (text) => text?.includes('"offset":1'));
  await ada.page.click("#bell");
  await until(() => ada.inbox(), is("*old"));
  const forgotten = await fetch(`${server.url}/v1/users/${ada.user}`, { method: "DELETE", headers: server.backend });
  assert.equal(forgotten.status, 204);
  // Told to go, and back by hand: the page still has a cursor of the life before.
  await until(() => ada.pill(), ({ phase }) => phase === "failed");
  await ada.page.click("#pill-retry");
  await ada.live();
  assert.equal(ada.connected.at(-1).reason, "epoch_changed");
  await until(() => ada.toasts(), isEmpty);
  await until(() => ada.bell(), (name) => name === "Notifications");
  await ada.page.focus("#say-text");
  await ada.page.click("#bell");
  await until(() => ada.page.textContent("#inbox-empty"), (text) => text === "Nothing here yet.");
  await server.notify(ada.user, { title: "new", duration: null });
  await until(() => ada.inbox(), is("*new"));
});

test("without toasts by preference a notification only lights the bell, and the other tab shows the same choice", async () => {
  const [here, there] = [await open(), await open()];
  await here.page.click("#bell");
  await here.page.click("#inbox-settings");
  await there.page.click("#bell");
  await there.page.click("#inbox-settings");
  await here.page.click("#pref-toasts");
  await here.page.check("#pref-quiet");
  for (const tab of [here, there]) {
    await until(() => tab.page.isChecked("#pref-toasts"), (isOn) => !isOn);
    await until(() => tab.page.isChecked("#pref-quiet"));
    const zone = await tab.page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
    assert.deepEqual([await tab.page.inputValue("#pref-from"), await tab.page.inputValue("#pref-zone")], ["22:00", zone]);
  }
  await here.page.keyboard.press("Escape");
  await server.notify(here.user, { title: "silent" });
  await until(() => here.bell(), (name) => name === "Notifications, 1 unseen");
  assert.deepEqual(await here.toasts(), []);
  assert.equal(await here.page.textContent("#toast-status"), "");
  // A level that is switched off comes read already: not even the bell tells.
  await there.page.uncheck("[name=level][value=info]");
  await until(async () => {
    await server.notify(here.user, { title: "muted", dedupe: "muted" });
    return here.page.evaluate(() => document.getElementById("bell-count").textContent);
  }, (count) => count === "1");
  assert.deepEqual(await here.toasts(), []);
});

test("the room is followed and left by a button", async () => {
  const ada = await open();
  await ada.page.click("#bell");
  await ada.page.click("#inbox-settings");
  await ada.page.click("#follow");
  await until(() => ada.page.getAttribute("#follow", "aria-pressed"), (pressed) => pressed === "true");
  await ada.page.reload();
  await ada.live();
  await until(() => ada.page.getAttribute("#follow", "aria-pressed"), (pressed) => pressed === "true");
  await ada.page.click("#bell");
  await ada.page.click("#inbox-settings");
  await ada.page.click("#follow");
  await until(() => ada.page.textContent("#follow"), (text) => text === "Follow this room");
});

test("a newcomer sees a toast by one press, whatever the settings are", async () => {
  const ada = await open();
  for (const level of ["info", "success", "warning", "error"]) {
    await ada.page.click("#notify-me");
    await until(() => ada.page.locator(`.toast[data-level=${level}]`).count());
  }
  await until(() => ada.bell(), (name) => name === "Notifications, 4 unseen");
  assert.deepEqual(ada.alarms, []);
});

test("everything is done by keyboard, and the focus is never lost", async () => {
  const ada = await open();
  const { keyboard } = ada.page;
  const focus = () => ada.page.evaluate(() => document.activeElement.id || document.activeElement.dataset.id || document.activeElement.className);
  const ids = [];
  for (const title of ["one", "two", "three"]) ids.unshift(await server.notify(ada.user, { title, duration: null }));
  await until(() => ada.toasts(), (list) => list.length === 3);
  await ada.page.focus("#say-text");
  await keyboard.press("F8");
  assert.equal(await focus(), "toast-close");
  for (let left = 2; left >= 0; left -= 1) {
    await keyboard.press("Escape");
    await until(() => ada.toasts(), (list) => list.length === left);
  }
  assert.equal(await focus(), "say-text");
  await ada.page.focus("#bell");
  await keyboard.press("Enter");
  await until(() => ada.inbox(), is("*three", "*two", "*one"));
  assert.equal(await focus(), "inbox");
  for (const stop of ["inbox-settings", "inbox-close", "shelf-all", "inbox-read-all", ids[0]]) {
    await keyboard.press("Tab");
    assert.equal(await focus(), stop);
  }
  await keyboard.press("ArrowDown");
  assert.equal(await focus(), ids[1]);
  await keyboard.press("u");
  await until(() => ada.inbox(), is("*three", "two", "*one"));
  assert.equal(await focus(), ids[1]);
  await keyboard.press("e");
  await until(() => ada.inbox(), is("*three", "*one"));
  assert.equal(await focus(), ids[2], "the next one has the focus of the one that went");
  await keyboard.press("Escape");
  assert.equal(await focus(), "bell");
  assert.equal(await ada.page.isVisible("#inbox"), false);
});
