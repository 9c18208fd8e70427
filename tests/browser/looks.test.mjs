/** How the page looks and is used: narrow and wide, light and dark, by keyboard, before and without the server. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { faintTexts } from "./contrast.mjs";
import { findings, provide, until, Window } from "./support.mjs";

const WIDE = { width: 1400, height: 900 };

let server;
let browser;
let serial = 0;
provide((given) => ({ server, browser } = given));

/** Two people with numbers that moved, who point and pick, so that a picture shows all there is. */
async function scene(options) {
  serial += 1;
  const room = `test:looks-${serial}`;
  for (let n = 0; n < 12; n += 1) {
    await server.set(room, { revenue: 1_262_000 + n * 1_900 + (n % 3) * 2_400, orders: 4_790 + n * 2, conversion: 3.4 + (n % 4) / 10, approvals: 7, target: 1_300_000 });
  }
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const open = (person) => Window.open(context, `${server.url}/?room=${room}&person=${person}`);
  const [ada, bob] = [await open(1), await open(2)];
  await ada.rename("Ada Lovelace");
  await bob.rename("Barbara Liskov");
  for (const window of [ada, bob]) {
    await until(() => window.people(), (all) => ["Ada", "Barbara"].every((name) => all.some((each) => each.startsWith(name))));
  }
  await ada.pick("revenue");
  await bob.pick("orders");
  await bob.page.click("#approve");
  await bob.point(0.4, 0.6);
  await server.feed(room, 1, 12);
  await until(() => ada.cursors(), (cursors) => cursors.length === 1);
  await until(() => ada.watchers("orders"), (text) => text === "Barbara Liskov");
  await until(() => ada.activity(), (all) => all.length === 1);
  await until(() => ada.proof(), ({ received }) => received === "12");
  await until(() => ada.page.locator("#chart canvas").count());
  await ada.page.mouse.move(2, 2);
  return { context, ada, bob, room };
}

/** @param {Window} window */
async function assertFits({ page }) {
  const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= inner, `${width} px in a window of ${inner}`);
}

/** Waits until nothing moves any more. @param {Window} window */
const still = ({ page }) => page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {}))));

for (const colorScheme of ["light", "dark"]) {
  test(`${colorScheme}: every state is drawn, fits, can be read, and axe finds nothing`, async () => {
    const { context, ada, bob, room } = await scene({ colorScheme });
    assert.equal(await ada.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "light dark");
    const [red] = await ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.equal(red > 128, colorScheme === "light");
    const check = async (name) => {
      await still(ada);
      await ada.picture(`${name}-${colorScheme}`, false);
      await assertFits(ada);
      assert.deepEqual(await ada.page.evaluate(faintTexts), []);
      assert.deepEqual(await findings(ada.page), []);
    };
    await check("live");
    await ada.page.click("#code-toggle");
    await ada.page.click("#chart-table");
    await ada.page.hover("[data-tile=approvals]");
    await ada.page.mouse.wheel(0, 2_000);
    await check("code-and-table");
    await ada.page.click("#code-toggle");
    await ada.page.click("#chart-table");
    await ada.page.click("#settings-open");
    await check("settings");
    await ada.page.keyboard.press("Escape");
    await ada.page.click("#offline");
    await until(() => ada.pill(), ({ text }) => text === "Offline");
    await ada.page.click("#approve");
    await until(() => ada.proof(), ({ queue }) => queue === "2");
    await server.feed(room, 13, 20);
    await check("offline");
    await ada.page.click("#offline");
    await until(() => ada.proof(), ({ gap }) => / 8 recovered, 0 lost/.test(gap));
    await check("healed");
    await ada.page.click("#realtime");
    await until(() => ada.pill(), ({ text }) => text === "Polling");
    await check("polling");
    assert.deepEqual([ada.alarms, bob.alarms], [[], []]);
    await context.close();
  });

  test(`${colorScheme}: split in two, both halves live`, async () => {
    const { context, ada } = await scene({ colorScheme });
    await ada.page.click("#split");
    const frame = ada.page.frameLocator("#other-half iframe");
    await until(() => frame.locator("[data-tile=revenue] .tile-people").textContent(), (name) => name === "Ada Lovelace");
    await until(() => frame.locator("#chart canvas").count());
    await still(ada);
    await assertFits(ada);
    await ada.picture(`split-${colorScheme}`, false);
    assert.deepEqual(ada.alarms, []);
    await context.close();
  });

  test(`${colorScheme} and 320 pixels: nothing sticks out, whatever people are called, and a finger hits what it aims at`, async () => {
    const { context, ada, bob } = await scene({ colorScheme, viewport: { width: 320, height: 640 }, hasTouch: true });
    await assertFits(ada);
    assert.deepEqual(await findings(ada.page), []);
    await ada.picture(`narrow-${colorScheme}`);
    await bob.rename("W".repeat(40));
    await until(() => ada.watchers("orders"), (name) => name.startsWith("WWW"));
    await bob.page.focus("#target");
    await bob.page.keyboard.press("ArrowRight");
    await until(() => ada.page.textContent("#target-editing"), (text) => text.startsWith("WWW"));
    await ada.rename("M".repeat(40));
    await until(() => ada.people(), (all) => all.some((name) => name.startsWith("MMM")));
    await assertFits(ada);
    await ada.picture(`narrow-long-${colorScheme}`);
    const small = await ada.page.locator("button:visible, a:visible, input:visible").evaluateAll((nodes) => {
      const isOwn = (node) => node.getRootNode() === document && !node.closest(".skip");
      // The whole tile is the button's, by what lies over it.
      return nodes.filter((node) => isOwn(node) && !node.matches(".tile-pick") && node.getBoundingClientRect().height < 44).map((node) => node.id || node.outerHTML);
    });
    assert.deepEqual(small, []);
    await ada.page.click("#activity-open");
    assert.ok(await ada.page.isVisible("cp-activity li"));
    assert.equal(await ada.page.evaluate(() => document.activeElement.id), "activity-close");
    const sheet = await ada.page.locator("#activity").boundingBox();
    assert.deepEqual([sheet.x, sheet.width, Math.round(sheet.y + sheet.height)], [0, 320, 640], "from the lower edge of the window");
    await ada.picture(`sheet-${colorScheme}`, false);
    await ada.page.keyboard.press("Escape");
    assert.equal(await ada.page.evaluate(() => document.activeElement.id), "activity-open");
    await context.close();
  });
}

