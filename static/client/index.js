/**
 * Copresence in the browser: who else is here, what each is doing, and every change as it happens, without losing or
 * repeating one thing.
 *
 * @example
 * import { createClient } from "/client/index.js";
 * const client = createClient({ room: "dashboard:sales" });
 * client.subscribe("note", (data, { from }) => console.log(from?.user, data.text));
 * client.emit("note", { text: "hello" });
 */

import { Client } from "./client.js";

export * from "./errors.js";
export * from "./types.js";
export { Client } from "./client.js";
export { Room } from "./room.js";

/**
 * @template {object} [T=import("./types.js").Registered]
 * @param {import("./types.js").ClientOptions} [options]
 * @returns {Client<T>} it connects with its first use
 */
export function createClient(options) {
  return new Client(options);
}
