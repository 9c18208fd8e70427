/**
 * A connection that other tabs of this browser and user may share. As long as there is no other tab it is no more than
 * that: whoever holds the lock connects, and listens whether anybody comes.
 *
 *   alone with the lock ─▶ connects          another tab speaks, has the lock, or robs it ─▶ shared-link.js takes over
 *
 * What many tabs need is loaded when there are many, which for most pages is never.
 */

import { CLOSE_FOR_NOW, GOODBYE, TAKEN_UP } from "./codes.js";
import { Connection, UNCONNECTED } from "./connection.js";
import { newKey } from "./environment.js";
import { errorOf, fromWire } from "./errors.js";
import { hold, nowOf } from "./leadership.js";
import { Requests } from "./requests.js";
import { Timers } from "./timers.js";

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./connection.js").ConnectionOptions & { name: () => Promise<string>, tabs: import("./types.js").TabOptions }} TabLinkOptions `name` says whose tabs these are */

/**
 * @typedef {object} ShareEvents
 * @property {(link: import("./connection.js").Connection | import("./shared-link.js").SharedLink) => void} onLink from now on this one is the connection
 * @property {(tabs: import("./types.js").TabStatus) => void} onTabs
 * @property {(word: Record<string, any>) => void} onWord what another tab says to all
 * @property {Map<string, import("./room.js").Room<any>>} rooms
 * @property {{ status: string }} attention what this tab shows of its person
 */
/** @typedef {import("./connection.js").LinkEvents & ShareEvents} TabEvents */

/** Of the client, and so of the words between tabs: another version is never spoken to. */
export const VERSION = "0.1.0";

/** What shared-link.js and hub.js are handed of the client: would they import it, bundlers would split the client for them. */
export const TOOLS = { CLOSE_FOR_NOW, GOODBYE, TAKEN_UP, UNCONNECTED, newKey, errorOf, fromWire, hold, nowOf, Requests, Timers };

export class TabLink extends Connection {
  options;
  events;
  /** Who hears the connection: this, or the hub for all tabs. @type {import("./connection.js").LinkEvents} */
  route;
  /** @type {BroadcastChannel | null} */
  channel = null;
  /** The last `connected`, with `@me` as it is now: what a tab that comes has to know. @type {Record<string, any> | null} */
  connected = null;
  /** Lets the lock go. */
  release = () => {};
  /** Somebody else has the lock. */
  onLost = () => this.#share();
  /** Whether this tab holds the lock. */
  isLeading = false;
  #isOpening = false;
  /** The channel over which that is begun. @type {BroadcastChannel | null} */
  #shared = null;

  /** @param {TabLinkOptions} options @param {TabEvents} events */
  constructor(options, events) {
    const own = { ...options };
    const route = { ...UNHEARD };
    super(own, route);
    this.options = own;
    this.events = events;
    this.route = route;
    this.reset(UNCONNECTED);
  }

  /** @override */
  start() {
    if (this.channel) super.start();
    else if (!this.#isOpening) void this.#begin();
  }

  /** By itself again. @param {LinkStatus} status */
  reset(status) {
    const { events } = this;
    this.status = status;
    this.tabs = { role: "alone", count: 1, front: true };
    this.channel = null;
    this.isLeading = this.#isOpening = false;
    this.release = () => {};
    this.onLost = () => this.#share();
    Object.assign(this.route, {
      onError: events.onError,
      onConnected: (/** @type {Record<string, any>} */ connected) => {
        this.connected = connected;
        events.onConnected(connected);
      },
      onMessage: (/** @type {Record<string, any>} */ message) => {
        this.connected = nowOf(this.connected, message);
        events.onMessage(message);
      },
      onStatus: (/** @type {LinkStatus} */ now, /** @type {LinkStatus} */ before) => {
        // Perhaps by another tab of ours, which is then asked.
        if (now.code === TAKEN_UP && now.state === "failed" && this.channel) return this.#share();
        if (now.state === "disconnected") this.#leave();
        events.onStatus(now, before);
      },
    });
  }

  async #begin() {
    const { options: { name, env, tabs: { worker } }, events, status } = this;
    const { locks, BroadcastChannel } = env;
    this.#isOpening = true;
    this.status = Object.freeze({ ...UNCONNECTED, state: "connecting", lastConnected: status.lastConnected });
    events.onStatus(this.status, status);
    const subject = await name().catch(() => null);
    if (!this.#isOpening) return;
    this.#isOpening = false;
    // Without a name there is no token, which the connection itself says best.
    if (subject === null) return super.start();
    const full = `copresence ${VERSION} ${subject}`;
    this.channel = new /** @type {typeof globalThis.BroadcastChannel} */ (BroadcastChannel)(full);
    if (worker || !locks) return this.#share();
    this.channel.onmessage = () => this.isLeading && this.#share();
    this.release = hold(locks, full, () => {
      this.isLeading = true;
      this.tabs = { role: "leader", count: 1, front: true };
      super.start();
    }, () => {
      this.isLeading = false;
      this.onLost();
    }, { ifAvailable: true });
  }

  #leave() {
    this.release();
    this.channel?.close();
    this.reset(this.status);
  }

  /** There are others. */
  #share() {
    const { channel } = this;
    if (this.#shared === channel) return;
    this.#shared = channel;
    // Stopped while it was loaded, and perhaps begun anew, it is for whatever began since.
    import("./shared-link.js").then(({ SharedLink }) => this.channel === channel && new SharedLink(this, TOOLS)).catch(() => {
      // Without it there is still a connection of our own.
      this.#shared = null;
      if (this.isLeading || this.channel !== channel) return;
      this.#leave();
      super.start();
    });
  }
}

/** @type {import("./connection.js").LinkEvents} */
const UNHEARD = { onStatus() {}, onConnected() {}, onMessage() {}, onError() {} };
