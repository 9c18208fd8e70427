/** The connection, and events of any kind. */

import { isOfClient } from "../events.js";
import { RoomContext, useClient, useRoom } from "./context.js";
import { useContext, useEffect, useMemo } from "./react.js";
import { bound, shallowEqual, useLatest, useSelected } from "./read.js";

/** @typedef {import("../types.js").ConnectionStatus} ConnectionStatus */

const METHODS = /** @type {const} */ (["connect", "disconnect", "reconnect", "subscribe", "unsubscribe", "emit", "setReconnectOptions", "enableHeartbeat"]);

/**
 * @template [R=ConnectionStatus]
 * @param {(status: ConnectionStatus) => R} [select] renders again only when this changes
 * @param {(a: R, b: R) => boolean} [isEqual]
 * @returns {R}
 */
export function useConnectionStatus(select, isEqual = shallowEqual) {
  return useSelected(useClient(), select, isEqual);
}

/**
 * The client under the names that were asked for, free to be taken apart; renders again when the connection's state does.
 *
 * @returns {Pick<import("../client.js").Client<any>, typeof METHODS[number] | "connectionState" | "lastConnected" | "isConnected">} as
 *   plain functions and values
 */
export function useWebSocket() {
  const client = useClient();
  const status = useConnectionStatus(({ state, lastConnected }) => ({ connectionState: state, lastConnected, isConnected: state === "connected" }));
  return useMemo(() => ({ ...bound(client, METHODS), ...status }), [client, status]);
}

/**
 * Hears an event while mounted: the client's own, else one of the nearest room, else of the client's default room.
 *
 * @param {string} event
 * @param {import("../types.js").EventHandler} handler always the newest render's
 */
export function useEvent(event, handler) {
  const client = useClient();
  const name = useContext(RoomContext)?.name;
  const source = name === undefined || isOfClient(event) ? client : client.room(name);
  const latest = useLatest(handler);
  useEffect(() => source.subscribe(event, (data, meta) => latest.current(data, meta)), [source, event, latest]);
}

/** @returns {import("../room.js").Room<any>["publish"]} into the nearest room */
export function usePublish() {
  const room = useRoom();
  return useMemo(() => bound(room, ["publish"]).publish, [room]);
}
