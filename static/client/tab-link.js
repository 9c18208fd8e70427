/**
 * One connection for all tabs of a browser and user. Every tab has one of these in place of a connection, and says the same
 * to whoever leads: to the hub in another tab, in a worker, or here.
 *
 *   tab ── channel ──▶ hub (in the tab that holds the lock, or in a worker) ──▶ connection ──▶ server
 *
 * When the leader changes, each tab joins its rooms again from where it is, so nothing is lost on the way. The session goes
 * on, because the hub tells its secret to all.
 */

import { CLOSE_FOR_NOW, GOODBYE } from "./codes.js";
import { UNCONNECTED } from "./connection.js";
import { newKey } from "./environment.js";
import { errorOf, fromWire } from "./errors.js";
import { Hub } from "./hub.js";
import { hold } from "./leadership.js";
import { Requests } from "./requests.js";
import { Timers } from "./timers.js";

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./connection.js").Link} Link */

/** @typedef {(tabs: import("./types.js").TabStatus) => void} OnTabs */
/** @typedef {(word: Record<string, any>) => void} OnWord what another tab says to all */
/** @typedef {import("./connection.js").LinkEvents & { onTabs: OnTabs, onWord: OnWord }} TabEvents */

/** Of the client, and so of the words between tabs: another version is never spoken to. */
export const VERSION = "0.1.0";
/** @type {Required<import("./types.js").TabOptions>} ms */
const TABS = { watchdog: 10_000, steal: 2_000, worker: false };
/** @type {{ leader: string | null, term: number, version: number, serial: number }} */
const NOTHING = { leader: null, term: 0, version: -1, serial: -1 };
/** Tabs that miss a leader act one after the other, so that the first is heard by the rest. */
const TURN_MS = 100;

/** @implements {Link} */
export class TabLink {
  #options;
  #events;
  #env;
  /** Of this page alone: a duplicated tab copies whatever is kept. */
  #tab;
  #times;
  #timers;
  #requests;
  /** @type {LinkStatus} */
  #status = UNCONNECTED;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** Where this tab leads. @type {Hub | null} */
  #hub = null;
  /** What has to be let go. @type {Record<"own" | "line", () => void>} */
  #release = { own() {}, line() {} };
  /** Who leads as far as this tab knows, and what it heard of it last. */
  #heard = NOTHING;
  /** @type {readonly string[]} who was looked at last comes first */
  #tabs = [];
  /** What was said of the tabs last. */
  #told = "";
  #isHeld = false;
  #isStarting = false;
  /** Whether what waits in the outbox of all tabs is sent from here. */
  isLeader = false;
  hasStolen = false;

  /**
   * @param {import("./hub.js").HubOptions & { name: () => Promise<string>, tabs: import("./types.js").TabOptions }} options
   * @param {TabEvents} events
   */
  constructor(options, events) {
    this.#options = options;
    this.#events = events;
    this.#env = options.env;
    this.#tab = newKey(options.env);
    this.#times = { ...TABS, ...options.tabs };
    this.#timers = new Timers(this.#env.after);
    this.#requests = new Requests(this.#env.after);
  }

  get status() {
    return this.#status;
  }

  get buffered() {
    return this.#hub?.connection.buffered ?? 0;
  }

  get nonsense() {
    return this.#hub?.connection.nonsense ?? 0;
  }

