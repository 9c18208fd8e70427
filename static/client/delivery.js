/** The way of a write: into the outbox, and from there to the server, into rooms that nobody joined as well. */

import { newKey } from "./environment.js";
import { errorOf, UsageError } from "./errors.js";
import { Outbox } from "./outbox.js";
import { indexedStore, memoryStore } from "./storage-idb.js";

/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @typedef {import("./storage-idb.js").Item} Item */

/**
 * @typedef {object} DeliveryHost
 * @property {import("./environment.js").Environment} env
 * @property {string} url
 * @property {string} tab
 * @property {() => string | null} userId
 * @property {() => import("./connection.js").Link} link
 * @property {(name: string) => import("./room.js").Room<any> | undefined} room
 * @property {() => { message_bytes?: number, publishes_per_s?: number, dedupe_s?: number }} limits
 * @property {(item: Item) => boolean} isOurs
 * @property {(item: Item) => void} onAdded
 * @property {(item: Item, outcome: import("./outbox.js").Outcome) => void} onSettled
 * @property {import("./types.js").OutboxOptions} options
 */

const OUTBOX = { max: 500, maxBytes: 1_000_000 };
const HOUR_MS = 3_600_000;

export class Delivery {
  #host;
  /** Rooms that are joined for what waits for them alone. @type {Set<string>} */
  #visited = new Set();
  /** Whether other tabs see what waits here, and the one that leads sends it. */
  isShared = false;

  /** @param {DeliveryHost} host */
  constructor(host) {
    this.#host = host;
    const { env, url, tab, userId, options } = host;
    const isKept = options.persist !== "memory" && env.indexedDB !== null;
    this.outbox = new Outbox({
      env,
      store: isKept ? this.#kept(/** @type {IDBFactory} */ (env.indexedDB)).catch(memoryStore) : Promise.resolve(memoryStore()),
      owner: () => ({ url, user: userId(), tab }),
      isOurs: host.isOurs,
      send: (item) => this.#send(item),
      newKey: () => newKey(env),
      onAdded: host.onAdded,
      onSettled: (item, outcome) => {
        this.#moveOut(item.room);
        host.onSettled(item, outcome);
      },
      limits: { ...OUTBOX, ...options },
    });
  }

  /** @param {IDBFactory} indexedDB */
  async #kept(indexedDB) {
    const store = await indexedStore(indexedDB);
    this.isShared = true;
    return store;
  }

  /** There is a connection, and these are its limits. */
  begin() {
    const { publishes_per_s = 20, dedupe_s = 86_400 } = this.#host.limits();
    const { rate = publishes_per_s / 2, maxAge = Math.max(dedupe_s * 1000 - HOUR_MS, dedupe_s * 500) } = this.#host.options;
    this.#visited.clear();
    this.outbox.pace(rate, maxAge);
    this.outbox.open();
  }

  /**
   * @param {string} room
   * @param {Record<string, unknown>} message
   * @param {WriteOptions} [options]
   * @returns {Promise<Published>}
   */
  async write(room, message, { queue = true, ...options } = {}) {
    const plain = jsonOf(message);
    const { message_bytes: most = Infinity } = this.#host.limits();
    const bytes = new TextEncoder().encode(JSON.stringify(plain)).length;
    if (bytes > most) throw errorOf("too_large", `${bytes} bytes are more than the server takes, ${most}`, { room });
    if (queue) return this.outbox.add(room, plain, options);
    const { key = newKey(this.#host.env), ...rest } = options;
    return this.#deliver(room, { ...plain, key }, rest);
  }

  /** @param {Item} item */
  #send({ room, message, key }) {
    return this.#deliver(room, { ...message, key }, {});
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} message
   * @param {import("./requests.js").RequestOptions} options
   * @returns {Promise<Published>}
   */
  async #deliver(name, message, options) {
    const link = this.#host.link();
    const room = this.#host.room(name);
    const { status = "idle", error = null } = room?.isUsed ? room.getSnapshot() : {};
    if (status === "refused" && error && !error.retryable) throw error;
    if (status === "idle" && !this.#visited.has(name)) {
      // Neither seen nor hearing: only so that the server takes it.
      await link.request({ type: "join", room: name, presence: false, receive: [] }, options);
      this.#visited.add(name);
    }
    const { offset, entry, duplicate } = await link.request({ ...message, room: name }, options);
    return { offset, entry, duplicate: duplicate === true };
  }

  /** @param {string} name */
  #moveOut(name) {
    if (!this.#visited.has(name) || this.outbox.items.some(({ room }) => room === name)) return;
    this.#visited.delete(name);
    if (!this.#host.room(name)?.isUsed) this.#host.link().request({ type: "leave", room: name }).catch(() => {});
  }
}

/** What JSON makes of it, so that nobody changes it while it waits. @param {Record<string, unknown>} message @returns {Record<string, unknown>} */
function jsonOf(message) {
  try {
    return JSON.parse(JSON.stringify(message, (_, value) => (typeof value === "bigint" ? String(value) : value)));
  } catch (cause) {
    throw new UsageError(`this can't be sent, for it is no JSON: ${/** @type {Error} */ (cause).message}`);
  }
}
