/**
 * Who is in a room: the list from `joined`, and what `presence` changes in it. Values only.
 *
 * A list is compared with the one before, so a short loss shows nobody leaving and coming back.
 */

import { isCount, isObject, readDate, readList, readText } from "./recovery.js";

/** @typedef {import("./types.js").Member} Member */
/** @typedef {import("./types.js").MemberStatus} MemberStatus */
/** @typedef {{ joined: Member[], updated: Member[], left: Member[] }} Difference */

/**
 * @typedef {object} Roster
 * @property {ReadonlyMap<string, Member>} byUser in the order of their names
 * @property {number} count also where the room is too large for a list
 * @property {boolean} large
 */

/** @type {Roster} */
export const NOBODY = { byUser: new Map(), count: 0, large: false };

/** No room of ours is so large; a server that sends nonsense must not fill the memory. */
const LIST_MAX = 10_000;
/** Ours sends one of its own for each user; another than a plain one may not reach a style, whoever wrote it. */
const NO_COLOR = "#5f6368";

/**
 * @param {Roster} roster
 * @param {Record<string, any>} message `joined`, or a `presence`
 * @returns {{ roster: Roster, difference: Difference }}
 */
export function applyPresence(roster, message) {
  const large = (message.large ?? roster.large) === true;
  const isWhole = message.type === "joined" || Array.isArray(message.members) || message.large === true;
  /** @type {Map<string, Member>} */
  const found = new Map(isWhole ? [] : roster.byUser);
  if (!isWhole) for (const user of readList(message.left)) found.delete(user);
  for (const list of isWhole ? [message.members] : [message.joined, message.updated]) {
    for (const member of readMembers(list)) found.set(member.user, member);
  }
  // They are nearly in order already, which costs a sort next to nothing.
  const byUser = new Map([...found].sort(([, a], [, b]) => a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1)));
  // Before the first list nobody has "come": they were there. Between a list and a mere number there is nothing to tell.
  const isTold = roster !== NOBODY && !roster.large && !large;
  return { roster: { byUser, count: isCount(message.count) ? message.count : byUser.size, large }, difference: compare(isTold ? roster.byUser : byUser, byUser) };
}

/** @param {ReadonlyMap<string, Member>} before @param {ReadonlyMap<string, Member>} after @returns {Difference} */
function compare(before, after) {
  const all = [...after.values()];
  return {
    joined: all.filter(({ user }) => !before.has(user)),
    updated: all.filter((member) => {
      const known = before.get(member.user);
      // Most are the very same object.
      return known && known !== member && JSON.stringify(known) !== JSON.stringify(member);
    }),
    left: [...before.values()].filter(({ user }) => !after.has(user)),
  };
}

/** @param {unknown} value @returns {Member[]} those that are members; anything else is passed over */
function readMembers(value) {
  return readList(value).slice(0, LIST_MAX).flatMap((each) => {
    if (!readText(each?.user)) return [];
    const { user, name, avatar, color } = each;
    const sessions = readList(each.sessions).flatMap(readSession);
    const status = readStatus(each.status);
    return [{
      user,
      name: readText(name)?.trim() ? name : user,
      avatar: readText(avatar)?.match(/^https?:/) ? avatar : null,
      color: /^#[0-9a-f]{3,8}$/i.test(color) ? color : NO_COLOR,
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
  if (!readText(value?.session)) return [];
  const { session, status, state, device, idle_since: idleSince } = value;
  return [{ session, status: readStatus(status), state: isObject(state) ? state : {}, device: readText(device), idleSince: readDate(idleSince) }];
}

/** @param {unknown} value @returns {MemberStatus} */
function readStatus(value) {
  return value === "busy" || value === "away" ? value : "online";
}
