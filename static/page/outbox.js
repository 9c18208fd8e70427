/**
 * What was said and not yet answered.
 *
 *   add ──▶ storage ──▶ send (one at a time, in order) ──▶ published: gone
 *                         ▲                           └──▶ refused for good: gone, and shown
 *                         └── same key again: no answer, or "not now"
 *
 * An item is stored before it is sent and keeps its key through every repeat, so a lost answer, a killed server or a
 * reload costs nothing: the log takes a key once. Each item has an entry of its own in storage, because two tabs of one
 * person share it, and a list that both rewrite would lose what the other just added.
 */

/**
 * @typedef {object} Item
 * @property {string} key the sender's own name for the message
 * @property {string} event
 * @property {unknown} data
 * @property {number} at milliseconds since 1970
 * @property {string} tab who drains it first
 */

/**
 * @typedef {object} Refusal
 * @property {string} code of the protocol, or `lost`, `timeout`, `expired`
 * @property {string} message
 * @property {number} [retryAfter] seconds
 * @property {Record<string, any>} [current] what a write of state found in its way
 */

/** @typedef {{ published: { offset: number, entry: string, duplicate: boolean } } | { refused: Refusal }} Outcome */

/**
 * @typedef {object} OutboxOptions
 * @property {import("./storage.js").Store} store
 * @property {string} start of the keys in storage: one outbox a room
 * @property {string} tab
 * @property {(item: Item) => Promise<{ offset: number, entry: string, duplicate: boolean }>} send rejects with a Refusal
 * @property {() => string} newKey
 * @property {() => number} now
 * @property {(ms: number, wake: () => void) => () => void} after a timer; returns its cancel
 * @property {(items: readonly Item[]) => void} onChange
 * @property {(item: Item, outcome: Outcome) => void} onSettled
 */

export const ITEMS_MAX = 100;
/** Repeating is safe while the server remembers the key (24 h by default), and an hour less to be sure. */
export const AGE_MAX_MS = 23 * 3600 * 1000;
/** Another tab's item that is older than this was left behind by a tab that is gone. */
export const LEFT_BEHIND_MS = 15_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;

/** Refusals after which the same message may be taken later. `not_joined` and `lost` wait for {@link Outbox.open}. */
const PASSING = new Set(["unavailable", "rate_limited", "disabled", "not_joined", "unauthorized", "lost", "timeout"]);
const NEEDS_JOIN = new Set(["not_joined", "unauthorized", "lost"]);

export class Outbox {
  /** @type {OutboxOptions} */
  #options;
  /** @type {Item[]} oldest first */
  #items = [];
  #isOpen = false;
  #isDraining = false;
  /** @type {(() => void) | null} ends the pause before a repeat */
  #wake = null;
  /** Where the next item stands among those of one millisecond. */
  #serial = 0;
  /** @type {Map<string, string>} key of the item -> key in storage */
  #places = new Map();

  /** @param {OutboxOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @returns {readonly Item[]} oldest first */
  get items() {
    return this.#items;
  }

  /**
   * Takes up what storage holds: this tab's own from before a reload, and what tabs that are gone left behind. Should
   * such a tab live after all, both send under one key, and the log takes it once.
   */
  adopt() {
    const { store, start, tab, now, onChange } = this.#options;
    const known = new Set(this.#items.map((item) => item.key));
    let isChanged = false;
    for (const place of store.keys(start)) {
      const item = readItem(store.get(place));
      if (item === null) {
        store.remove(place);
      } else if (!known.has(item.key) && (item.tab === tab || now() - item.at > LEFT_BEHIND_MS)) {
        this.#items.push(item);
        this.#places.set(item.key, place);
        isChanged = true;
      }
    }
    if (!isChanged) return;
    // The place in storage begins with the time, so that order survives too.
    this.#items.sort((a, b) => (this.#place(a) < this.#place(b) ? -1 : 1));
    onChange(this.#items);
    void this.#drain();
  }

  /**
   * @param {string} event
   * @param {unknown} data
   * @returns {Item | null} null when the outbox is full: nothing old is ever dropped for something new
   */
  add(event, data) {
    if (this.#items.length >= ITEMS_MAX) return null;
    const { store, start, tab, now, newKey, onChange } = this.#options;
    const item = { key: newKey(), event, data, at: now(), tab };
    this.#serial += 1;
    const place = `${start}${String(item.at).padStart(15, "0")}-${String(this.#serial).padStart(6, "0")}-${item.key}`;
    this.#places.set(item.key, place);
    this.#items.push(item);
    store.set(place, item);
    onChange(this.#items);
    void this.#drain();
    return item;
  }

  /** The room is joined: go on, at once. */
  open() {
    this.#isOpen = true;
    this.#wake?.();
    void this.#drain();
  }

  /** The room is not joined: wait for {@link Outbox.open}. */
  close() {
    this.#isOpen = false;
  }

  /**
   * Another tab changed storage; what it saw answered is done.
   *
   * @param {string} place the key in storage, without the person's prefix
   */
  forget(place) {
    const item = this.#items.find((each) => this.#place(each) === place);
    // The first one is on its way from here, and its own answer says where it ended up.
    if (item && item !== this.#items[0]) this.#drop(item);
  }

  async #drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    let attempt = 0;
    while (this.#isOpen && this.#items.length > 0) {
      const item = this.#items[0];
      const outcome = await this.#attempt(item);
      if ("refused" in outcome && PASSING.has(outcome.refused.code)) {
        const { code, retryAfter } = outcome.refused;
        // Already joined again while the refusal was on its way? Then the loop's own question lets it go on.
        if (NEEDS_JOIN.has(code) && !this.#isOpen) break;
        const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(attempt, 10));
        await this.#pause(retryAfter === undefined ? backoff : retryAfter * 1000);
        attempt += 1;
      } else {
        attempt = 0;
        this.#drop(item);
        this.#options.onSettled(item, outcome);
      }
    }
    this.#isDraining = false;
  }

  /** @param {Item} item @returns {Promise<Outcome>} */
  async #attempt(item) {
    if (this.#options.now() - item.at > AGE_MAX_MS) {
      return { refused: { code: "expired", message: "it waited for so long that repeating it could write it twice" } };
    }
    try {
      return { published: await this.#options.send(item) };
    } catch (refusal) {
      return { refused: /** @type {Refusal} */ (refusal) };
    }
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return new Promise((resolve) => {
      const cancel = this.#options.after(ms, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = null;
        cancel();
        resolve();
      };
    });
  }

  /** @param {Item} item */
  #drop(item) {
    this.#options.store.remove(this.#place(item));
    this.#places.delete(item.key);
    this.#items = this.#items.filter((each) => each !== item);
    this.#options.onChange(this.#items);
  }

  /** @param {Item} item */
  #place(item) {
    return this.#places.get(item.key) ?? "";
  }
}

/** @param {unknown} value @returns {Item | null} null when storage held something else */
function readItem(value) {
  const { key, event, data, at, tab } = /** @type {Record<string, unknown>} */ (value ?? {});
  const isItem = typeof key === "string" && typeof event === "string" && Number.isFinite(at) && typeof tab === "string";
  return isItem ? /** @type {Item} */ ({ key, event, data, at, tab }) : null;
}
