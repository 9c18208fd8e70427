/**
 * A list of documents, kept current by `collection:created`, `collection:updated` and `collection:deleted` of its room, and
 * by asking again (`fetch`): at first, after a `reset`, and every half minute while nothing is pushed.
 */

import { guarded, Store } from "./store.js";

/** @template T @typedef {import("./types.js").CollectionSnapshot<T>} CollectionSnapshot */
/** @template T @typedef {import("./types.js").CollectionOptions<T>} CollectionOptions */

/**
 * @typedef {object} CollectionHost
 * @property {import("./room.js").Room<any>} room
 * @property {Pick<import("./environment.js").Environment, "after" | "date">} env
 * @property {() => boolean} isLive whether changes are pushed
 */

const POLL_MS = 30_000;

/** @template T */
export class Collection {
  #host;
  #name;
  #options;
  /** @type {Store<CollectionSnapshot<T>>} */
  #shown;
  /** What was heard while a fetch was under way: it may not be in the answer yet. @type {((list: readonly T[]) => readonly T[])[] | null} */
  #heard = null;
  /** @type {{ created: Set<(item: T) => void>, updated: Set<(item: T) => void>, deleted: Set<(id: string) => void> }} */
  #handlers = { created: new Set(), updated: new Set(), deleted: new Set() };
  /** @type {(() => void)[]} */
  #offs;
  #cancelPoll = () => {};

  /** @param {string} name @param {CollectionHost} host @param {CollectionOptions<T>} options */
  constructor(name, host, options) {
    this.#name = name;
    this.#host = host;
    this.#options = { getId: idOf, pollInterval: POLL_MS, ...options };
    this.#shown = new Store(Object.freeze({
      data: options.initialData ?? [], lastUpdate: options.initialData ? new Date(host.env.date()) : null, isLoading: false, error: null,
    }));
    this.getSnapshot = this.#shown.getSnapshot;
    this.subscribe = this.#shown.subscribe;
    const { room } = host;
    this.#offs = [
      room.on("collection:created", (event) => this.#hear(event, () => this.#put(event.document))),
      room.on("collection:updated", (event) => this.#hear(event, () => this.#put(event.document))),
      room.on("collection:deleted", (event) => this.#hear(event, () => this.#delete(String(event.id)))),
      room.on("reset", () => void this.refetch()),
    ];
    if (!options.initialData) void this.refetch();
    this.#poll();
  }

  get data() {
    return this.getSnapshot().data;
  }

  get lastUpdate() {
    return this.getSnapshot().lastUpdate;
  }

  get isLoading() {
    return this.getSnapshot().isLoading;
  }

  get error() {
    return this.getSnapshot().error;
  }

  /** @param {(item: T) => void} handler */
  onCreated(handler) {
    return listen(this.#handlers.created, handler);
  }

  /** @param {(item: T) => void} handler */
  onUpdated(handler) {
    return listen(this.#handlers.updated, handler);
  }

  /** @param {(id: string) => void} handler */
  onDeleted(handler) {
    return listen(this.#handlers.deleted, handler);
  }

  /** Asks again; one question at a time. */
  async refetch() {
    const { fetch } = this.#options;
    if (!fetch || this.#heard) return;
    this.#heard = [];
    this.#show({ isLoading: true });
    try {
      let data = /** @type {readonly T[]} */ (await fetch());
      for (const change of this.#heard) data = change(data);
      this.#show({ data, error: null, isLoading: false, lastUpdate: new Date(this.#host.env.date()) });
    } catch (error) {
      this.#show({ error: error instanceof Error ? error : new Error(String(error)), isLoading: false });
    } finally {
      this.#heard = null;
    }
  }

  dispose() {
    this.#cancelPoll();
    for (const off of this.#offs) off();
    this.#offs = [];
  }

  #poll() {
    this.#cancelPoll = this.#host.env.after(this.#options.pollInterval, () => {
      if (!this.#host.isLive()) void this.refetch();
      this.#poll();
    });
  }

  /** @param {{ collection: string }} event @param {() => void} apply */
  #hear(event, apply) {
    if (event?.collection === this.#name) apply();
  }

  /** @param {T} document */
  #put(document) {
    const { getId } = this.#options;
    const id = getId(document);
    const isKnown = this.data.some((each) => getId(each) === id);
    this.#change((list) => (
      list.some((each) => getId(each) === id) ? list.map((each) => (getId(each) === id ? document : each)) : [...list, document]));
    for (const handler of [...(isKnown ? this.#handlers.updated : this.#handlers.created)]) guarded(() => handler(document));
  }

  /** @param {string} id */
  #delete(id) {
    const { getId } = this.#options;
    this.#change((list) => (list.some((each) => getId(each) === id) ? list.filter((each) => getId(each) !== id) : list));
    for (const handler of [...this.#handlers.deleted]) guarded(() => handler(id));
  }

  /** @param {(list: readonly T[]) => readonly T[]} change */
  #change(change) {
    this.#heard?.push(change);
    this.#show({ data: change(this.data), lastUpdate: new Date(this.#host.env.date()) });
  }

  /** @param {Partial<CollectionSnapshot<T>>} change */
  #show(change) {
    this.#shown.set(Object.freeze({ ...this.getSnapshot(), ...change }));
  }
}

/** @template H @param {Set<H>} handlers @param {H} handler */
function listen(handlers, handler) {
  handlers.add(handler);
  return () => void handlers.delete(handler);
}

/** @param {any} item @returns {string} */
function idOf(item) {
  return String(item?.id ?? item?._id);
}
