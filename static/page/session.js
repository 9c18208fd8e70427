/** Who is here and by what: a guest with a drawn name, the client, the network between. */

import { createClient } from "/client/index.js";

import { byId } from "./dom.js";
import { cleanName, drawName } from "./names.js";
import { Network } from "./network.js";
import { openStore } from "./storage.js";

/** While realtime is off. */
const POLL_MS = 10_000;
/** Seldom enough to cost nothing, often enough for the round trip to be watched. */
const PING_MS = 2_000;

/** @param {import("./settings.js").Settings} settings */
export function openSession(settings) {
  // One prefix a person: a second person shares nothing with the first but the colours of the page.
  const store = openStore(() => localStorage, `copresence.${settings.person}.`);
  if (typeof store.get("name") !== "string") store.set("name", drawName());
  const network = new Network();
  const client = createClient({
    room: isRoomName(settings.room) ? settings.room : undefined,
    storageKey: settings.person,
    // Read anew with each connection: whichever tab has it, the name is what was typed last in any of them.
    guest: { get name() { return ownName(store); } },
    tabs: settings.isFrame ? "off" : "auto",
    pollInterval: POLL_MS,
    heartbeat: PING_MS,
    // A worker's connection this page could not cut; where tabs can share no other, each has its own then.
    environment: settings.chaos ? { ...network.environment, SharedWorker: null } : network.environment,
  });
  const room = isRoomName(settings.room) ? client.room(settings.room) : null;
  const provider = byId("provider");
  if (room) provider.setAttribute("room", room.name);
  provider.client = client;
  return { client, room, network, store };
}

/** @param {import("./storage.js").Store} store */
export function ownName(store) {
  return cleanName(String(store.get("name") ?? "")) || "Guest";
}

/** What the server would refuse the client refuses already, by throwing. @param {string} name */
function isRoomName(name) {
  return /^[A-Za-z0-9][\w.:-]{0,199}$/.test(name);
}
