/** How toasts, inbox and preferences look: both schemes, wide and narrow, without motion. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faintTexts } from "./contrast.mjs";
import { launch, Server, until, Window } from "./support.mjs";

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** One of each level and more, so that a picture shows all there is. */
async function scene(options, name) {
  const most = options.viewport.width < 600 ? 2 : 3;
  const context = await browser.newContext(options);
  const ada = await Window.open(context, `${server.url}/?room=test:${name}`);
  const tell = (notification) => server.notify(ada.user, { duration: null, ...notification });
  await tell({ title: "Grace Hopper joined the team", topic: "people" });
  await tell({ title: "The report of this week is ready", level: "success", message: "It took four minutes.", topic: "reports" });
  await tell({ title: "Revenue is down", level: "warning", message: "By a third since this morning, and still falling.", room: "dashboard:sales", actions: [{ id: "open", label: "Open the board", url: "/" }, { id: "docs", label: "What to do", url: "https://example.org/" }] });
  await tell({ title: "The import failed", level: "error", message: "Row 17: `amount` is no number" });
  await tell({ title: "The pump stands still", level: "error", critical: true, message: "Cellar 3, since 06:50. Somebody has to go there." });
  await tell({ title: `https://example.org/${"x".repeat(150)}`, message: "y".repeat(300) });
  await until(() => ada.bell(), (bell) => bell === "Notifications, 6 unseen");
  await until(() => ada.toasts(), (seen) => seen.length === most);
  await ada.page.mouse.move(2, 2);
  return { context, ada };
}

/** Waits until nothing moves any more, and looks. @param {Window} ada @param {string} name */
async function check(ada, name) {
  await ada.page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished)));
  assert.deepEqual(await ada.page.evaluate(faintTexts), []);
  assert.ok(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} sticks out`);
  const out = await ada.page.locator(":is(#inbox, #toasts) :visible").evaluateAll((nodes) => nodes.filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width > 1 && (box.left < 0 || box.right > innerWidth);
  }).map((node) => node.className));
  assert.deepEqual(out, []);
  const nameless = await ada.page.locator(":is(#inbox, #toasts) :is(button, a, input, select, summary)").evaluateAll((nodes) => {
    const name = (node) => node.getAttribute("aria-label") || node.labels?.[0]?.textContent.trim() || node.textContent.trim();
    return nodes.filter((node) => !name(node)).map((node) => node.outerHTML);
  });
  assert.deepEqual(nameless, []);
  await ada.picture(name, false);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of /** @type {const} */ ([["wide", { width: 1280, height: 800 }], ["narrow", { width: 320, height: 640 }]])) {
    test(`${colorScheme} and ${size}: toasts, inbox and preferences can be read and fit`, async () => {
      const { context, ada } = await scene({ colorScheme, viewport, hasTouch: size === "narrow" }, `${colorScheme}-${size}`);
      await check(ada, `toasts-${size}-${colorScheme}`);
      await ada.page.click("#bell");
      await until(() => ada.inbox(), (list) => list.length === 6);
      await until(() => ada.toasts(), (seen) => seen.length === 1);
      await ada.page.locator("#inbox-list > li", { hasText: "Revenue" }).locator("summary").click();
      await ada.page.locator("#inbox-list > li", { hasText: "Grace" }).locator("[data-deed=archived]").click();
      await until(() => ada.page.isVisible("#inbox-undo"));
      await ada.page.locator("#inbox-shelf").evaluate((shelf) => (shelf.scrollTop = 0));
      await check(ada, `inbox-${size}-${colorScheme}`);
      await ada.page.click("#inbox-settings");
      await ada.page.check("#pref-quiet");
      await until(() => ada.page.isEnabled("#pref-from"));
      await check(ada, `preferences-${size}-${colorScheme}`);
      if (size === "narrow") {
        const small = await ada.page.locator(":is(#inbox, #toasts) :is(button, a, summary, select, label):visible").evaluateAll((nodes) => {
          return nodes.filter((node) => node.getBoundingClientRect().height < 44 && node.querySelector("select, input:not([type=checkbox])") === null).map((node) => node.outerHTML);
        });
        assert.deepEqual(small, [], "a finger hits what it aims at");
      }
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
  assert.equal(await ada.page.locator(".toast").evaluate((node) => getComputedStyle(node).animationName), "none");
  await context.close();
});

test("the regions that tell of toasts are there, empty, before the first one", async () => {
  const context = await browser.newContext();
  const ada = await Window.open(context, `${server.url}/?room=test:regions`);
  for (const [id, role] of [["toast-status", "status"], ["toast-alert", "alert"]]) {
    const region = ada.page.locator(`#${id}`);
    assert.deepEqual([await region.getAttribute("role"), await region.textContent()], [role, ""]);
  }
  await server.notify(ada.user, { title: "t", level: "error" });
  await until(() => ada.page.textContent("#toast-alert"), (text) => text === "Error: t");
  assert.equal(await ada.page.locator("#toasts :is([role=status], [role=alert], [aria-live])").count(), 0);
  await context.close();
});
