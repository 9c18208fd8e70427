/** What people did in a room, newest first: the picture's, what is pushed, and older ones by `more()`. */

import { Store } from "./store.js";

/** @typedef {import("./types.js").UserAction} UserAction */
/** @typedef {import("./types.js").Entry} Entry */

const ITEMS_MAX = 500;

/**
 * @typedef {object} ActivityHost
 * @property {(message: Record<string, unknown>, options?: import("./types.js").WriteOptions) => Promise<import("./types.js").Published>} write
 * @property {(query: { before?: number, limit?: number, kinds: string[] }) => Promise<import("./types.js").Page>} history
 * @property {(event: string, handler: import("./emitter.js").AnyHandler) => () => void} on
 */

export class RoomActivity {
  #host;
  /** @type {Store<readonly UserAction[]>} */
  #items = new Store(Object.freeze(/** @type {UserAction[]} */ ([])));

  /** @param {ActivityHost} host */
  constructor(host) {
    this.#host = host;
    this.getSnapshot = this.#items.getSnapshot;
    this.subscribe = this.#items.subscribe;
  }

  /** Newest first. */
  get items() {
    return this.getSnapshot();
  }

  /** @param {string} action @param {string} [target] @param {unknown} [metadata] */
  track(action, target, metadata) {
    return this.#host.write({ type: "track", action, ...(target !== undefined && { target }), ...(metadata !== undefined && { metadata }) });
  }

  /**
   * Older ones, which `items` has from then on.
   *
   * @param {number} [limit]
   * @returns {Promise<boolean>} whether there are even older ones
   */
  async more(limit = 20) {
    const oldest = this.items.at(-1);
    const page = await this.#host.history({ kinds: ["activity"], limit, ...(oldest && { before: oldest.offset }) });
    this.merge(page.entries);
    return page.more;
  }

  /** @param {"action"} event @param {(action: UserAction) => void} handler */
  on(event, handler) {
    return this.#host.on(event === "action" ? "activity" : event, handler);
  }

  /** A new picture. @param {Entry[]} entries */
  replace(entries) {
    this.#items.set(Object.freeze([]));
    this.merge(entries);
  }

  /** @param {Entry[]} entries in any order; those that are there stay as they are */
  merge(entries) {
    const known = new Set(this.items.map(({ offset }) => offset));
    const fresh = entries.filter((entry) => entry.type === "activity" && !known.has(entry.offset)).map(readAction);
    if (fresh.length === 0) return;
    const all = [...this.items, ...fresh].sort((a, b) => b.offset - a.offset);
    this.#items.set(Object.freeze(all.slice(0, ITEMS_MAX)));
  }
}

/** @param {Entry} entry @returns {UserAction} */
export function readAction({ id, offset, from, action, target, metadata, at }) {
  return {
    id, offset, userId: from?.user ?? from?.api ?? "", action: String(action), target: typeof target === "string" ? target : null,
    metadata: metadata ?? null, timestamp: at,
  };
}
