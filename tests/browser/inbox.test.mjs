/** `<cp-inbox>` against a real node: what a backend tells, and what people do about it. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { findings, HOSTILE, keepEvents, Stage } from "./ui-support.mjs";

let stage;

before(async () => {
  stage = await Stage.begin();
});
after(() => stage?.end());

/** A page with an inbox in which these stand, the last one newest. */
async function inboxOf(titles, { body = "<button>before</button><cp-inbox></cp-inbox>", ...options } = {}) {
  const opened = await stage.open(body, options);
  const { page, window } = opened;
  for (const each of titles) await stage.notify(window, typeof each === "string" ? { title: each } : each);
  const bell = page.locator("cp-inbox .bell");
  const name = () => bell.getAttribute("aria-label");
  /** Titles, unread ones with a star. */
  const items = () => page.locator("cp-inbox .item").evaluateAll((all) => all.map((item) => (item.classList.contains("unread") ? "*" : "") + item.querySelector(".name").textContent));
  const are = (...expected) => until(items, (seen) => seen.join("|") === expected.join("|"), { what: expected.join("|") });
  const focused = () => page.evaluate(() => {
    const inner = document.activeElement.shadowRoot?.activeElement;
    return inner?.closest(".item")?.querySelector(".name").textContent ?? inner?.className ?? document.activeElement.textContent;
  });
  await until(name, (seen) => seen === (titles.length > 0 ? `Notifications, ${titles.length} unread` : "Notifications"));
  return { ...opened, bell, name, items, are, focused, panel: page.getByRole("dialog", { name: "Notifications" }) };
}

test("the bell has the server's number, opens a dialog that is in nobody's way, and has the focus again when that closes", async () => {
  const { page, context, window, bell, panel, are, focused, name } = await inboxOf(["first", "second", HOSTILE]);
  await keepEvents(page, "cp-open", "cp-close");
  assert.equal(await page.locator("cp-inbox .badge").textContent(), "3");
  await bell.focus();
  await page.keyboard.press("Enter");
  await panel.waitFor();
  assert.equal(await panel.getAttribute("aria-modal"), null);
  await are(`*${HOSTILE}`, "*second", "*first");
  assert.equal(await page.locator("cp-inbox img").count(), 0, "a title is text");
  assert.ok(await page.locator("cp-inbox").evaluate((element) => element.hasAttribute("open")));
  // Whoever has the list before them has seen it; to have read it is something else.
  await page.locator("cp-inbox .badge").waitFor({ state: "hidden" });
  assert.equal(await name(), "Notifications, 3 unread");
  assert.equal(await focused(), "panel inbox");
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "hidden" });
  assert.equal(await focused(), "bell");
  await bell.click();
  await panel.waitFor();
  await page.getByRole("heading", { name: "Elements" }).click();
  await panel.waitFor({ state: "hidden" });
  assert.deepEqual((await page.evaluate(() => window.told)).map(([event]) => event), ["cp-open", "cp-close", "cp-open", "cp-close"]);
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("whoever listens is told that the bell opens something, what that is, and each item's level, keys and state", async () => {
  const { page, context, bell, are } = await inboxOf([{ title: "down", level: "warning" }]);
  const session = await context.newCDPSession(page);
  const tree = async () => (await session.send("Accessibility.getFullAXTree")).nodes.filter(({ ignored }) => !ignored)
    .map(({ role, name, properties = [] }) => ({ role: role.value, name: name?.value, ...Object.fromEntries(properties.map((each) => [each.name, each.value.value])) }));
  const find = async (role, name) => (await tree()).find((each) => each.role === role && each.name === name);
  assert.equal((await find("button", "Notifications, 1 unread")).expanded, false);
  assert.equal(await find("dialog", "Notifications"), undefined);
  await bell.click();
  await are("*down");
  assert.equal((await find("button", "Notifications, 1 unread")).expanded, true);
  const dialog = await find("dialog", "Notifications");
  assert.equal(dialog.modal ?? false, false);
  assert.equal(dialog.focused, true);
  assert.ok(await find("heading", "Notifications"));
  assert.ok(await find("group", "Show"));
  assert.equal((await find("button", "All")).pressed, "true");
  const item = (await tree()).find(({ role, name }) => role === "button" && name.includes("down") && name.startsWith("Warning"));
  assert.equal(item.keyshortcuts, "E U");
  assert.ok((await tree()).some(({ role }) => role === "status"), "where an offer to undo is told");
  await context.close();
});

