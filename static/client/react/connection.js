/** The connection, and events of any kind. */

import { useContext, useEffect, useMemo } from "react";

import { isOfClient } from "../events.js";
import { RoomContext, useClient, useRoom } from "./context.js";
import { shallowEqual, useLatest, useSelected } from "./read.js";

/** @typedef {import("../types.js").ConnectionStatus} ConnectionStatus */

/** What a server renders, which has no connection. @type {ConnectionStatus} */
const NOT_YET = Object.freeze({
  state: "disconnected", transport: null, latency: null, attempt: 0, retryAt: null, since: new Date(0), lastConnected: null, reason: null,
  code: null, error: null, paused: false, degraded: false, queued: 0, tab: Object.freeze({ role: "alone", count: 1 }), realtime: true,
});

/**
 * @template [R=ConnectionStatus]
 * @param {(status: ConnectionStatus) => R} [select] renders again only when this changes
 * @param {(a: R, b: R) => boolean} [isEqual]
 * @returns {R}
 */
export function useConnectionStatus(select = /** @type {any} */ (same), isEqual = shallowEqual) {
  return useSelected(useClient(), NOT_YET, select, isEqual);
}

/**
 * The client under the names that were asked for, free to be taken apart; renders again when the connection's state does.
 *
 * @returns what `useClient()` has, as plain functions and values
 */
export function useWebSocket() {
  const client = useClient();
  const { state, lastConnected } = useConnectionStatus(stateOf);
  return useMemo(() => ({
    /** @type {typeof client.connect} */
    connect: () => client.connect(),
    disconnect: () => client.disconnect(),
    reconnect: () => client.reconnect(),
    isConnected: state === "connected",
    connectionState: state,
    lastConnected,
    subscribe: (/** @type {string} */ event, /** @type {import("../types.js").EventHandler} */ handler) => client.subscribe(event, handler),
    unsubscribe: (/** @type {string} */ event, /** @type {import("../types.js").EventHandler} */ handler) => client.unsubscribe(event, handler),
    emit: (/** @type {string} */ event, /** @type {any} */ data) => client.emit(event, data),
    setReconnectOptions: (/** @type {import("../types.js").ReconnectOptions} */ options) => client.setReconnectOptions(options),
    enableHeartbeat: (/** @type {number} */ interval) => client.enableHeartbeat(interval),
  }), [client, state, lastConnected]);
}

/**
 * Hears an event while mounted: the client's own, else one of the nearest room, else of the client's default room.
 *
 * @param {string} event
 * @param {import("../types.js").EventHandler} handler always the newest render's
 */
export function useEvent(event, handler) {
  const client = useClient();
  const facts = useContext(RoomContext);
  const name = facts && !isOfClient(event) ? facts.name : null;
  const latest = useLatest(handler);
  useEffect(() => {
    const source = name === null ? client : client.room(name);
    return source.subscribe(event, (data, meta) => latest.current(data, meta));
  }, [client, name, event, latest]);
}

/** @returns {import("../room.js").Room<any>["publish"]} into the nearest room */
export function usePublish() {
  const room = useRoom();
  return useMemo(() => room.publish.bind(room), [room]);
}

/** @template T @param {T} value */
function same(value) {
  return value;
}

/** @param {ConnectionStatus} status */
function stateOf({ state, lastConnected }) {
  return { state, lastConnected };
}
