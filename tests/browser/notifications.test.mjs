/** Toasts that arrive, a bell that counts right, an inbox that is the same in every tab, and settings that hold. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { provide, until, Window, Wire } from "./support.mjs";

let server;
let context;
let serial;
// Pages whose clock is put forward would take the node for silent.
const settings = "[inbox]\nagain_s = 1\n[session]\nheartbeat_s = 60";
provide((given) => ({ server, context, serial } = given), { settings, context: { viewport: { width: 1280, height: 900 } } });

const open = (person = 1) => Window.open(context, `${server.url}/?room=test:${serial}&person=${person}`);
const isEmpty = (list) => list.length === 0;
const is = (...expected) => (list) => list.join() === expected.join();
const counts = (number) => (badge) => badge === number;

test("a newcomer sees a toast, a badge and a line in the inbox by one press", async () => {
  const ada = await open();
  assert.equal(await ada.badge(), 0);
  await ada.page.click("#notify");
  await ada.page.click("[data-kind=success]");
  await until(() => ada.toasts(), is("The report is ready"));
  await until(() => ada.badge(), counts(1));
  for (const kind of ["info", "warning", "error", "action"]) {
    await ada.page.click("#notify");
    await ada.page.click(`[data-kind=${kind}]`);
  }
  await until(() => ada.badge(), counts(5));
  await ada.openInbox();
  await until(() => ada.inbox(), (all) => all.length === 5);
  assert.deepEqual(ada.alarms, []);
});

test("what is read in one tab is so in the other, and the second person knows nothing of it", async () => {
  const [here, there] = [await open(), await open()];
  const other = await open(2);
  const ids = [];
  for (const title of ["one", "two"]) ids.push(await server.notify(here.user, { title, duration: null }));
  for (const tab of [here, there]) await until(() => tab.badge(), counts(2));
  assert.equal(await other.badge(), 0);
  assert.equal((await here.toasts()).length + (await there.toasts()).length, 2, "each toast in one tab");
  await here.openInbox();
  for (const tab of [here, there]) await until(() => tab.badge(), counts(0));
  await there.openInbox();
  for (const tab of [here, there]) await until(() => tab.inbox(), is("*two", "*one"));
  await server.mark(here.user, { notifications: [ids[0]], as: "read" });
  for (const tab of [here, there]) await until(() => tab.inbox(), is("*two", "one"));
  for (const tab of [here, there]) await until(() => tab.toasts(), (all) => !all.includes("one"));
});

test("a toast waits for the pointer on it", async () => {
  await context.clock.install();
  const ada = await open();
  await server.notify(ada.user, { title: "wait", duration: 8_000 });
  await until(() => ada.toasts(), is("wait"));
  await ada.page.hover("cp-toasts .title");
  await ada.page.clock.runFor(20_000);
  assert.ok((await ada.toasts()).includes("wait"));
  await ada.page.mouse.move(2, 2);
  await ada.page.clock.runFor(9_000);
  await until(() => ada.toasts(), (all) => !all.includes("wait"));
});

test("a critical one comes back, closed or reloaded, until it is acknowledged in any tab", async () => {
  const [ada, there] = [await open(), await open()];
  await server.notify(ada.user, { title: "The pump stands still", level: "error", critical: true });
  await until(async () => [...(await ada.toasts()), ...(await there.toasts())], is("The pump stands still"));
  const shown = (await ada.toasts()).length > 0 ? ada : there;
  await shown.page.bringToFront();
  await shown.page.click("cp-toasts .close");
  await until(() => shown.toasts(), is("The pump stands still"));
  await ada.page.reload();
  await ada.live();
  await until(async () => [...(await ada.toasts()), ...(await there.toasts())], (all) => all.includes("The pump stands still"));
  await there.openInbox();
  await there.page.getByRole("button", { name: "Acknowledge" }).click();
  for (const tab of [ada, there]) await until(() => tab.toasts(), isEmpty);
});

test("what came while the page was away is there when it is back, once", async () => {
  const wire = await Wire.to(server.port);
  try {
    const ada = await Window.open(context, `${wire.url}/?room=test:${serial}`);
    await server.notify(ada.user, { title: "before" });
    await until(() => ada.badge(), counts(1));
    wire.cut();
    await server.notify(ada.user, { title: "meanwhile", duration: null });
    wire.up();
    await ada.live();
    await until(() => ada.toasts(), (list) => list.filter((title) => title === "meanwhile").length === 1);
    await until(() => ada.badge(), counts(2));
    await ada.page.goto("about:blank");
    await server.notify(ada.user, { title: "later" });
    await ada.page.goto(`${wire.url}/?room=test:${serial}`);
    await ada.live();
    await until(() => ada.badge(), counts(3));
    await ada.openInbox();
    await until(() => ada.inbox(), is("*later", "*meanwhile", "*before"));
  } finally {
    wire.stop();
  }
});

test("without toasts by preference a notification only lights the bell, and the other tab shows the same choice", async () => {
  const [here, there] = [await open(), await open()];
  for (const tab of [here, there]) await tab.page.click("#settings-open");
  await here.page.uncheck("#pref-toasts");
  await here.page.check("#pref-quiet");
  for (const tab of [here, there]) {
    await until(() => tab.page.isChecked("#pref-toasts"), (isOn) => !isOn);
    await until(() => tab.page.isChecked("#pref-quiet"));
    const zone = await tab.page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
    assert.deepEqual([await tab.page.inputValue("#pref-from"), await tab.page.inputValue("#pref-zone")], ["22:00", zone]);
    await tab.page.click("#settings-close");
  }
  await server.notify(here.user, { title: "silent" });
  await until(() => here.badge(), counts(1));
  assert.deepEqual([await here.toasts(), await there.toasts()], [[], []]);
});

test("toasts stay as many times longer as one chose, over a reload too", async () => {
  await context.clock.install();
  const ada = await open();
  await ada.page.click("#settings-open");
  await ada.page.selectOption("#pref-durations", "3");
  await ada.page.click("#settings-close");
  await ada.page.reload();
  await ada.live();
  await until(() => ada.page.inputValue("#pref-durations"), (value) => value === "3");
  await server.notify(ada.user, { title: "slow", duration: 2_000 });
  await until(() => ada.toasts(), is("slow"));
  await ada.page.clock.runFor(3_000);
  assert.deepEqual(await ada.toasts(), ["slow"]);
  await ada.page.clock.runFor(4_000);
  await until(() => ada.toasts(), isEmpty);
});

test("the room is followed and left by a button", async () => {
  const ada = await open();
  await ada.page.click("#settings-open");
  await ada.page.click("#follow");
  await until(() => ada.page.getAttribute("#follow", "aria-pressed"), (pressed) => pressed === "true");
  await ada.page.reload();
  await ada.live();
  await until(() => ada.page.getAttribute("#follow", "aria-pressed"), (pressed) => pressed === "true");
  await ada.page.click("#settings-open");
  await ada.page.click("#follow");
  await until(() => ada.page.textContent("#follow"), (text) => text === "Follow this room");
});
