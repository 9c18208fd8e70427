/** Who is in the room, as something to read and watch; the rules are in members.js. */

import { Emitter } from "./emitter.js";
import { applyPresence, NOBODY } from "./members.js";
import { Store } from "./store.js";

/** @typedef {import("./types.js").PresenceSnapshot} PresenceSnapshot */

/** A blip shows nothing; after so long without a connection the list is marked as what it was. */
const STALE_MS = 5_000;

/**
 * @typedef {object} PresenceHost
 * @property {Pick<import("./environment.js").Environment, "after">} env
 * @property {() => string | null} selfId
 * @property {(change: { status?: import("./types.js").MemberStatus, state?: Record<string, unknown> }) => void} show
 */

export class RoomPresence {
  #host;
  #roster = NOBODY;
  #emitter = new Emitter();
  /** @type {Store<PresenceSnapshot>} */
  #shown = new Store(snapshot(NOBODY, null, false));
  /** @type {(() => void) | null} */
  #cancelStale = null;

  /** @param {PresenceHost} host */
  constructor(host) {
    this.#host = host;
    this.getSnapshot = this.#shown.getSnapshot;
    this.subscribe = this.#shown.subscribe;
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

  get byUser() {
    return this.#roster.byUser;
  }

  /** What others see of this page here. @param {{ status?: import("./types.js").MemberStatus, state?: Record<string, unknown> }} change */
  update(change) {
    this.#host.show(change);
  }

  /** `sync` is a whole list. @param {"join" | "update" | "leave" | "sync"} event @param {(data: any) => void} handler */
  on(event, handler) {
    return this.#emitter.on(event, handler);
  }

  /** @param {Record<string, any>} message `joined` or `presence` @returns {import("./members.js").Difference} */
  receive(message) {
    const { roster, difference } = applyPresence(this.#roster, message);
    this.#roster = roster;
    this.#cancelStale?.();
    this.#cancelStale = null;
    this.#show(false);
    for (const member of difference.joined) this.#emitter.emit("join", member);
    for (const member of difference.updated) this.#emitter.emit("update", member);
    for (const member of difference.left) this.#emitter.emit("leave", member);
    if (message.type === "joined" || Array.isArray(message.members)) this.#emitter.emit("sync", this.members);
    return difference;
  }

  /** The connection is lost; who was here probably still is. */
  lose() {
    this.#cancelStale ??= this.#host.env.after(STALE_MS, () => this.#show(true));
  }

  clear() {
    this.#cancelStale?.();
    this.#cancelStale = null;
    this.#roster = NOBODY;
    this.#show(false);
  }

  /** @param {boolean} stale */
  #show(stale) {
    this.#shown.set(snapshot(this.#roster, this.#host.selfId(), stale));
  }
}

/**
 * @param {import("./members.js").Roster} roster
 * @param {string | null} selfId
 * @param {boolean} stale
 * @returns {PresenceSnapshot}
 */
function snapshot({ byUser, count, large }, selfId, stale) {
  const members = [...byUser.values()].sort((a, b) => a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1));
  const others = members.filter(({ user }) => user !== selfId);
  return Object.freeze({ self: byUser.get(selfId ?? "") ?? null, others, members, count, large, stale });
}
