/** What elements load only when it is needed: that it waits until then, comes whole, and what there is when it cannot come. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { until } from "./support.mjs";
import { findings, Stage } from "./ui-support.mjs";

const BODY = '<button id="before">before</button><cp-avatars self></cp-avatars><cp-inbox></cp-inbox><cp-toasts></cp-toasts>';
const LATER = ["inbox-panel.js", "notice.js", "toast-list.js", "tooltip.js"];

let stage;
before(async () => {
  stage = await Stage.start();
});
after(() => stage?.stop());

/** Files that the stage's next page must do without, until they are taken out. @type {Set<string>} */
const cut = new Set();
beforeEach(() => cut.clear());

/** A page that counts what it loads of the elements; what is cut goes nowhere, as without a network. */
async function open(options) {
  const window = await stage.open(BODY, options);
  const { page, context } = window;
  const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith("/client/ui/")).map((path) => path.slice(11)));
  await context.route("**/client/ui/*.js", (route) => (cut.has(new URL(route.request().url()).pathname.slice(11)) ? route.abort("internetdisconnected") : route.continue()));
  return { ...window, loaded };
}

const bell = (page) => page.locator("cp-inbox .bell");
const panel = (page) => page.locator("cp-inbox [part=panel]");
const focus = (page) => page.evaluate(() => {
  const { activeElement } = document;
  return [activeElement.localName, activeElement.shadowRoot?.activeElement?.part.value ?? activeElement.id].join(" ");
});
const hear = (page, ...names) => page.evaluate((all) => {
  window.heard = [];
  for (const name of all) document.addEventListener(name, () => window.heard.push(name));
}, names);
const heard = (page) => page.evaluate(() => window.heard);
const toast = (page, notification) => page.evaluate((each) => document.querySelector("cp-provider").client.notifications.showNotification(each), notification);
const later = async (loaded) => [...new Set(await loaded())].filter((each) => LATER.includes(each)).sort();

test("each part comes with the first need, and what is there is as it should look from its first moment", async () => {
  const { page, window, context, loaded } = await open();
  await page.locator("cp-avatars button").waitFor();
  assert.deepEqual(await later(loaded), []);
  // What a listener sees is what is drawn next: nothing runs between.
  await page.evaluate(() => document.addEventListener("cp-open", ({ target }) => {
    const look = (part) => getComputedStyle(target.shadowRoot.querySelector(part));
    window.first = [look(".panel").position, look(".panel").display, look(".head").position, look(".empty").display];
  }));
  await bell(page).click();
  await panel(page).waitFor();
  assert.deepEqual(await page.evaluate(() => window.first), ["absolute", "block", "sticky", "flex"]);
  assert.deepEqual(await later(loaded), ["inbox-panel.js", "notice.js"]);
  assert.equal(await focus(page), "cp-inbox panel");
  await page.keyboard.press("Escape");
  assert.equal(await focus(page), "cp-inbox bell");
  await page.locator("cp-avatars button").hover();
  await page.locator("cp-avatars .tooltip").waitFor();
  await toast(page, { id: "a", title: "a", duration: 600_000 });
  await page.locator("cp-toasts li").waitFor();
  assert.deepEqual(await later(loaded), LATER);
  const before = (await loaded()).length;
  await bell(page).click();
  await panel(page).waitFor();
  assert.equal((await loaded()).length, before, "and nothing twice");
  assert.deepEqual(window.alarms, []);
  await context.close();
});

test("an inbox that cannot be loaded says so, opens nothing, and tries again with the next opening", async () => {
  const { page, context } = await open({ viewport: { width: 320, height: 640 } });
  await hear(page, "cp-open", "cp-close");
  // Either of its two files may be what is missing.
  for (const file of ["inbox-panel.js", "notice.js"]) {
    cut.add(file);
    await bell(page).press("Enter");
    await until(() => page.locator("cp-inbox [role=alert]").textContent(), (text) => text.startsWith("This could not be loaded."));
    await panel(page).waitFor();
    assert.equal(await focus(page), "cp-inbox bell", "the focus stays where it was");
    assert.equal(await bell(page).evaluate(({ ariaExpanded }) => ariaExpanded), "true");
    assert.deepEqual(await findings(page), []);
    const { x, width } = await panel(page).boundingBox();
    assert.ok(x >= 0 && x + width <= 320, `from ${x} to ${x + width}`);
    await page.keyboard.press("Escape");
    await panel(page).waitFor({ state: "hidden" });
    assert.equal(await focus(page), "cp-inbox bell");
    cut.delete(file);
  }
  assert.deepEqual(await heard(page), [], "what was never there did not open or close");
  await bell(page).press("Enter");
  await page.locator("cp-inbox .empty").waitFor();
  assert.equal(await page.locator("cp-inbox [role=alert]").count(), 0);
  assert.equal(await focus(page), "cp-inbox panel");
  assert.deepEqual(await heard(page), ["cp-open"]);
  await context.close();
});

