/** The hooks behind a <Suspense>: nothing is drawn of a room that is not there yet. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as plain from "../../../static/client/react/index.js";
import * as hooks from "../../../static/client/react/suspense.js";
import { h, renderToString, scene, StrictMode } from "./support.mjs";

const { Component, Suspense } = await import("react");
const { CopresenceProvider, useActivity, useOthers, useRoomState, useSelf, useUserActivity } = hooks;

class Boundary extends Component {
  state = { error: null };
  static getDerivedStateFromError = (error) => ({ error });
  render() {
    return this.state.error ? `refused: ${this.state.error.code}` : this.props.children;
  }
}
const Board = () => {
  const [revenue] = useRoomState("revenue");
  const { items } = useActivity();
  const { activeUsers } = useUserActivity();
  return `${useSelf().name} ${useOthers().length} ${revenue} ${items.length} ${activeUsers.length}`;
};
const page = (client, provided = {}) => h(StrictMode, null, h(CopresenceProvider, { client }, h(Boundary, null, h(Suspense, { fallback: "waiting" },
  h(hooks.RoomProvider, { name: "board", ...provided }, h(Board))))));

test("it has every name that the plain hooks have", () => {
  assert.deepEqual(Object.keys(hooks).sort(), Object.keys(plain).sort());
  assert.notEqual(hooks.useSelf, plain.useSelf);
  assert.equal(hooks.useNotifications, plain.useNotifications);
});

test("a room that is not here yet is waited for, once, and left with what was mounted", async (context) => {
  const { setTimeout } = globalThis;
  const kept = [];
  context.mock.method(globalThis, "setTimeout", (action, ms, ...given) => (ms === 5_000 ? kept.push(action) : setTimeout(action, ms, ...given)));
  const { server, client, container, show, calm, end } = scene({});
  server.append("board", { type: "state", set: { revenue: 5 }, removed: [] });
  server.script("join", () => null, 1);
  await show(page(client));
  assert.equal(container.textContent, "waiting");
  assert.equal(server.heardOf("join").length, 1);
  server.cut();
  await calm(1_000);
  assert.equal(container.textContent, "ada 0 5 0 1");
  assert.equal(server.heardOf("join").length, 2, "again after the cut, and by nobody else");
  await show(null);
  await calm(10);
  assert.equal(client.room("board").status, "joined", "for as long as React may need to mount what waited");
  assert.equal(kept.length, 1);
  kept[0]();
  await calm(10);
  assert.equal(client.room("board").status, "idle");
  await end();
});

test("a refusal goes to the error boundary", async (context) => {
  context.mock.method(console, "error", () => {});
  const { server, client, container, show, calm, end } = scene({});
  server.script("join", () => ({ type: "error", code: "forbidden", message: "not you" }), 1);
  await show(page(client));
  await calm(100);
  assert.equal(container.textContent, "refused: forbidden");
  assert.equal(server.heardOf("join").length, 1);
  await end();
});

test("on a server it goes to the boundary and opens nothing, but renders what the page came with", async () => {
  const { server, client, calm, end } = scene({});
  const { document } = globalThis;
  delete globalThis.document;
  try {
    assert.match(renderToString(page(client)), /waiting/);
    const State = () => useRoomState("revenue")[0];
    const known = h(CopresenceProvider, { client }, h(hooks.RoomProvider, { name: "board", initialState: { revenue: 4 } }, h(State)));
    assert.equal(renderToString(known), "4");
  } finally {
    globalThis.document = document;
  }
  await calm(100);
  assert.equal(server.connections.length, 0);
  await end();
});
