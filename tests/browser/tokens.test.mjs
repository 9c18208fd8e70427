/** Tokens that end, are refused, are none, or are another's; and what the node's limits do to a session: slow it, never end it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { AUTH, clocked, numbers, Stage, tokenOf } from "./stage.mjs";
import { until } from "./support.mjs";

const RATE = 20;
const stage = new Stage("tokens", `${AUTH}
[limits]
publishes_per_s = ${RATE}
publish_burst = ${RATE}
`);

/**
 * A page whose `token` option is a function of the test's.
 *
 * @param {(how: { refused: boolean }, call: number) => string | null} bring
 * @returns calls, and how to prepare a page with it
 */
function issuer(bring) {
  const calls = [];
  return {
    calls,
    /** @param {import("playwright-core").Page} page */
    async prepare(page) {
      await page.exposeFunction("bring", (how) => bring(how, calls.push(how.refused)));
      await page.addInitScript(() => (globalThis.more = { token: (how) => globalThis.bring(how) }));
    },
  };
}

/** Everything that goes up and comes down, from the first socket on. */
function tap(page, wire = { up: [], down: [] }) {
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => wire.up.push(JSON.parse(String(payload))));
    socket.on("framereceived", ({ payload }) => wire.down.push(JSON.parse(String(payload))));
  });
  return wire;
}

const user = (tab) => tab.page.evaluate(() => globalThis.client.user?.id ?? null);
const state = async (tab) => (await tab.inspect()).status.state;
const failed = (tab) => until(() => tab.inspect(), ({ status }) => status.state === "failed", { what: "failed" });

test("a token that ends soon is refreshed in band, over the same socket", async () => {
  const wire = { up: [], down: [] };
  const { calls, prepare } = issuer((_, call) => tokenOf("ada", { lasts: call === 1 ? 30 : 3600 }));
  const ada = await stage.ada({}, async (page) => {
    tap(page, wire);
    await prepare(page);
  });
  await until(() => wire.down, (down) => down.some(({ type }) => type === "refreshed"), { what: "refreshed" });
  assert.deepEqual([calls, wire.up.filter(({ type }) => type === "refresh").length], [[false, false], 1]);
  const { expires } = wire.down.find(({ type }) => type === "refreshed");
  assert.ok(Date.parse(expires) > Date.now() + 60_000);
  assert.deepEqual([ada.sockets, (await ada.heard()).states, (await ada.heard()).errors], [1, ["connected"], []]);
  assert.equal((await stage.api("GET", "/users/ada")).sessions.length, 1);
});

test("a session whose token ended is closed with 4401, asks for a token once, and goes on as the same session", async () => {
  let old;
  // The node gives five seconds more: there are three left of the first one.
  const { calls, prepare } = issuer(({ refused }) => (refused ? tokenOf("ada") : (old ??= tokenOf("ada", { lasts: -2 }))));
  const ada = await stage.ada({}, prepare);
  const before = await ada.inspect();
  await until(() => ada.heard(), ({ restored }) => restored.length === 1, { what: "is back" });
  assert.equal(calls.filter((refused) => refused).length, 1);
  assert.equal(calls.at(-1), true, "and none since");
  const { states, restored } = await ada.heard();
  assert.deepEqual([states, restored], [["connected", "reconnecting", "connected"], [true]]);
  assert.equal((await ada.inspect()).session, before.session);
  assert.equal(await stage.metric('copresence_closes_total{code="4401"}'), 1);
});

test("a token that is refused at the door is asked for once more, and that one is taken", async () => {
  const { calls, prepare } = issuer(({ refused }) => tokenOf("ada", { lasts: refused ? 3600 : -3600 }));
  const ada = await stage.ada({}, prepare);
  assert.deepEqual([calls, ada.sockets, await user(ada)], [[false, true], 2, "ada"]);
});