test("in forced colours everything has an outline, and axe finds nothing", async () => {
  const { context, ada } = await scene({ forcedColors: "active" });
  assert.deepEqual(await findings(ada.page), []);
  assert.notEqual(await ada.page.locator("[data-tile=orders]").evaluate((tile) => getComputedStyle(tile).outlineStyle), "none");
  await ada.picture("forced-colors");
  await context.close();
});

test("at 200 percent the page is one of half the width, and fits", async () => {
  const { context, ada } = await scene({ viewport: { width: 700, height: 450 }, deviceScaleFactor: 2 });
  await assertFits(ada);
  assert.deepEqual(await findings(ada.page), []);
  await ada.picture("zoomed");
  await context.close();
});

/** How long a first visit takes to show, and how much it jumps. In the robot's own room, where numbers and a pointer move. */
async function firstVisit() {
  const context = await browser.newContext({ viewport: WIDE });
  await context.addInitScript(() => {
    globalThis.seen = { lcp: 0, cls: 0, jumps: [] };
    new PerformanceObserver((list) => {
      for (const { startTime } of list.getEntries()) globalThis.seen.lcp = startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        if (hadRecentInput) continue;
        globalThis.seen.cls += value;
        globalThis.seen.jumps.push(...sources.map(({ node }) => node?.id || node?.className || node?.nodeName));
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  const ada = await Window.open(context, server.url);
  await until(() => ada.value("revenue"), (text) => text.startsWith("€ "));
  await until(() => ada.page.locator("#chart canvas").count());
  await until(() => ada.proof(), ({ received }) => Number(received) >= 8);
  const seen = await until(() => ada.page.evaluate(() => globalThis.seen), ({ lcp }) => lcp > 0);
  await context.close();
  return seen;
}

test("the page is there quickly and does not jump while it fills", async () => {
  // What else this machine does makes a visit slower, never quicker.
  const visits = [await firstVisit(), await firstVisit(), await firstVisit()];
  for (const { cls, jumps } of visits) assert.ok(cls < 0.05, `${cls}: ${jumps.join()}`);
  const quickest = Math.min(...visits.map(({ lcp }) => lcp));
  assert.ok(quickest < 1_500, `${quickest} ms`);
});

test("the other scheme is chosen by hand and kept, and the chart follows", async () => {
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

/** What has the focus, through shadows, as somebody would call it. */
const focused = ({ page }) => page.evaluate(() => {
  let at = document.activeElement;
  const host = at.tagName.includes("-") ? at.tagName.toLowerCase() : "";
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return host || at.id || at.dataset.minutes || at.closest("[data-tile]")?.dataset.tile || at.className || at.tagName;
});

test("the whole page is used by keyboard, in the order in which it is read, and its parts have names", async () => {
  await server.set("test:keys", { revenue: 1_000_000, orders: 12, conversion: 3.4, approvals: 7, target: 1_100_000 });
  const context = await browser.newContext({ viewport: WIDE });
  const ada = await Window.open(context, `${server.url}/?room=test:keys`);
  await until(() => ada.value("orders"), (text) => text === "12");
  await until(() => ada.people(), (all) => all.length === 1);
  const order = [];
  for (let press = 0; press < 60 && order.at(-1) !== "BODY"; press += 1) {
    await ada.page.keyboard.press("Tab");
    const now = await focused(ada);
    if (now !== order.at(-1)) order.push(now);
  }
  assert.deepEqual(order.slice(0, order.indexOf("code-toggle") + 1), [
    "skip", "cp-status", "cp-avatars", "me-name", "cp-inbox", "settings-open", "scheme", "revenue", "orders", "conversion", "approvals", "approve",
    "1", "5", "15", "chart-table", "target", "second", "split", "notify", "offline", "lag", "realtime", "code-toggle",
  ]);
  await ada.page.focus("[data-tile=conversion] .tile-pick");
  await ada.page.keyboard.press("Space");
  assert.equal(await ada.page.getAttribute("[data-tile=conversion] .tile-pick", "aria-pressed"), "true");
  await ada.page.focus("#notify");
  await ada.page.keyboard.press("Enter");
  await ada.page.keyboard.press("Tab");
  await ada.page.keyboard.press("Escape");
  assert.equal(await focused(ada), "notify");
  assert.equal(await ada.page.isVisible("#notify-menu"), false);
  await ada.page.focus("#settings-open");
  await ada.page.keyboard.press("Enter");
  assert.equal(await ada.page.getAttribute("#settings", "open"), "");
  await ada.page.keyboard.press("Escape");
  assert.equal(await focused(ada), "settings-open");
  await ada.page.focus("#chart-table");
  await ada.page.keyboard.press("Enter");
  assert.ok(await ada.page.locator("#chart-body tr").count() > 0);
  assert.equal(await ada.page.locator("h1").count(), 1);
  for (const landmark of ["banner", "main", "contentinfo"]) assert.equal(await ada.page.getByRole(landmark).count(), 1);
  for (const region of ["Key figures", "Activity", "Try"]) assert.equal(await ada.page.getByRole("region", { name: region, exact: true }).count(), 1);
  assert.deepEqual(ada.alarms, []);
  await context.close();
});

test("before the server answers there are skeletons of the right size, and the page says what it waits for", async () => {
  const context = await browser.newContext({ viewport: WIDE });
  let isAway = true;
  await context.routeWebSocket("**/v1/ws", (socket) => (isAway ? socket.close({ code: 1012 }) : socket.connectToServer()));
  const window = new Window(await context.newPage(), server.url);
  await server.set("test:away", { revenue: 1_000_000, orders: 12, conversion: 3.4, approvals: 7 });
  await window.page.goto(`${server.url}/?room=test:away`);
  await until(() => window.pill(), ({ text, isBusy }) => text === "Reconnecting" && isBusy === "true");
  await window.page.locator("cp-status button").first().click();
  await until(() => window.page.locator("cp-status .popover").textContent(), (text) => text.includes("the connection was lost"));
  await window.page.keyboard.press("Escape");
  assert.deepEqual(await window.page.evaluate(faintTexts), []);
  assert.deepEqual(await findings(window.page), []);
  await window.picture("loading", false);
  // The page's own; elements have cards as well.
  const boxes = () => window.page.evaluate(() => [...document.querySelectorAll(".tile, .card")].map((each) => each.getBoundingClientRect().toJSON()));
  const before = await boxes();
  isAway = false;
  await window.page.getByRole("button", { name: "Try now" }).click();
  await window.live();
  await until(() => window.value("orders"), (text) => text === "12");
  assert.deepEqual(await boxes(), before);
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
  await until(() => window.pill(), ({ text }) => text === "Failed");
  await until(() => window.page.textContent("#problem"), (text) => text === "The connection ended: another window took this session up.");
  await window.picture("failed", false);
  isRefused = false;
  await window.page.getByRole("button", { name: "Try now" }).click();
  await window.live();
  await until(() => window.page.textContent("#problem"), (text) => text === "");
  await context.close();
});

test("without JavaScript the page says what is missing and pretends nothing", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.url);
  assert.ok(await page.isVisible(".no-script"));
  for (const part of ["main", "header", "footer"]) assert.equal(await page.isVisible(part), false);
  await context.close();
});

test("who wants less motion gets none", async () => {
  const { context, ada, room } = await scene({ reducedMotion: "reduce" });
  await server.set(room, { orders: 5_000 });
  await until(() => ada.value("orders"), (text) => text === "5,000");
  assert.equal(await ada.page.locator("[data-tile=orders] .tile-value").evaluate((node) => getComputedStyle(node).animationName), "none");
  assert.equal(await ada.page.locator("#cursors .cursor").evaluate((node) => getComputedStyle(node).transitionProperty), "none");
  await context.close();
});
