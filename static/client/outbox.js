/**
 * What was said and not yet answered: the way of every write, into rooms that nobody joined as well.
 *
 *   write ─▶ storage ─▶ send (one at a time, in order, paced) ─▶ published: gone
 *                         ▲                                  └▶ refused for good: gone, and its promise rejects
 *                         └── the same key again: no answer, or "not now"
 *
 * An item is stored before it is sent and keeps its key through every repeat, so a lost answer, a killed server or a
 * reload costs nothing: the log takes a key once. It is bounded, and a full one refuses the new, never drops the old.
 */

import { backoffMs, RECONNECT } from "./backoff.js";
import { newKey } from "./environment.js";
import { errorOf, UsageError } from "./errors.js";
import { waitFor } from "./requests.js";
import { openStore } from "./storage-idb.js";
import { Store } from "./store.js";
import { Turn } from "./turn.js";

/** @typedef {import("./storage-idb.js").Item} Item */
/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @typedef {{ published?: Published | undefined, error?: any }} Outcome one of the two */

/** @typedef {Pick<import("./engine.js").Engine, "env" | "options" | "url" | "tab" | "user" | "limits" | "connection" | "isLive" | "sending" | "onError">} OutboxHost */

const HOUR_MS = 3_600_000;
/** Another tab's item that waits for longer was left behind by a tab that is gone. */
const LEFT_BEHIND_MS = 15_000;
/** Stands for the number of what the store does not have yet. */
const UNNUMBERED = Infinity;

export class Outbox {
  #host;
  #options;
  #store;
  #turn;
  /** Whether other tabs see what waits here, and the one that leads sends it. */
  #isShared = false;
  /** Those that are ours to send, in the order of the store. @type {Store<readonly Item[]>} */
  #shown = new Store(Object.freeze(/** @type {Item[]} */ ([])));
  /** @type {Set<{ key: string, end: import("./requests.js").End }>} */
  #waiting = new Set();
  /** Additions are numbered in the order in which they were said. @type {Promise<unknown>} */
  #adding = Promise.resolve();
  /** How often the store is being read, and what was settled meanwhile: what was read may be older. */
  #readings = 0;
  /** @type {Set<string>} */
  #gone = new Set();
  /** The last number. */
  #seen = 0;
  #isOpen = false;
  #isDraining = false;
  /** Ends a pause. */
  #wake = () => {};
  /** Messages a second. */
  #rate = 10;
  /** When the next one would be sent if all were sent evenly. */
  #due = 0;
  #maxAge = 23 * HOUR_MS;

  /** @param {OutboxHost} host */
  constructor(host) {
    this.#host = host;
    this.#options = { max: 500, maxBytes: 1_000_000, ...host.options.outbox };
    this.#turn = new Turn(host.env, this.#hear);
    this.#store = openStore(this.#options.persist === "memory" ? null : host.env.indexedDB, host.env.after);
    void this.#store.then(({ isShared }) => (this.#isShared = isShared));
    this.getSnapshot = this.#shown.getSnapshot;
    this.subscribe = this.#shown.subscribe;
  }

  /** Oldest first. */
  get items() {
    return this.getSnapshot();
  }

  get size() {
    return this.items.length;
  }

  get bytes() {
    return this.items.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  }

  get oldest() {
    const first = this.items[0];
    return first ? new Date(first.at) : null;
  }