test("who stays refused, or is ended by an operator, fails and is not tried again", async () => {
  const old = tokenOf("ada", { lasts: -3600 });
  const { calls, prepare } = issuer(() => old);
  const refused = await stage.ada({ autoConnect: false }, async (page) => {
    await clocked(page);
    await prepare(page);
  });
  const rejected = refused.page.evaluate(() => globalThis.client.connect().then(() => "connected", ({ name }) => name));
  await failed(refused);
  assert.equal(await rejected, "AuthError");
  await refused.page.clock.runFor(60_000);
  assert.deepEqual([calls, refused.sockets, await state(refused)], [[false, true], 1, "failed"], "the same once more is no other");

  const ended = await stage.ada({ token: tokenOf("bob") }, clocked);
  await stage.api("DELETE", "/users/bob/sessions");
  const { status } = await failed(ended);
  assert.equal(status.code, 4403);
  await ended.page.clock.runFor(60_000);
  assert.deepEqual([ended.sockets, await state(ended)], [1, "failed"]);
  assert.equal((await stage.api("GET", "/users/bob")).sessions.length, 0);
});

test("without a token nobody is signed in: nothing is tried until there is one", async () => {
  const { calls, prepare } = issuer(() => null);
  const ada = await stage.ada({ autoConnect: false }, async (page) => {
    await clocked(page);
    await prepare(page);
  });
  const rejected = ada.page.evaluate(() => globalThis.client.connect().then(() => "connected", ({ code }) => code));
  await failed(ada);
  assert.equal(await rejected, "expired");
  const asked = calls.length;
  await ada.page.clock.runFor(60_000);
  assert.deepEqual([calls.length, ada.sockets, await state(ada)], [asked, 0, "failed"]);
  await ada.page.evaluate((token) => globalThis.client.setToken(token), tokenOf("ada"));
  await ada.live();
  assert.deepEqual([await user(ada), ada.sockets], ["ada", 1]);
});

test("who signs out while it is on is failed, and not tried again", async () => {
  const { calls, prepare } = issuer((_, call) => (call === 1 ? tokenOf("ada", { lasts: -2 }) : null));
  const ada = await stage.ada({}, async (page) => {
    await clocked(page);
    await prepare(page);
  });
  const { status } = await failed(ada);
  assert.match(status.reason, /signed out/);
  const asked = [calls.length, ada.sockets];
  await ada.page.clock.runFor(60_000);
  assert.deepEqual([calls.length, ada.sockets, await state(ada)], [...asked, "failed"]);
});

test("another's token is a sign-out: nothing of the first is shown or sent until they are back", async () => {
  const grace = await stage.grace({ token: tokenOf("grace") });
  const ada = await stage.ada({ token: tokenOf("ada") });
  await ada.page.evaluate(() => globalThis.room.state.set({ seen: "by ada" }));
  stage.wire.cut();
  await until(() => ada.inspect(), ({ status }) => status.state !== "connected");
  await ada.say("ada's first", "ada's second");
  await until(() => ada.page.evaluate(() => globalThis.client.outbox.items.every(({ seq }) => seq < Number.MAX_SAFE_INTEGER)), Boolean);
  await ada.page.evaluate((token) => globalThis.client.setToken(token), tokenOf("bob"));
  stage.wire.up();
  await ada.live();
  assert.equal(await user(ada), "bob");
  const look = () => ada.page.evaluate(() => ({ queued: globalThis.client.status.queued, items: globalThis.client.outbox.items.length }));
  assert.deepEqual(await look(), { queued: 0, items: 0 });
  await ada.say("bob's");
  await until(() => grace.notes(), (notes) => notes.length === 1);
  const authors = async () => (await stage.log()).filter(({ type }) => type === "event").map(({ from, data }) => [from.user, data]);
  assert.deepEqual(await authors(), [["bob", "bob's"]]);

  // Tabs of the first user have a connection of their own, for they are another.
  const second = await stage.ada({ token: tokenOf("ada"), outbox: { persist: "memory" } });
  assert.deepEqual([await user(second), await user(ada), second.sockets], ["ada", "bob", 1]);
  await second.page.close();

  // And back, while it is on: refused in band, so a goodbye and a session of their own.
  await ada.page.evaluate((token) => globalThis.client.setToken(token), tokenOf("ada"));
  await until(() => user(ada), (id) => id === "ada", { what: "ada is back" });
  await until(() => grace.notes(), (notes) => notes.length === 3, { what: "what ada said" });
  assert.deepEqual(await authors(), [["bob", "bob's"], ["ada", "ada's first"], ["ada", "ada's second"]]);
  assert.equal((await stage.api("GET", "/users/bob")).sessions.length, 0);
  assert.ok((await grace.heard()).left.includes("bob"), "bob said goodbye");
});

