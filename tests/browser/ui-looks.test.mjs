/** That everybody can use the elements: in both schemes, narrow, large, right to left, without motion, in forced colours. */

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { findings, Stage } from "./ui-support.mjs";

const ARTIFACTS = new URL("artifacts/", import.meta.url).pathname;
const BODY = `<div id="row"><cp-status details></cp-status><cp-avatars self></cp-avatars><cp-inbox></cp-inbox></div>
  <cp-cursors names="always"><p id="board">what is pointed at</p></cp-cursors><cp-activity group></cp-activity><cp-toasts></cp-toasts>`;
const TYPES = ["info", "success", "warning", "error"];

let stage;
before(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  stage = await Stage.start();
});
after(() => stage?.stop());

/** A page in which each element shows all that it has. */
async function full(options) {
  const ada = await stage.open(BODY, options);
  const grace = await stage.open(BODY, { room: ada.room, name: "Grace Hopper" });
  const { page, room } = ada;
  await page.evaluate(() => {
    document.querySelector("#row").style.cssText = "display: flex; flex-wrap: wrap; gap: 8px; align-items: center";
    document.querySelector("#board").style.height = "100px";
    // What looks for contrast takes a page without a colour for a white one.
    document.documentElement.style.cssText = "background: Canvas; font-family: system-ui";
  });
  await until(() => page.locator("cp-avatars button").count(), (count) => count === 2);
  const me = (each) => each.page.evaluate(() => document.querySelector("cp-provider").client.user.id);
  for (const type of TYPES.slice(1)) await stage.server.notify(await me(ada), { title: `A ${type}`, message: "what happened", level: type, duration: null, critical: type === "error" });
  await page.evaluate(async (name) => {
    const room = document.querySelector("cp-provider").client.room(name);
    for (const action of ["opened", "opened", "saved"]) await room.activity.track(action, "chart");
  }, room);
  await until(() => page.locator("cp-toasts li").count(), (count) => count === 3);
  await page.evaluate(() => document.querySelector("cp-provider").client.notifications.showNotification({ title: "Brief", message: "with an action", duration: 600_000, actions: [{ id: "go", label: "Look" }] }));
  await until(() => page.locator("cp-activity li").count(), (count) => count === 2);
  await page.locator("cp-toasts .progress").waitFor({ state: "attached" });
  const box = await grace.page.locator("cp-cursors").boundingBox();
  let at = 0;
  const point = () => grace.page.mouse.move(box.x + box.width * (0.3 + 0.05 * ((at += 1) % 9)), box.y + box.height / 2);
  await until(async () => {
    await point();
    return page.locator("cp-cursors .cursor").count();
  }, (count) => count === 1);
  return { ...ada, point, close: () => Promise.all([ada.context.close(), grace.context.close()]) };
}

/** What sticks out of the window at its sides. */
const sticksOut = (page) => page.evaluate(() => {
  const out = document.documentElement.scrollWidth > innerWidth ? ["page"] : [];
  for (const host of document.querySelectorAll("cp-status, cp-avatars, cp-inbox, cp-activity, cp-toasts")) {
    for (const each of host.shadowRoot.querySelectorAll("*:not(.sr)")) {
      const { left, right, width } = each.getBoundingClientRect();
      const { visibility } = getComputedStyle(each);
      if (width > 0 && visibility === "visible" && (left < -0.5 || right > innerWidth + 0.5)) out.push(`${host.localName} ${each.className || each.localName} ${left} ${right}`);
    }
  }
  return out;
});

for (const colorScheme of ["light", "dark"]) {
  test(`all elements in ${colorScheme}: axe, 320 pixels, twice the size, right to left, forced colours`, async () => {
    const { page, close } = await full({ colorScheme, viewport: { width: 900, height: 640 } });
    await page.locator("cp-status").getByRole("button", { name: "Connection details" }).click();
    await page.locator("cp-avatars button").first().hover();
    await page.locator("cp-avatars .tooltip").first().waitFor({ state: "visible" });
    assert.deepEqual(await findings(page), []);
    await page.screenshot({ path: `${ARTIFACTS}/all-${colorScheme}.png` });
    await page.keyboard.press("Escape");
    await page.locator("cp-avatars .tooltip").first().waitFor({ state: "hidden" });
    await page.mouse.move(1, 1);
    // What 1280 CSS pixels are at 400 %, and what 900 are at 200 %, which is what zoom is for a page.
    for (const [name, width, height] of [["320", 320, 640], ["zoom", 450, 320]]) {
      await page.setViewportSize({ width, height });
      assert.deepEqual(await sticksOut(page), [], name);
      assert.deepEqual(await findings(page), [], name);
      await page.screenshot({ path: `${ARTIFACTS}/all-${colorScheme}-${name}.png` });
    }
    await page.evaluate(() => (document.documentElement.dir = "rtl"));
    await page.setViewportSize({ width: 900, height: 640 });
    assert.deepEqual(await sticksOut(page), [], "right to left");
    // What others write goes its own way, from the side where the page begins.
    const [title, button] = await Promise.all([".title", ".close"].map((part) => page.locator(`cp-toasts ${part}`).first().boundingBox()));
    assert.ok(title.x + title.width > button.x + 200, `the title ends at ${title.x + title.width}, beside ${button.x}`);
    const toast = await page.locator("cp-toasts li").first().boundingBox();
    assert.ok(toast.x < 100, `right to left, toasts are at ${toast.x}`);
    assert.equal(await page.locator("cp-toasts .progress").first().evaluate((bar) => getComputedStyle(bar).transformOrigin.startsWith("0px")), false);
    await page.emulateMedia({ forcedColors: "active", colorScheme });
    const drawn = await page.evaluate(() => [["cp-status", ".dot"], ["cp-inbox", ".bell", "::before"], ["cp-cursors", ".cursor", "::before"]].map(([host, part, pseudo]) => {
      const canvas = document.createElement("p");
      canvas.style.color = "Canvas";
      document.body.append(canvas);
      const { backgroundColor } = getComputedStyle(document.querySelector(host).shadowRoot.querySelector(part), pseudo);
      const isSeen = backgroundColor !== getComputedStyle(canvas).color && backgroundColor !== "rgba(0, 0, 0, 0)";
      canvas.remove();
      return isSeen ? "" : `${host} ${part} is ${backgroundColor}`;
    }));
    assert.deepEqual(drawn.filter(Boolean), []);
    await page.screenshot({ path: `${ARTIFACTS}/all-${colorScheme}-forced.png` });
    await close();
  });
}

