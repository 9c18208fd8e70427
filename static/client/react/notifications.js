/** Toasts, inbox and preferences. */

import { useMemo } from "react";

import { useClient } from "./context.js";
import { useSnapshot } from "./read.js";

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../notifications.js").Notifications} System */

const METHODS = /** @type {const} */ ([
  "showNotification", "hideNotification", "clearAllNotifications", "updatePreferences", "clearHistory", "markRead", "markUnread",
  "markSeen", "archive", "unarchive", "snooze", "undo", "acknowledge", "act", "loadMore", "follow", "unfollow", "mute", "hold",
  "release", "from",
]);
/** What a server renders. @type {ReturnType<System["getSnapshot"]>} */
const NOTHING = Object.freeze({
  notifications: Object.freeze([]), history: Object.freeze([]), unreadCount: 0, unseenCount: 0, hasMore: false,
  preferences: { toasts: true, durations: 1, levels: {}, topics: {}, rooms: {}, quiet_hours: null, digest: false, follows: [] },
});

/** The notification system as it was asked for and beyond, free to be taken apart. */
export function useNotifications() {
  const system = useClient().notifications;
  const shown = useSnapshot(system, NOTHING);
  const methods = useMemo(() => bound(system), [system]);
  return useMemo(() => ({
    ...shown,
    ...methods,
    // Asked for as plain arrays; nobody's to change.
    notifications: /** @type {Notification[]} */ (shown.notifications),
    history: /** @type {Notification[]} */ (shown.history),
  }), [shown, methods]);
}

/**
 * The inbox, newest first.
 *
 * @param {{ filter?: "unread" | ((notification: Notification) => boolean) }} [options]
 */
export function useInbox({ filter } = {}) {
  const { history, unreadCount, unseenCount, hasMore, markRead, markUnread, markSeen, archive, unarchive, snooze, undo, acknowledge, act, loadMore } = useNotifications();
  const items = filter ? history.filter(filter === "unread" ? isUnread : filter) : history;
  return { items, unreadCount, unseenCount, hasMore, markRead, markUnread, markSeen, archive, unarchive, snooze, undo, acknowledge, act, loadMore };
}

/** @param {System} system @returns {Pick<System, METHODS[number]>} */
function bound(system) {
  return /** @type {any} */ (Object.fromEntries(METHODS.map((name) => [name, system[name].bind(system)])));
}

/** @param {Notification} notification */
function isUnread({ read }) {
  return !read;
}
