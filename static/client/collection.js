/**
 * A list of documents, kept current by `collection:created`, `collection:updated` and `collection:deleted` of its room, and
 * by asking again (`fetch`): at first, after a `reset`, and every half minute while nothing is pushed.
 */

import { Emitter } from "./emitter.js";
import { Readable } from "./store.js";

/** @template T @typedef {import("./types.js").CollectionSnapshot<T>} CollectionSnapshot */
/** @template T @typedef {import("./types.js").CollectionOptions<T>} CollectionOptions */

const POLL_MS = 30_000;
/** The first answer waits so long for the room: what is made before one is in it and after that answer would be missed. */
const JOIN_MS = 500;

/** @template T @extends {Readable<CollectionSnapshot<T>>} */
export class Collection extends Readable {
  #env;
  #fetch;
  #getId;
  #emitter = new Emitter();
  /** What was heard while a fetch was under way: it may not be in the answer yet. @type {((list: readonly T[]) => readonly T[])[] | null} */
  #heard = null;
  /** Somebody asked, and no question begun since then answers it. */
  #isAsked = false;
  #end = new AbortController();
  #cancelPoll = () => {};

  /**
   * @param {string} name
   * @param {import("./room.js").Room<any>} room
   * @param {Pick<import("./environment.js").Environment, "after" | "date">} env
   * @param {CollectionOptions<T>} options
   */
  constructor(name, room, env, { initialData, fetch, getId = idOf, pollInterval = POLL_MS }) {
    super({ data: initialData ?? [], lastUpdate: initialData ? new Date(env.date()) : null, isLoading: false, error: null });
    this.#env = env;
    this.#fetch = fetch;
    this.#getId = getId;
    const { signal } = this.#end;
    for (const kind of ["created", "updated", "deleted"]) {
      room.on(`collection:${kind}`, (event) => event?.collection === name && this.#hear(kind, event), { signal });
    }
    room.on("reset", () => void this.refetch(), { signal });
    if (!initialData && fetch) this.#begin(room, signal);
    const poll = () => {
      this.#cancelPoll = env.after(pollInterval, () => {
        // While changes are pushed there is nothing to ask for.
        if (room.status !== "joined") void this.refetch();
        poll();
      });
    };
    poll();
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
    return this.#emitter.on("created", handler);
  }

  /** @param {(item: T) => void} handler */
  onUpdated(handler) {
    return this.#emitter.on("updated", handler);
  }

  /** @param {(id: string) => void} handler */
  onDeleted(handler) {
    return this.#emitter.on("deleted", handler);
  }

  /** Asks again; one question at a time, and once more behind one that was under way, whose answer may be older. */
  async refetch() {
    this.#isAsked = true;
    if (!this.#fetch || this.#heard) return;
    this.#show({ isLoading: true });
    while (this.#isAsked) {
      this.#isAsked = false;
      this.#heard = [];
      try {
        let data = /** @type {readonly T[]} */ (await this.#fetch());
        for (const change of this.#heard) data = change(data);
        this.#show({ data, error: null, isLoading: this.#isAsked, lastUpdate: new Date(this.#env.date()) });
      } catch (error) {
        this.#show({ error: error instanceof Error ? error : new Error(String(error)), isLoading: this.#isAsked });
      }
    }
    this.#heard = null;
  }

  dispose() {
    this.#isAsked = false;
    this.#cancelPoll();
    this.#end.abort();
  }

  /** Asks for the first time once changes are pushed; without a connection soon, and again when there is one. @param {import("./room.js").Room<any>} room @param {AbortSignal} signal */
  #begin(room, signal) {
    if (room.status === "joined") return void this.refetch();
    this.#show({ isLoading: true });
    const cancel = this.#env.after(JOIN_MS, () => void this.refetch());
    signal.addEventListener("abort", cancel);
    room.once("joined", () => {
      cancel();
      void this.refetch();
    }, { signal });
  }

  /** @param {string} kind @param {{ document: T, id: unknown }} event */
  #hear(kind, { document, id }) {
    const isDeleted = kind === "deleted";
    const meant = isDeleted ? String(id) : this.#getId(document);
    const isMeant = (/** @type {T} */ each) => this.#getId(each) === meant;
    const isKnown = this.data.some(isMeant);
    /** @param {readonly T[]} list */
    const change = (list) => {
      if (isDeleted) return list.filter((each) => !isMeant(each));
      return list.some(isMeant) ? list.map((each) => (isMeant(each) ? document : each)) : [...list, document];
    };
    this.#heard?.push(change);
    this.#show({ data: change(this.data), lastUpdate: new Date(this.#env.date()) });
    this.#emitter.emit(isDeleted ? kind : isKnown ? "updated" : "created", isDeleted ? meant : document);
  }

  /** @param {Partial<CollectionSnapshot<T>>} change */
  #show(change) {
    this.show({ ...this.getSnapshot(), ...change });
  }
}

/** @param {any} item @returns {string} */
function idOf(item) {
  return String(item?.id ?? item?._id);
}