test("who wants less motion gets none, and no bar", async () => {
  const { page, close } = await full({ reducedMotion: "reduce" });
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  assert.equal(await page.locator("cp-toasts .progress").first().isVisible(), false);
  await close();
});

test("the bar of a toast takes its time, times the scale, and stands still while somebody looks; 0 lets it stay", async () => {
  const { page, context } = await stage.open('<cp-toasts duration-scale="2"></cp-toasts>');
  const show = (id, more) => page.evaluate(([each, rest]) => document.querySelector("cp-provider").client.notifications.showNotification({ id: each, title: each, ...rest }), [id, more]);
  const bar = page.locator("cp-toasts .progress");
  const look = (name) => bar.first().evaluate((each, property) => getComputedStyle(each)[property], name);
  // The page's clock runs between the toast and its bar.
  await show("a", { duration: 300_000 });
  const duration = Number.parseFloat(await look("animationDuration"));
  assert.ok(duration > 590 && duration <= 600, `${duration} s`);
  assert.equal(await look("animationPlayState"), "running");
  await page.locator("cp-toasts li").hover();
  await until(() => look("animationPlayState"), (state) => state === "paused");
  await page.mouse.move(1, 1);
  await until(() => look("animationPlayState"), (state) => state === "running");
  await show("b", { type: "error" });
  await until(() => page.locator("cp-toasts li").count(), (count) => count === 2);
  assert.equal(await bar.count(), 1, "what stays has none");
  await page.evaluate(() => document.querySelector("cp-toasts").setAttribute("duration-scale", "0"));
  await until(() => page.evaluate(() => document.querySelector("cp-provider").client.notifications.durationScale), (scale) => scale === Infinity);
  await show("c", { duration: 1 });
  await until(() => page.locator("cp-toasts li").count(), (count) => count === 3);
  assert.equal(await page.evaluate(() => document.querySelector("cp-provider").client.notifications.timeLeft("c")), Infinity);
  await context.close();
});

test("activity shows the kinds that are asked for, and several in a row by one person as one line", async () => {
  const { page, room, context } = await stage.open('<cp-activity group></cp-activity>');
  const track = (...all) => page.evaluate(async ([name, actions]) => {
    for (const action of actions) await document.querySelector("cp-provider").client.room(name).activity.track(action, "chart");
  }, [room, all]);
  const lines = () => page.locator("cp-activity li").evaluateAll((all) => all.map((item) => item.querySelectorAll("span")[1].textContent));
  await track("opened", "saved", "saved", "opened");
  await until(lines, (seen) => seen.join() === "opened chart,saved × 2,opened chart");
  const first = await page.locator("cp-activity li").first().elementHandle();
  await page.locator("cp-activity button").first().focus();
  await track("opened");
  await until(lines, (seen) => seen.join() === "opened × 2,saved × 2,opened chart");
  assert.ok(await first.evaluate((item) => item.isConnected && item.contains(item.getRootNode().activeElement)), "the line stays, and the focus in it");
  await page.evaluate(() => document.querySelector("cp-activity").setAttribute("kinds", "saved closed"));
  await until(lines, (seen) => seen.join() === "saved × 2");
  await page.evaluate(() => document.querySelector("cp-activity").removeAttribute("group"));
  await until(lines, (seen) => seen.join() === "saved chart,saved chart");
  await context.close();
});

