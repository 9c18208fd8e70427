/** How toasts and inbox look on the page: both schemes, wide and on a phone, and that neither covers the other. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { findings, provide, until, Window } from "./support.mjs";

let server;
let browser;
provide((given) => ({ server, browser } = given));

/** One of each level and more, so that a picture shows all there is. */
async function scene(options, name) {
  const context = await browser.newContext(options);
  const room = `test:${name}`;
  await server.set(room, { revenue: 1_284_120, orders: 4_812, conversion: 3.4, approvals: 7, target: 1_300_000 });
  const ada = await Window.open(context, `${server.url}/?room=${room}`);
  const tell = (notification) => server.notify(ada.user, { duration: null, ...notification });
  await tell({ title: "Barbara joined the team", topic: "people" });
  await tell({ title: "The report of this week is ready", level: "success", message: "It took four minutes.", topic: "reports" });
  await tell({ title: "Revenue is down", level: "warning", message: "By a third since this morning.", actions: [{ id: "open", label: "Open the board", url: "/" }] });
  await tell({ title: "The import failed", level: "error", message: "Row 17: `amount` is no number" });
  await tell({ title: `https://example.org/${"x".repeat(150)}`, message: "y".repeat(300) });
  await until(() => ada.badge(), (badge) => badge === 5);
  await until(() => ada.toasts(), (seen) => seen.length === (options.viewport.width < 600 ? 2 : 3));
  await ada.page.mouse.move(2, 2);
  return { context, ada };
}

/** @param {Window} ada @param {string} name */
async function check(ada, name) {
  await ada.page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {}))));
  assert.deepEqual(await findings(ada.page), []);
  assert.ok(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} sticks out`);
  for (const part of ["cp-toasts li", "cp-inbox [part=panel]"]) {
    const out = await ada.page.locator(part).evaluateAll((all) => all.map((each) => each.getBoundingClientRect()).filter(({ left, right, width }) => width > 0 && (left < 0 || right > innerWidth)).length);
    assert.equal(out, 0, part);
  }
  await ada.picture(name, false);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of /** @type {const} */ ([["wide", { width: 1400, height: 900 }], ["narrow", { width: 375, height: 812 }]])) {
    test(`${colorScheme} and ${size}: toasts and inbox can be read, fit, and leave the bell and the proof free`, async () => {
      const { context, ada } = await scene({ colorScheme, viewport, hasTouch: size === "narrow" }, `${colorScheme}-${size}`);
      await check(ada, `toasts-${size}-${colorScheme}`);
      const isFree = (selector) => ada.page.locator(selector).evaluate((node) => {
        const { left, top, width, height } = node.getBoundingClientRect();
        const at = node.getRootNode().elementFromPoint(left + width / 2, top + height / 2);
        return node === at || node.contains(at);
      });
      assert.ok(await isFree("cp-inbox .bell"));
      if (size === "wide") assert.ok(await isFree("#proof-gap"));
      await ada.openInbox();
      await until(() => ada.inbox(), (list) => list.length === 5);
      await until(() => ada.toasts(), (seen) => seen.length === 0);
      await check(ada, `inbox-${size}-${colorScheme}`);
      if (size === "wide") {
        const panel = await ada.page.locator("cp-inbox [part=panel]").boundingBox();
        assert.ok(panel.y + panel.height <= 900, "the panel ends in the window");
      }
      await ada.page.keyboard.press("Escape");
      assert.equal(await ada.page.evaluate(() => document.activeElement.tagName), "CP-INBOX");
      assert.deepEqual(ada.alarms, []);
      await context.close();
    });
  }
}

test("who wants less motion gets toasts that are just there", async () => {
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const ada = await Window.open(context, `${server.url}/?room=test:still`);
  await server.notify(ada.user, { title: "t", duration: null });
  await until(() => ada.toasts(), (seen) => seen.length === 1);
  assert.equal(await ada.page.locator("cp-toasts li").evaluate((node) => getComputedStyle(node).animationName), "none");
  await context.close();
});

test("the regions that tell of toasts are there, empty, before the first one", async () => {
  const context = await browser.newContext();
  const ada = await Window.open(context, `${server.url}/?room=test:regions`);
  for (const role of ["status", "alert"]) assert.equal(await ada.page.locator(`cp-toasts [role=${role}]`).textContent(), "");
  await server.notify(ada.user, { title: "t", level: "error" });
  await until(() => ada.page.locator("cp-toasts [role=alert]").textContent(), (text) => text === "t");
  await context.close();
});
