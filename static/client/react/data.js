/** Lists of documents that stay current, under the names that were asked for. */

import { Emitter } from "../emitter.js";
import { Store } from "../store.js";
import { useConnectionStatus } from "./connection.js";
import { useClient, useRoom } from "./context.js";
import { useMemo } from "./react.js";
import { bound, useLatest, useSelected } from "./read.js";

/** @template T @typedef {import("../types.js").CollectionSnapshot<T>} Snapshot */
/** @template T @typedef {import("../types.js").CollectionOptions<T>} Options */

const KINDS = /** @type {const} */ (["Created", "Updated", "Deleted"]);

/**
 * A collection's documents: asked for by `fetch`, then kept current by the room's events, and by asking again while nothing
 * is pushed.
 *
 * @template [T=any]
 * @param {string} collection
 * @param {Options<T> & { room?: string }} [options]
 */
export function useRealtimeData(collection, options = {}) {
  const client = useClient();
  const names = useMemo(() => [collection], [collection]);
  const [lists, { [collection]: snapshot }] = useLists(names, options.room, () => options);
  const connectionStatus = useConnectionStatus();
  const { data, ...more } = /** @type {Snapshot<T>} */ (snapshot);
  const functions = useMemo(() => ({
    ...bound(client, ["enableRealtime", "disableRealtime", "reconnect"]),
    refetch: lists.refetch,
    onDataCreated: (/** @type {(item: T) => void} */ handler) => lists.on("Created", handler),
    onDataUpdated: (/** @type {(item: T) => void} */ handler) => lists.on("Updated", handler),
    onDataDeleted: (/** @type {(id: string) => void} */ handler) => lists.on("Deleted", handler),
  }), [client, lists]);
  const { state, realtime: isRealtimeEnabled } = connectionStatus;
  return { ...functions, ...more, data: /** @type {T[]} */ (data), connectionStatus, isConnected: state === "connected", isRealtimeEnabled };
}

/**
 * Several collections of one room at once.
 *
 * @param {readonly string[]} names may be written inline
 * @param {{ room?: string, fetch?: (name: string) => Promise<any[]>, getId?: (item: any) => string, pollInterval?: number,
 *   initialData?: Record<string, any[]> }} [options]
 * @returns {Readonly<Record<string, Snapshot<any>>>} by name
 */
export function useRealtimeCollections(names, { room, fetch, initialData = {}, ...options } = {}) {
  const stable = useMemo(() => [...names], [JSON.stringify(names)]);
  return useLists(stable, room, (name) => ({
    ...options, fetch: fetch && (() => fetch(name)), initialData: Object.hasOwn(initialData, name) ? initialData[name] : undefined,
  }))[1];
}

/** @param {string[]} names @param {string | undefined} roomName @param {(name: string) => Options<any>} optionsOf */
function useLists(names, roomName, optionsOf) {
  const room = useRoom(roomName);
  const latest = useLatest(optionsOf);
  const lists = useMemo(() => listsOf(room, names, latest), [room, names, latest]);
  return /** @type {const} */ ([lists, useSelected(lists)]);
}

/**
 * Collections that begin with the first listener: to make one fetches and joins, which rendering must not.
 *
 * @param {import("../room.js").Room<any>} room
 * @param {string[]} names
 * @param {{ current: (name: string) => Options<any> }} latest the first render's `initialData` counts, and of functions the newest
 */
function listsOf(room, names, latest) {
  const emitter = new Emitter();
  /** @type {[name: string, list: import("../types.js").Collection<any>][]} */
  let open = [];
  let listeners = 0;
  /** @type {Store<Record<string, Snapshot<any>>>} */
  const shown = new Store(Object.fromEntries(names.map((name) => {
    const { initialData, fetch } = latest.current(name);
    return [name, { data: initialData ?? [], lastUpdate: null, isLoading: Boolean(fetch && !initialData), error: null }];
  })));
  const read = () => shown.set(Object.fromEntries(open.map(([name, list]) => [name, list.getSnapshot()])));
  const begin = () => {
    open = names.map((name) => {
      const { fetch, getId, ...options } = latest.current(name);
      const list = room.collection(name, {
        ...options,
        fetch: fetch && (() => (latest.current(name).fetch ?? fetch)()),
        getId: getId && ((/** @type {any} */ item) => (latest.current(name).getId ?? getId)(item)),
      });
      list.subscribe(read);
      for (const kind of KINDS) list[`on${kind}`]((/** @type {any} */ what) => emitter.emit(kind, what));
      return [name, list];
    });
    read();
  };
  return {
    ...shown,
    subscribe: (/** @type {() => void} */ listener) => {
      const off = shown.subscribe(listener);
      listeners += 1;
      if (open.length === 0) begin();
      return () => {
        off();
        listeners -= 1;
        // StrictMode takes every effect back once: whoever returns within the tick finds the lists as they were.
        setTimeout(() => {
          if (listeners === 0) for (const [, list] of open.splice(0)) list.dispose();
        });
      };
    },
    on: (/** @type {typeof KINDS[number]} */ kind, /** @type {(what: any) => void} */ handler) => emitter.on(kind, handler),
    refetch: async () => {
      await Promise.all(open.map(([, list]) => list.refetch()));
    },
  };
}
