/** How all elements look together: both schemes, wide, narrow, twice as big, right to left, forced colours. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { findings, Stage, toast } from "./ui-support.mjs";

const BODY = `<cp-status details></cp-status> <cp-avatars self follow></cp-avatars> <cp-inbox></cp-inbox>
  <cp-cursors names="always"><p>What is pointed at</p></cp-cursors><cp-activity group></cp-activity><cp-toasts></cp-toasts>`;

let stage;

before(async () => {
  stage = await Stage.begin();
});
after(() => stage?.end());

/** Two people, a pointer, activity, an inbox with one of each, and toasts. */
async function scene(options) {
  const ada = await stage.open(BODY, options);
  const grace = await stage.open(BODY, { room: ada.room, name: "Grace Hopper", viewport: { width: 600, height: 800 } });
  const { page, window } = ada;
  for (const action of ["opened", "opened", "closed"]) await page.evaluate(([room, what]) => document.querySelector("cp-provider").client.room(room).activity.track(what, "the revenue chart"), [ada.room, action]);
  await stage.notify(window, { title: "Grace Hopper joined the team", topic: "people" });
  await stage.notify(window, { title: "The report of this week is ready", level: "success", message: "It took four minutes." });
  await stage.notify(window, { title: "Revenue is down", level: "warning", message: "By a third since this morning, and still falling.", room: "dashboard:sales", actions: [{ id: "open", label: "Open the board" }] });
  await stage.notify(window, { title: "The pump stands still", level: "error", critical: true, message: "Cellar 3, since 06:50. Somebody has to go there." });
  await stage.notify(window, { title: `https://example.org/${"x".repeat(120)}`, message: "y".repeat(200) });
  await toast(page, { title: "Saved", type: "success", duration: 600_000 });
  await until(() => page.locator("cp-inbox .badge").textContent(), (text) => text === "5");
  await until(() => page.locator("cp-avatars .avatar").count(), (count) => count === 2);
  const box = await grace.page.locator("cp-cursors").boundingBox();
  await until(async () => {
    await grace.page.mouse.move(box.x + box.width * (0.3 + Math.random() / 100), box.y + 8);
    return page.locator("cp-cursors .cursor").count();
  });
  return { ...ada, grace };
}

/** Nothing sticks out, no text is too faint, and axe has nothing to say. @param {string} name of the picture */
async function check({ page, window }, name) {
  const out = await page.evaluate(() => [...document.querySelectorAll("main *")].flatMap((host) => [...(host.shadowRoot?.querySelectorAll("*") ?? [])]).filter((node) => {
    const { left, right, width } = node.getBoundingClientRect();
    return width > 1 && node.checkVisibility({ visibilityProperty: true }) && !node.closest(".layer") && (left < -1 || right > innerWidth + 1);
  }).map((node) => `${node.localName}.${node.className}`));
  assert.deepEqual(out, [], `${name} sticks out`);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} scrolls sideways`);
  await window.picture(name, false);
  assert.deepEqual(await findings(page), [], name);
}

const NARROW = { width: 320, height: 640 };
const VIEWS = {
  light: { colorScheme: "light" }, dark: { colorScheme: "dark" },
  "narrow-light": { colorScheme: "light", viewport: NARROW, hasTouch: true, isMobile: true }, "narrow-dark": { colorScheme: "dark", viewport: NARROW, hasTouch: true, isMobile: true },
  // 200 % zoom of 1280 pixels is half of them, each of which is two.
  zoomed: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
  rtl: { html: 'dir="rtl"' }, forced: { forcedColors: "active", colorScheme: "dark" },
};
for (const [name, options] of Object.entries(VIEWS)) {
  test(`${name}: everything fits, can be read, and axe finds nothing, with the panels closed and open`, async () => {
    const opened = await scene({ viewport: { width: 1280, height: 800 }, ...options });
    const { page, context, window, grace } = opened;
    await page.locator("cp-status").getByRole("button", { name: "Connection details" }).click();
    await check(opened, `elements-${name}`);
    await page.keyboard.press("Escape");
    await page.locator("cp-avatars .avatar").first().focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    await page.locator("cp-avatars .tooltip:visible").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("cp-avatars .tooltip:visible").waitFor({ state: "hidden" });
    await page.locator("cp-inbox .bell").click();
    await until(() => page.locator("cp-inbox .item").count(), (count) => count === 6);
    await page.locator("cp-inbox .open").nth(3).click();
    await until(() => page.locator("cp-inbox .unread").count(), (count) => count === 5);
    await page.locator("cp-inbox .item").nth(2).hover();
    await check(opened, `inbox-${name}`);
    assert.deepEqual(window.unexpected(), []);
    await Promise.all([context.close(), grace.context.close()]);
  });
}

test("on a narrow screen the inbox is a sheet from below, and everything is big enough for a finger", async () => {
  const { page, context, grace } = await scene({ viewport: NARROW, hasTouch: true, isMobile: true });
  await page.locator("cp-inbox .bell").click();
  await page.locator("cp-inbox .item").first().waitFor();
  const { x, y, width, height } = await page.locator("cp-inbox .panel").boundingBox();
  assert.deepEqual([x, width, Math.round(y + height)], [0, 320, 640]);
  const small = await page.evaluate(() => [...document.querySelectorAll("main *")].flatMap((host) => [...(host.shadowRoot?.querySelectorAll("button") ?? [])])
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 43.9).map((node) => node.outerHTML));
  assert.deepEqual(small, []);
  await Promise.all([context.close(), grace.context.close()]);
});

test("an avatar's and a label's ink reads on every colour", async () => {
  const { page, context } = await stage.open("<cp-avatars self></cp-avatars>");
  await page.locator("cp-avatars .avatar").waitFor();
  const worst = await page.evaluate(() => {
    const avatar = document.querySelector("cp-avatars").shadowRoot.querySelector(".avatar");
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const luminance = (color) => {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let least = 21;
    for (let at = 0; at < 4_096; at += 5) {
      avatar.style.setProperty("--_color", `#${at.toString(16).padStart(3, "0")}`);
      const { color, backgroundColor } = getComputedStyle(avatar);
      const [light, dark] = [luminance(color), luminance(backgroundColor)].sort((a, b) => b - a);
      least = Math.min(least, (light + 0.05) / (dark + 0.05));
    }
    return least;
  });
  assert.ok(worst >= 4.5, `${worst}`);
  await context.close();
});
