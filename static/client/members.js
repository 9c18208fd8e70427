/**
 * Who is in a room: the list from `joined`, and what `presence` changes in it. Values only.
 *
 * A list is compared with the one before, so a short loss shows nobody leaving and coming back.
 */

import { isCount, isObject, readDate } from "./recovery.js";

/** @typedef {import("./types.js").Member} Member */
/** @typedef {import("./types.js").MemberStatus} MemberStatus */
/** @typedef {{ joined: Member[], updated: Member[], left: Member[] }} Difference */

/**
 * @typedef {object} Roster
 * @property {ReadonlyMap<string, Member>} byUser
 * @property {number} count also where the room is too large for a list
 * @property {boolean} large
 * @property {boolean} known before the first list nobody has "come": they were there
 */

/** @type {Roster} */
export const NOBODY = { byUser: new Map(), count: 0, large: false, known: false };

/** No room of ours is so large; a server that sends nonsense must not fill the memory. */
const LIST_MAX = 10_000;
/** At least 4.5:1 under white text. */
const COLORS = [
  "#00639b", "#8a3ffc", "#b3261e", "#006d3b", "#a83e00", "#7b2d8b", "#00696d", "#9a2257", "#3f51b5", "#5c6300",
];

/**
 * @param {Roster} roster
 * @param {Record<string, any>} message `joined`, or a `presence`
 * @returns {{ roster: Roster, difference: Difference }}
 */
export function applyPresence(roster, message) {
  const isWhole = message.type === "joined" || Array.isArray(message.members) || message.large === true;
  const large = typeof message.large === "boolean" ? message.large : roster.large;
  /** @type {Map<string, Member>} */
  const byUser = new Map(isWhole ? [] : roster.byUser);
  if (isWhole) {
    for (const member of readMembers(message.members)) byUser.set(member.user, member);
  } else {
    for (const user of Array.isArray(message.left) ? message.left : []) byUser.delete(user);
    for (const member of [...readMembers(message.joined), ...readMembers(message.updated)]) byUser.set(member.user, member);
  }
  const count = isCount(message.count) ? message.count : byUser.size;
  const next = { byUser, count, large, known: !large };
  // Between a list and a mere number there is no difference to tell.
  const isTold = roster.known && next.known;
  return { roster: next, difference: isTold ? compare(roster.byUser, byUser) : { joined: [], updated: [], left: [] } };
}

/** @param {ReadonlyMap<string, Member>} before @param {ReadonlyMap<string, Member>} after @returns {Difference} */
function compare(before, after) {
  /** @type {Difference} */
  const difference = { joined: [], updated: [], left: [] };
  for (const [user, member] of after) {
    const old = before.get(user);
    if (!old) difference.joined.push(member);
    else if (old !== member && JSON.stringify(old) !== JSON.stringify(member)) difference.updated.push(member);
  }
  for (const [user, member] of before) if (!after.has(user)) difference.left.push(member);
  return difference;
}

/** @param {unknown} value @returns {Member[]} those that are members; anything else is passed over */
export function readMembers(value) {
  return (Array.isArray(value) ? value.slice(0, LIST_MAX) : []).flatMap((each) => {
    if (typeof each?.user !== "string") return [];
    /** @type {import("./types.js").MemberSession[]} */
    const sessions = (Array.isArray(each.sessions) ? each.sessions : []).flatMap(readSession);
    const status = readStatus(each.status);
    return [{
      user: each.user,
      name: typeof each.name === "string" && each.name.trim() !== "" ? each.name : each.user,
      avatar: typeof each.avatar === "string" && /^https?:/.test(each.avatar) ? each.avatar : null,
      // Only a plain colour may reach a style, whoever wrote it.
      color: /^#[0-9a-f]{3,8}$/i.test(each.color) ? each.color : colorOf(each.user),
      status,
      since: readDate(each.since),
      idleSince: readDate(each.idle_since),
      state: (sessions.find((session) => session.status === status) ?? sessions[0])?.state ?? {},
      sessions,
    }];
  });
}

/** @param {any} value @returns {import("./types.js").MemberSession[]} */
function readSession(value) {
  if (typeof value?.session !== "string") return [];
  return [{
    session: value.session,
    status: readStatus(value.status),
    state: isObject(value.state) ? value.state : {},
    device: typeof value.device === "string" ? value.device : null,
    idleSince: readDate(value.idle_since),
  }];
}

/** @param {unknown} value @returns {MemberStatus} */
function readStatus(value) {
  return value === "busy" || value === "away" ? value : "online";
}

/** @param {string} user @returns {string} always the same one for a user */
export function colorOf(user) {
  let hash = 0;
  for (const letter of user) hash = (hash * 31 + /** @type {number} */ (letter.codePointAt(0))) >>> 0;
  return /** @type {string} */ (COLORS[hash % COLORS.length]);
}
