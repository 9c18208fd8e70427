/** Names that are the client's own: no application may publish them, and an entry that bears one reaches no handler. */

import { UsageError } from "./errors.js";

const OF_CONNECTION = /^(connect|connect_error|disconnect|disconnecting|reconnect|error|(connection|notification):.*)$/s;
const OF_ROOMS = /^(joined|reset|state|presence|activity|signals|user:.*)$/s;
/** Told by the client as well; a room may use them for itself, where they come as its entries. */
const SHARED = /^(transport|latency|token:expiring|tabs|outbox|inbox)$/;

/** @param {string} event @returns {boolean} what the server refuses to publish */
export function isReserved(event) {
  return OF_CONNECTION.test(event) || OF_ROOMS.test(event);
}

/** @param {string} event @returns {boolean} whether the client tells it, and no room does */
export function isOfClient(event) {
  return OF_CONNECTION.test(event) || SHARED.test(event);
}

/** @param {string} event @param {any} data @returns {any} known times as `Date` */
export function readData(event, data) {
  if (event !== "system:maintenance" || typeof data?.scheduledTime !== "string") return data;
  return { ...data, scheduledTime: new Date(data.scheduledTime) };
}

/** @param {unknown} event @returns {void} throws when nobody can send it */
export function checkName(event) {
  if (typeof event !== "string" || event === "" || isReserved(event)) throw new UsageError(`"${event}" is no name of an event to send`);
}
