/** What docs/elements.md promises of each element (attributes, events, parts, slots, custom properties), read from outside. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { until } from "./support.mjs";
import { Stage } from "./ui-support.mjs";

const doc = await readFile(new URL("../../docs/elements.md", import.meta.url), "utf8");
/** By element: what stands in its row. */
const table = Object.fromEntries([...doc.matchAll(/^\| `<(cp-\w+)>`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$/gm)].map(([, name, attributes, events, parts]) => [name, {
  attributes: [...attributes.replace(/\([^)]*\)/g, "").matchAll(/`([a-z-]+)`/g)].map(([, each]) => each),
  events: [...events.matchAll(/cp-[a-z]+/g)].map(([each]) => each),
  parts: parts.split(",").map((each) => each.trim()).filter(Boolean),
}]));

let stage;
let ada;

/** A toast of this page alone. */
const toast = (page, notification) => page.evaluate((each) => document.querySelector("cp-provider").client.notifications.showNotification(each), notification);
/** Tells the page's user something, as a backend does. */
const notify = (window, notification) => stage.server.notify(window.user, notification);

/** Every element of the table at once, with something to show in each. */
before(async () => {
  stage = await Stage.start();
  const body = `<cp-status id="s" details></cp-status><cp-avatars self follow max="1"></cp-avatars>
    <cp-cursors names="always"><p>board</p></cp-cursors><cp-activity limit="1"></cp-activity><cp-inbox page-size="1"></cp-inbox><cp-toasts duration-scale="100"></cp-toasts>`;
  ada = await stage.open(body, { viewport: { width: 1000, height: 900 } });
  const grace = await stage.open(body, { room: ada.room, name: "Grace Hopper", viewport: { width: 1000, height: 900 } });
  const { page, window } = ada;
  await page.evaluate(() => {
    window.told = {};
    for (const name of ["retry", "toggle", "select", "follow", "cursor", "show", "dismiss", "action", "open", "close", "read"]) {
      // From outside, and so through shadows.
      document.addEventListener(`cp-${name}`, ({ target, detail }) => ((window.told[target.localName] ??= {})[`cp-${name}`] = Object.keys(detail).join(", ")));
    }
  });
  for (const action of ["opened", "closed"]) await page.evaluate(([room, what]) => document.querySelector("cp-provider").client.room(room).activity.track(what, "chart"), [ada.room, action]);
  await page.locator("cp-avatars .overflow").waitFor();
  const box = await grace.page.locator("cp-cursors").boundingBox();
  const point = (share) => grace.page.mouse.move(box.x + box.width * share, box.y + 5);
  await until(async () => {
    await point(Math.random());
    return page.locator("cp-cursors .cursor").count();
  });
});
after(() => stage?.stop());

const told = (element) => ada.page.evaluate((name) => window.told[name] ?? {}, element);
const partsOf = (element) => ada.page.evaluate((name) => [...new Set([...(document.querySelector(name).shadowRoot?.querySelectorAll("[part]") ?? [])].flatMap((each) => [...each.part]))], element);

/** What somebody does so that each event comes, and each part is there. */
const deeds = {
  "cp-provider": async () => {},
  "cp-status": async (page) => {
    await page.getByRole("button", { name: "Connection details" }).click();
    stage.wire.cut();
    await page.locator("cp-status").getByRole("button", { name: "Try now" }).click();
    stage.wire.up();
    await until(() => page.locator("cp-status .label").textContent(), (label) => label === "Live");
  },
  "cp-avatars": async (page) => {
    await page.locator("cp-avatars").evaluate((element) => element.setAttribute("max", "5"));
    await page.locator("cp-avatars").getByRole("button", { name: "Follow Grace Hopper" }).click();
    await page.locator("cp-avatars").evaluate((element) => element.setAttribute("max", "1"));
    await page.locator("cp-avatars .overflow").waitFor();
    await page.locator("cp-avatars button").first().hover();
    await page.locator("cp-avatars .tooltip").waitFor();
  },
  "cp-cursors": async () => {},
  "cp-activity": (page) => page.locator("cp-activity li button").first().click(),
  "cp-toasts": async (page) => {
    await toast(page, { id: "a", title: "a", actions: [{ id: "go", label: "Go" }], duration: 600_000 });
    await page.getByRole("button", { name: "Go" }).click();
    await toast(page, { id: "b", title: "b", actions: [{ id: "go", label: "Go" }] });
    await toast(page, { id: "c", title: "c" });
    await page.getByRole("button", { name: "Dismiss: c" }).click();
    await toast(page, { id: "d", title: "d" });
    await page.locator("cp-toasts .progress").first().waitFor();
  },
  "cp-inbox": async (page, window) => {
    for (const title of ["one", "two"]) await notify(window, { title, actions: [{ id: "go", label: "Act" }] });
    await page.locator("cp-inbox .bell").click();
    await page.locator("cp-inbox li").first().waitFor();
    await page.locator("cp-inbox li .title").first().click();
    await page.locator("cp-inbox li").getByRole("button", { name: "Act" }).first().click();
    await page.keyboard.press("Escape");
    await page.locator("cp-inbox .panel").waitFor({ state: "hidden" });
  },
};

