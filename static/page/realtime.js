/**
 * Realtime on and off, as the user likes, and what the page says of it: off, the numbers come by fetch, and say how old they
 * are; the pill says "Polling". Beside the pill stand the round trip and the transport.
 */

import { byId, setText } from "./dom.js";
import { duration } from "./format.js";

const TRANSPORTS = /** @type {Record<string, string>} */ ({ websocket: "WebSocket", stream: "Stream", poll: "Polling" });

/**
 * @param {import("/client/index.js").Client<any>} client
 * @param {import("/client/index.js").Room<any>} room
 * @param {import("./network.js").Network} network
 * @param {import("./tiles.js").Tiles} tiles
 */
export function watchRealtime(client, room, network, tiles) {
  const button = byId("realtime");
  /** When the server was last asked with success, in ms since 1970. */
  let lookedAt = Date.now();
  network.onFetched = (path) => {
    if (path.includes(`/rooms/${encodeURIComponent(room.name)}`)) lookedAt = Date.now();
  };
  button.disabled = false;
  button.addEventListener("click", () => {
    lookedAt = Date.now();
    if (client.isRealtimeEnabled) client.disableRealtime();
    else client.enableRealtime();
  });
  void customElements.whenDefined("cp-status").then(() => (byId("pill").labels = { off: "Polling" }));
  const draw = () => {
    const { state, realtime, latency, transport, queued } = client.status;
    button.setAttribute("aria-checked", String(realtime));
    setText(button.querySelector("[data-words]"), realtime ? "Realtime is on" : "Realtime is off");
    byId("pill").classList.toggle("is-polling", !realtime);
    document.documentElement.dataset.connection = realtime ? state : "polling";
    const parts = state === "connected" ? [latency === null ? null : duration(latency), TRANSPORTS[transport ?? ""] ?? transport] : [queued > 0 ? `${queued} waiting to be sent` : null];
    setText(byId("wire"), parts.filter((part) => part !== null).join(" · "));
    tiles.drawAge(realtime ? null : lookedAt);
  };
  client.subscribe(draw);
  // Another tab may have switched it: the choice is the browser's, the connection the tabs' together.
  setInterval(draw, 1_000);
  draw();
}
