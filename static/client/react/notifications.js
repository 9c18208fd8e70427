/** Toasts, inbox and preferences. */

import { useClient } from "./context.js";
import { useMemo } from "./react.js";
import { bound, useSelected } from "./read.js";

/** @typedef {import("../types.js").Notification} Notification */

const METHODS = /** @type {const} */ ([
  "showNotification", "hideNotification", "clearAllNotifications", "updatePreferences", "clearHistory", "markRead", "markUnread",
  "markSeen", "archive", "unarchive", "snooze", "undo", "acknowledge", "act", "loadMore", "follow", "unfollow", "mute", "hold",
  "release", "from",
]);

/** The notification system as it was asked for and beyond, free to be taken apart. */
export function useNotifications() {
  const system = useClient().notifications;
  /** @type {any} asked for as plain arrays; nobody's to change */
  const shown = useSelected(system);
  return useMemo(() => /** @type {Shown & ReturnType<typeof bound<typeof system, typeof METHODS[number]>>} */ ({ ...shown, ...bound(system, METHODS) }), [shown, system]);
}

/** @typedef {Omit<import("../notifications.js").NotificationsSnapshot, "notifications" | "history"> & { notifications: Notification[], history: Notification[] }} Shown */

/**
 * The inbox, newest first, beside everything that `useNotifications()` has.
 *
 * @param {{ filter?: "unread" | ((notification: Notification) => boolean) }} [options]
 * @returns {ReturnType<typeof useNotifications> & { items: Notification[] }}
 */
export function useInbox({ filter } = {}) {
  const system = useNotifications();
  return { ...system, items: filter ? system.history.filter(filter === "unread" ? ({ read }) => !read : filter) : system.history };
}
