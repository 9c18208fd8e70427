/**
 * The smallest client: connection, rooms, presence, state, activity. Whatever else a page uses it hands over, and loads
 * nothing besides.
 *
 * @example
 * import { createClient } from "/client/core.js";
 * import { TabLink } from "/client/tab-link.js";
 * const client = createClient({ room: "dashboard:sales" }, { TabLink });
 */

import { Client } from "./client.js";

export * from "./errors.js";
export * from "./types.js";
export { Client } from "./client.js";
export { Room } from "./room.js";

/**
 * @template {object} [T=import("./types.js").Registered]
 * @param {import("./types.js").ClientOptions} [options]
 * @param {import("./parts.js").Parts} [parts] what it is to have besides; to use one that is missing is a UsageError
 * @returns {Client<T>} it connects with its first use
 */
export function createClient(options, parts) {
  return new Client(options, parts);
}