  /** @returns {import("./types.js").TabStatus} */
  get tabs() {
    const role = this.#channel ? (this.#hub ? "leader" : "follower") : "alone";
    return { role, count: this.#tabs.length || 1, front: (this.#tabs[0] ?? this.#tab) === this.#tab };
  }

  start() {
    if (this.#hub || this.#channel) this.#do("start");
    else if (!this.#isStarting) void this.#begin();
  }

  /** @param {number} [code] @param {string} [reason] */
  stop(code = GOODBYE, reason = "disconnect() was called") {
    this.#isStarting = this.#isHeld = this.isLeader = false;
    const { lastConnected } = this.#status;
    // The leader takes its rooms along; whoever follows gives back its own.
    if (this.#hub) this.#stepDown(code);
    else this.#do("bye", code === CLOSE_FOR_NOW);
    this.#release.line();
    this.#release.own();
    this.#channel?.close();
    this.#channel = null;
    this.#tabs = [];
    this.#heard = NOTHING;
    this.#timers.stopAll();
    this.#requests.lose();
    this.#enter({ ...UNCONNECTED, state: "disconnected", reason, code, lastConnected });
  }

  restart(reason = "asked to connect anew") {
    this.#do("restart", reason);
  }

  wake() {
    this.#do("wake");
    if (this.#channel && !this.#hub) this.#doubt();
  }

  /** @param {Partial<import("./types.js").ReconnectOptions>} options */
  setReconnect(options) {
    this.#options.reconnect = { ...this.#options.reconnect, ...options };
    this.#do("setReconnect", options);
  }

  /** @param {number} ms */
  setHeartbeat(ms) {
    this.#options.heartbeat = ms;
    this.#do("setHeartbeat", ms);
  }

  async ping() {
    const begun = this.#env.now();
    await this.request({ type: "ping" });
    return this.#env.now() - begun;
  }

  /** @param {Record<string, unknown>} message @param {import("./requests.js").RequestOptions} [options] @returns {Promise<any>} */
  request(message, { timeout = this.#options.timeout ?? 10_000, signal } = {}) {
    return this.#requests.ask(message, (full) => this.send(full), timeout, signal);
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    if (this.#status.state !== "connected") return false;
    this.#do("up", message);
    return true;
  }

  /** Tells all other tabs. @param {Record<string, unknown>} word */
  tell(word) {
    this.#channel?.postMessage({ is: "word", word });
  }

  async #begin() {
    this.#isStarting = true;
    this.#enter({ ...UNCONNECTED, state: "connecting", lastConnected: this.#status.lastConnected });
    const subject = await this.#options.name().catch(() => null);
    if (!this.#isStarting) return;
    this.#isStarting = false;
    // Without a name there is no token, which the connection itself says best.
    if (subject === null) return this.#lead();
    const name = `copresence ${VERSION} ${subject}`;
    const { BroadcastChannel, locks, window } = this.#env;
    const channel = new /** @type {typeof globalThis.BroadcastChannel} */ (BroadcastChannel)(name);
    this.#channel = channel;
    channel.onmessage = ({ data }) => (data.do ? this.#hub?.hear(data) : this.#hear(data));
    const listening = new AbortController();
    const on = (/** @type {string} */ event, /** @type {() => void} */ hear) => window?.addEventListener(event, hear, { signal: listening.signal });
    on("focus", () => this.#do("front"));
    // Sooner than its lock falls or its silence is noticed; a page that goes to come back says it itself.
    on("pagehide", () => {
      if (!this.#hub) this.#do("bye", true);
      // It goes on hearing for a moment, and must not come back by what it hears.
      this.#isHeld = false;
    });
    const known = () => {
      this.#isHeld = true;
      this.#greet();
    };
    const release = locks ? hold(locks, `${name}:${this.#tab}`, known) : () => {};
    this.#release.own = () => {
      release();
      listening.abort();
    };
    this.#watch();
    if (this.#times.worker || !locks) this.#employ(name);
    else this.#stand();
    if (!locks) known();
  }

  /** Stands in line to lead. @param {boolean} [steal] */
  #stand(steal = false) {
    const { locks } = this.#env;
    this.hasStolen = steal;
    this.#release.line();
    this.#release.line = hold(/** @type {LockManager} */ (locks), this.#name, () => this.#lead(), () => this.#robbed(), steal);
  }

  get #name() {
    return /** @type {BroadcastChannel} */ (this.#channel).name;
  }

  /** Makes this tab known to whoever leads; before its own lock is held that would end with a "gone". */
  #greet() {
    if (!this.#isHeld) return;
    this.#do("hello");
    if (this.#env.document?.hasFocus?.()) this.#do("front");
  }

  /** Has a worker lead. @param {string} name */
  #employ(name) {
    try {
      const worker = new (/** @type {any} */ (this.#env.SharedWorker))(new URL("./worker.js", import.meta.url), { type: "module", name });
      worker.onerror = () => this.#alone();
      this.#release.line = () => (worker.onerror = null);
      // What a worker can be told: nothing that is of this page.
      const { url, reconnect, timeout, connectTimeout, heartbeat } = this.#options;
      worker.port.postMessage({ url, reconnect, timeout, connectTimeout, heartbeat });
    } catch {
      this.#alone();
    }
  }

  /** No worker, or none that answers: a connection of our own, and a session, for the other is perhaps still used. */
  #alone() {
    if (this.#hub || !this.#channel) return;
    const { credentials } = this.#options;
    const wasShared = this.#heard.leader !== null;
    this.#channel.close();
    this.#channel = null;
    this.#tabs = [];
    this.#lead(wasShared ? async () => {
      const all = await credentials();
      if (all) delete all.secret;
      return all;
    } : credentials);
  }

  // --- As the leader ---

  #lead(credentials = this.#options.credentials) {
    this.#timers.stopAll();
    this.#requests.lose();
    const id = this.#tab;
    this.#hub = new Hub({ ...this.#options, credentials }, {
      id, name: this.#channel?.name ?? "", term: Math.max(this.#env.date(), this.#heard.term + 1), tabs: [...new Set([...this.#tabs, id])],
      post: (word) => {
        if (word.to !== id) this.#channel?.postMessage(word);
        if (word.is && (word.to ?? id) === id) this.#hear(word);
      },
    });
    this.#hub.connection.start();
  }

  /** Robbed, while this tab hung: somebody else has the session now. */
  #robbed() {
    this.#stepDown(CLOSE_FOR_NOW);
    this.#lost("another tab leads now");
    this.#stand();
    this.#greet();
    this.#watch();
  }

  /** @param {number} code */
  #stepDown(code) {
    const hub = this.#hub;
    this.#hub = null;
    hub?.stop(code);
  }

  // --- What is heard ---

  /** @param {any} word */
  #hear({ is, from, to = this.#tab, ...word }) {
    if (to !== this.#tab) return;
    if (is === "state") this.#learn(from, word);
    else if (is === "down" && from === this.#heard.leader && this.#status.state === "connected") this.#take(word.message);
    else if (is === "word") this.#events.onWord(word.word);
    else if (is === "ask") void this.#identify(word);
  }

  /** @param {string} leader @param {any} state */
  #learn(leader, { term, version, status, serial, connected, tabs, sender }) {
    // One that was robbed and does not know it yet.
    if (term < this.#heard.term) return;
    if (this.#hub && leader !== this.#tab) {
      // Who robbed this tab is heard of by the lock; only in doubt whoever says so is believed.
      if (!this.#hub.isInDoubt) return;
      this.#stepDown(CLOSE_FOR_NOW);
      this.#stand();
    }
    if (!this.#hub) this.#watch();
    const isKnown = tabs.includes(this.#tab);
    if (leader !== this.#heard.leader || !isKnown) {
      this.#lost("another tab leads now");
      this.#heard = { ...NOTHING, leader, term };
    }
    if (!isKnown) return this.#greet();
    // Where no lock shows it, this shows that the tab is still there.
    if (!this.#env.locks) this.#do("hello");
    this.#counted(tabs, sender === this.#tab);
    if (version === this.#heard.version) return;
    const isNew = connected && serial !== this.#heard.serial;
    this.#heard = { leader, term, version, serial: isNew ? serial : this.#heard.serial };
    if (isNew) this.#events.onConnected(connected);
    this.#follow(status);
  }

  /** @param {any} status */
  #follow({ error, state, ...status }) {
    if (state !== "connected") this.#requests.lose();
    const wasLive = this.#status.state === "connected" || this.#status.state === "reconnecting";
    // Whoever follows another as the leader connects; for its people it comes back.
    const shown = state === "connecting" && wasLive ? "reconnecting" : state;
    this.#enter({ ...status, state: shown, error: this.#hub ? this.#hub.connection.status.error : error && errorOf(error.code, error.message) });
  }

  /** @param {any} message */
  #take(message) {
    if (message.type === "error" && message.id === undefined) return this.#events.onError(fromWire(message));
    this.#events.onMessage(message);
    if (!("room" in message && "offset" in message)) this.#requests.settle(message);
  }

  /** The worker connects, and needs to know whose tabs these are. @param {{ refused: boolean }} why */
  async #identify({ refused }) {
    const { credentials, onRefused } = this.#options;
    const isHopeless = refused && !onRefused();
    this.#do("told", isHopeless ? null : await credentials().catch(() => null));
  }

  /** @param {string[]} tabs @param {boolean} isSender */
  #counted(tabs, isSender) {
    this.#tabs = tabs;
    this.isLeader = isSender;
    const now = JSON.stringify([this.tabs, isSender]);
    if (now === this.#told) return;
    this.#told = now;
    this.#events.onTabs(this.tabs);
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#requests.lose();
    this.#heard = { ...this.#heard, version: -1, serial: -1 };
    if (this.#status.state === "connected") this.#enter({ ...this.#status, state: "reconnecting", reason, since: new Date(this.#env.date()) });
  }

  /** No beat for too long, and the leader is asked; no answer, and it is replaced. */
  #watch() {
    this.#timers.stop("steal");
    this.#timers.arm("watch", this.#times.watchdog, () => this.#doubt());
  }

  #doubt() {
    this.#do("ask");
    const turn = Math.max(0, this.#tabs.indexOf(this.#tab)) * TURN_MS;
    this.#timers.arm("steal", this.#times.steal + turn, () => {
      this.#lost("what led does not answer");
      if (this.#times.worker || !this.#env.locks) this.#alone();
      else this.#stand(true);
    });
  }

  /** Says it to whoever leads: a row of the hub's table, or a call of its connection. @param {string} what @param {unknown[]} given */
  #do(what, ...given) {
    const word = { do: what, from: this.#tab, given };
    if (this.#hub) this.#hub.hear(word);
    else this.#channel?.postMessage(word);
  }

  /** @param {LinkStatus} status */
  #enter(status) {
    const previous = this.#status;
    this.#status = Object.freeze({ ...status });
    this.#events.onStatus(this.#status, previous);
  }
}
