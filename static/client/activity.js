/** What people did in a room, newest first: the picture's, what is pushed, and older ones by `more()`. */

import { readText } from "./recovery.js";
import { Readable } from "./store.js";

/** @typedef {import("./types.js").UserAction} UserAction */
/** @typedef {import("./types.js").Entry} Entry */

const ITEMS_MAX = 500;
const SAVED_MAX = 20;

/** @extends {Readable<readonly UserAction[]>} */
export class RoomActivity extends Readable {
  #room;

  /** @param {import("./room.js").Room<any>} room */
  constructor(room) {
    super([]);
    this.#room = room;
  }

  /** Newest first. */
  get items() {
    return this.getSnapshot();
  }

  /** @param {string} action @param {string} [target] @param {unknown} [metadata] */
  track(action, target, metadata) {
    return this.#room.write({ type: "track", action, target, metadata });
  }

  /**
   * Older ones, which `items` has from then on.
   *
   * @param {number} [limit]
   * @returns {Promise<boolean>} whether there are even older ones
   */
  async more(limit = 20) {
    const { entries, more } = await this.#room.history({ kinds: ["activity"], limit, before: this.items.at(-1)?.offset });
    this.merge(entries);
    return more;
  }

  /** @param {"action"} event @param {(action: UserAction) => void} handler */
  on(event, handler) {
    return this.#room.on(event === "action" ? "activity" : event, handler);
  }

  /** The newest, as entries. */
  save() {
    const { name: room } = this.#room;
    return this.items.slice(0, SAVED_MAX).map(({ userId: user, timestamp: at, ...action }) => ({ ...action, type: "activity", room, from: { user }, at }));
  }

  /** A new picture. @param {Entry[]} entries */
  replace(entries) {
    this.show([]);
    this.merge(entries);
  }

  /** @param {Entry[]} entries in any order; those that are there stay as they are @returns {UserAction[]} those that were not */
  merge(entries) {
    const { items } = this;
    const newest = items[0]?.offset ?? 0;
    const fresh = entries.filter(({ type, offset }) => type === "activity" && (offset > newest || !items.some((item) => item.offset === offset))).map(readAction);
    const [first] = fresh;
    if (first) {
      const all = [...fresh, ...items];
      // Nearly always there is one, and it is the newest.
      if (fresh.length > 1 || first.offset < newest) all.sort((a, b) => b.offset - a.offset);
      this.show(all.slice(0, ITEMS_MAX));
    }
    return fresh;
  }
}

/** @param {Entry} entry @returns {UserAction} */
function readAction({ id, offset, from, action, target, metadata = null, at }) {
  return { id, offset, userId: from?.user ?? from?.api ?? "", action: String(action), target: readText(target), metadata, timestamp: at };
}
