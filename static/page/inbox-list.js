/**
 * A part of the inbox as it is listed: pages of it, kept true by the entries that come after them. Nothing here knows
 * the page or the server.
 *
 * What an entry says whole is applied at once. What it doesn't (which ones came back from elsewhere) makes the list
 * stale, and whoever holds it asks anew.
 */

/** @typedef {"all" | "unread" | "archived" | "snoozed"} Shelf */

/** @typedef {Record<string, any> & { id: string, offset: number }} Item */

export class InboxList {
  /** @type {Item[]} newest surfaced first */
  items = [];
  hasMore = false;
  /** Whether something belongs here that only the server can say. */
  isStale = true;
  /** Everything up to here is in it. */
  #offset = -1;

  /** @param {Shelf} shelf */
  constructor(shelf) {
    this.shelf = shelf;
  }

  /** The newest offset that is shown; 0 when nothing is. */
  get upto() {
    return this.items[0]?.offset ?? 0;
  }

  /**
   * The newest page, or everything that is shown so far, asked for anew.
   *
   * @param {{ notifications: unknown, offset: number, more: boolean }} page
   * @param {number} reached the newest offset whose entry was applied
   */
  replace({ notifications, offset, more }, reached) {
    this.items = readItems(notifications);
    this.hasMore = more === true;
    this.#offset = offset;
    // Something happened while the page was on its way.
    this.isStale = offset < reached;
  }

  /** An older page. @param {{ notifications: unknown, more: boolean }} page */
  append({ notifications, more }) {
    const known = new Set(this.items.map(({ id }) => id));
    this.items.push(...readItems(notifications).filter(({ id }) => !known.has(id)));
    this.hasMore = more === true;
  }

  /** @param {Record<string, any>} entry of `@me`, in order */
  take(entry) {
    if (entry.offset <= this.#offset) return;
    this.#offset = entry.offset;
    if (entry.type === "notification") this.#arrive(entry);
    else if (entry.type === "marked") this.#mark(entry);
  }

  /** @param {Record<string, any>} entry */
  #arrive({ notification, replaces, offset }) {
    if (typeof replaces === "string") this.#remove([replaces]);
    const item = readItems([{ ...notification, offset }])[0];
    if (!item || this.shelf === "archived" || this.shelf === "snoozed") return;
    if (this.shelf === "unread" && item.read !== null) return;
    this.items = [item, ...this.items];
  }

  /** @param {Record<string, any>} entry */
  #mark({ as, notifications, upto, until, at }) {
    const isAll = notifications === "all";
    const ids = Array.isArray(notifications) ? notifications : [];
    const isMeant = (/** @type {Item} */ item) => (isAll ? item.offset <= upto : ids.includes(item.id));
    const change = (/** @type {Partial<Item>} */ fields) => {
      this.items = this.items.map((item) => (isMeant(item) ? { ...item, ...fields } : item));
    };
    const isCurrent = this.shelf === "all" || this.shelf === "unread";
    switch (as) {
      // What was read stays where it is, so that nothing vanishes under somebody's hands.
      case "read":
        if (!isAll || isCurrent) change({ read: at });
        break;
      case "unread":
        if (!isAll || isCurrent) change({ read: null });
        this.isStale ||= this.shelf === "unread" && !isAll && !ids.every((id) => this.#has(id));
        break;
      case "acked":
        change({ acked: at });
        break;
      case "archived":
        this.#move("archived", isAll ? this.items.filter((item) => isMeant(item) && !isOpen(item)).map(({ id }) => id) : ids);
        break;
      case "snoozed":
        change({ snoozed_until: until });
        this.#move("snoozed", ids);
        break;
      case "expired":
      case "trimmed":
        this.#remove(ids);
        break;
      // What comes back comes with its texts from the server alone.
      case "unarchived":
      case "surfaced":
      case "undone":
        this.isStale = true;
        break;
    }
  }

  /** @param {Shelf} shelf @param {string[]} ids */
  #move(shelf, ids) {
    if (this.shelf === shelf) this.isStale = true;
    else this.#remove(ids);
  }

  /** @param {string[]} ids */
  #remove(ids) {
    this.items = this.items.filter(({ id }) => !ids.includes(id));
  }

  /** @param {string} id */
  #has(id) {
    return this.items.some((item) => item.id === id);
  }
}

/** Whether only an acknowledgement ends it. @param {Record<string, any>} item */
export function isOpen({ critical, acked }) {
  return critical === true && (acked ?? null) === null;
}

/** @param {unknown} notifications @returns {Item[]} */
function readItems(notifications) {
  const list = Array.isArray(notifications) ? notifications : [];
  return list.filter((item) => typeof item?.id === "string" && Number.isSafeInteger(item.offset));
}
