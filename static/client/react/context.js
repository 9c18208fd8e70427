/**
 * Which client and which room the components below are about. A provider owns neither: the client is the application's,
 * the room is the client's, and a component is in it for as long as it is mounted.
 */

import { createContext, createElement, useContext, useEffect } from "./react.js";

import { UsageError } from "../errors.js";

/** @typedef {import("../client.js").Client<any>} Client */
/** @typedef {import("../room.js").Room<any>} Room */
/** @typedef {{ name: string, initialState?: Readonly<Record<string, any>> | undefined, options?: import("../types.js").RoomOptions | undefined }} RoomFacts */

const ClientContext = createContext(/** @type {Client | null} */ (null));
export const RoomContext = createContext(/** @type {RoomFacts | null} */ (null));

/**
 * @typedef {object} ProviderProps
 * @property {Client} client made outside of components, once
 * @property {string} [room] what hooks are about that are told no other
 * @property {boolean} [autoConnect] false leaves it to `connect()`, or to the first hook that needs a connection
 * @property {import("react").ReactNode} [children]
 */

/** @param {ProviderProps} props */
export function CopresenceProvider({ client, room, autoConnect = true, children }) {
  useEffect(() => {
    // Effects never run on a server. What goes wrong is in the status; the provider has nothing to add.
    if (autoConnect && client.isRealtimeEnabled) client.connect().catch(() => {});
  }, [client, autoConnect]);
  const inside = room === undefined ? children : createElement(RoomProvider, { name: room }, children);
  return createElement(ClientContext.Provider, { value: client }, inside);
}

/**
 * In the room for as long as it is mounted.
 *
 * @param {RoomFacts & { children?: import("react").ReactNode }} props `initialState` is shown until the room's own is
 *   here, on the server too; `options` are those of the room's first use
 */
export function RoomProvider({ children, ...facts }) {
  return createElement(RoomContext.Provider, { value: facts }, createElement(Inside, null, children));
}

/** @returns {Client} */
export function useClient() {
  const client = useContext(ClientContext);
  if (!client) throw new UsageError("this hook needs a <CopresenceProvider> above");
  return client;
}

/**
 * The room, joined while the component is mounted.
 *
 * @param {string} [name] by default the nearest provider's
 * @returns {Room}
 */
export function useRoom(name) {
  const room = useRoomObject(name);
  useEffect(() => {
    // A refusal is in the room's snapshot, and in the client's `error`.
    room.join().catch(() => {});
    return () => room.leave();
  }, [room]);
  return room;
}

/** The room without joining it. @param {string} [name] @returns {Room} */
export function useRoomObject(name) {
  const facts = useContext(RoomContext);
  const client = useClient();
  const wanted = name ?? facts?.name;
  if (wanted === undefined) throw new UsageError("this hook needs a room, or a <RoomProvider> above");
  return client.room(wanted, wanted === facts?.name ? facts?.options : undefined);
}

/** @param {{ children?: import("react").ReactNode }} props */
function Inside({ children }) {
  useRoom();
  return children;
}