test("arrows go from one to the next, Enter opens, E puts away, U makes unread, and the next one has the focus", async () => {
  const { page, context, window, bell, are, focused } = await inboxOf(["one", "two", "three", "four"]);
  await keepEvents(page, "cp-select", "cp-read");
  await bell.click();
  await are("*four", "*three", "*two", "*one");
  await page.keyboard.press("Tab");
  await page.locator("cp-inbox .open").first().focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "three");
  await page.keyboard.press("Enter");
  await are("*four", "three", "*two", "*one");
  assert.equal(await focused(), "three", "drawn anew it keeps the focus");
  await page.keyboard.press("u");
  await are("*four", "*three", "*two", "*one");
  await page.keyboard.press("e");
  await are("*four", "*two", "*one");
  assert.equal(await focused(), "two");
  await page.keyboard.press("End");
  assert.equal(await focused(), "one");
  await page.keyboard.press("E");
  await are("*four", "*two");
  assert.equal(await focused(), "two");
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "four");
  const told = await page.evaluate(() => window.told);
  assert.deepEqual(told.map(([event, detail]) => [event, detail.notification?.title ?? detail.ids.length]), [["cp-select", "three"], ["cp-read", 1]]);
  const undo = page.getByRole("button", { name: "Undo" });
  assert.equal(await page.locator("cp-inbox [role=status]").textContent(), "2 put away");
  await undo.click();
  await are("*four", "*three", "*two", "*one");
  await undo.waitFor({ state: "hidden" });
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("an offer to undo ends after ten seconds, but not under the focus", async () => {
  const { page, context, bell, are, focused } = await inboxOf(["one", "two"]);
  await page.clock.install();
  await bell.click();
  await are("*two", "*one");
  await page.locator("cp-inbox .open").first().focus();
  await page.keyboard.press("e");
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.focus();
  await page.clock.runFor(15_000);
  assert.ok(await undo.isVisible());
  await page.locator("cp-inbox .open").first().focus();
  await page.clock.runFor(10_000);
  await undo.waitFor({ state: "hidden" });
  assert.equal(await focused(), "one");
  await context.close();
});

test("all are read up to what was shown, are grey and stay, and come back unread", async () => {
  const { page, context, window, bell, are, name } = await inboxOf(["one", "two"]);
  await bell.click();
  await are("*two", "*one");
  await page.getByRole("button", { name: "Mark all read" }).click();
  await are("two", "one");
  await until(name, (seen) => seen === "Notifications");
  await page.getByRole("button", { name: "Undo" }).click();
  await are("*two", "*one");
  await page.getByRole("button", { name: "Unread", exact: true }).click();
  assert.equal(await page.locator("cp-inbox").getAttribute("filter"), "unread");
  await page.locator("cp-inbox .open").first().click();
  await are("two", "*one");
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("button", { name: "Unread", exact: true }).click();
  await are("*one");
  await stage.notify(window, { title: "three" });
  await are("*three", "*one");
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("what is critical is acknowledged, what has actions is acted on, and a thing is snoozed, followed and muted", async () => {
  const { page, context, window, bell, are } = await inboxOf([
    { title: "plain", room: "dashboard:sales", topic: "kpi" },
    { title: "ask", actions: [{ id: "yes", label: "Approve" }, { id: "see", label: "Look", url: "/elsewhere" }] },
    { title: "pump", level: "error", critical: true },
  ]);
  await page.evaluate(() => document.addEventListener("cp-action", (event) => event.preventDefault()));
  await keepEvents(page, "cp-action");
  await bell.click();
  await are("*pump", "*ask", "*plain");
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByRole("button", { name: "Acknowledge" }).waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Look" }).click();
  assert.deepEqual((await page.evaluate(() => window.told)).map(([, { action }]) => action), ["yes", "see"]);
  assert.ok(page.url().endsWith("/ui-test"), "a prevented link is not followed");
  const plain = page.locator("cp-inbox .item").last();
  const menu = async (entry) => {
    await plain.hover();
    await plain.getByRole("button", { name: "More: plain" }).click();
    await plain.getByRole("button", { name: entry }).click();
  };
  const preferences = () => page.evaluate(() => document.querySelector("cp-provider").client.notifications.preferences);
  await menu("Follow dashboard:sales");
  await until(preferences, ({ follows }) => follows.join() === "dashboard:sales");
  await menu("Mute kpi");
  await until(preferences, ({ topics }) => topics.kpi === "mute");
  await menu("Unmute kpi");
  await until(preferences, ({ topics }) => topics.kpi !== "mute");
  await menu("Unfollow dashboard:sales");
  await until(preferences, ({ follows }) => follows.length === 0);
  await menu("Snooze for an hour");
  await are("*pump", "*ask");
  await page.getByRole("button", { name: "Undo" }).click();
  await are("*pump", "*ask", "*plain");
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("a page at a time, as the page says; its own form stands behind the gear, and its own texts everywhere", async () => {
  const body = '<cp-inbox page-size="2" badge="unread"><form slot="preferences"><label>Quiet <input type="checkbox"></label></form></cp-inbox>';
  const { page, context, window, are } = await inboxOf(["one", "two", "three"], { body });
  await page.locator("cp-inbox").evaluate((element) => element.setAttribute("open", ""));
  await are("*three", "*two");
  assert.equal(await page.locator("cp-inbox .badge").textContent(), "3", "unread stays when it was seen");
  await page.getByRole("button", { name: "Show older" }).click();
  await are("*three", "*two", "*one");
  await page.getByRole("button", { name: "Show older" }).waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Preferences" }).click();
  await page.getByRole("checkbox", { name: "Quiet" }).check();
  assert.deepEqual(await findings(page), []);
  await page.getByRole("button", { name: "Preferences" }).click();
  await page.locator("cp-inbox").evaluate((element) => (element.labels = { inbox: "Mitteilungen", unread: "{count} ungelesen" }));
  await page.getByRole("dialog", { name: "Mitteilungen" }).waitFor();
  await until(() => page.locator("cp-inbox .bell").getAttribute("aria-label"), (seen) => seen === "Mitteilungen, 3 ungelesen");
  await page.locator("cp-inbox").evaluate((element) => element.removeAttribute("open"));
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});