test("every attribute, event, part and custom property that docs/elements.md names is there", async () => {
  const text = await readFile(new URL("../../docs/elements.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `<(cp-[a-z]+)>`(.*)$/gm)].map(([, name, rest]) => [name, ...rest.split("|").slice(1)]);
  assert.equal(rows.length, 7);
  const { page, point, close } = await full({});
  await page.evaluate((names) => {
    window.heard = new Set();
    for (const name of names) document.addEventListener(name, ({ target }) => window.heard.add(`${target.localName} ${name}`));
    document.addEventListener("cp-action", (event) => event.preventDefault());
    document.querySelector("cp-avatars").setAttribute("max", "1");
    document.querySelector("cp-avatars").setAttribute("follow", "");
    document.querySelector("cp-activity").setAttribute("limit", "1");
  }, [...text.matchAll(/`(cp-[a-z]+)[` ]/g)].map(([, name]) => name));
  const parts = {};
  const look = async () => {
    const seen = await page.evaluate((names) => names.map((name) => [name, [...(document.querySelector(name).shadowRoot?.querySelectorAll("[part]") ?? [])].map(({ part }) => part.value)]), rows.map(([name]) => name));
    for (const [name, all] of seen) parts[name] = new Set([...(parts[name] ?? []), ...all]);
  };
  await page.locator("cp-avatars .overflow").waitFor();
  await look();
  await page.evaluate(() => document.querySelector("cp-avatars").removeAttribute("self"));
  await page.locator("cp-avatars .overflow").waitFor({ state: "detached" });
  // Once through everything that says something. The newest lies over the inbox, so its toasts go first.
  await page.locator("cp-status .row button").first().click();
  await page.keyboard.press("Escape");
  await page.evaluate(() => document.querySelector("cp-status").shadowRoot.querySelectorAll("button")[1].click());
  await page.locator("cp-avatars button").first().click();
  await page.locator("cp-activity li button").first().click();
  await page.locator("cp-toasts .primary").click();
  await page.locator("cp-toasts .close").first().click();
  await page.locator("cp-inbox .bell").click();
  await page.locator("cp-inbox li").first().press("Enter");
  await page.evaluate(() => document.querySelector("cp-provider").client.notifications.showNotification({ title: "Act", duration: 1, actions: [{ id: "go", label: "Act now" }] }));
  await page.locator("cp-inbox .actions").getByText("Act now").click();
  await page.locator("cp-inbox .bell").click();
  await look();
  await point();
  const heard = () => page.evaluate(() => [...window.heard]);
  const missing = [];
  for (const [name, attributes, events, cell] of rows) {
    const observed = await page.evaluate((each) => customElements.get(each).observedAttributes, name);
    // Read when they are needed, so that nothing has to be drawn anew for them.
    const read = name === "cp-provider" ? ["url", "token-url", "room", "guest-name"] : [];
    const named = [...attributes.replace(/\([^)]*\)/g, "").matchAll(/`([a-z-]+)`/g)].map(([, each]) => each);
    assert.ok(named.length > 0, name);
    for (const each of named) if (![...observed, ...read].includes(each)) missing.push(`${name} does not observe ${each}`);
    for (const each of observed) if (!named.includes(each)) missing.push(`${name} observes ${each}, which the table does not have`);
    const told = [...events.matchAll(/`(cp-[a-z]+)[` ]/g)].map(([, each]) => `${name} ${each}`);
    await until(heard, (all) => told.every((each) => all.includes(each)), { what: told.join() });
    for (const each of cell.split(",").map((part) => part.trim()).filter(Boolean)) if (!parts[name].has(each)) missing.push(`${name} has no part ${each}`);
  }
  assert.deepEqual(missing, []);
  await close();
});

test("every custom property that docs/elements.md names changes something, and has a default in both schemes", async () => {
  const text = await readFile(new URL("../../docs/elements.md", import.meta.url), "utf8");
  const properties = new Set([...text.matchAll(/`(--cp-[a-z-]+)`/g)].map(([, name]) => name));
  assert.ok(properties.size >= 19, [...properties].join());
  const { page, close } = await full({});
  const uses = await page.evaluate(() => [...document.querySelectorAll("cp-provider *")].flatMap((each) => each.shadowRoot?.adoptedStyleSheets ?? []).flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n"));
  for (const name of properties) assert.match(uses, new RegExp(`var\\(${name}, ?[^)]`), `${name} is read, with a default`);
  // A colour of its own is set for each; both schemes have one that is not the other's.
  const colors = [...properties].filter((name) => /text|muted|surface|line|accent|ok|warn|bad$|info|bg/.test(name));
  const resolve = (scheme) => page.evaluate(([names, each]) => {
    document.documentElement.style.colorScheme = each;
    document.querySelector("cp-provider").setAttribute("theme", each);
    const probe = document.createElement("i");
    const { shadowRoot } = document.querySelector("cp-status");
    shadowRoot.append(probe);
    const seen = names.map((name) => {
      probe.style.color = `var(--_${name.slice(5)})`;
      return getComputedStyle(probe).color;
    });
    probe.remove();
    return seen;
  }, [colors, scheme]);
  const [light, dark] = [await resolve("light"), await resolve("dark")];
  colors.forEach((name, at) => assert.notEqual(light[at], dark[at], name));
  await close();
});
