/**
 * What was said and not yet answered.
 *
 *   add ─▶ storage ─▶ send (one at a time, in order, paced) ─▶ published: gone
 *                       ▲                                  └▶ refused for good: gone, and its promise rejects
 *                       └── the same key again: no answer, or "not now"
 *
 * An item is stored before it is sent and keeps its key through every repeat, so a lost answer, a killed server or a
 * reload costs nothing: the log takes a key once. It is bounded, and a full one refuses the new, never drops the old.
 */

import { backoffMs, RECONNECT } from "./backoff.js";
import { aborted, errorOf } from "./errors.js";
import { Store } from "./store.js";

/** @typedef {import("./storage-idb.js").Item} Item */
/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @typedef {{ published: Published } | { error: any }} Outcome */

/**
 * @typedef {object} OutboxHost
 * @property {import("./environment.js").Environment} env
 * @property {Promise<import("./storage-idb.js").OutboxStore>} store
 * @property {() => { url: string, user: string | null, tab: string }} owner of what is added now
 * @property {(item: Item) => boolean} isOurs whether it is drained from here
 * @property {(item: Item) => Promise<Published>} send rejects with a CopresenceError
 * @property {() => string} newKey
 * @property {(item: Item, outcome: Outcome) => void} onSettled
 * @property {(item: Item) => void} onAdded it is in the store
 * @property {Required<Pick<import("./types.js").OutboxOptions, "max" | "maxBytes">>} limits
 */

/** Refusals after which the same message may be taken later. */
const PASSING = new Set(["unavailable", "rate_limited", "disabled", "not_joined", "unauthorized", "closed", "timeout"]);

export class Outbox {
  #host;
  /** @type {Item[]} in the order of the store; those that are ours to send */
  #items = [];
  /** @type {Store<readonly Item[]>} */
  #shown = new Store(Object.freeze(/** @type {Item[]} */ ([])));
  /** Who waits for an item. @type {Map<string, (outcome: Outcome) => void>} */
  #waiting = new Map();
  /** Additions reach the store in the order in which they were said. @type {Promise<unknown>} */
  #adding = Promise.resolve();
  /** How often the store is being read, and the keys that were settled meanwhile: what was read may be older. */
  #readings = 0;
  /** @type {Set<string>} */
  #gone = new Set();
  #seen = 0;
  #bytes = 0;
  #isOpen = false;
  #isDraining = false;
  /** @type {(() => void) | null} ends a pause */
  #wake = null;
  #rate = 10;
  #tokens = 1;
  #filledAt = 0;
  #maxAge = 23 * 3600 * 1000;

  /** @param {OutboxHost} host */
  constructor(host) {
    this.#host = host;
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
    return this.#bytes;
  }

  get oldest() {
    const first = this.items[0];
    return first ? new Date(first.at) : null;
  }

  /** What the server allows: messages a second, and how long it remembers keys, in ms. @param {number} rate @param {number} maxAge */
  pace(rate, maxAge) {
    this.#rate = Math.max(0.1, rate);
    this.#maxAge = maxAge;
  }

