/**
 * One connection for many tabs. Every tab has one of these in place of its connection, and says the same to whoever leads:
 * to the hub in another tab, in a worker, or here.
 *
 *   tab ── channel ──▶ hub (in the tab that holds the lock, or in a worker) ──▶ connection ──▶ server
 *
 * When the leader changes, each tab joins its rooms again from where it is, so nothing is lost on the way. The session goes
 * on, because the hub tells its secret to all.
 */

import { Hub } from "./hub.js";

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./connection.js").Link} Link */

/** @type {Required<import("./types.js").TabOptions>} ms */
const TABS = { watchdog: 10_000, steal: 2_000, worker: false };
/** @type {{ leader: string | null, term: number, version: number, serial: number }} */
const NOTHING = { leader: null, term: 0, version: -1, serial: -1 };
/** Tabs that miss a leader act one after the other, so that the first is heard by the rest. */
const TURN_MS = 100;

/** @implements {Link} */
export class SharedLink {
  /** The connection of this tab alone, which the hub has while this tab leads. */
  #solo;
  #tools;
  #options;
  #events;
  #env;
  /** Of this page alone: a duplicated tab copies whatever is kept. */
  #tab;
  #times;
  #timers;
  #requests;
  /** @type {LinkStatus} */
  status;
  /** Null once each tab has a connection of its own. @type {BroadcastChannel | null} */
  #channel;
  #name;
  /** Where this tab leads. @type {Hub | null} */
  #hub = null;
  /** Ends the lock by which this tab shows that it is there, and all listening. */
  #release = () => {};
  /** Who leads as far as this tab knows, and what it heard of it last. */
  #heard = NOTHING;
  /** @type {readonly string[]} who was looked at last comes first */
  #tabs = [];
  /** What was said of the tabs last. */
  #told = "";
  #isHeld = false;
  isLeader = false;
  hasStolen = false;

  /** @param {import("./tab-link.js").TabLink} solo @param {typeof import("./tab-link.js").TOOLS} tools */
  constructor(solo, tools) {
    const { options, events, status, channel } = solo;
    const { env } = options;
    this.#solo = solo;
    this.#tools = tools;
    this.#options = options;
    this.#events = events;
    this.#env = env;
    this.status = status;
    this.#channel = /** @type {BroadcastChannel} */ (channel);
    this.#name = this.#channel.name;
    this.#tab = tools.newKey(env);
    this.#times = { ...TABS, ...options.tabs };
    this.#timers = new tools.Timers(env.after);
    this.#requests = new tools.Requests(env.after);
    events.onLink(this);
    this.#begin();
  }

  get buffered() {
    return this.#hub ? this.#solo.buffered : 0;
  }

  get nonsense() {
    return this.#solo.nonsense;
  }

