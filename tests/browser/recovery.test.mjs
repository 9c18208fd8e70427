/** What breaks heals, and nothing that was said is lost or said twice. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, Server, until, Window, Wire } from "./support.mjs";

let server;
let browser;
let context;
let room = 0;

before(async () => {
  server = await Server.start();
  // The browser's cache for going back is what people have; Playwright switches it off otherwise.
  browser = await launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  room += 1;
  context = await browser.newContext();
});
afterEach(() => context.close());

const open = (person = 1, origin = server.url) => Window.open(context, `${origin}/?room=test:${room}&person=${person}`);

/** @param {Window} window */
async function assertWhole(window) {
  const { missing, twice, waiting } = await until(() => window.proof(), ({ waiting }) => waiting === "0");
  assert.deepEqual({ missing, twice, waiting }, { missing: "0", twice: "0", waiting: "0" });
  assert.deepEqual(window.unexpected(), []);
}

test("after kill -9 both go on, and what was said meanwhile arrives once each and in order", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await ada.say("before");
  await until(() => bob.messages(), (seen) => seen.length === 1);

  await server.kill();
  for (const window of [ada, bob]) await until(() => window.pill(), ({ phase }) => phase !== "live");
  for (const count of [1, 2, 3]) {
    await ada.say(`ada in the dark ${count}`);
    await bob.say(`bob in the dark ${count}`);
  }
  assert.equal((await ada.own()).length, 3, "what waits is shown as waiting");
  assert.equal((await ada.proof()).waiting, "3");
  await server.up();

  for (const window of [ada, bob]) await window.live(20_000);
  const said = await until(() => ada.messages(), (seen) => seen.length >= 7);
  await until(() => bob.messages(), (seen) => seen.join() === said.join());
  assert.equal(said.length, 7);
  for (const who of ["ada", "bob"]) {
    assert.deepEqual(said.filter((text) => text.startsWith(who)), [1, 2, 3].map((count) => `${who} in the dark ${count}`));
  }
  for (const window of [ada, bob]) {
    await assertWhole(window);
    assert.equal((await window.proof()).reconnects, "1");
    assert.equal(window.connected.at(-1).user.id, window.connected[0].user.id, "the same person as before");
    await until(() => window.members(), (seen) => seen.length === 2);
  }
});

test("kill -9 in the middle of talking loses nothing and repeats nothing", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const words = Array.from({ length: 12 }, (_, at) => `word ${at}`);
  for (const word of words.slice(0, 6)) await ada.say(word);
  await server.kill();
  for (const word of words.slice(6)) await ada.say(word);
  await server.up();
  for (const window of [ada, bob]) {
    await until(() => window.messages(), (seen) => seen.length >= words.length, { within: 20_000 });
    assert.deepEqual(await window.messages(), words);
    await assertWhole(window);
  }
});

test("a reload keeps identity, session and messages, and the other sees no leaving", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await ada.say("one");
  await bob.say("two");
  await until(() => ada.messages(), (seen) => seen.length === 2);
  await until(() => ada.own(), (own) => own.length === 0);
  await ada.page.reload();
  await ada.live();
  const [first, second] = ada.connected;
  assert.equal(second.resumed, true);
  assert.deepEqual([second.session, second.user.id], [first.session, first.user.id]);
  assert.deepEqual(await ada.messages(), await bob.messages());
  await bob.say("three");
  await until(() => ada.messages(), (seen) => seen.join() === (["one", "two", "three"].join()));
  assert.deepEqual(await bob.notes(), []);
  assert.equal((await bob.members()).length, 2);
  const { received } = await ada.proof();
  assert.equal(received, "3", "the count goes on over the reload");
  await assertWhole(ada);
});

test("what was said while the server was away survives a reload of the page", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    wire.cut();
    await until(() => ada.pill(), ({ phase }) => phase !== "live");
    await ada.say("kept");
    await ada.say("and kept");
    // The page itself must come from somewhere, so the wire is up again before its script runs.
    wire.up();
    await ada.page.reload();
    await ada.live();
    await until(() => bob.messages(), (seen) => seen.join() === "kept,and kept");
    await until(() => ada.messages(), (seen) => seen.join() === "kept,and kept");
    await assertWhole(ada);
  } finally {
    wire.stop();
  }
});

