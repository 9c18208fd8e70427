/** The elements of `copresence/ui` against a real node, under its own content security policy. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { findings, Stage } from "./ui-support.mjs";

const HOSTILE = '<img src=x onerror="document.title=1">';

let stage;
before(async () => {
  stage = await Stage.start();
});
after(() => stage?.stop());

const newRoom = () => stage.newRoom();
const open = (body, options) => stage.open(body, options);

const toast = (page, notification) => page.evaluate((each) => document.querySelector("cp-provider").client.notifications.showNotification(each), notification);

test("avatars list who is here by name and status, and what is hostile in a name is text", async () => {
  const body = '<cp-avatars self max="2" follow></cp-avatars>';
  const ada = await open(body);
  const mallory = await open(body, { room: ada.room, name: `Mal ${HOSTILE}` });
  const grace = await open(body, { room: ada.room, name: "Grace Hopper" });
  const labels = () => ada.page.locator("cp-avatars button").evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel));
  await until(labels, (seen) => seen.join("|") === "Ada Lovelace (you), online|Follow Grace Hopper, online");
  assert.equal(await ada.page.locator("cp-avatars .overflow").textContent(), "+1");
  await ada.page.evaluate(() => {
    window.told = [];
    for (const name of ["cp-select", "cp-follow"]) document.addEventListener(name, ({ detail }) => window.told.push([name, Object.keys(detail)[0]]));
    document.querySelector("cp-avatars").setAttribute("max", "9");
  });
  await until(labels, (seen) => seen.includes(`Follow Mal ${HOSTILE}, online`));
  assert.equal(await ada.page.locator("cp-avatars img[src]").count(), 0);
  const button = ada.page.getByRole("button", { name: "Follow Grace Hopper, online" });
  await button.focus();
  await grace.page.evaluate(() => document.querySelector("cp-provider").client.setStatus("busy"));
  await until(labels, (seen) => seen.includes("Follow Grace Hopper, busy"));
  await ada.page.keyboard.press("Enter");
  const pressed = ada.page.getByRole("button", { name: "Follow Grace Hopper, busy", pressed: true });
  await pressed.waitFor();
  assert.deepEqual(await ada.page.evaluate(() => window.told), [["cp-select", "user"], ["cp-follow", "user"]]);
  await mallory.context.close();
  await until(labels, (seen) => !seen.some((label) => label.includes("Mal")));
  assert.deepEqual(ada.window.unexpected(), []);
  await Promise.all([ada, grace].map(({ context }) => context.close()));
});

test("the status says when the connection is lost for longer than a blip, and live again; the button asks at once", async () => {
  const { page, context, window } = await open('<cp-status id="soon" details delay="0"></cp-status><cp-status id="late" delay="60000"></cp-status>');
  const label = (id) => page.locator(`#${id} .label`).textContent();
  await until(() => label("soon"), (text) => text === "Live");
  await page.locator("#soon").getByRole("button", { name: "Connection details" }).click();
  await page.locator("#soon").getByRole("group", { name: "Connection details" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#soon .popover").waitFor({ state: "hidden" });
  stage.wire.cut();
  await until(() => label("soon"), (text) => text === "Reconnecting");
  assert.equal(await label("late"), "Live");
  stage.wire.up();
  await page.evaluate(() => document.addEventListener("cp-retry", () => (window.retried = true)));
  await page.locator("#soon").getByRole("button", { name: "Try now" }).click({ timeout: 3_000 }).catch(() => {});
  await until(() => label("soon"), (text) => text === "Live");
  await page.locator("#soon").evaluate((element) => (element.labels = { connected: "En direct" }));
  await until(() => label("soon"), (text) => text === "En direct");
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("toasts: three and how many more, read out in their own lines, by keyboard, and never as HTML", async () => {
  const { page, context, window } = await open("<button>before</button><cp-toasts></cp-toasts>");
  await page.evaluate(() => {
    window.told = [];
    for (const name of ["cp-show", "cp-dismiss", "cp-action"]) document.addEventListener(name, ({ detail }) => window.told.push(`${name} ${detail.id} ${detail.by ?? detail.action ?? ""}`.trim()));
  });
  assert.equal(await page.locator("cp-toasts [role=status]").textContent(), "", "the line is there before the first toast");
  await page.getByRole("button", { name: "before" }).focus();
  for (const id of ["a", "b", "c", "d"]) await toast(page, { id, title: `${id} ${HOSTILE}`, message: "said", duration: 600_000 });
  await toast(page, { id: "e", type: "error", title: "Broken", message: "for good", actions: [{ id: "mend", label: "Mend" }] });
  const titles = () => page.locator("cp-toasts .title").allTextContents();
  await until(titles, (seen) => seen.join("|") === `Broken|d ${HOSTILE}|c ${HOSTILE}`);
  assert.equal(await page.locator("cp-toasts .more").textContent(), "2 more");
  assert.equal(await page.locator("cp-toasts img").count(), 0);
  assert.equal(await page.locator("cp-toasts [role=status]").textContent(), `d ${HOSTILE} said`);
  assert.equal(await page.locator("cp-toasts [role=alert]").textContent(), "Broken for good");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "before", "a toast takes no focus");
  await page.keyboard.press("F8");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await until(titles, (seen) => !seen.includes("Broken"));
  await page.keyboard.press("Escape");
  await until(titles, (seen) => seen.join("|") === [`c ${HOSTILE}`, `b ${HOSTILE}`, `a ${HOSTILE}`].join("|"));
  await page.getByRole("button", { name: `Dismiss: c ${HOSTILE}` }).click();
  await until(titles, (seen) => seen.length === 2);
  const told = await page.evaluate(() => window.told);
  assert.deepEqual(told.slice(-3), ["cp-action e mend", "cp-dismiss d escape", "cp-dismiss c button"]);
  assert.equal(told.filter((each) => each.startsWith("cp-show")).length, 5);
  await toast(page, { id: "a", title: "changed", duration: 600_000 });
  await until(titles, (seen) => seen.join("|") === `b ${HOSTILE}|changed`);
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("a pointer shows where it is over the same element of another size, with a name that is text, until it is switched off", async () => {
  const body = '<cp-cursors names="always" hide-after="300"><p>what is pointed at</p></cp-cursors>';
  const ada = await open(body, { viewport: { width: 1_000, height: 600 } });
  const grace = await open(body, { room: ada.room, name: `Grace ${HOSTILE}`, viewport: { width: 500, height: 600 } });
  const box = await grace.page.locator("cp-cursors").boundingBox();
  const cursor = ada.page.locator("cp-cursors .cursor");
  const points = async (share) => {
    await grace.page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
    return cursor.evaluateAll((all) => all.map(({ style, textContent }) => [Math.round(Number.parseFloat(style.getPropertyValue("--_x"))), textContent].join(" ")));
  };
  await until(() => points(0.25), (seen) => seen.join("|") === `25 Grace ${HOSTILE}`);
  await until(() => points(0.75), (seen) => seen[0]?.startsWith("75 "));
  await until(() => cursor.evaluate(({ className }) => className), (name) => name === "cursor idle");
  assert.equal(await ada.page.locator("cp-cursors .layer[aria-hidden=true] img").count(), 0);
  assert.equal(await ada.page.locator("cp-cursors .layer[aria-hidden=true]").count(), 1);
  await ada.page.locator("cp-cursors").evaluate((element) => element.toggleAttribute("off", true));
  await until(() => cursor.count(), (count) => count === 0);
  await ada.page.locator("cp-cursors").evaluate((element) => element.toggleAttribute("off", false));
  await until(() => points(0.5), (seen) => seen[0]?.startsWith("50 "));
  await grace.page.mouse.move(1, box.y + box.height + 200);
  await until(() => cursor.count(), (count) => count === 0);
  assert.deepEqual(ada.window.unexpected(), []);
  await Promise.all([ada, grace].map(({ context }) => context.close()));
});

test("what people did comes newest first as text, older ones on demand, and one can be selected", async () => {
  const { page, context, window, room } = await open('<cp-activity limit="2"></cp-activity>');
  await page.locator("cp-activity .empty").waitFor();
  const track = (action) => page.evaluate(([name, what]) => document.querySelector("cp-provider").client.room(name).activity.track(what, "chart"), [room, action]);
  for (const action of ["opened", HOSTILE, "closed"]) await track(action);
  const items = () => page.locator("cp-activity li").evaluateAll((all) => all.map((item) => [...item.querySelectorAll("span")].map(({ textContent }) => textContent).join(" ")));
  await until(items, (seen) => seen.join("|") === `Ada Lovelace closed chart|Ada Lovelace ${HOSTILE} chart`);
  assert.equal(await page.locator("cp-activity img").count(), 0);
  await page.getByRole("button", { name: "Show older" }).click();
  await until(items, (seen) => seen.length === 3 && seen[2] === "Ada Lovelace opened chart");
  await page.getByRole("button", { name: "Show older" }).waitFor({ state: "hidden" });
  await page.evaluate(() => document.addEventListener("cp-select", ({ detail }) => (window.selected = detail.entry.action)));
  await page.getByRole("button", { name: "opened chart" }).press("Enter");
  assert.equal(await page.evaluate(() => window.selected), "opened");
  assert.deepEqual(await findings(page), []);
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("a toast's button leads to a place of this host or to http, and what only looks like that leads nowhere", async () => {
  const { page, context } = await open("<cp-toasts></cp-toasts>");
  const urls = ["javascript:document.title='owned'", "//evil.test/", "/\\evil.test/", "data:text/html,x", "evil.test", ""];
  const left = [];
  page.on("request", (request) => request.isNavigationRequest() && left.push(request.url()));
  await page.evaluate(() => {
    window.told = 0;
    document.addEventListener("cp-action", () => (window.told += 1));
  });
  for (const [at, url] of urls.entries()) {
    await toast(page, { id: `t${at}`, title: "t", actions: [{ id: "go", label: `Go ${at}`, url }] });
    await page.getByRole("button", { name: `Go ${at}` }).click();
  }
  await until(() => page.evaluate(() => window.told), (told) => told === urls.length);
  assert.equal(await page.title(), "Elements");
  await toast(page, { id: "own", title: "t", actions: [{ id: "go", label: "Go on", url: "/ui-test?on" }] });
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForURL(/on$/);
  assert.deepEqual(left.map((url) => new URL(url).pathname + new URL(url).search), ["/ui-test?on"]);
  await context.close();
});

test("a toast's clock stands still under the pointer", async () => {
  const { page, context } = await open("<cp-toasts></cp-toasts>");
  await toast(page, { id: "a", title: "brief", duration: 1_500 });
  await page.locator("cp-toasts li").hover();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(await page.locator("cp-toasts li").count(), 1);
  await page.mouse.move(1, 1);
  await until(() => page.locator("cp-toasts li").count(), (count) => count === 0);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing in ${colorScheme}, and reduced motion moves nothing`, async () => {
    const body = '<cp-status details></cp-status><cp-avatars self></cp-avatars><cp-cursors><p>board</p></cp-cursors><cp-activity></cp-activity><cp-toasts></cp-toasts>';
    const { page, context, window } = await open(body, { colorScheme, reducedMotion: "reduce" });
    await page.locator("cp-avatars button").waitFor();
    for (const type of ["info", "success", "error"]) await toast(page, { type, title: type, message: "what happened", actions: [{ id: "go", label: "Go" }] });
    await page.locator("cp-toasts li").nth(2).waitFor();
    await page.locator("cp-status").getByRole("button", { name: "Connection details" }).click();
    assert.deepEqual(await findings(page), []);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await window.picture(`elements-${colorScheme}`);
    await context.close();
  });
}

test("the page of docs/elements.md shows who is here, live, and its toast", async () => {
  const text = await readFile(new URL("../../docs/elements.md", import.meta.url), "utf8");
  const { page, context, window } = await open("", { document: /```html\n(.*?)```/s.exec(text)[1] });
  await until(() => page.locator("cp-status .label").textContent(), (label) => label === "Live");
  await page.locator("cp-avatars button").first().waitFor();
  await toast(page, { title: "Saved" });
  await page.locator("cp-toasts .title").waitFor();
  assert.deepEqual(await findings(page), []);
  assert.deepEqual(window.unexpected(), []);
  await context.close();
});

test("right to left, toasts come from the other side", async () => {
  const { page, context } = await open("<cp-toasts></cp-toasts>", { html: 'dir="rtl"' });
  await toast(page, { title: "שלום", duration: 600_000 });
  const box = await page.locator("cp-toasts li").boundingBox();
  assert.ok(box.x < 100, `at ${box.x}`);
  await context.close();
});

test("the provider's theme goes over the system's, and who leaves the page takes connection and room along", async () => {
  const { page, context } = await open('<cp-avatars self></cp-avatars>', { attributes: 'theme="dark"', colorScheme: "light" });
  await page.locator("cp-avatars button").waitFor();
  assert.equal(await page.locator("cp-avatars").evaluate((element) => getComputedStyle(element).color), "rgb(236, 238, 242)");
  const state = await page.evaluate(async () => {
    const provider = document.querySelector("cp-provider");
    const { client } = provider;
    provider.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return client.connectionState;
  });
  assert.equal(state, "disconnected");
  await context.close();
});
