/**
 * The inbox as this page knows it, by what the server says. Values only; the counts are the server's own and are never
 * counted up here.
 */

import { isCount, isObject, readDate } from "./recovery.js";

/** @typedef {import("./types.js").Notification} Notification */
/** @typedef {{ unread: number, unseen: number, offset: number, epoch: string | null }} Counts */

const TYPES = ["info", "success", "warning", "error"];

/**
 * @param {Counts} counts
 * @param {Record<string, any>} message that carries them
 * @param {string | null} epoch of `@me` now
 * @returns {Counts} an older offset never overwrites a newer one of the same epoch
 */
export function applyCounts(counts, { unread, unseen, offset }, epoch) {
  if (!isCount(unread) || !isCount(unseen) || !isCount(offset)) return counts;
  if (epoch === counts.epoch && offset < counts.offset) return counts;
  return { unread, unseen, offset, epoch };
}

/**
 * @param {any} value a notification from the wire
 * @param {number | null} [offset] where it surfaced
 * @returns {Notification | null} null for what is none
 */
export function readNotification(value, offset = null) {
  if (typeof value?.id !== "string") return null;
  const actions = Array.isArray(value.actions) ? value.actions.flatMap(readAction) : [];
  return {
    id: value.id,
    type: TYPES.includes(value.level) ? value.level : "info",
    title: text(value.title),
    message: text(value.message),
    timestamp: readDate(value.at) ?? new Date(0),
    // null on the wire is a toast that stays; nothing at all leaves it to the type.
    ...(value.duration !== undefined && { duration: typeof value.duration === "number" && value.duration >= 0 ? value.duration : Infinity }),
    ...(actions.length > 0 && { actions }),
    ...(value.metadata !== undefined && { metadata: value.metadata }),
    topic: typeof value.topic === "string" ? value.topic : null,
    room: typeof value.room === "string" ? value.room : null,
    critical: value.critical === true,
    quiet: value.quiet === true,
    read: value.read != null,
    archived: value.archived != null,
    acked: value.acked != null,
    offset: isCount(value.offset) ? value.offset : offset,
  };
}

/**
 * What a `marked` entry does to the list.
 *
 * @param {readonly Notification[]} list
 * @param {Record<string, any>} marked
 * @returns {readonly Notification[] | null} null when the server has to be asked what the list is now
 */
export function applyMark(list, { as, notifications, upto }) {
  const ids = Array.isArray(notifications) ? new Set(notifications) : null;
  const isMeant = (/** @type {Notification} */ { id, offset }) => (
    ids ? ids.has(id) : notifications === "all" && (!isCount(upto) || (offset ?? 0) <= upto));
  /** @param {Partial<Notification>} change */
  const changed = (change) => list.map((each) => (isMeant(each) ? { ...each, ...change } : each));
  switch (as) {
    case "seen": return list;
    case "read": return changed({ read: true });
    case "unread": return changed({ read: false });
    case "acked": return changed({ acked: true });
    // Archived over all passes over what somebody still has to acknowledge.
    case "archived": return list.filter((each) => !isMeant(each) || (ids === null && each.critical && !each.acked));
    case "snoozed": case "expired": case "trimmed": return list.filter((each) => !isMeant(each));
    default: return null;
  }
}

/** @param {readonly Notification[]} list @param {readonly Notification[]} more @returns {readonly Notification[]} newest first, each id once */
export function merge(list, more) {
  const byId = new Map(list.map((each) => [each.id, each]));
  for (const each of more) byId.set(each.id, each);
  return [...byId.values()].sort((a, b) => b.timestamp.getTime() - a.timestamp.getTime() || (b.offset ?? 0) - (a.offset ?? 0));
}

/** @param {any} value @returns {import("./types.js").NotificationAction[]} */
function readAction(value) {
  if (!isObject(value) || typeof value.id !== "string") return [];
  // Only where a link may lead: a page's own place, or http. Nothing that runs.
  const isSafe = typeof value.url === "string" && (/^\/(?!\/)/.test(value.url) || /^https?:\/\//i.test(value.url));
  return [{ id: value.id, label: text(value.label) || value.id, ...(isSafe && { url: value.url }) }];
}

/** @param {unknown} value */
function text(value) {
  return typeof value === "string" ? value : "";
}
