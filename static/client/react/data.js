/** Lists of documents that stay current, under the names that were asked for. */

import { useMemo } from "react";

import { useClient, useRoom } from "./context.js";
import { useConnectionStatus } from "./connection.js";
import { useLatest, useSnapshot } from "./read.js";

/** @template T @typedef {import("../types.js").CollectionSnapshot<T>} Snapshot */
/** @template T @typedef {import("../types.js").CollectionOptions<T> & { room?: string }} Options */
/** @typedef {"onCreated" | "onUpdated" | "onDeleted"} Kind */

const KINDS = /** @type {const} */ (["onCreated", "onUpdated", "onDeleted"]);

/**
 * A collection's documents: asked for by `fetch`, then kept current by the room's events, and by asking again while nothing
 * is pushed.
 *
 * @template [T=any]
 * @param {string} collection
 * @param {Options<T>} [options]
 */
export function useRealtimeData(collection, options = {}) {
  const client = useClient();
  const names = useMemo(() => [collection], [collection]);
  const { lists, snapshot } = useLists(names, options.room, () => options);
  const connectionStatus = useConnectionStatus();
  const { data, lastUpdate, isLoading, error } = /** @type {Snapshot<T>} */ (snapshot[collection]);
  const functions = useMemo(() => ({
    enableRealtime: () => client.enableRealtime(),
    disableRealtime: () => client.disableRealtime(),
    reconnect: () => client.reconnect(),
    refetch: () => lists.refetch(),
    onDataCreated: (/** @type {(item: T) => void} */ handler) => lists.on("onCreated", handler),
    onDataUpdated: (/** @type {(item: T) => void} */ handler) => lists.on("onUpdated", handler),
    onDataDeleted: (/** @type {(id: string) => void} */ handler) => lists.on("onDeleted", handler),
  }), [client, lists]);
  return {
    ...functions, data: /** @type {T[]} */ (data), lastUpdate, isLoading, error, connectionStatus,
    isConnected: connectionStatus.state === "connected", isRealtimeEnabled: connectionStatus.realtime,
  };
}

/**
 * Several collections of one room at once.
 *
 * @param {readonly string[]} names may be written inline
 * @param {{ room?: string, fetch?: (name: string) => Promise<any[]>, getId?: (item: any) => string, pollInterval?: number,
 *   initialData?: Record<string, any[]> }} [options]
 * @returns {Readonly<Record<string, Snapshot<any>>>} by name
 */
export function useRealtimeCollections(names, options = {}) {
  const key = JSON.stringify(names);
  const stable = useMemo(() => /** @type {string[]} */ (JSON.parse(key)), [key]);
  return useLists(stable, options.room, (name) => {
    const { fetch, getId, pollInterval, initialData } = options;
    const initial = initialData && Object.hasOwn(initialData, name) ? initialData[name] : undefined;
    return { ...(fetch && { fetch: () => fetch(name) }), ...(getId && { getId }), ...(pollInterval && { pollInterval }), ...(initial && { initialData: initial }) };
  }).snapshot;
}

/** @param {readonly string[]} names @param {string | undefined} roomName @param {(name: string) => Options<any>} optionsOf */
function useLists(names, roomName, optionsOf) {
  const room = useRoom(roomName);
  const latest = useLatest(optionsOf);
  // The first render's `initialData` counts; everything else is asked for when it is needed.
  const lists = useMemo(() => new Lists(room, names, optionsOf, () => latest.current), [room, names, latest]);
  return { lists, snapshot: useSnapshot(lists, lists.initial) };
}

/**
 * Collections that begin with the first listener: to make one fetches and joins, which rendering must not.
 */
class Lists {
  #room;
  #names;
  #latest;
  #snapshot;
  #listeners = 0;
  /** @type {import("../types.js").Collection<any>[]} */
  #open = [];
  /** @type {(() => void)[]} */
  #offs = [];
  /** @type {Record<Kind, Set<(what: any) => void>>} */
  #handlers = { onCreated: new Set(), onUpdated: new Set(), onDeleted: new Set() };

  /**
   * @param {import("../room.js").Room<any>} room
   * @param {readonly string[]} names
   * @param {(name: string) => Options<any>} first
   * @param {() => (name: string) => Options<any>} latest
   */
  constructor(room, names, first, latest) {
    this.#room = room;
    this.#names = names;
    this.#latest = latest;
    /** @type {Readonly<Record<string, Snapshot<any>>>} what is shown on a server, too */
    this.initial = Object.freeze(Object.fromEntries(names.map((name) => {
      const { initialData, fetch } = first(name);
      return [name, Object.freeze({ data: initialData ?? [], lastUpdate: null, isLoading: Boolean(fetch) && !initialData, error: null })];
    })));
    this.#snapshot = this.initial;
  }

  getSnapshot = () => this.#snapshot;

  /** @param {() => void} listener */
  subscribe = (listener) => {
    this.#listeners += 1;
    if (this.#open.length === 0) this.#begin();
    const offs = this.#open.map((each) => each.subscribe(() => {
      this.#read();
      listener();
    }));
    return () => {
      for (const off of offs) off();
      this.#listeners -= 1;
      // StrictMode takes every effect back once: whoever returns within the tick finds the list as it was.
      setTimeout(() => this.#listeners === 0 && this.#end());
    };
  };

  /** @param {Kind} kind @param {(what: any) => void} handler */
  on(kind, handler) {
    this.#handlers[kind].add(handler);
    return () => void this.#handlers[kind].delete(handler);
  }

  async refetch() {
    await Promise.all(this.#open.map((each) => each.refetch()));
  }

  #begin() {
    this.#open = this.#names.map((name) => {
      const now = () => this.#latest()(name);
      const { initialData, pollInterval, fetch, getId } = now();
      return this.#room.collection(name, {
        ...(initialData && { initialData }),
        ...(pollInterval && { pollInterval }),
        // Functions written inline are others each render; the newest counts.
        ...(fetch && { fetch: async () => (await now().fetch?.()) ?? [] }),
        ...(getId && { getId: (/** @type {any} */ item) => (now().getId ?? getId)(item) }),
      });
    });
    for (const each of this.#open) {
      for (const kind of KINDS) {
        this.#offs.push(each[kind]((/** @type {any} */ what) => {
          for (const handler of [...this.#handlers[kind]]) handler(what);
        }));
      }
    }
    this.#read();
  }

  #end() {
    for (const off of this.#offs) off();
    for (const each of this.#open) each.dispose();
    this.#offs = [];
    this.#open = [];
  }

  #read() {
    const now = this.#open.map((each) => each.getSnapshot());
    if (this.#names.some((name, at) => this.#snapshot[name] !== now[at])) {
      this.#snapshot = Object.freeze(Object.fromEntries(this.#names.map((name, at) => [name, /** @type {Snapshot<any>} */ (now[at])])));
    }
  }
}