test("a cut connection heals by cursor: what was missed arrives, and nobody is seen leaving", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    await bob.say("before the cut");
    await until(() => ada.messages(), (seen) => seen.length === 1);
    for (let cut = 1; cut <= 3; cut += 1) {
      wire.cut();
      await until(() => ada.pill(), ({ phase }) => phase !== "live");
      for (const part of ["a", "b", "c"]) await bob.say(`missed ${cut}${part}`);
      await until(() => bob.own(), (own) => own.length === 0);
      wire.up();
      await ada.live();
      await until(() => ada.messages(), (seen) => seen.length === 1 + cut * 3);
    }
    assert.deepEqual(await ada.messages(), await bob.messages());
    assert.deepEqual(await bob.notes(), []);
    assert.equal((await ada.notes()).length, 1, "bob came, once");
    assert.equal((await ada.proof()).reconnects, "3");
    await assertWhole(ada);
  } finally {
    wire.stop();
  }
});

test("a wire that swallows everything is noticed on waking up, and heals", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    wire.hang();
    await bob.say("into the void");
    await ada.page.evaluate(() => dispatchEvent(new Event("online")));
    await until(() => ada.messages(), (seen) => seen.join() === "into the void", { within: 8_000 });
    await ada.live();
    assert.deepEqual(await bob.notes(), []);
    await assertWhole(ada);
  } finally {
    wire.stop();
  }
});

test("a wire that swallows everything is noticed by silence alone", async () => {
  const wire = await Wire.to(server.port);
  try {
    const [ada, bob] = [await open(1, wire.url), await open(2)];
    wire.hang();
    await bob.say("into the void");
    await until(() => ada.messages(), (seen) => seen.join() === "into the void", { within: 20_000 });
    await assertWhole(ada);
  } finally {
    wire.stop();
  }
});

test("a page from the cache for going back is live again", async () => {
  const ada = await open(1);
  await ada.say("before");
  await until(() => ada.messages(), (seen) => seen.length === 1);
  await ada.page.evaluate(() => void (globalThis.isSamePage = true));
  await ada.page.goto("about:blank");
  const bob = await open(2);
  await bob.say("meanwhile");
  await until(() => bob.own(), (own) => own.length === 0);
  await ada.page.goBack({ waitUntil: "commit" });
  await ada.live();
  assert.equal(await ada.page.evaluate(() => globalThis.isSamePage), true, "the browser kept the page");
  await until(() => ada.messages(), (seen) => seen.join() === "before,meanwhile");
  await assertWhole(ada);
});

test("a token that is no longer good is dropped, and the page is in without it", async () => {
  const ada = await open(1);
  await ada.page.evaluate(() => localStorage.setItem("copresence.1.token", JSON.stringify("no-such-token")));
  const name = await ada.name();
  await ada.page.reload();
  await ada.live();
  assert.equal(await ada.name(), name, "the name was the page's own");
  const token = await ada.page.evaluate(() => JSON.parse(localStorage.getItem("copresence.1.token")));
  assert.notEqual(token, "no-such-token");
});

test("a cursor of another life of the log brings a new picture and says so", async () => {
  const ada = await open(1);
  await ada.say("true");
  await until(() => ada.messages(), (seen) => seen.length === 1);
  // Runs ahead of the page's own scripts, on what the page before wrote when it went.
  await ada.page.addInitScript((key) => {
    const saved = JSON.parse(sessionStorage.getItem(key));
    saved.room.cursor.epoch = "0".repeat(32);
    saved.messages.push({ offset: 99, id: "x", user: "y", text: "never said", at: "" });
    sessionStorage.setItem(key, JSON.stringify(saved));
  }, `copresence.1.room.test:${room}`);
  await ada.page.reload();
  await ada.live();
  await until(() => ada.messages(), (seen) => seen.join() === "true");
  await until(() => ada.notes(), (notes) => notes.some((note) => note.includes("Started afresh")));
  await assertWhole(ada);
});