test("the table names the seven elements", () => assert.deepEqual(Object.keys(table).sort(), Object.keys(deeds).sort()));

for (const [name, { attributes, events, parts }] of Object.entries(table)) {
  test(`${name} has the attributes, events and parts that its row names`, async () => {
    const { page, window } = ada;
    await deeds[name](page, window);
    const seen = await until(() => told(name), (all) => events.every((event) => event in all), { what: events.join() });
    assert.deepEqual(Object.keys(seen).sort(), [...events].sort());
    for (const [event, detail] of Object.entries(seen)) {
      const promised = new RegExp(`${event} \\{([^}]*)\\}`).exec(doc.split("\n").find((line) => line.startsWith(`| \`<${name}>`)))?.[1] ?? "";
      assert.equal(detail, promised, event);
    }
    const there = await partsOf(name);
    for (const part of parts) assert.ok(there.includes(part), `${name}::part(${part}) among ${there}`);
    const known = await page.evaluate(async (each) => {
      const source = await (await fetch(`/client/ui/${each.slice(3)}.js`)).text();
      return [...source.matchAll(/[a-z]+(?:-[a-z]+)*/g)].map(([word]) => word);
    }, name);
    for (const attribute of attributes) assert.ok(known.includes(attribute), `${name} reads ${attribute}`);
  });
}

test("each custom property that the page names has a default in both schemes, and the page's own goes over it", async () => {
  const names = [...new Set(doc.match(/--cp-[a-z-]+/g))];
  assert.equal(names.length, 19);
  const files = ["base", "status", "avatars", "cursors", "activity", "toasts", "inbox", "notice", "toast-list", "inbox-panel", "tooltip"];
  const used = (await Promise.all(files.map((file) => readFile(new URL(`../../static/client/ui/${file}.js`, import.meta.url), "utf8")))).join();
  const colors = ["text", "muted", "bg", "surface", "line", "accent", "ok", "warn", "bad", "info"];
  for (const name of names) {
    assert.ok(used.includes(`var(${name},`), `${name} has a default`);
    const value = (given) => ada.page.evaluate(([each, own]) => {
      document.documentElement.style.setProperty(`--cp-${each}`, own);
      return getComputedStyle(document.querySelector("cp-status")).getPropertyValue(`--_${each}`);
    }, [name.slice(5), given]);
    if (!colors.includes(name.slice(5))) continue;
    assert.match(await value(""), /^light-dark\(#\w+,\s*#\w+\)$/, name);
    assert.equal(await value("red"), "red", name);
    await value("");
  }
});

test("what was given to an element before it was one holds", async () => {
  const text = await ada.page.evaluate(async () => {
    // Of a document that knows no elements, so that it becomes one only in this page.
    const status = document.implementation.createHTMLDocument().createElement("cp-status");
    status.labels = { connected: "En direct" };
    document.querySelector("cp-provider").append(status);
    await new Promise((resolve) => setTimeout(resolve));
    const label = status.shadowRoot.querySelector(".label").textContent;
    status.remove();
    return label;
  });
  assert.equal(text, "En direct");
});
