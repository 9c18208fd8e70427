/** Against a real node: realtime switched off and on by a person, and a client that moves from one connection to the next. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Tab } from "./client-support.mjs";
import { provide, until } from "./support.mjs";

let server;
let browser;
provide((given) => ({ server, browser } = given));

/** Somebody in a browser of their own. */
async function person(name, room) {
  const context = await browser.newContext();
  // The page's own sockets, to hand one of them a message.
  await context.addInitScript(() => {
    const { WebSocket } = globalThis;
    globalThis.sockets = [];
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        globalThis.sockets.push(this);
      }
    };
  });
  const tab = await Tab.open(context, server.url, { room, guest: { name }, pollInterval: 1_000 });
  await tab.page.evaluate((wanted) => Object.assign(globalThis, { room: globalThis.client.room(wanted) }), room);
  await tab.live();
  return tab;
}

test("what is said while realtime is off goes by HTTP, and switching writes nothing twice", async () => {
  const [ada, grace] = [await person("Ada", "realtime:1"), await person("Grace", "realtime:1")];
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
  await until(() => grace.notes(), (notes) => notes.length >= 7, { what: "everything arrived" });
  await until(() => ada.notes(), (notes) => notes.length >= 7);
  assert.deepEqual(await grace.notes(), [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await ada.notes(), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal((await ada.inspect()).outbox.size, 0);
  const { resets } = await ada.heard();
  assert.equal(resets, 0);
});

test("a move under a stream: the session goes on over the new connection, and others see nobody leave", async () => {
  const [ada, grace] = [await person("Ada", "moving:1"), await person("Grace", "moving:1")];
  await until(() => grace.page.evaluate(() => globalThis.room.presence.count), (count) => count === 2);
  await ada.page.evaluate(() => {
    globalThis.moved = [];
    for (const event of ["connection:state", "connection:lost", "disconnect"]) globalThis.client.on(event, (data) => globalThis.moved.push(event, data));
    Object.assign(globalThis.heard, { notes: [], left: [] });
  });
  await grace.page.evaluate(() => Object.assign(globalThis.heard, { notes: [], left: [] }));
  const connections = ada.connected.length;
  const moved = (times) => until(() => ada.connected.length, (count) => count === connections + times, { what: `moved ${times} times` });
  for (let n = 1; n <= 60; n += 1) {
    await grace.say(n);
    // A move is over before the next: what is told to a socket that is not connected yet counts for nothing.
    if (n === 40) await moved(1);
    // No node sends this yet; what follows is between the client and a real one.
    if (n === 20 || n === 40) await ada.page.evaluate(() => globalThis.sockets.at(-1).onmessage({ data: '{"type":"moving","after":0}' }));
    if (n % 10 === 5) await ada.say(1000 + n);
  }
  await until(() => ada.notes(), (notes) => notes.length >= 66, { what: "everything came" });
  const notes = await ada.notes();
  assert.deepEqual(notes.filter((n) => n < 1000), Array.from({ length: 60 }, (_, at) => at + 1));
  assert.deepEqual(notes.filter((n) => n > 1000), [1005, 1015, 1025, 1035, 1045, 1055]);
  await moved(2);
  assert.ok(ada.connected.slice(-2).every(({ resumed }) => resumed), "the same session");
  assert.deepEqual(await ada.page.evaluate(() => globalThis.moved), []);
  assert.deepEqual((await grace.heard()).left, []);
  await until(() => ada.page.evaluate(() => globalThis.sockets.map(({ readyState }) => readyState)), (states) => states.filter((state) => state === 1).length === 1, { what: "one socket is left" });
});