  /** @returns {import("./types.js").TabStatus} */
  get tabs() {
    const role = this.#channel ? (this.#hub ? "leader" : "follower") : "alone";
    return { role, count: this.#tabs.length || 1, front: (this.#tabs[0] ?? this.#tab) === this.#tab };
  }

  start() {
    this.#do("start");
  }

  /** @param {number} [code] @param {string} [reason] */
  stop(code = this.#tools.GOODBYE, reason = "disconnect() was called") {
    const { CLOSE_FOR_NOW, UNCONNECTED } = this.#tools;
    const previous = this.status;
    // The leader takes its rooms along; whoever follows gives back its own.
    if (this.#hub) this.#stepDown(code);
    else this.#do("bye", code === CLOSE_FOR_NOW);
    this.#solo.release();
    this.#release();
    this.#channel?.close();
    this.#timers.stopAll();
    this.#requests.lose();
    this.#solo.reset(Object.freeze({ ...UNCONNECTED, state: "disconnected", reason, code, lastConnected: previous.lastConnected }));
    this.#events.onLink(this.#solo);
    this.#events.onStatus(this.#solo.status, previous);
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
    if (this.status.state !== "connected") return false;
    this.#do("up", message);
    return true;
  }

  /** Tells all other tabs. @param {Record<string, unknown>} word */
  tell(word) {
    this.#channel?.postMessage({ is: "word", word });
  }

  #begin() {
    const { locks, window } = this.#env;
    const { hold, CLOSE_FOR_NOW } = this.#tools;
    const solo = this.#solo;
    const channel = /** @type {BroadcastChannel} */ (this.#channel);
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
    const release = locks ? hold(locks, `${this.#name}:${this.#tab}`, known) : () => {};
    this.#release = () => {
      release();
      listening.abort();
    };
    solo.onLost = () => this.#robbed();
    if (solo.isLeading) return this.#lead(true);
    // It may have been robbed of the lock a moment ago.
    solo.route.onStatus = () => {};
    solo.stop(CLOSE_FOR_NOW);
    if (locks && !this.#times.worker) return this.#robbed();
    this.#watch();
    if (!locks) known();
    this.#employ();
  }

  /** Stands in line to lead. @param {boolean} [steal] */
  #stand(steal = false) {
    const { locks } = this.#env;
    this.hasStolen = steal;
    this.#solo.release();
    this.#solo.release = this.#tools.hold(/** @type {LockManager} */ (locks), this.#name, () => this.#lead(), () => this.#robbed(), steal ? { steal } : undefined);
  }

  /** Makes this tab known to whoever leads; before its own lock is held that would end with a "gone". */
  #greet() {
    if (!this.#isHeld) return;
    this.#do("hello");
    if (this.#env.document?.hasFocus?.()) this.#do("front");
  }

  /** Has a worker lead. */
  #employ() {
    try {
      const worker = new (/** @type {any} */ (this.#env.SharedWorker))(new URL("./worker.js", import.meta.url), { type: "module", name: this.#name });
      worker.onerror = () => this.#alone();
      this.#solo.release = () => (worker.onerror = null);
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
    if (this.#heard.leader) {
      this.#options.credentials = async () => {
        this.#options.credentials = credentials;
        const all = await credentials();
        return all && { ...all, secret: undefined };
      };
    }
    this.#channel.close();
    this.#channel = null;
    this.#tabs = [];
    this.#lead();
  }

  // --- As the leader ---

  /** @param {boolean} [isBySolo] it was connected alone until now, and knows of nothing new */
  #lead(isBySolo = false) {
    this.#timers.stopAll();
    this.#requests.lose();
    const id = this.#tab;
    const term = Math.max(this.#env.date(), this.#heard.term + 1);
    if (isBySolo) this.#heard = { leader: id, term, version: -1, serial: 0 };
    this.#hub = new Hub(this.#solo, this.#env, this.#tools, {
      id, name: this.#name, term, tabs: [...new Set([...this.#tabs, id])],
      post: (word) => {
        if (word.to !== id) this.#channel?.postMessage(word);
        if (word.is && (word.to ?? id) === id) this.#hear(word);
      },
      onStray: this.#events.onMessage,
    });
    this.#hub.begin(isBySolo ? this.#events : null);
  }

  /** Somebody else leads; robbed, perhaps, while this tab hung. */
  #robbed() {
    this.#stepDown(this.#tools.CLOSE_FOR_NOW);
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
    else if (is === "down" && from === this.#heard.leader && this.status.state === "connected") this.#take(word.message);
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
      this.#stepDown(this.#tools.CLOSE_FOR_NOW);
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
    const wasLive = this.status.state === "connected" || this.status.state === "reconnecting";
    // Whoever follows another as the leader connects; for its people it comes back.
    const shown = state === "connecting" && wasLive ? "reconnecting" : state;
    this.#enter({ ...status, state: shown, error: this.#hub ? this.#solo.status.error : error && this.#tools.errorOf(error.code, error.message) });
  }

  /** @param {any} message */
  #take(message) {
    if (message.type === "error" && message.id === undefined) return this.#events.onError(this.#tools.fromWire(message));
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
    if (this.status.state === "connected") this.#enter({ ...this.status, state: "reconnecting", reason, since: new Date(this.#env.date()) });
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
    const previous = this.status;
    this.status = Object.freeze({ ...status });
    this.#events.onStatus(this.status, previous);
  }
}
