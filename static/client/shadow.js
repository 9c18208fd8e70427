/**
 * What the leading tab knows of a room, so that it can answer the joins of other tabs itself. Values only.
 *
 *   entries ─▶ a short ring (who knows less, but not much less, gets exactly what is missing)
 *           └▶ the picture (who knows nothing, or too little, begins with it)
 */

import { advance, judge, readJoined } from "./recovery.js";

/** @typedef {import("./types.js").Cursor} Cursor */

const RING_MAX = 500;
const ACTIVITY_MAX = 20;

export class Shadow {
  /** @type {Cursor | null} */
  cursor = null;
  /** The newest entries, without a hole, up to the cursor. @type {Record<string, any>[]} */
  #ring = [];
  /** @type {Map<string, unknown>} true at the cursor when `hasPicture` */
  #state = new Map();
  /** @type {Record<string, any>[]} */
  #activity = [];
  /** @type {Map<string, any>} members as they came, by user */
  #members = new Map();
  #people = { count: 0, large: false };
  hasPicture = false;

  /** @param {Record<string, any>} message `joined` @returns {Record<string, any>[]} the entries that it brought, for those who are there */
  take(message) {
    const joined = readJoined(message);
    if (joined === null) return [];
    if (!joined.more) this.people(message);
    if (joined.recovered) {
      const entries = (message.entries ?? []).filter((/** @type {any} */ entry) => this.push(entry) === "next");
      this.cursor = joined.cursor;
      return entries;
    }
    this.#state = new Map(Object.entries(joined.state));
    this.#activity = message.activity ?? [];
    // A picture at the place where we are already says nothing about the entries before it; the ring stays good.
    if (this.cursor?.epoch !== joined.cursor.epoch || this.cursor.offset !== joined.cursor.offset) this.#ring = [];
    this.hasPicture = true;
    this.cursor = joined.cursor;
    return [];
  }

  /** @param {any} entry @returns {"next" | "known" | "gap"} */
  push(entry) {
    const verdict = judge(this.cursor, entry);
    if (verdict !== "next") return verdict;
    this.cursor = this.cursor && advance(this.cursor, entry);
    this.#ring.push(entry);
    if (this.#ring.length > RING_MAX) this.#ring.shift();
    if (entry.type === "state") {
      for (const [key, value] of Object.entries(entry.set ?? {})) this.#state.set(key, value);
      for (const key of entry.removed ?? []) this.#state.delete(key);
    } else if (entry.type === "activity") {
      this.#activity = [...this.#activity, entry].slice(-ACTIVITY_MAX);
    }
    return verdict;
  }

  /** @param {Record<string, any>} message `joined` or `presence` */
  people(message) {
    const { members, joined = [], updated = [], left = [], count, large } = message;
    if (Array.isArray(members)) this.#members = new Map(members.map((member) => [member?.user, member]));
    else {
      for (const user of left) this.#members.delete(user);
      for (const member of [...joined, ...updated]) this.#members.set(member?.user, member);
    }
    this.#people = { count: count ?? this.#members.size, large: large ?? this.#people.large };
  }

  /** @param {Cursor | undefined} since @returns {boolean} whether exactly what came after it is here */
  reaches(since) {
    if (!since || !this.cursor || since.epoch !== this.cursor.epoch || since.offset > this.cursor.offset) return false;
    const first = this.#ring[0]?.offset ?? this.cursor.offset + 1;
    const known = this.#ring.find(({ offset }) => offset === since.offset);
    return since.offset >= first - 1 && (known === undefined || known.id === since.entry);
  }

  /** What a tab that joins is told. @param {string} room @param {Cursor | undefined} since @returns {Record<string, any>} `joined` */
  answer(room, since) {
    const people = { members: this.#people.large ? [] : [...this.#members.values()], ...this.#people };
    const base = { type: "joined", room, cursor: this.cursor, more: false, ...people };
    if (since && this.reaches(since)) {
      return { ...base, recovered: true, entries: this.#ring.filter(({ offset }) => offset > since.offset) };
    }
    const reason = since && { reason: since.epoch === this.cursor?.epoch ? "too_old" : "epoch_changed" };
    return { ...base, ...reason, recovered: false, entries: [], state: Object.fromEntries(this.#state), activity: this.#activity };
  }
}