  /**
   * @param {string} room
   * @param {Record<string, unknown>} message
   * @param {WriteOptions} [options]
   * @returns {Promise<Published>}
   */
  async add(room, message, { key = this.#host.newKey(), timeout, signal } = {}) {
    if (signal?.aborted) throw aborted(signal);
    const { env, limits, owner, store, onAdded } = this.#host;
    const bytes = sizeOf(message);
    if (this.#items.length >= limits.max || this.#bytes + bytes > limits.maxBytes) {
      throw errorOf("queue_full", `${this.#items.length} messages of ${this.#bytes} bytes wait already`, { room });
    }
    const draft = { ...owner(), key, room, message, at: env.date() };
    // Counted and shown at once; the store's number comes when it has it.
    const item = { ...draft, seq: Number.MAX_SAFE_INTEGER };
    this.#insert(item);
    const outcome = this.#outcome(key, timeout, signal, room);
    // Begun at once, for the page may be gone in a moment; numbered in the order in which they were begun.
    const stored = store.then((open) => open.add(draft));
    stored.catch(() => {});
    this.#adding = this.#adding.then(async () => {
      try {
        item.seq = await stored;
        this.#seen = Math.max(this.#seen, item.seq);
      } catch {
        // Storage that throws: it lives as long as the page, and is sent all the same.
        item.seq = this.#seen + 0.5;
      }
      onAdded(item);
      void this.#drain();
    });
    return outcome;
  }

  /** Takes up what the store holds: from before a reload, from tabs that are gone, from tabs that follow. */
  async adopt() {
    // Whoever was being added has its number first, or it would be found a second time.
    await this.#adding;
    this.#readings += 1;
    const found = await this.#host.store.then((store) => store.load()).catch(() => []);
    this.#readings -= 1;
    const known = new Set([...this.#gone, ...this.#items.map(({ key }) => key)]);
    if (this.#readings === 0) this.#gone.clear();
    for (const item of found) {
      if (isItem(item) && !known.has(item.key) && this.#host.isOurs(item)) this.#insert(item);
    }
    void this.#drain();
  }

  /** Gives up what is not ours to send any more, such as another user's; the store keeps it. */
  release() {
    for (const item of this.#items.filter((each) => !this.#host.isOurs(each))) this.#forget(item);
  }

  /** There is a connection: go on, at once. */
  open() {
    this.#isOpen = true;
    this.#wake?.();
    void this.#drain();
  }

  /** There is none. */
  close() {
    this.#isOpen = false;
  }

  /** The end of this page's part; the store keeps what waits. */
  dispose() {
    this.#isOpen = false;
    this.#wake?.();
    this.#host.store.then((store) => store.close()).catch(() => {});
  }

  /** Throws everything away that waits; the promises reject. */
  async clear() {
    for (const item of [...this.#items]) {
      await this.#settle(item, { error: errorOf("queue_expired", "the outbox was cleared", { room: item.room }) });
    }
  }

  /** What another tab saw settled. @param {string} key @param {Outcome} outcome */
  settled(key, outcome) {
    const item = this.#items.find((each) => each.key === key);
    if (item) this.#forget(item);
    this.#waiting.get(key)?.(outcome);
  }

  async #drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    let attempt = 0;
    for (;;) {
      const item = this.#items[0];
      // Without its number it is not in the store yet, and what was said first goes first.
      if (!this.#isOpen || !item || item.seq === Number.MAX_SAFE_INTEGER) break;
      const wait = this.#takeToken();
      if (wait > 0) {
        await this.#pause(wait);
        continue;
      }
      const outcome = await this.#attempt(item);
      if ("error" in outcome && PASSING.has(outcome.error.code)) {
        if (!this.#isOpen) break;
        const { retryAfter } = outcome.error;
        const backoff = backoffMs(attempt, RECONNECT, this.#host.env.random, 0);
        await this.#pause(typeof retryAfter === "number" ? retryAfter * 1000 : backoff);
        attempt += 1;
      } else {
        attempt = 0;
        await this.#settle(item, outcome);
      }
    }
    this.#isDraining = false;
  }

  /** @param {Item} item @returns {Promise<Outcome>} */
  async #attempt(item) {
    const { env, send } = this.#host;
    if (env.date() - item.at > this.#maxAge) {
      const words = "it waited for so long that sending it could write it twice";
      return { error: errorOf("queue_expired", words, { room: item.room }) };
    }
    try {
      return { published: await send(item) };
    } catch (error) {
      return { error };
    }
  }

  /** A burst of one second's worth, then evenly. @returns {number} ms to wait */
  #takeToken() {
    const now = this.#host.env.now();
    const most = Math.max(1, this.#rate);
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate);
    this.#filledAt = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) / this.#rate) * 1000);
    this.#tokens -= 1;
    return 0;
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return new Promise((resolve) => {
      const end = () => {
        this.#wake = null;
        cancel();
        resolve();
      };
      const cancel = this.#host.env.after(ms, end);
      this.#wake = end;
    });
  }

  /** @param {string} key @param {number | undefined} timeout @param {AbortSignal | undefined} signal @param {string} room */
  #outcome(key, timeout, signal, room) {
    return new Promise((/** @type {(published: Published) => void} */ resolve, reject) => {
      const words = "no answer in time; it stays in the outbox and is written once when it can be";
      const cancel = timeout === undefined ? null : this.#host.env.after(timeout, () => end({ error: errorOf("timeout", words, { room }) }));
      const onAbort = () => {
        const item = this.#items.find((each) => each.key === key);
        // What is on its way can't be called back; whether it is written is then unknown.
        if (item && (item !== this.#items[0] || !this.#isDraining)) void this.#remove(item);
        end({ error: aborted(signal) });
      };
      /** @param {Outcome} outcome */
      const end = (outcome) => {
        this.#waiting.delete(key);
        cancel?.();
        signal?.removeEventListener("abort", onAbort);
        if ("published" in outcome) resolve(outcome.published);
        else reject(outcome.error);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.set(key, end);
    });
  }

  /** @param {Item} item @param {Outcome} outcome */
  async #settle(item, outcome) {
    await this.#remove(item);
    this.#waiting.get(item.key)?.(outcome);
    this.#host.onSettled(item, outcome);
  }

  /** @param {Item} item */
  async #remove(item) {
    this.#forget(item);
    await this.#host.store.then((store) => store.remove(item.seq)).catch(() => {});
  }

  /** @param {Item} item */
  #insert(item) {
    this.#items.push(item);
    this.#items.sort((a, b) => a.seq - b.seq);
    this.#bytes += sizeOf(item.message);
    this.#show();
  }

  /** @param {Item} item */
  #forget(item) {
    if (!this.#items.includes(item)) return;
    this.#items = this.#items.filter((each) => each !== item);
    if (this.#readings > 0) this.#gone.add(item.key);
    this.#bytes -= sizeOf(item.message);
    this.#show();
  }

  #show() {
    this.#shown.set(Object.freeze([...this.#items]));
  }
}

/** @param {Record<string, unknown>} message @returns {number} characters, which is near enough to bytes */
function sizeOf(message) {
  return JSON.stringify(message).length;
}

/** @param {any} value @returns {value is Item} false when storage held something else */
function isItem(value) {
  return typeof value?.key === "string" && typeof value.room === "string" && typeof value.message?.type === "string" && Number.isFinite(value.at);
}
