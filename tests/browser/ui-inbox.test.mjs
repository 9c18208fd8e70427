/** `<cp-inbox>` against a real node: what it shows, what its keys do, that other tabs agree, and that it can be read by all. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { findings, Stage } from "./ui-support.mjs";

const HOSTILE = '<img src=x onerror="document.title=1">';
const ARTIFACTS = new URL("artifacts/", import.meta.url).pathname;

let stage;
before(async () => {
  stage = await Stage.start();
});
after(() => stage?.stop());

const open = (body = "<cp-inbox></cp-inbox>", options = {}) => stage.open(body, options);
const userOf = (page) => page.evaluate(() => document.querySelector("cp-provider").client.user.id);
const bell = (page) => page.locator("cp-inbox .bell");
const labelOf = (page) => bell(page).evaluate(({ ariaLabel }) => ariaLabel);
const titles = (page) => page.locator("cp-inbox li .title").allTextContents();
const focused = (page) => page.evaluate(() => document.querySelector("cp-inbox").shadowRoot.activeElement?.querySelector(".title")?.textContent ?? null);
const notify = async (page, ...all) => {
  const user = await userOf(page);
  for (const each of all) await stage.server.notify(user, each);
};
const hear = (page, ...names) => page.evaluate((events) => {
  window.heard = [];
  for (const name of events) document.addEventListener(name, ({ detail }) => window.heard.push([name, JSON.parse(JSON.stringify(detail))]));
}, names);
const heard = (page) => page.evaluate(() => window.heard);

test("the badge counts what nobody looked at, the bell says what is unread, and all is text", async () => {
  const { page, window } = await open();
  assert.equal(await labelOf(page), "Notifications");
  await notify(page, { title: "first", level: "success" }, { title: HOSTILE, message: HOSTILE, level: "warning" });
  await until(() => labelOf(page), (label) => label === "Notifications, 2 unread");
  assert.equal(await page.locator("cp-inbox .badge").textContent(), "2");
  await hear(page, "cp-open", "cp-close");
  await bell(page).click();
  await until(() => titles(page), (seen) => seen.length === 2);
  assert.deepEqual(await titles(page), [HOSTILE, "first"]);
  assert.equal(await page.title(), "Elements");
  // Seen is not read: the badge goes, the bell still says it.
  await until(() => page.locator("cp-inbox .badge").isHidden(), Boolean);
  assert.equal(await labelOf(page), "Notifications, 2 unread");
  await page.keyboard.press("Escape");
  await until(() => page.locator("cp-inbox .panel").isHidden(), Boolean);
  assert.equal(await page.evaluate(() => document.querySelector("cp-inbox").shadowRoot.activeElement?.className), "bell", "the focus is back");
  assert.deepEqual((await heard(page)).map(([name]) => name), ["cp-open", "cp-close"]);
  assert.deepEqual(window.alarms, []);
});

test("the list goes by keys: arrows, Enter, U, E with undo, and what goes hands on the focus", async () => {
  const { page } = await open();
  await notify(page, { title: "one" }, { title: "two" }, { title: "three", actions: [{ id: "see", label: "See", url: "/ui-test?seen" }] });
  await until(() => labelOf(page), (label) => label === "Notifications, 3 unread");
  await hear(page, "cp-read", "cp-select");
  await bell(page).press("Enter");
  await until(() => titles(page), (seen) => seen.length === 3);
  await page.locator("cp-inbox li").first().focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), "two");
  await page.keyboard.press("Enter");
  await until(() => labelOf(page), (label) => label === "Notifications, 2 unread");
  assert.deepEqual((await heard(page)).map(([name]) => name), ["cp-select", "cp-read"]);
  await page.keyboard.press("u");
  await until(() => labelOf(page), (label) => label === "Notifications, 3 unread");
  await page.keyboard.press("e");
  await until(() => titles(page), (seen) => seen.join() === "three,one");
  assert.equal(await focused(page), "one", "its neighbour has the focus");
  await page.locator("cp-inbox [part=undo] button").click();
  await until(() => titles(page), (seen) => seen.join() === "three,two,one");
  await page.keyboard.press("Escape");
  // A listener may keep the link to itself.
  await page.evaluate(() => document.addEventListener("cp-action", (event) => event.preventDefault(), { once: true }));
  await bell(page).click();
  await page.locator("cp-inbox .primary").click();
  await until(() => labelOf(page), (label) => label === "Notifications, 2 unread");
  assert.ok(!page.url().includes("seen"));
  await page.locator("cp-inbox .primary").click();
  await page.waitForURL(/seen/);
});

test("two tabs agree, unread ones can be had alone, and all are read at once up to what was shown", async () => {
  const ada = await open();
  const second = await stage.tab(ada.context, '<cp-inbox badge="unread" page-size="2"></cp-inbox>', { room: ada.room });
  await notify(ada.page, ...["a", "b", "c"].map((title) => ({ title })));
  for (const page of [ada.page, second.page]) await until(() => labelOf(page), (label) => label === "Notifications, 3 unread");
  await bell(ada.page).click();
  await ada.page.locator("cp-inbox li").nth(1).getByText("Mark read").click();
  await until(() => second.page.locator("cp-inbox .badge").textContent(), (text) => text === "2");
  await bell(second.page).click();
  await until(() => titles(second.page), (seen) => seen.join() === "c,b");
  await second.page.locator("cp-inbox").getByText("Show more").click();
  await until(() => titles(second.page), (seen) => seen.join() === "c,b,a");
  await second.page.locator("cp-inbox").getByRole("tab", { name: "Unread" }).click();
  await until(() => titles(second.page), (seen) => seen.join() === "c,a");
  await second.page.locator("cp-inbox").getByText("Mark all read").click();
  for (const page of [ada.page, second.page]) await until(() => labelOf(page), (label) => label === "Notifications");
  await until(() => second.page.locator("cp-inbox [part=empty]").isVisible(), Boolean);
});

test("what is critical stays until somebody says so, and what is put off goes", async () => {
  const { page } = await open();
  await notify(page, { title: "later" }, { title: "The pump stands still", level: "error", critical: true });
  await bell(page).click();
  await until(() => titles(page), (seen) => seen.length === 2);
  const line = page.locator("cp-inbox li").first();
  await line.getByText("Acknowledge").click();
  await until(() => line.getByText("Acknowledge").count(), (count) => count === 0);
  await page.locator("cp-inbox li").nth(1).getByText("In an hour").click();
  await until(() => titles(page), (seen) => seen.join() === "The pump stands still");
  await until(() => page.locator("cp-inbox [role=status]").textContent(), (text) => text === "Comes back in an hour.");
});

for (const colorScheme of ["light", "dark"]) {
  test(`it can be read by all: ${colorScheme}, a narrow screen, right to left, forced colours`, async () => {
    await mkdir(ARTIFACTS, { recursive: true });
    const { page } = await open("<cp-inbox></cp-inbox>", { colorScheme, viewport: { width: 900, height: 640 } });
    await page.evaluate(() => (document.querySelector("main").style.cssText = "display: grid; justify-items: end"));
    await notify(page, { title: "Deployed", message: "Version 4.2 is out", level: "success" }, { title: "Approve the budget", message: "Grace asks for 12,000 €", level: "info", actions: [{ id: "go", label: "Look at it", url: "/x" }] },
      { title: "The pump stands still", message: "Hall 3, since 14:02", level: "error", critical: true });
    await bell(page).click();
    await until(() => titles(page), (seen) => seen.length === 3);
    await page.locator("cp-inbox li").nth(2).getByText("Mark read").click();
    await until(() => page.locator("cp-inbox .is-read").count(), (count) => count === 1);
    assert.deepEqual(await findings(page), []);
    await page.screenshot({ path: `${ARTIFACTS}/inbox-${colorScheme}.png` });
    await page.setViewportSize({ width: 320, height: 640 });
    const over = () => page.evaluate(() => {
      const panel = document.querySelector("cp-inbox").shadowRoot.querySelector(".panel");
      const { left, right } = panel.getBoundingClientRect();
      return left < 0 || right > innerWidth || panel.scrollWidth > panel.clientWidth;
    });
    assert.equal(await over(), false, "nothing is cut off");
    assert.deepEqual(await findings(page), []);
    await page.screenshot({ path: `${ARTIFACTS}/inbox-${colorScheme}-320.png` });
    await page.evaluate(() => (document.documentElement.dir = "rtl"));
    await page.setViewportSize({ width: 900, height: 640 });
    await until(over, (isOver) => !isOver, { what: "right to left" });
    await page.emulateMedia({ forcedColors: "active", colorScheme });
    await page.screenshot({ path: `${ARTIFACTS}/inbox-${colorScheme}-forced.png` });
  });
}
