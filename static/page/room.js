/**
 * One room over one connection: joins, goes on by cursor after a loss, keeps count, and hands on what happened.
 *
 * Everything that `joined` brings is applied while its message is handled, before the next message can arrive; so what
 * is pushed afterwards always meets the picture that it belongs to.
 */

import { isCount, Ledger } from "./ledger.js";
import { Members } from "./members.js";

const HISTORY_LIMIT = 50;
const JOIN_RETRY_MS = 1_000;

/** @typedef {{ epoch: string, offset: number, entry: string | null }} Cursor */

/**
 * @typedef {object} RoomEvents
 * @property {() => void} onJoined from now on everything is pushed
 * @property {(reason: string | null) => void} onPicture a new picture; with a reason when the old one is void
 * @property {(entry: Record<string, any>) => void} onEntry each once, also from history
 * @property {(isChange: boolean) => void} onState the state is another; no change when it is that of a new picture
 * @property {(difference: import("./members.js").Difference) => void} onMembers
 * @property {(signals: Record<string, any>[]) => void} onSignals
 * @property {(problem: string | null) => void} onRefused why the room can't be had, in words; null when it can
 * @property {() => void} onCounts
 */

export class Room {
  /** @type {import("./connection.js").Connection} */
  #connection;
  /** @type {RoomEvents} */
  #events;
  /** @type {Cursor | null} */
  #cursor = null;
  /** Raised whenever an older join must not go on. */
  #turn = 0;
  #presence = { status: "online", state: /** @type {Record<string, unknown>} */ ({ page: "overview" }) };
  ledger = new Ledger();
  members = new Members();
  /** @type {Map<string, unknown>} true at the cursor */
  state = new Map();
  isJoined = false;

  /**
   * @param {string} name
   * @param {import("./connection.js").Connection} connection
   * @param {RoomEvents} events
   */
  constructor(name, connection, events) {
    this.name = name;
    this.#connection = connection;
    this.#events = events;
  }

  get cursor() {
    return this.#cursor;
  }

  get presence() {
    return this.#presence;
  }

  /** Joins, or joins again, from where this page is. */
  join() {
    this.#turn += 1;
    this.isJoined = false;
    void this.#ask(this.#turn);
  }

  /** The connection is gone; what was learned stays. */
  lose() {
    this.#turn += 1;
    this.isJoined = false;
  }

  /** @param {{ status?: string, state?: Record<string, unknown> }} change */
  async show(change) {
    this.#presence = { ...this.#presence, ...change };
    if (!this.isJoined) return;
    // Lost or refused, the next join brings it, or the next change.
    await this.#connection.request({ type: "presence", room: this.name, ...this.#presence }).catch(() => {});
  }

  /** @param {string} event @param {unknown} data */
  signal(event, data) {
    if (this.isJoined) this.#connection.signal({ type: "signal", room: this.name, event, data });
  }

  /** @param {Record<string, any>} message any message; those of other rooms are passed over */
  receive(message) {
    if (message.room !== this.name) return;
    switch (message.type) {
      case "joined":
        this.#take(message);
        break;
      case "presence":
        if (this.isJoined) this.#events.onMembers(this.members.change(message));
        break;
      case "signals":
        if (Array.isArray(message.signals)) this.#events.onSignals(message.signals.filter((each) => each !== null));
        break;
      case "left":
        this.lose();
        this.#events.onRefused(`the server took the room away (${message.code ?? "no reason given"})`);
        break;
      default:
        if (isEntry(message)) this.#push(message);
    }
  }

