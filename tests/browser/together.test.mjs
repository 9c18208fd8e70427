/** Two people, two windows, one room. */

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";

import { launch, Server, until, Window } from "./support.mjs";

let server;
let browser;
let context;
let room = 0;

before(async () => {
  server = await Server.start();
  browser = await launch();
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

/** A window of that person in this test's own room. */
const open = (person = 1) => Window.open(context, `${server.url}/?room=test:${room}&person=${person}`);

/** @param {Window} window */
const names = async (window) => (await window.members()).map(({ name }) => name).sort();

test("two windows of two people see each other at once, and see when one goes", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const both = [await ada.name(), await bob.name()].sort();
  for (const window of [ada, bob]) await until(() => names(window), (seen) => seen.join() === both.join());
  await until(() => ada.notes(), (notes) => notes.length === 1 && notes[0].includes("joined"));
  assert.deepEqual((await ada.members()).filter(({ isMe }) => isMe).map(({ name }) => name), [await ada.name()]);
  assert.equal(await ada.page.isVisible("#alone"), false);

  await bob.page.close();
  await until(() => names(ada), (seen) => seen.length === 1);
  await until(() => ada.notes(), (notes) => notes.length === 2 && notes[1].includes("left"));
  assert.equal(await ada.page.isVisible("#alone"), true);
  assert.deepEqual([ada.alarms, bob.alarms], [[], []]);
});

test("the link opens a second person with an identity of its own", async () => {
  const ada = await open(1);
  const [page] = await Promise.all([context.waitForEvent("page"), ada.page.click("#second")]);
  const bob = new Window(page, server.url);
  await bob.live();
  await until(() => ada.members(), (seen) => seen.length === 2);
  assert.equal((await bob.members()).length, 2);
  assert.match(page.url(), /person=2/);
});

test("a pointer shows where it is on the other's board, and goes when it leaves", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await bob.page.setViewportSize({ width: 700, height: 900 });
  await until(() => names(ada), (seen) => seen.length === 2);
  await ada.point(0.3, 0.6);
  const seen = await until(() => bob.cursors(), (cursors) => cursors.length === 1 && Math.abs(cursors[0].x - 0.3) < 0.02);
  assert.ok(Math.abs(seen[0].y - 0.6) < 0.02, `y is ${seen[0].y}`);
  assert.equal(seen[0].name, await ada.name());
  assert.deepEqual(await ada.cursors(), [], "nobody is sent their own pointer");
  await ada.page.mouse.move(5, 5);
  await until(() => bob.cursors(), (cursors) => cursors.length === 0);
});

test("everybody reads what is said, in one order", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => names(ada), (seen) => seen.length === 2);
  for (let count = 1; count <= 5; count += 1) {
    await ada.say(`from ada ${count}`);
    await bob.say(`from bob ${count}`);
  }
  const said = await until(() => ada.messages(), (seen) => seen.length === 10);
  await until(() => bob.messages(), (seen) => seen.join() === said.join());
  for (const who of ["ada", "bob"]) {
    assert.deepEqual(said.filter((text) => text.includes(who)), [1, 2, 3, 4, 5].map((count) => `from ${who} ${count}`));
  }
  await until(() => ada.own(), (own) => own.length === 0);
  const { received, missing, twice, last, waiting } = await ada.proof();
  assert.deepEqual({ received, missing, twice, last, waiting }, { received: "10", missing: "0", twice: "0", last: "10", waiting: "0" });
});

test("who comes later reads what was said before", async () => {
  const ada = await open(1);
  await ada.say("before you came");
  await until(() => ada.messages(), (seen) => seen.length === 1);
  const bob = await open(2);
  await until(() => bob.messages(), (seen) => seen.join() === "before you came");
  await ada.say("and after");
  await until(() => bob.messages(), (seen) => seen.join() === "before you came,and after");
});

