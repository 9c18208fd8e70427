/** The smallest client in a real browser: what it loads, what it does, and what it asks for again when that failed. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Tab } from "./client-support.mjs";
import { launch, Server, until } from "./support.mjs";

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

/** A page of the node's origin without the demo, and what it loads of the client. */
async function page() {
  const context = await browser.newContext();
  const opened = await context.newPage();
  const loaded = [];
  opened.on("request", (request) => {
    const [, name] = new URL(request.url()).pathname.match(/^\/client\/(.+)$/) ?? [];
    if (name) loaded.push(name);
  });
  await opened.goto(`${server.url}/favicon.svg`);
  return { page: opened, loaded };
}

test("a page with the core and its outbox loads nothing else, and others hear it", async () => {
  const { page: own, loaded } = await page();
  const grace = await Tab.open(await browser.newContext(), server.url, { room: "core:1", guest: { name: "Grace" } });
  await grace.page.evaluate(() => globalThis.room.join());
  await own.evaluate(async () => {
    const [{ createClient }, { Outbox }] = await Promise.all([import("/client/core.js"), import("/client/outbox.js")]);
    globalThis.client = createClient({ room: "core:1" }, { Outbox });
    globalThis.heard = [];
    globalThis.client.on("note", (data) => globalThis.heard.push(data));
    await globalThis.client.room("core:1").join();
    await globalThis.client.room("core:1").publish("note", 1);
  });
  await until(() => grace.notes(), (notes) => notes.length === 1);
  await grace.say(2);
  await until(() => own.evaluate(() => globalThis.heard), (heard) => heard.length === 2);
  assert.deepEqual(await own.evaluate(() => globalThis.heard), [1, 2]);
  for (const name of ["core.js", "outbox.js", "connection.js", "room.js"]) assert.ok(loaded.includes(name), name);
  for (const name of ["index.js", "parts.js", "notifications.js", "toasts.js", "tab-link.js", "cursors.js", "collection.js", "polling.js"]) assert.ok(!loaded.includes(name), name);
  assert.equal(await own.evaluate(() => {
    try {
      return globalThis.client.notifications;
    } catch (error) {
      return error.message;
    }
  }), "this client was made without Notifications");
});

test("what asks by fetch and could not be loaded is asked for again when the network is back", async () => {
  const { page: own, loaded } = await page();
  let isCut = true;
  await own.route("**/client/polling.js", (route) => (isCut ? route.abort() : route.continue()));
  const asked = [];
  own.on("request", (request) => request.url().includes("/v1/rooms/") && asked.push(request.url()));
  await own.evaluate(async () => {
    const { createClient } = await import("/client/core.js");
    globalThis.client = createClient({ room: "core:2" });
    globalThis.errors = [];
    globalThis.client.on("error", ({ error }) => globalThis.errors.push(error.code));
    globalThis.client.disableRealtime();
    globalThis.client.on("note", () => {});
  });
  await until(() => own.evaluate(() => globalThis.errors), (errors) => errors.includes("unavailable"));
  isCut = false;
  await own.evaluate(() => globalThis.dispatchEvent(new Event("online")));
  await until(() => asked, ({ length }) => length > 0, { what: `a room is asked for; loaded ${loaded.join()}` });
});
