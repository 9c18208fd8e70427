/**
 * Who is in the room: the list from `joined`, and what `presence` changes in it. Values only; the view draws them.
 */

/**
 * @typedef {object} MemberSession
 * @property {string} session
 * @property {string} status
 * @property {Record<string, unknown>} state
 */

/**
 * @typedef {object} Member
 * @property {string} user
 * @property {string} name
 * @property {string} color
 * @property {string} status `online`, `busy` or `away`
 * @property {MemberSession[]} sessions one a tab or device
 */

/** @typedef {{ joined: Member[], left: Member[] }} Difference who came and who went, for people to read */

const COLOR_UNKNOWN = "#5b6470";

export class Members {
  /** @type {Map<string, Member>} by user */
  #byUser = new Map();
  /** Before the first list nobody has "come": they were there. */
  #isKnown = false;
  /** How many there are, also where the room is too large for a list. */
  count = 0;
  isLarge = false;

  /** @returns {Member[]} by name */
  get list() {
    return [...this.#byUser.values()].sort((a, b) => a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1));
  }

  /** @param {string} user */
  get(user) {
    return this.#byUser.get(user);
  }

  /**
   * A whole list, from `joined` or from a `presence` that brings one. What others did while we were away shows as the
   * difference to the list before, so a short loss shows nothing.
   *
   * @param {Record<string, unknown>} message
   * @returns {Difference}
   */
  replace(message) {
    const before = this.#byUser;
    this.#byUser = new Map();
    for (const member of readMembers(message.members)) this.#byUser.set(member.user, member);
    this.#count(message);
    const joined = this.list.filter((member) => !before.has(member.user));
    const left = [...before.values()].filter((member) => !this.#byUser.has(member.user));
    const isTold = this.#isKnown && !this.isLarge;
    this.#isKnown = !this.isLarge;
    return isTold ? { joined, left } : { joined: [], left: [] };
  }

  /**
   * A `presence` message.
   *
   * @param {Record<string, unknown>} message
   * @returns {Difference}
   */
  change(message) {
    if (Array.isArray(message.members) || message.large === true) return this.replace(message);
    const difference = /** @type {Difference} */ ({ joined: [], left: [] });
    for (const user of Array.isArray(message.left) ? message.left : []) {
      const member = this.#byUser.get(user);
      if (member) difference.left.push(member);
      this.#byUser.delete(user);
    }
    for (const member of readMembers(message.joined)) {
      if (!this.#byUser.has(member.user)) difference.joined.push(member);
      this.#byUser.set(member.user, member);
    }
    for (const member of readMembers(message.updated)) this.#byUser.set(member.user, member);
    this.#count(message);
    return difference;
  }

  /** @param {Record<string, unknown>} message */
  #count(message) {
    if (typeof message.large === "boolean") this.isLarge = message.large;
    this.count = typeof message.count === "number" ? message.count : this.#byUser.size;
  }
}

/** @param {unknown} value @returns {Member[]} those that are members; anything else is passed over */
function readMembers(value) {
  return (Array.isArray(value) ? value : []).flatMap((each) => {
    if (typeof each?.user !== "string") return [];
    const sessions = (Array.isArray(each.sessions) ? each.sessions : []).flatMap(readSession);
    return [{
      user: each.user,
      name: typeof each.name === "string" && each.name.trim() !== "" ? each.name : each.user,
      // Only a plain colour may reach a style, whoever wrote it.
      color: /^#[0-9a-f]{3,8}$/i.test(each.color) ? each.color : COLOR_UNKNOWN,
      status: ["online", "busy", "away"].includes(each.status) ? each.status : "online",
      sessions,
    }];
  });
}

/** @param {any} value @returns {MemberSession[]} */
function readSession(value) {
  if (typeof value?.session !== "string") return [];
  const state = value.state !== null && typeof value.state === "object" ? value.state : {};
  return [{ session: value.session, status: String(value.status ?? "online"), state }];
}