test("a hundred at once: what is too fast waits as long as the node says, all are written in order, nothing is closed", async () => {
  const grace = await stage.grace();
  const ada = await stage.ada({ outbox: { rate: 1_000 } }, (page) => page.addInitScript((burst) => {
    // When a refusal came, and when the page spoke again.
    globalThis.early = [];
    globalThis.refusals = 0;
    let until = 0;
    const ours = new Set();
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener("message", (event) => {
          const { id, type, code, retry_after: after } = JSON.parse(event.data);
          if (ours.has(id)) return event.stopImmediatePropagation();
          if (type !== "error" || code !== "rate_limited") return;
          globalThis.refusals += 1;
          until = performance.now() + after * 1_000;
        });
      }
      send(text) {
        const { type, room } = JSON.parse(text);
        // A timer may be due a millisecond early.
        if (type === "publish" && performance.now() < until - 2) globalThis.early.push(until - performance.now());
        // On a slow machine one at a time is never too fast. So others are in the way, until there was a refusal.
        for (let n = 0; type === "publish" && globalThis.refusals === 0 && n < burst; n += 1) {
          const id = `other-${ours.size}`;
          ours.add(id);
          super.send(JSON.stringify({ type, room, id, event: "other", data: null }));
        }
        super.send(text);
      }
    };
  }, 2 * RATE));
  await ada.say(...numbers(1, 100));
  await until(() => ada.inspect(), ({ outbox }) => outbox.size === 0, { what: "all are sent", within: 60_000 });
  await until(() => grace.notes(), (notes) => notes.length >= 100);
  assert.deepEqual(await grace.notes(), numbers(1, 100));
  assert.deepEqual((await stage.log()).filter(({ event }) => event === "note").map(({ data }) => data), numbers(1, 100));
  const { early, refusals } = await ada.page.evaluate(() => ({ early: globalThis.early, refusals: globalThis.refusals }));
  assert.ok(refusals > 0, "it was too fast");
  assert.deepEqual(early, []);
  const { states, errors } = await ada.heard();
  assert.deepEqual([ada.sockets, states, errors], [1, ["connected"], []]);
  assert.equal(await stage.metric('copresence_closes_total{code="4429"}'), 0);
});

test("what is too large is refused, by the page or by the node, and the socket stays", async () => {
  const wire = { up: [], down: [] };
  const ada = await stage.ada({ autoConnect: false }, async (page) => tap(page, wire));
  const large = () => ada.page.evaluate(() => {
    const outcome = globalThis.room.publish("note", "x".repeat(70_000));
    return outcome.then(() => "written", ({ code, name, retryable }) => ({ code, name, retryable }));
  });
  const refusal = { code: "too_large", name: "ProtocolError", retryable: false };
  // Nobody told the page yet how much is too much, so it finds out.
  const early = large();
  await until(() => ada.inspect(), ({ outbox }) => outbox.size === 1);
  await ada.page.evaluate(() => globalThis.client.connect());
  assert.deepEqual(await early, refusal);
  assert.equal(wire.up.filter(({ type }) => type === "publish").length, 1);
  // From here on it knows.
  assert.deepEqual(await large(), refusal);
  assert.equal(wire.up.filter(({ type }) => type === "publish").length, 1);
  await ada.live();
  await ada.say("small");
  await until(() => ada.notes(), (notes) => notes.length === 1);
  await until(() => ada.inspect(), ({ outbox }) => outbox.size === 0);
  assert.deepEqual((await stage.log()).map(({ data }) => data), ["small"]);
  assert.deepEqual([ada.sockets, (await ada.heard()).states], [1, ["connecting", "connected"]]);
  assert.equal(await stage.metric('copresence_closes_total{code="4413"}'), 0);
});
