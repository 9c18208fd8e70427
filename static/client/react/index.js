"use client";
/**
 * The client in React (18 and later). The hooks read and write what the client holds; none owns a connection, and on a
 * server none opens one.
 *
 * @example
 * import { createElement as h } from "react";
 * import { createClient } from "copresence";
 * import { CopresenceProvider, RoomProvider, useOthers, useRoomState } from "copresence/react";
 *
 * const client = createClient();
 * const App = () => h(CopresenceProvider, { client }, h(RoomProvider, { name: "dashboard:sales" }, h(Board)));
 */

export { CopresenceProvider, CopresenceProvider as WebSocketProvider, RoomProvider, useClient, useRoom } from "./context.js";
export { useConnectionStatus, useEvent, usePublish, useWebSocket } from "./connection.js";
export { useRealtimeCollections, useRealtimeData } from "./data.js";
export { useInbox, useNotifications } from "./notifications.js";
export { shallowEqual } from "./read.js";
export { useActivity, useCursor, useCursors, useMyPresence, useOthers, useRoomState, useSelf, useTyping, useUserActivity } from "./room.js";