test("a number that two people raise at once counts every press, and each reads what the other did", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => names(ada), (seen) => seen.length === 2);
  const value = (window) => window.page.textContent("[data-value=orders]");
  const press = async (window) => {
    for (let n = 0; n < 5; n += 1) await window.page.click("[data-change=orders][data-by='1']");
  };
  await Promise.all([press(ada), press(bob)]);
  for (const window of [ada, bob]) await until(() => value(window), (seen) => seen === "10");
  await bob.page.click("[data-change=orders][data-by='-1']");
  await until(() => value(ada), (seen) => seen === "9");
  const name = await bob.name();
  await until(() => ada.page.textContent("#activity"), (seen) => seen.includes(`${name} changed orders`));
  const late = await open(3);
  await until(() => value(late), (seen) => seen === "9");
  await until(() => late.page.textContent("#activity"), (seen) => seen.includes("changed orders"));
  await late.page.reload();
  await until(() => value(late), (seen) => seen === "9");
});

test("others see which tile one picked and that one is typing", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => names(ada), (seen) => seen.length === 2);
  await ada.page.click("[data-tile=orders]");
  await until(() => bob.page.getAttribute("[data-tile=orders]", "class"), (seen) => seen.includes("watched"));
  assert.equal(await bob.page.textContent("[data-tile=orders] .tile-people"), await ada.name());
  await ada.page.locator("#say-text").pressSequentially("hm");
  await until(() => bob.page.textContent("#typing"), (seen) => seen.includes("is typing"));
  await until(() => bob.page.textContent("#typing"), (seen) => seen === "");
  await ada.page.click("[data-tile=orders]");
  await until(() => bob.page.getAttribute("[data-tile=orders]", "class"), (seen) => !seen.includes("watched"));
});

test("a second tab of the same person is one member, and its end is no leaving", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  const again = await open(1);
  assert.equal(await again.name(), await ada.name());
  const tabsOf = async () => (await bob.members()).filter(({ isMe }) => !isMe).map(({ tabs }) => tabs);
  await until(tabsOf, (tabs) => tabs.join() === "2 tabs");
  await again.page.close();
  await until(tabsOf, (tabs) => tabs.join() === "1 tab");
  assert.equal((await bob.notes()).length, 0);
});

test("a duplicated tab does not fight for the session of the first", async () => {
  const ada = await open(1);
  const [page] = await Promise.all([context.waitForEvent("page"), ada.page.evaluate(() => void window.open(location.href))]);
  const copy = new Window(page, server.url);
  await copy.live();
  await until(() => ada.members(), (seen) => seen.length === 1 && seen[0].tabs === "2 tabs");
  assert.equal((await ada.pill()).phase, "live");
  assert.equal(ada.sockets, 1);
});

test("a click changes the name for everyone, and it survives a reload", async () => {
  const [ada, bob] = [await open(1), await open(2)];
  await until(() => names(bob), (seen) => seen.length === 2);
  await ada.say("hello");
  await ada.rename("Countess of Lovelace");
  await until(() => names(bob), (seen) => seen.includes("Countess of Lovelace") && seen.length === 2);
  await until(() => bob.page.locator("#feed .line[data-offset] bdi").allTextContents(), (seen) => seen.join() === "Countess of Lovelace");
  assert.deepEqual(await bob.notes(), [], "a new name is neither leaving nor coming");
  const [first] = ada.connected;
  await ada.page.reload();
  await ada.live();
  assert.equal(await ada.name(), "Countess of Lovelace");
  assert.equal(ada.connected.at(-1).user.id, first.user.id);
  const fresh = await open(1);
  assert.equal(await fresh.name(), "Countess of Lovelace");
});

test("a name is edited by keyboard, and Escape leaves it as it was", async () => {
  const ada = await open(1);
  const name = await ada.name();
  await ada.page.focus("#me-name");
  await ada.page.keyboard.press("Enter");
  await ada.page.keyboard.type("Nobody");
  await ada.page.keyboard.press("Escape");
  assert.equal(await ada.name(), name);
  await ada.page.keyboard.press("Enter");
  await ada.page.keyboard.type("Somebody");
  await ada.page.keyboard.press("Enter");
  await until(() => ada.members(), ([me]) => me?.name === "Somebody");
});
