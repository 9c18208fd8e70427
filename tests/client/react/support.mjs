/** A page to render into, and people to render for. */

import { Window } from "happy-dom";

import { createClient } from "../../../static/client/index.js";
import { settle, stage } from "../fake-server.mjs";

const window = new Window({ url: "http://node.test/" });
Object.defineProperty(globalThis, "navigator", { value: window.navigator, configurable: true });
Object.assign(globalThis, { window, document: window.document, HTMLElement: window.HTMLElement, Element: window.Element, IS_REACT_ACT_ENVIRONMENT: true });

export const { createElement: h, StrictMode, act, version } = await import("react");
export const { createRoot, hydrateRoot } = await import("react-dom/client");
export const { renderToString } = await import("react-dom/server");

/** A client in its world, and a room of React's in which to show things. */
export function scene(options = { room: "board" }) {
  const { server, world, clock } = stage();
  const client = createClient(world.options(options));
  const container = document.createElement("div");
  document.body.append(container);
  const root = createRoot(container);
  /** Everything that waits for no time happens, as React wants it to. */
  const calm = (ms = 0) => act(async () => {
    await clock.tick(ms);
    // What the hooks themselves put off by a tick.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await settle();
  });
  const show = async (element) => {
    await act(async () => root.render(element));
    await calm();
  };
  const end = async () => {
    await act(async () => root.unmount());
    await calm();
    client.dispose();
    container.remove();
  };
  return { server, world, clock, client, container, show, calm, end };
}

/** Who is in the room, as the server pushes it. */
export function presence(server, { joined = [], updated = [], left = [], count = 2 }) {
  server.connection.push({ type: "presence", room: "board", joined, updated, left, count });
}

/** Others' pointers, as the server pushes them. */
export function cursor(server, session, user, x, y) {
  server.connection.push({ type: "signals", room: "board", signals: [{ session, user, event: "cursor", data: { x, y } }] });
}
