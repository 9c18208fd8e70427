/** Realtime switched off and on by a person, against a real node: what is written goes by HTTP, once, and is seen. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Tab } from "./client-support.mjs";
import { launch, Server, until } from "./support.mjs";

const ROOM = "realtime:1";
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

/** Somebody in a browser of their own. */
async function person(name) {
  const tab = await Tab.open(await browser.newContext(), server.url, { room: ROOM, guest: { name }, pollInterval: 1_000 });
  await tab.page.evaluate((room) => Object.assign(globalThis, { room: globalThis.client.room(room) }), ROOM);
  await tab.live();
  return tab;
}

test("what is said while realtime is off goes by HTTP, and switching writes nothing twice", async () => {
  const [ada, grace] = [await person("Ada"), await person("Grace")];
  const posts = [];
  ada.page.on("request", (request) => request.method() === "POST" && posts.push(new URL(request.url()).pathname));
  await ada.page.evaluate(() => globalThis.client.disableRealtime());
  await until(() => ada.inspect(), ({ status }) => status.state === "disconnected");
  const answered = await ada.page.evaluate(() => globalThis.room.publish("note", 1));
  assert.deepEqual([answered.offset, answered.duplicate], [1, false]);
  await until(() => grace.notes(), (notes) => notes.length === 1, { what: "others see it" });
  await until(() => ada.notes(), (notes) => notes.length === 1, { what: "and so does who said it" });
  await ada.page.evaluate(() => globalThis.room.state.set({ target: 7 }));
  await until(() => grace.page.evaluate(() => globalThis.room.state.get("target")), (target) => target === 7);
  await ada.page.evaluate(() => globalThis.room.activity.track("looked"));
  assert.deepEqual(new Set(posts.map((path) => path.split("/").at(-1))), new Set(["events", "state", "activity"]));
  for (let n = 2; n <= 7; n += 1) {
    await ada.say(n);
    await ada.page.evaluate((isOn) => (isOn ? globalThis.client.enableRealtime() : globalThis.client.disableRealtime()), n % 2 === 0);
  }
  await ada.page.evaluate(() => globalThis.client.enableRealtime());
  await until(() => grace.notes(), (notes) => notes.length >= 7, { what: "everything arrived", within: 30_000 });
  await until(() => ada.notes(), (notes) => notes.length >= 7, { within: 30_000 });
  assert.deepEqual(await grace.notes(), [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await ada.notes(), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal((await ada.inspect()).outbox.size, 0);
  const { resets } = await ada.heard();
  assert.equal(resets, 0);
});
