/** How the page looks and is used: narrow and wide, light and dark, by keyboard, before and without the server. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faintTexts } from "./contrast.mjs";
import { launch, Server, until, Window } from "./support.mjs";

let server;
let browser;
let room = 0;

before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Two people who talk, point and pick, so that a picture shows all there is. */
async function scene(options) {
  room += 1;
  const context = await browser.newContext(options);
  const open = (person) => Window.open(context, `${server.url}/?room=test:${room}&person=${person}`);
  const [ada, grace] = [await open(1), await open(2)];
  await ada.rename("Ada Lovelace");
  await grace.rename("Grace Hopper");
  for (const window of [ada, grace]) {
    const isThere = (seen) => seen.map(({ name }) => name).sort().join() === "Ada Lovelace,Grace Hopper";
    await until(() => window.members(), isThere);
  }
  await ada.say("Did you see the orders of this morning?");
  await until(() => grace.messages(), (seen) => seen.length === 1);
  await grace.say("I am looking at them now. Twice as many as yesterday!");
  await until(() => ada.messages(), (seen) => seen.length === 2);
  await ada.page.click("[data-tile=revenue]");
  await grace.page.click("[data-tile=orders]");
  await grace.point(0.62, 0.44);
  await until(() => ada.cursors(), (cursors) => cursors.length === 1);
  await until(() => ada.page.textContent("[data-tile=orders] .tile-people"), (text) => text === "Grace Hopper");
  await ada.page.mouse.move(2, 2);
  return { context, ada, grace };
}

for (const colorScheme of ["light", "dark"]) {
  test(`${colorScheme} is drawn, and all text in it can be read`, async () => {
    const { context, ada } = await scene({ colorScheme, viewport: { width: 1280, height: 800 } });
    assert.equal(await ada.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "light dark");
    const [red] = await ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.equal(red > 128, colorScheme === "light");
    assert.deepEqual(await ada.page.evaluate(faintTexts), []);
    assert.ok(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await ada.picture(colorScheme);
    assert.deepEqual(ada.alarms, []);
    await context.close();
  });
}

test("the other scheme is chosen by hand and kept", async () => {
  const context = await browser.newContext({ colorScheme: "light" });
  const ada = await Window.open(context, `${server.url}/?room=test:scheme`);
  await ada.page.click("#scheme");
  const scheme = () => ada.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  assert.equal(await scheme(), "dark");
  await ada.page.reload();
  assert.equal(await scheme(), "dark");
  assert.equal(await ada.page.getAttribute("#scheme", "aria-label"), "Switch to light colours");
  await context.close();
});

test("at 320 pixels nothing sticks out, whatever people are called and say", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const { context, ada, grace } = await scene({ colorScheme, viewport: { width: 320, height: 640 }, hasTouch: true });
    const widths = () => ada.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    const fits = ([page, window]) => page <= window;
    assert.ok(fits(await widths()));
    await ada.picture(`narrow-${colorScheme}`);
    await grace.rename("W".repeat(40));
    await grace.say("https://example.org/".padEnd(400, "x"));
    await until(() => ada.messages(), (seen) => seen.length === 3);
    await until(() => ada.members(), (seen) => seen.some(({ name }) => name.startsWith("WWW")));
    assert.ok(fits(await widths()));
    await ada.rename("M".repeat(40));
    await until(() => ada.members(), (seen) => seen.some(({ name }) => name.startsWith("MMM")));
    assert.ok(fits(await widths()));
    const small = await ada.page.locator("button:visible, a:visible, input:visible").evaluateAll((nodes) => {
      return nodes.filter((node) => !node.closest(".skip, .empty") && node.getBoundingClientRect().height < 44).map((node) => node.id);
    });
    assert.deepEqual(small, [], "a finger hits what it aims at");
    await ada.picture(`narrow-long-${colorScheme}`);
    await context.close();
  }
});

test("the whole page is used by keyboard, and its parts have names", async () => {
  const context = await browser.newContext();
  const ada = await Window.open(context, `${server.url}/?room=test:keys`);
  const order = [];
  for (let press = 0; press < 23; press += 1) {
    await ada.page.keyboard.press("Tab");
    order.push(await ada.page.evaluate(() => document.activeElement.id || document.activeElement.dataset.tile || document.activeElement.className));
  }
  const expected = ["skip", "me-name", "second", "notify-me", "bell", "scheme", "revenue", "step", "step", "orders", "step", "step", "customers", "step", "step", "approvals", "step", "step", "activity-scroll", "alone-second", "feed-scroll", "say-text", "say-send"];
  assert.deepEqual(order, expected);
  await ada.page.focus("[data-tile=customers]");
  await ada.page.keyboard.press("Space");
  assert.equal(await ada.page.getAttribute("[data-tile=customers]", "aria-pressed"), "true");
  assert.equal(await ada.page.locator("h1").count(), 1);
  for (const landmark of ["banner", "main", "contentinfo"]) assert.equal(await ada.page.getByRole(landmark).count(), 1);
  for (const region of ["Board", "Activity", "Here now", "Messages"]) {
    assert.equal(await ada.page.getByRole("region", { name: region, exact: true }).count(), 1);
  }
  const nameless = await ada.page.locator("button, a, input").evaluateAll((nodes) => {
    const name = (node) => node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.[0]?.textContent;
    return nodes.filter((node) => !name(node)).map((node) => node.outerHTML);
  });
  assert.deepEqual(nameless, []);
  await context.close();
});

test("without a server to reach, the page says so and waits for it", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.routeWebSocket("**/v1/ws", (socket) => socket.close({ code: 1012 }));
  const window = new Window(await context.newPage(), server.url);
  await window.page.goto(`${server.url}/?room=test:away`);
  await until(() => window.pill(), ({ text }) => /Reconnecting/.test(text) && /server restarts/.test(text));
  assert.ok(await window.page.locator("#members .skeleton").count() > 0);
  assert.deepEqual(await window.page.evaluate(faintTexts), []);
  await window.picture("reconnecting");
  await window.page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await window.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const { height } = await until(() => window.page.locator("#pill").boundingBox());
  assert.ok(height < 120, `the reason takes ${height} pixels`);
  await window.picture("reconnecting-narrow");
  await context.close();
});

test("an end for good is told in words, and a click begins anew", async () => {
  const context = await browser.newContext();
  let isRefused = true;
  await context.routeWebSocket("**/v1/ws", (socket) => {
    if (isRefused) socket.close({ code: 4409 });
    else socket.connectToServer();
  });
  const window = new Window(await context.newPage(), server.url);
  await window.page.goto(`${server.url}/?room=test:ended`);
  await until(() => window.pill(), ({ text }) => /Failed.*another tab or window/s.test(text));
  isRefused = false;
  await window.page.click("#pill-retry");
  await window.live();
  await context.close();
});

test("without JavaScript the page says what is missing and pretends nothing", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.url);
  assert.ok(await page.isVisible(".no-script"));
  assert.equal(await page.isVisible("main"), false);
  assert.equal(await page.isVisible("#pill"), false);
  await context.close();
});

test("who wants less motion gets none", async () => {
  const { context, ada } = await scene({ reducedMotion: "reduce" });
  const duration = await ada.page.locator("#cursors .cursor").evaluate((node) => getComputedStyle(node).transitionProperty);
  assert.equal(duration, "none");
  await context.close();
});
