/**
 * The user's own room, `@me`: every session is in it from `connected` on. Goes on by cursor after a loss or a reload,
 * and hands on each entry once, in order.
 *
 * What `connected` and `joined` bring is applied while their message is handled, so what is pushed afterwards always
 * comes after it.
 */

import { isCount } from "./ledger.js";

export const OWN_ROOM = "@me";
const JOIN_RETRY_MS = 1_000;

/** @typedef {import("./room.js").Cursor} Cursor */

/**
 * @typedef {object} OwnRoomEvents
 * @property {(entry: Record<string, any>) => void} onEntry each once and in order
 * @property {(counts: { unread: number, unseen: number, offset: number }, epoch: string) => void} onCounts
 * @property {(notification: Record<string, any>) => void} onAgain a critical one that nobody has acknowledged
 * @property {(isVoid: boolean) => void} onPicture what is before the cursor has to be asked for; void when all that was
 *   known belongs to another life of the log
 */

export class OwnRoom {
  /** @type {import("./connection.js").Connection} */
  #connection;
  /** @type {OwnRoomEvents} */
  #events;
  /** @type {Cursor | null} */
  #cursor = null;
  /** Raised whenever an older catching-up must not go on. */
  #turn = 0;

  /** @param {import("./connection.js").Connection} connection @param {OwnRoomEvents} events */
  constructor(connection, events) {
    this.#connection = connection;
    this.#events = events;
  }

  get cursor() {
    return this.#cursor;
  }

  /** What `connect` says about where we are. */
  since() {
    return this.#cursor ? { since: this.#cursor } : {};
  }

  /** @param {unknown} saved what storage held of {@link OwnRoom.cursor} */
  restore(saved) {
    // One that the server can't read would refuse the whole `connect`.
    if (isCursor(saved) && isReadable(saved)) this.#cursor = readCursor(saved);
  }

  /** @param {Record<string, any>} connected which is the join of this room as well */
  connected(connected) {
    this.#take(connected);
    const { counts } = connected;
    if (this.#cursor && isCount(counts?.offset)) this.#events.onCounts(counts, this.#cursor.epoch);
  }

  /** The connection is gone. */
  lose() {
    this.#turn += 1;
  }

  /** @param {Record<string, any>} message any message @returns {boolean} whether it was of this room */
  receive(message) {
    if (message.room !== OWN_ROOM) return false;
    if (message.type === "joined") this.#take(message);
    else if (message.again === true) this.#events.onAgain(message.notification ?? {});
    else if (isEntry(message)) this.#push(message);
    return true;
  }

  /** @param {Record<string, any>} joined */
  #take(joined) {
    if (!isCursor(joined.cursor)) return;
    this.#turn += 1;
    if (joined.recovered === true) {
      for (const entry of Array.isArray(joined.entries) ? joined.entries.filter(isEntry) : []) this.#push(entry);
    }
    const isVoid = joined.recovered !== true && this.#cursor !== null;
    this.#cursor = readCursor(joined.cursor);
    if (joined.recovered !== true) this.#events.onPicture(isVoid);
    if (joined.more === true) void this.#catchUp(this.#turn);
  }

  /** There are more pages: nothing is pushed until the last one was asked for. @param {number} turn */
  async #catchUp(turn) {
    try {
      // Its `joined` is heard before it settles, and goes on from there if there is yet more.
      await this.#connection.request({ type: "join", room: OWN_ROOM, ...this.since() });
    } catch (refusal) {
      const { code, retryAfter } = /** @type {any} */ (refusal);
      if (code === "lost") return;
      await new Promise((resolve) => setTimeout(resolve, retryAfter === undefined ? JOIN_RETRY_MS : retryAfter * 1000));
      if (turn === this.#turn) void this.#catchUp(turn);
    }
  }

  /** @param {Record<string, any>} entry */
  #push(entry) {
    if (!this.#cursor || entry.offset <= this.#cursor.offset) return;
    this.#cursor = { epoch: this.#cursor.epoch, offset: entry.offset, entry: entry.id };
    if (isCount(entry.unread) && isCount(entry.unseen)) {
      this.#events.onCounts({ unread: entry.unread, unseen: entry.unseen, offset: entry.offset }, this.#cursor.epoch);
    }
    this.#events.onEntry(entry);
  }
}

/** @param {any} value @returns {boolean} */
function isEntry(value) {
  return isCount(value?.offset) && value.offset > 0 && typeof value.id === "string";
}

/** @param {any} value @returns {value is Cursor} */
function isCursor(value) {
  return typeof value?.epoch === "string" && isCount(value.offset);
}

/** @param {Cursor} cursor */
function isReadable({ epoch, offset, entry }) {
  return /^[0-9a-f]{32}$/.test(epoch) && (offset === 0 || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(entry ?? ""));
}

/** @param {Cursor} cursor @returns {Cursor} */
function readCursor({ epoch, offset, entry }) {
  return { epoch, offset, entry: typeof entry === "string" ? entry : null };
}
