/**
 * What a client can be made without. `index.js` makes it of all of these; `core.js` of those that it is handed, and what is
 * not handed to it is not loaded.
 */

/**
 * @typedef {object} Parts
 * @property {typeof import("./collection.js").Collection} [Collection] `room.collection()`
 * @property {typeof import("./notifications.js").Notifications} [Notifications] `client.notifications`: toasts, inbox, preferences
 * @property {typeof import("./outbox.js").Outbox} [Outbox] `client.outbox`: writes that wait and survive; without it each is sent now or not at all
 * @property {typeof import("./cursors.js").RoomCursors} [RoomCursors] `room.cursors`
 * @property {typeof import("./tab-link.js").TabLink} [TabLink] one connection for all tabs; without it each has its own
 */

export { Collection } from "./collection.js";
export { Notifications } from "./notifications.js";
export { Outbox } from "./outbox.js";
export { RoomCursors } from "./cursors.js";
export { TabLink } from "./tab-link.js";
