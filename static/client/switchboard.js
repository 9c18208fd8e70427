/**
 * The leading tab as a small server for all tabs: one connection, one session, each room joined once.
 *
 *   tabs ─ commands ─▶ switchboard ─▶ connection ─▶ server
 *        ◀─ messages ─            ◀─            ◀─
 *
 * Joins are counted over tabs and answered here, from a shadow of the room, by the same words as the server's: so a room in
 * a following tab knows no difference. Everything else goes through.
 */

import { Shadow } from "./shadow.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {{ tab: string, since: import("./types.js").Cursor | undefined, resolve: (joined: any) => void, reject: (error: unknown) => void }} Joining */
/** @typedef {{ shadow: Shadow, tabs: Set<string>, waiting: Joining[], isJoined: boolean, isAsking: boolean, presence: any }} Held */

const ENTRIES = new Set(["event", "state", "activity", "hidden"]);
/** The most present wins. */
const STATUSES = ["online", "busy", "away"];

export class Switchboard {
  #connection;
  #tell;
  /** @type {Map<string, Held>} by room */
  #rooms = new Map();
  /** What each tab sees of its person. @type {Map<string, string>} */
  #statuses = new Map();

  /** @param {Connection} connection @param {(tab: string | null, message: Record<string, any>) => void} tell null tells all tabs */
  constructor(connection, tell) {
    this.#connection = connection;
    this.#tell = tell;
  }

  /** @param {string} tab @param {Record<string, any>} message @param {import("./requests.js").RequestOptions} [options] @returns {Promise<any>} the reply */
  request(tab, message, options) {
    const held = this.#rooms.get(message.room);
    const isVisit = message.receive?.length === 0;
    if (message.type === "join" && message.room !== "@me") {
      if (!isVisit) return this.#join(tab, message);
      if (held) return Promise.resolve({ type: "ok" });
    }
    if (message.type === "leave") return this.#leave(tab, message.room);
    if (message.type === "presence") return this.#connection.request(this.#merged(tab, message), options);
    return this.#connection.request(message, options);
  }

  /** @param {string} tab @param {Record<string, any>} message @returns {boolean} */
  send(tab, message) {
    return this.#connection.send(message.type === "presence" ? this.#merged(tab, message) : message);
  }

  /** The connection is back, or gone. */
  moved() {
    if (this.#connection.status.state === "connected") return;
    // The tabs hear of it and join again, each from where it is.
    for (const [room, held] of this.#rooms) {
      held.isJoined = held.isAsking = false;
      held.tabs.clear();
      held.waiting = [];
      if (held.shadow.cursor === null) this.#rooms.delete(room);
    }
  }

  /** A tab is gone, and all that it joined with it. @param {string} tab */
  drop(tab) {
    this.#statuses.delete(tab);
    for (const room of [...this.#rooms.keys()]) if (this.#rooms.get(room)?.tabs.has(tab)) this.#leave(tab, room).catch(() => {});
  }

  /** @param {Record<string, any>} message from the server that answers nobody */
  receive(message) {
    const held = this.#rooms.get(message.room);
    if (!held) return this.#tell(null, message);
    if (ENTRIES.has(message.type)) {
      const verdict = held.shadow.push(message);
      if (verdict === "gap") return void this.#ask(message.room, held, held.shadow.cursor ?? undefined);
      if (verdict === "known") return;
    } else if (message.type === "presence") held.shadow.people(message);
    else if (message.type === "joined") held.shadow.take(message);
    else if (message.type === "left") {
      held.isJoined = false;
      this.#tellRoom(held, message);
      held.tabs.clear();
      return;
    }
    this.#tellRoom(held, message);
  }

  /** @param {string} tab @param {Record<string, any>} message @returns {Promise<any>} */
  #join(tab, { room, since, presence }) {
    const held = this.#rooms.get(room) ?? { shadow: new Shadow(), tabs: new Set(), waiting: [], isJoined: false, isAsking: false, presence: null };
    this.#rooms.set(room, held);
    if (presence?.status) this.#statuses.set(tab, presence.status);
    held.presence = presence === false ? (held.presence ?? false) : { ...presence, status: this.#status() };
    return new Promise((resolve, reject) => {
      held.waiting.push({ tab, since, resolve, reject });
      this.#pump(room, held);
    });
  }

  /** Does what has to be done next, until nobody waits. @param {string} room @param {Held} held */
  #pump(room, held) {
    if (held.isAsking || held.waiting.length === 0) return;
    const { shadow } = held;
    if (!held.isJoined) {
      const known = [...held.waiting.map(({ since }) => since), shadow.cursor ?? undefined].filter((since) => since !== undefined);
      // From the lowest, so that what comes is enough for everybody.
      const lowest = known.sort((a, b) => a.offset - b.offset)[0];
      return void this.#ask(room, held, lowest);
    }
    if (!shadow.hasPicture && held.waiting.some(({ since }) => !shadow.reaches(since))) return void this.#ask(room, held, undefined);
    const { waiting } = held;
    held.waiting = [];
    for (const { tab, since, resolve } of waiting) {
      held.tabs.add(tab);
      resolve(shadow.answer(room, since));
    }
  }

  /** @param {string} room @param {Held} held @param {import("./types.js").Cursor | undefined} since */
  async #ask(room, held, since) {
    held.isAsking = true;
    try {
      /** @type {any} */
      let joined;
      let from = since;
      do {
        const message = { type: "join", room, presence: held.presence, receive: ["entries", "presence", "signals"], ...(from && { since: from }) };
        joined = await this.#connection.request(message);
        const before = held.shadow.cursor;
        for (const entry of held.shadow.take(joined)) this.#tellRoom(held, entry);
        from = joined.cursor;
        // A picture ahead of where the tabs are: what lies between is asked for.
        const isAhead = since === undefined && before !== null && before.epoch === joined.cursor?.epoch && before.offset < joined.cursor.offset;
        if (isAhead && held.tabs.size > 0) for (const tab of held.tabs) this.#tell(tab, held.shadow.answer(room, before));
      } while (joined.more === true);
      held.isJoined = true;
      held.isAsking = false;
      this.#pump(room, held);
    } catch (error) {
      held.isAsking = false;
      const { waiting } = held;
      held.waiting = [];
      for (const { reject } of waiting) reject(error);
    }
  }

  /** @param {string} tab @param {string} room @returns {Promise<any>} */
  #leave(tab, room) {
    const held = this.#rooms.get(room);
    held?.tabs.delete(tab);
    if (held && (held.tabs.size > 0 || held.waiting.length > 0)) return Promise.resolve({ type: "ok" });
    this.#rooms.delete(room);
    return this.#connection.request({ type: "leave", room });
  }

  /** @param {string} tab @param {Record<string, any>} message `presence` */
  #merged(tab, message) {
    if (typeof message.status === "string") this.#statuses.set(tab, message.status);
    const merged = { ...message, status: this.#status() };
    for (const [room, held] of this.#rooms) {
      if (held.presence && (message.room === undefined || message.room === room)) held.presence = { ...held.presence, ...(message.state && { state: message.state }), status: merged.status };
    }
    return merged;
  }

  #status() {
    const seen = [...this.#statuses.values()];
    return STATUSES.find((status) => seen.includes(status)) ?? "online";
  }

  /** @param {Held} held @param {Record<string, any>} message */
  #tellRoom(held, message) {
    for (const tab of held.tabs) this.#tell(tab, message);
  }
}
