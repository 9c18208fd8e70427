/**
 * Where a reader is in a room's log, and what that makes of what arrives. Values only.
 *
 * A log numbers its entries without a hole. The one after the cursor is next; one at or before it is known, however
 * often it comes; a later one means that something between is missing, and then the room is joined again from the cursor.
 */

/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {import("./types.js").Entry} Entry */

/**
 * @param {Cursor | null} cursor null before the first picture
 * @param {{ offset: number }} entry
 * @returns {"next" | "known" | "gap"}
 */
export function judge(cursor, { offset }) {
  if (cursor === null || offset === cursor.offset + 1) return "next";
  return offset <= cursor.offset ? "known" : "gap";
}

/** @param {Cursor} cursor @param {{ offset: number, id: string }} entry @returns {Cursor} */
export function advance({ epoch }, { offset, id }) {
  return { epoch, offset, entry: id };
}

/**
 * @param {Record<string, any>} message `joined`
 * @returns {{ cursor: Cursor, recovered: boolean, reason: string | null, entries: Entry[], activity: Entry[],
 *   state: Record<string, unknown>, more: boolean } | null} null for what no server of ours sends
 */
export function readJoined(message) {
  const cursor = readCursor(message.cursor);
  if (cursor === null) return null;
  return {
    cursor,
    recovered: message.recovered === true,
    reason: readText(message.reason),
    entries: readEntries(message.entries),
    activity: readEntries(message.activity),
    state: isObject(message.state) ? message.state : {},
    more: message.more === true,
  };
}

/** @param {any} value @returns {Cursor | null} */
export function readCursor(value) {
  if (typeof value?.epoch !== "string" || !isCount(value.offset)) return null;
  const entry = readText(value.entry);
  // Without its proof a cursor past the start is worth nothing, and the server would refuse it.
  return value.offset > 0 && entry === null ? null : { epoch: value.epoch, offset: value.offset, entry };
}

/** @param {unknown} value @returns {Entry[]} those that are entries */
export function readEntries(value) {
  return readList(value).flatMap((each) => readEntry(each) ?? []);
}

/** @param {any} value @returns {Entry | null} */
export function readEntry(value) {
  if (!isCount(value?.offset) || value.offset === 0 || typeof value.id !== "string" || typeof value.room !== "string") {
    return null;
  }
  return { ...value, from: isObject(value.from) ? value.from : null, at: readDate(value.at) ?? new Date(0) };
}

/** @param {Record<string, any>} message `source` @returns {NonNullable<import("./types.js").RoomSnapshot["source"]>} */
export function readSource({ ok, message, age }) {
  return { ok: ok === true, message: readText(message), age: typeof age === "number" ? age : null };
}

/** @param {unknown} value @returns {any[]} nothing of what is no list */
export function readList(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {unknown} value @returns {string | null} */
export function readText(value) {
  return typeof value === "string" ? value : null;
}

/** @param {unknown} value @returns {Date | null} */
export function readDate(value) {
  const date = typeof value === "string" ? new Date(value) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

/** @param {unknown} value @returns {value is number} */
export function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} value @returns {value is Record<string, any>} */
export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