  /** What a reload needs to go on from here. */
  save() {
    return { cursor: this.#cursor, ledger: this.ledger.save(), state: [...this.state] };
  }

  /** @param {unknown} saved whatever was found in storage */
  restore(saved) {
    const { cursor, ledger, state } = /** @type {Record<string, any>} */ (saved ?? {});
    if (!isCursor(cursor)) return;
    this.#cursor = cursor;
    this.ledger.restore(ledger);
    this.state = new Map(Array.isArray(state) ? state.filter(Array.isArray) : []);
  }

  /** @param {number} turn */
  async #ask(turn) {
    try {
      /** @type {any} */
      let page;
      do {
        const since = this.#cursor ? { since: this.#cursor } : {};
        page = await this.#connection.request({ type: "join", room: this.name, presence: this.#presence, ...since });
      } while (page.more === true && turn === this.#turn);
    } catch (refusal) {
      if (turn === this.#turn) await this.#refused(/** @type {any} */ (refusal), turn);
    }
  }

  /** @param {import("./outbox.js").Refusal} refusal @param {number} turn */
  async #refused({ code, message, retryAfter }, turn) {
    if (code === "lost") return;
    if (code === "bad_message" && this.#cursor) {
      // A cursor from storage that the server can't read is worth nothing: start anew.
      this.#cursor = null;
      this.join();
    } else if (["timeout", "unavailable", "rate_limited", "disabled"].includes(code)) {
      this.#events.onRefused(message);
      await new Promise((resolve) => setTimeout(resolve, retryAfter === undefined ? JOIN_RETRY_MS : retryAfter * 1000));
      if (turn === this.#turn) this.join();
    } else {
      this.#events.onRefused(message);
    }
  }

  /** @param {Record<string, any>} joined */
  #take(joined) {
    if (!isCursor(joined.cursor)) return;
    const hadPicture = this.#cursor !== null;
    const entries = Array.isArray(joined.entries) ? joined.entries.filter(isEntry) : [];
    if (joined.recovered === true) {
      for (const entry of entries) this.#push(entry);
      this.ledger.reach(joined.cursor.offset);
    } else {
      this.ledger.begin(joined.cursor.offset);
      this.#events.onPicture(hadPicture ? String(joined.reason ?? "a new picture") : null);
      this.state = new Map(Object.entries(joined.state ?? {}));
      this.#events.onState(false);
      const activities = Array.isArray(joined.activity) ? joined.activity.filter(isEntry) : [];
      for (const activity of activities) this.#events.onEntry(activity);
    }
    this.#cursor = readCursor(joined.cursor);
    this.#events.onCounts();
    if (joined.more === true) return;
    this.isJoined = true;
    this.#events.onRefused(null);
    this.#events.onMembers(this.members.replace(joined));
    this.#events.onJoined();
    if (joined.recovered !== true) void this.#readEarlier();
  }

  /** Entries before the picture, for people to read; the proof doesn't count them. */
  async #readEarlier() {
    const turn = this.#turn;
    try {
      const page = await this.#connection.request({ type: "history", room: this.name, limit: HISTORY_LIMIT });
      const isOurs = turn === this.#turn && Array.isArray(page.entries);
      if (isOurs) for (const entry of page.entries.filter(isEntry)) this.#events.onEntry(entry);
    } catch {
      // Not allowed, or not there yet: the room is usable without its past.
    }
  }

  /** @param {Record<string, any>} entry */
  #push(entry) {
    const news = this.ledger.take(entry.offset);
    if (this.#cursor && entry.offset > this.#cursor.offset) {
      this.#cursor = { epoch: this.#cursor.epoch, offset: entry.offset, entry: entry.id };
    }
    if (news !== "twice") {
      if (entry.type === "state") this.#change(entry);
      this.#events.onEntry(entry);
    }
    this.#events.onCounts();
  }

  /** @param {Record<string, any>} entry */
  #change({ set, removed }) {
    for (const [key, value] of Object.entries(set ?? {})) this.state.set(key, value);
    for (const key of Array.isArray(removed) ? removed : []) this.state.delete(key);
    this.#events.onState(true);
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

/** @param {Cursor} cursor @returns {Cursor} */
function readCursor({ epoch, offset, entry }) {
  return { epoch, offset, entry: typeof entry === "string" ? entry : null };
}