  /**
   * @param {string} room
   * @param {Record<string, unknown>} message `publish`, `set` or `track`
   * @param {WriteOptions} [options]
   * @returns {Promise<Published>}
   */
  async write(room, message, { queue = true, key = newKey(this.#host.env), timeout, signal } = {}) {
    const { env, url, tab, user, limits, sending } = this.#host;
    const text = jsonOf(message);
    const { length: bytes } = text;
    const { message_bytes: most = Infinity } = limits();
    // Characters, which are near enough to bytes: what is a little over, the server refuses in words.
    if (bytes > most) throw errorOf("too_large", `${bytes} bytes, the server takes ${most}`, { room });
    // A copy, so that nobody changes it while it waits.
    const draft = { url, user: user?.id ?? null, tab, key, room, message: JSON.parse(text), bytes, at: env.date() };
    if (!queue) return sending.write(room, draft.message, { key, timeout, signal });
    const { max, maxBytes } = this.#options;
    if (this.size >= max || this.bytes + bytes > maxBytes) throw errorOf("queue_full", `${this.size} messages wait already`, { room });
    const item = { ...draft, seq: UNNUMBERED };
    /** @type {{ key: string, end: import("./requests.js").End } | undefined} */
    let waiting;
    return waitFor((end) => {
      this.#waiting.add((waiting = { key, end }));
      this.#show([...this.items, item]);
      // Begun at once, for the page may be gone in a moment.
      const stored = this.#store.then((store) => store.add(draft)).then((seq) => (this.#seen = seq));
      stored.catch(() => {});
      this.#adding = this.#adding.then(async () => {
        // Storage that throws: it lives as long as the page, and is sent all the same.
        item.seq = await stored.catch(() => this.#seen + 0.5);
        this.#tell();
        void this.#drain();
      });
    }, {
      after: env.after, timeout, signal,
      late: () => errorOf("timeout", "no answer in time: it still waits to be sent", { room }),
      onEnd: () => {
        if (waiting) this.#waiting.delete(waiting);
        // What is on its way can't be called back; whether it is written is then unknown.
        if (signal?.aborted && (item !== this.items[0] || !this.#isDraining)) void this.#remove(item);
      },
    });
  }

  /** Takes up what the store holds: from before a reload, from tabs that are gone, from tabs that follow. */
  async adopt() {
    // Whoever was being added has its number first, or it would be found a second time.
    await this.#adding;
    this.#readings += 1;
    const found = await this.#store.then((store) => store.load()).catch(() => []);
    this.#readings -= 1;
    const known = [...this.#gone, ...this.items.map(({ key }) => key)];
    if (this.#readings === 0) this.#gone.clear();
    this.#show([...this.items, ...found.filter((item) => isItem(item) && !known.includes(item.key) && this.#isOurs(item))]);
    void this.#drain();
  }

  /** There is a connection: gives up what is not ours to send any more, such as another user's, and sends the rest. */
  live() {
    this.#show(this.items.filter((item) => this.#isOurs(item)));
    this.share();
  }

  /** What is in the store one tab sends, for all of them. */
  share() {
    const { connection, isLive, url, user } = this.#host;
    if (connection.tabs.role === "alone" || !this.#isShared) return this.open();
    this.#turn.listen(`copresence outbox ${url} ${user?.id ?? null}`);
    if (!connection.isLeader) return void this.#offer();
    this.#turn.take(() => this.open(), () => {
      this.close();
      if (isLive()) this.share();
    }, connection.hasStolen);
  }

  /** Has the tab that leads send what waits. What the store has no more was sent before we could hear of it: its key answers it again. */
  async #offer() {
    if (this.size === 0) return;
    await this.#adding;
    const { add, load } = await this.#store;
    const found = await load().catch(() => []);
    for (const item of this.items) if (!found.some(({ key }) => key === item.key)) await add(item).catch(() => {});
    this.#tell();
  }

  /** In the store first, then told: so a leader that crashes loses none. */
  #tell() {
    if (!this.#turn.isOurs) this.#turn.tell({ outbox: true });
  }

  /** The connection is lost, and with it our turn. */
  lose() {
    this.close();
    this.#turn.give();
  }

  /** There will be none until somebody asks for it. */
  end() {
    this.#turn.end();
  }

  /** Go on, at once, within the server's limits, and with what the store holds. */
  open() {
    const { publishes_per_s = 20, dedupe_s = 86_400 } = this.#host.limits();
    const { rate = publishes_per_s / 2, maxAge = Math.max(dedupe_s * 1000 - HOUR_MS, dedupe_s * 500) } = this.#options;
    this.#rate = Math.max(0.1, rate);
    this.#maxAge = maxAge;
    this.#host.sending.reset();
    this.#isOpen = true;
    this.#wake();
    void this.#drain();
    void this.adopt();
  }

  /** Sends nothing until it is opened again. */
  close() {
    this.#isOpen = false;
  }

  /** The end of this page's part; the store keeps what waits. */
  dispose() {
    this.close();
    this.#wake();
    void this.#store.then((store) => store.close());
  }

  /** Throws everything away that waits; the promises reject. */
  async clear() {
    for (const item of this.items) await this.#settle(item, { error: expired(item, "the outbox was cleared") });
  }

  /** Whether what waits is for this tab to send. @param {Item} item */
  #isOurs({ url, user, tab, at }) {
    const host = this.#host;
    const isMine = tab === host.tab || host.connection.tabs.role !== "alone" || host.env.date() - at > LEFT_BEHIND_MS;
    return isMine && url === host.url && (user === null || user === host.user?.id);
  }

  /** What another tab says of what waits, of whatever version of the client. @param {Record<string, any>} word */
  #hear = ({ outbox, settled, published, error }) => {
    if (outbox && this.#turn.isOurs) void this.adopt();
    if (settled) this.#settled(settled, { published, error: error && errorOf(error.code, error.message, error) });
  };

  /** By another tab, or this one. @param {string} key @param {Outcome} outcome */
  #settled(key, { error, published }) {
    if (this.#readings > 0) this.#gone.add(key);
    this.#show(this.items.filter((item) => item.key !== key));
    for (const waiting of [...this.#waiting]) {
      if (waiting.key === key) waiting.end(error, published);
    }
  }

  async #drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let attempt = 0; ; ) {
      const item = this.items[0];
      // Without its number it is not in the store yet, and what was said first goes first.
      if (!this.#isOpen || !item || item.seq === UNNUMBERED) break;
      const wait = this.#wait();
      if (wait > 0) {
        await this.#pause(wait);
        continue;
      }
      const { env, sending } = this.#host;
      const { room, message, key, at } = item;
      const isLate = env.date() - at > this.#maxAge;
      /** @type {Outcome} */
      const outcome = isLate ? { error: expired(item, "it waited for too long") } : await sending.write(room, message, { key }).then((published) => ({ published }), (error) => ({ error }));
      const { error } = outcome;
      if (error?.retryable) {
        if (!this.#isOpen) break;
        await this.#pause(error.retryAfter === null ? backoffMs(attempt, RECONNECT, this.#host.env.random, 0) : error.retryAfter * 1000);
        attempt += 1;
      } else {
        attempt = 0;
        await this.#settle(item, outcome);
      }
    }
    this.#isDraining = false;
  }

  /** A burst of one second's worth, then evenly. @returns {number} ms to wait */
  #wait() {
    const now = this.#host.env.now();
    const gap = 1_000 / this.#rate;
    const due = Math.max(this.#due, now - Math.max(0, 1_000 - gap));
    if (due <= now) this.#due = due + gap;
    return due - now;
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return waitFor((end) => (this.#wake = () => end(null)), { after: this.#host.env.after, timeout: ms, late: () => null });
  }

  /** @param {Item} item @param {Outcome} outcome */
  async #settle(item, outcome) {
    await this.#remove(item);
    this.#settled(item.key, outcome);
    const { room, key } = item;
    const { published, error } = outcome;
    if (!this.items.some((each) => each.room === room)) this.#host.sending.leave(room);
    // An error's own fields but the message are all that a channel carries.
    this.#turn.tell({ settled: key, published, error: error && { ...error, message: error.message } });
    if (error) this.#host.onError(error);
  }

  /** @param {Item} item */
  async #remove(item) {
    if (this.#readings > 0) this.#gone.add(item.key);
    this.#show(this.items.filter((each) => each !== item));
    if (item.seq === UNNUMBERED) await this.#adding;
    await this.#store.then((store) => store.remove(item.seq)).catch(() => {});
  }

  /** @param {readonly Item[]} items */
  #show(items) {
    if (items.length !== this.size) this.#shown.set(Object.freeze([...items].sort((a, b) => a.seq - b.seq)));
  }
}

/** @param {Item} item @param {string} words */
function expired({ room }, words) {
  return errorOf("queue_expired", words, { room });
}

/** @param {Record<string, unknown>} message @returns {string} */
function jsonOf(message) {
  try {
    return JSON.stringify(message, (_, value) => (typeof value === "bigint" ? String(value) : value));
  } catch (cause) {
    throw new UsageError(`this is no JSON: ${cause}`);
  }
}

/** @param {any} value @returns {value is Item} false when storage held something else */
function isItem(value) {
  return typeof value?.key === "string" && typeof value.room === "string" && typeof value.message?.type === "string" && Number.isFinite(value.at);
}
