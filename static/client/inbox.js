/**
 * The inbox as this page knows it, by what the server says. Values only; the counts are the server's own and are never
 * counted up here.
 */

import { isCount, isObject, readDate, readList, readText } from "./recovery.js";

/** @typedef {import("./types.js").Notification} Notification */
/** @typedef {{ unread: number, unseen: number, offset: number, epoch?: string | undefined }} Counts */

const TYPES = ["info", "success", "warning", "error"];
/** @type {Counts} */
export const NO_COUNTS = { unread: 0, unseen: 0, offset: 0 };
/** @type {import("./types.js").NotificationPreferences} what holds until the server says otherwise */
export const PREFERENCES = { toasts: true, durations: 1, levels: {}, topics: {}, rooms: {}, quiet_hours: null, digest: false, follows: [] };

const LEVELS = { high: "error", medium: "warning", low: "info" };
/** Toasts that events make by themselves. @type {Record<string, (data: any) => import("./types.js").NewNotification>} */
export const MAKERS = {
  "system:maintenance": ({ message, scheduledTime }) => ({ type: "warning", title: "Maintenance", message: String(message ?? ""), metadata: { scheduledTime } }),
  "system:error": ({ error, severity }) => (
    { type: /** @type {any} */ (LEVELS)[severity] ?? "warning", title: "Something went wrong", message: String(error ?? "") }),
};

/** @param {Notification} notification @returns {boolean} whether only this page has it */
export function isLocal({ offset }) {
  return offset == null;
}

/**
 * @param {Counts} counts
 * @param {Record<string, any>} message that carries them
 * @param {string} [epoch] of `@me` now
 * @returns {Counts} an older offset never overwrites a newer one of the same epoch
 */
export function applyCounts(counts, { unread, unseen, offset }, epoch) {
  const isOld = !isCount(unread) || !isCount(unseen) || !isCount(offset) || (epoch === counts.epoch && offset < counts.offset);
  return isOld ? counts : { unread, unseen, offset, epoch };
}

/**
 * @param {any} value a notification from the wire
 * @param {number} [surfaced] the offset where that was, if the value does not say
 * @returns {Notification | null} null for what is none
 */
export function readNotification(value, surfaced = 0) {
  if (!readText(value?.id)) return null;
  const { id, level, title, message, at, duration, metadata, topic, room, critical, quiet, read, archived, acked, offset } = value;
  const actions = readList(value.actions).flatMap(readAction);
  return {
    id,
    type: TYPES.includes(level) ? level : "info",
    title: readText(title) ?? "",
    message: readText(message) ?? "",
    timestamp: readDate(at) ?? new Date(0),
    // null on the wire is a toast that stays; nothing at all leaves it to the type.
    ...(duration !== undefined && { duration: isCount(duration) ? duration : Infinity }),
    ...(actions.length > 0 && { actions }),
    metadata,
    topic: readText(topic),
    room: readText(room),
    critical: critical === true,
    quiet: quiet === true,
    read: read != null,
    archived: archived != null,
    acked: acked != null,
    offset: isCount(offset) ? offset : surfaced,
  };
}

/**
 * @param {Notification} notification
 * @param {Record<string, any>} mark of some, or of all that surfaced up to an offset
 * @returns {boolean}
 */
export function isMeant({ id, offset }, { notifications, upto = Infinity }) {
  return notifications === "all" ? (offset ?? 0) <= upto : readList(notifications).includes(id);
}

/**
 * What a `marked` entry does to the list.
 *
 * @param {readonly Notification[]} list
 * @param {Record<string, any>} mark
 * @returns {readonly Notification[] | null} null when the server has to be asked what the list is now
 */
export function applyMark(list, mark) {
  const { as, notifications } = mark;
  const change = { read: { read: true }, unread: { read: false }, acked: { acked: true } }[String(as)];
  if (change) return list.map((each) => (isMeant(each, mark) ? { ...each, ...change } : each));
  if (as === "seen") return list;
  // Archived over all passes over what somebody still has to acknowledge.
  const isKept = (/** @type {Notification} */ { critical, acked }) => as === "archived" && notifications === "all" && critical && !acked;
  return ["archived", "snoozed", "expired", "trimmed"].includes(as) ? list.filter((each) => !isMeant(each, mark) || isKept(each)) : null;
}

/**
 * Merged as the server will: of what is by topic or room only what is named changes.
 *
 * @param {any} before
 * @param {object} set
 * @returns {import("./types.js").NotificationPreferences}
 */
export function applyPreferences(before, set) {
  const patch = Object.entries(set).map(([key, value]) => [key, isObject(value) ? { ...before[key], ...value } : value]);
  return { ...before, ...Object.fromEntries(patch) };
}

/** @param {readonly Notification[]} list @returns {number[]} where in `@me` they surfaced, of those that did */
export function offsetsOf(list) {
  return list.flatMap(({ offset }) => offset ?? []);
}

/** @param {readonly Notification[]} list @param {readonly Notification[]} more @returns {readonly Notification[]} newest first, each id once */
export function merge(list, more) {
  const byId = new Map([...list, ...more].map((each) => [each.id, each]));
  return [...byId.values()].sort((a, b) => b.timestamp.getTime() - a.timestamp.getTime() || (b.offset ?? 0) - (a.offset ?? 0));
}

/** @param {any} value @returns {import("./types.js").NotificationAction[]} */
function readAction(value) {
  if (!readText(value?.id)) return [];
  const { id, label, url } = value;
  // Only where a link may lead: a page's own place, or http. Nothing that runs; browsers read a backslash as a slash, and a tab as nothing.
  const isSafe = readText(url)?.match(/^(https?:\/)?\/(?![/\\])[^\\\p{Cc}]*$/iu);
  return [{ id, label: readText(label) || id, ...(isSafe && { url }) }];
}
