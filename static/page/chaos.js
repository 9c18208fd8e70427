/**
 * Making the network worse on purpose. All tabs of a person share one connection, so all of them are cut or slowed together:
 * a button that was pressed in one is pressed in all.
 */

import { byId, setText } from "./dom.js";

const LAG_MS = 300;

/**
 * @param {import("/client/index.js").Client<any>} client
 * @param {import("./network.js").Network} network
 * @param {string} person
 */
export function watchChaos(client, network, person) {
  const [offline, lag] = [byId("offline"), byId("lag")];
  const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(`copresence.demo.${person}`) : null;
  const show = () => {
    offline.toggleAttribute("data-on", network.isCut);
    setText(offline.querySelector("[data-words]"), network.isCut ? "Go online" : "Go offline");
    lag.setAttribute("aria-pressed", String(network.lagMs > 0));
  };
  const apply = (/** @type {{ isCut: boolean, lagMs: number }} */ { isCut, lagMs }) => {
    const wasCut = network.isCut;
    network.lagMs = lagMs;
    if (isCut !== wasCut) network.cut(isCut);
    // The tab that has the connection brings it back, for all.
    if (wasCut && !isCut && client.isRealtimeEnabled && client.status.tab.role !== "follower") client.connect().catch(() => {});
    show();
  };
  const set = (/** @type {Partial<{ isCut: boolean, lagMs: number }>} */ change) => {
    const next = { isCut: network.isCut, lagMs: network.lagMs, ...change };
    apply(next);
    channel?.postMessage(next);
  };
  offline.addEventListener("click", () => set({ isCut: !network.isCut }));
  lag.addEventListener("click", () => set({ lagMs: network.lagMs > 0 ? 0 : LAG_MS }));
  channel?.addEventListener("message", ({ data }) => {
    if (data === "how is it?") return void ((network.isCut || network.lagMs) && channel.postMessage({ isCut: network.isCut, lagMs: network.lagMs }));
    apply({ isCut: data?.isCut === true, lagMs: data?.lagMs === LAG_MS ? LAG_MS : 0 });
  });
  channel?.postMessage("how is it?");
  // A page in the back/forward cache may not hold a channel that wakes it.
  addEventListener("pagehide", (event) => event.persisted && channel?.close());
  show();
}
