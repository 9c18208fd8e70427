/** Names that are the client's own: no application may publish them, and an entry that bears one reaches no handler. */

import { UsageError } from "./errors.js";

const OWN = new Set([
  "connect", "connect_error", "disconnect", "disconnecting", "reconnect", "error", "joined", "reset", "state", "presence",
  "activity", "signals",
]);
const OWN_PREFIXES = ["connection:", "notification:", "user:"];
/** Told by the client as well; a room may use them for itself, where they come as its entries. */
const CLIENT = new Set(["transport", "latency", "token:expiring", "tabs", "outbox", "inbox"]);

/** @param {string} event @returns {boolean} what the server refuses to publish */
export function isReserved(event) {
  return OWN.has(event) || OWN_PREFIXES.some((prefix) => event.startsWith(prefix));
}

const ROOM_EVENTS = new Set(["joined", "reset", "state", "presence", "activity", "signals", "user:login", "user:logout", "user:activity"]);

/** @param {string} event @returns {boolean} whether the client tells it, and no room does */
export function isOfClient(event) {
  return CLIENT.has(event) || (isReserved(event) && !ROOM_EVENTS.has(event));
}

/** @param {string} event @param {any} data @returns {any} known times as `Date` */
export function readData(event, data) {
  if (event !== "system:maintenance" || typeof data?.scheduledTime !== "string") return data;
  return { ...data, scheduledTime: new Date(data.scheduledTime) };
}

/** @param {unknown} event @returns {void} throws when nobody can send it */
export function checkName(event) {
  if (typeof event !== "string" || event.length === 0) throw new UsageError("an event needs a name");
  if (isReserved(event)) throw new UsageError(`"${event}" is a name of the client's own and can't be sent`);
}
