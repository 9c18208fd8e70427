/** Brings one write to the server and its answer back, into rooms that nobody joined as well. */

import { newKey } from "./environment.js";

/** @typedef {import("./types.js").Published} Published */
/** @typedef {Pick<import("./engine.js").Engine, "env" | "writer" | "rooms">} SendingHost */

export class Sending {
  #host;
  /** Rooms that were joined only to write there. @type {Set<string>} */
  #visited = new Set();

  /** @param {SendingHost} host */
  constructor(host) {
    this.#host = host;
  }

  /** On a new connection nobody is anywhere yet. */
  reset() {
    this.#visited.clear();
  }

  /**
   * Now or not at all.
   *
   * @param {string} name of the room
   * @param {Record<string, unknown>} message `publish`, `set` or `track`
   * @param {import("./requests.js").RequestOptions & { key?: string }} [options]
   * @returns {Promise<Published>}
   */
  async write(name, message, options = {}) {
    const { env, rooms, writer } = this.#host;
    const { key = newKey(env) } = options;
    const way = writer();
    const room = rooms.get(name);
    const { status = "idle", error = null } = room?.isUsed ? room.getSnapshot() : {};
    if (status === "refused" && error?.retryable === false) throw error;
    if (status === "idle" && !this.#visited.has(name)) {
      // Neither seen nor hearing: only so that the server takes it.
      await way.request({ type: "join", room: name, presence: false, receive: [] }, options);
      this.#visited.add(name);
    }
    const { offset, entry, duplicate } = await way.request({ ...message, key, room: name }, options);
    return { offset, entry, duplicate: duplicate === true };
  }

  /** There is no more for that room. @param {string} room */
  leave(room) {
    const { rooms, writer } = this.#host;
    if (this.#visited.delete(room) && !rooms.get(room)?.isUsed) writer().request({ type: "leave", room }).catch(() => {});
  }
}
