/** Who is in the room, as something to read and watch; the rules are in members.js. */

import { Emitter } from "./emitter.js";
import { applyPresence, NOBODY } from "./members.js";
import { Readable } from "./store.js";

/** @typedef {import("./types.js").PresenceSnapshot} PresenceSnapshot */
/** @typedef {{ status?: import("./types.js").MemberStatus, state?: Record<string, unknown> }} Shown */

/** A blip shows nothing; after so long without a connection the list is marked as what it was. */
const STALE_MS = 5_000;

/** @extends {Readable<PresenceSnapshot>} */
export class RoomPresence extends Readable {
  #room;
  #host;
  #roster = NOBODY;
  #emitter = new Emitter();
  /** @type {Shown} */
  #own = {};
  #cancelStale = () => {};

  /** @param {import("./room.js").Room<any>} room @param {import("./room.js").RoomHost} host */
  constructor(room, host) {
    super(snapshot(NOBODY));
    this.#room = room;
    this.#host = host;
  }

  get self() {
    return this.getSnapshot().self;
  }

  get others() {
    return this.getSnapshot().others;
  }

  get members() {
    return this.getSnapshot().members;
  }

  get count() {
    return this.getSnapshot().count;
  }

  /** What this page shows of itself here; a status of its own goes before what the page sees. */
  get own() {
    const { status = this.#host.attention.status, state = {} } = this.#own;
    return { status, state };
  }

  /** What others see of this page here. @param {Shown} change */
  update(change) {
    this.#own = { ...this.#own, ...change };
    if (this.#room.status !== "joined") return;
    // Lost or refused for being too fast, the next join brings it, or the next change.
    this.#room.request("presence", this.own).catch((error) => error.retryable || this.#host.onError(error));
  }

  /** `sync` is a whole list. @param {"join" | "update" | "leave" | "sync"} event @param {(data: any) => void} handler */
  on(event, handler) {
    return this.#emitter.on(event, handler);
  }

  /** @param {Record<string, any>} message `joined` or `presence` @returns {import("./members.js").Difference} */
  receive(message) {
    const { roster, difference } = applyPresence(this.#roster, message);
    this.#become(roster);
    for (const member of difference.joined) this.#emitter.emit("join", member);
    for (const member of difference.updated) this.#emitter.emit("update", member);
    for (const member of difference.left) this.#emitter.emit("leave", member);
    if (message.type === "joined" || Array.isArray(message.members)) this.#emitter.emit("sync", this.members);
    return difference;
  }

  /** @param {string} user @returns {boolean} whether they may be here; in a large room nobody knows */
  has(user) {
    return this.#roster.large || this.#roster.byUser.has(user);
  }

  /** The connection is lost; who was here probably still is. */
  lose() {
    this.#cancelStale = this.#host.env.after(STALE_MS, () => this.#become(this.#roster, true));
  }

  clear() {
    this.#become(NOBODY);
  }

  /** @param {import("./members.js").Roster} roster @param {boolean} [stale] */
  #become(roster, stale) {
    this.#cancelStale();
    this.#roster = roster;
    this.show(snapshot(roster, this.#host.user?.id, stale));
  }
}

/**
 * @param {import("./members.js").Roster} roster
 * @param {string} [selfId]
 * @param {boolean} [stale]
 * @returns {PresenceSnapshot}
 */
function snapshot({ byUser, count, large }, selfId = "", stale = false) {
  const members = [...byUser.values()];
  return { self: byUser.get(selfId) ?? null, others: members.filter(({ user }) => user !== selfId), members, count, large, stale };
}