test("who closes the inbox, or goes on elsewhere, while it is being loaded is left alone", async () => {
  const { page, window, context } = await open();
  await hear(page, "cp-open", "cp-close");
  let release;
  const isAsked = new Promise((resolve) => {
    void page.route("**/client/ui/inbox-panel.js", async (route) => {
      await new Promise((go) => resolve((release = go)));
      await route.continue();
    });
  });
  await bell(page).click();
  await isAsked;
  assert.equal(await panel(page).isVisible(), false, "nothing half done is shown");
  await page.keyboard.press("Escape");
  await until(() => bell(page).evaluate(({ ariaExpanded }) => ariaExpanded), (state) => state === "false");
  await bell(page).press("Enter");
  await page.locator("#before").focus();
  release();
  await panel(page).waitFor();
  assert.equal(await focus(page), "button before");
  await until(() => heard(page), (all) => all.length > 0);
  assert.deepEqual(await heard(page), ["cp-open"]);
  await page.locator("#before").click();
  await panel(page).waitFor({ state: "hidden" });
  assert.equal(await focus(page), "button before", "closed from elsewhere, the focus stays there");
  assert.deepEqual(await heard(page), ["cp-open", "cp-close"]);
  assert.deepEqual(window.alarms, []);
  await context.close();
});

test("toasts that cannot be loaded are plain text, read out and put away by key, and whole with the next one", async () => {
  const { page, context } = await open();
  await hear(page, "cp-show", "cp-dismiss");
  cut.add("toast-list.js");
  await toast(page, { id: "a", title: "<b>first</b>", message: "said", duration: 600_000 });
  const plain = page.locator("cp-toasts .plain");
  await plain.waitFor();
  assert.equal(await plain.textContent(), "<b>first</b> said");
  assert.equal(await page.locator("cp-toasts [role=status]").textContent(), "<b>first</b> said");
  assert.deepEqual(await findings(page), []);
  await page.keyboard.press("F8");
  await page.keyboard.press("Escape");
  await plain.waitFor({ state: "hidden" });
  assert.deepEqual(await heard(page), ["cp-show", "cp-dismiss"]);
  await toast(page, { id: "b", type: "error", title: "stays" });
  await plain.waitFor();
  cut.delete("toast-list.js");
  await toast(page, { id: "c", title: "third", duration: 600_000 });
  await until(() => page.locator("cp-toasts .title").allTextContents(), (titles) => titles.join() === "third,stays");
  assert.equal(await plain.count(), 0);
  await context.close();
});

test("with the connection comes what could not be loaded without it", async () => {
  const { page, context } = await open();
  cut.add("notice.js");
  await toast(page, { id: "a", type: "error", title: "stays" });
  await page.locator("cp-toasts .plain").waitFor();
  stage.wire.cut();
  await until(() => page.evaluate(() => document.querySelector("cp-provider").client.connectionState), (state) => state === "reconnecting");
  cut.delete("notice.js");
  stage.wire.up();
  await until(() => page.locator("cp-toasts .title").allTextContents(), (titles) => titles.join() === "stays", { within: 20_000 });
  await context.close();
});

test("without tooltips there are still the names, and the next pointer that comes tries again", async () => {
  const { page, context } = await open();
  const avatar = page.locator("cp-avatars button");
  cut.add("tooltip.js");
  const isRefused = page.waitForEvent("requestfailed", (request) => request.url().endsWith("tooltip.js"));
  await avatar.hover();
  await isRefused;
  assert.equal(await avatar.evaluate(({ ariaLabel }) => ariaLabel), "Ada Lovelace (you), online");
  cut.delete("tooltip.js");
  await page.mouse.move(1, 1);
  await avatar.hover();
  const tooltip = page.locator("cp-avatars .tooltip");
  await tooltip.waitFor();
  assert.equal(await tooltip.textContent(), "Ada Lovelace (you), online");
  await page.evaluate(() => (document.querySelector("cp-avatars").labels = { you: "{name}, that's you" }));
  await until(() => tooltip.textContent(), (text) => text === "Ada Lovelace, that's you, online");
  await page.keyboard.press("Escape");
  await tooltip.waitFor({ state: "hidden" });
  await context.close();
});
