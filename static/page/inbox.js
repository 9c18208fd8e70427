/**
 * The inbox as this page holds it: the shelf that is shown, and what a person does to it. Drawing is the view's.
 *
 * Every command is harmless when repeated, and what it did comes back as an entry; so nothing is shown ahead of the
 * server, and a lost answer leaves nothing wrong.
 */

import { InboxList } from "./inbox-list.js";

const PAGE = 20;
const PAGE_MAX = 200;
/** Between two askings, however much happens. */
const ASK_EVERY_MS = 300;
const MARKS_MAX = 50;
const MORNING = 8;

/** @typedef {import("./inbox-list.js").Shelf} Shelf */

/**
 * @typedef {object} InboxEvents
 * @property {() => void} onChange the list, or what can be undone, is another
 * @property {(counts: { unread: number, unseen: number, offset: number }) => void} onCounts
 * @property {(problem: string | null) => void} onProblem in words; null when it is over
 */

export class Inbox {
  /** @type {import("./connection.js").Connection} */
  #connection;
  /** @type {InboxEvents} */
  #events;
  #list = new InboxList("all");
  /** The newest entry that was applied. */
  #reached = 0;
  /** @type {Map<number, string>} what newer `marked` entries did, by offset */
  #marks = new Map();
  /** @type {{ offset: number, as: string } | null} the mark that can be taken back */
  #undo = null;
  #isAsking = false;
  #isShown = false;

  /** @param {import("./connection.js").Connection} connection @param {InboxEvents} events */
  constructor(connection, events) {
    this.#connection = connection;
    this.#events = events;
  }

  get list() {
    return this.#list;
  }

  /** What the last mark did and can be taken back, such as `archived`; its entry has to be here, or it changed nothing. */
  get undoable() {
    return this.#undo && this.#marks.get(this.#undo.offset) === this.#undo.as ? this.#undo.as : null;
  }

  /** Whether anybody looks: only then the server is asked. @param {boolean} isShown */
  show(isShown) {
    this.#isShown = isShown;
    this.#undo = null;
    if (isShown) this.turnTo(this.#list.shelf);
  }

  /** @param {Shelf} shelf */
  turnTo(shelf) {
    this.#list = new InboxList(shelf);
    this.#events.onChange();
    void this.#ask();
  }

  /** Another life of the log, or a gap in what is known: what is shown has to be asked for anew. @param {boolean} isVoid */
  forget(isVoid) {
    if (isVoid) {
      this.#reached = 0;
      this.#marks.clear();
      this.#undo = null;
    }
    this.#list.isStale = true;
    void this.#ask();
  }

  /** There is a connection again: what could not be asked for is asked for now. */
  resume() {
    void this.#ask();
  }

  /** @param {Record<string, any>} entry of `@me`, in order */
  take(entry) {
    this.#reached = entry.offset;
    if (entry.type === "marked") {
      this.#marks.set(entry.offset, String(entry.as));
      const [oldest] = this.#marks.keys();
      if (this.#marks.size > MARKS_MAX) this.#marks.delete(oldest);
    }
    this.#list.take(entry);
    this.#events.onChange();
    if (this.#list.isStale) void this.#ask();
  }

  async more() {
    const list = this.#list;
    const page = await this.#request({ type: "inbox", ...this.#query(PAGE), before: list.items.at(-1)?.offset });
    if (!page || list !== this.#list) return;
    list.append(page);
    this.#events.onChange();
  }

  /** The notification that surfaced at this offset, if it is still there. @param {number} offset */
  async at(offset) {
    const page = await this.#request({ type: "inbox", before: offset + 1, limit: 1 });
    const [item] = Array.isArray(page?.notifications) ? page.notifications : [];
    return item?.offset === offset ? item : null;
  }

  /** @param {string} id @param {"read" | "unread" | "archived" | "unarchived"} as */
  async mark(id, as) {
    const marked = await this.#request({ type: "mark", notifications: [id], as });
    if (marked && as === "archived") this.#offerUndo(marked.offset, as);
  }

  /** @param {string} id @param {Date} until */
  async snooze(id, until) {
    const marked = await this.#request({ type: "mark", notifications: [id], as: "snoozed", until: until.toISOString() });
    if (marked) this.#offerUndo(marked.offset, "snoozed");
  }

  /** What came since is not swept along. */
  async readAll() {
    const upto = this.#list.upto;
    if (upto === 0) return;
    const marked = await this.#request({ type: "mark", notifications: "all", upto, as: "read" });
    if (marked) this.#offerUndo(marked.offset, "read");
  }

  /** Everything that is shown was looked at. */
  async seen() {
    if (this.#list.upto > 0) await this.#request({ type: "mark", as: "seen", upto: this.#list.upto });
  }

  /** @param {string} id */
  async acknowledge(id) {
    await this.#request({ type: "ack", notification: id });
  }

  async undo() {
    const undo = this.#undo;
    this.#undo = null;
    if (undo) await this.#request({ type: "mark", undo: undo.offset });
    this.#events.onChange();
  }

  /** @param {number} offset @param {string} as */
  #offerUndo(offset, as) {
    this.#undo = { offset, as };
    this.#events.onChange();
  }

  /** Asks for as much as is shown, once at a time, until it is true. */
  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#isShown && this.#list.isStale) {
      const list = this.#list;
      const limit = Math.min(PAGE_MAX, Math.max(PAGE, list.items.length));
      const page = await this.#request({ type: "inbox", ...this.#query(limit) });
      // Lost or refused: the next `connected`, entry or look begins anew.
      if (!page) break;
      if (list === this.#list) {
        list.replace(page, this.#reached);
        this.#events.onChange();
        if (list.isStale) await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      }
    }
    this.#isAsking = false;
  }

  /** @param {number} limit */
  #query(limit) {
    const { shelf } = this.#list;
    return shelf === "all" ? { limit } : { limit, filter: shelf };
  }

  /** @param {Record<string, unknown>} command @returns {Promise<any>} the reply, or null when there was none */
  async #request(command) {
    try {
      const reply = await this.#connection.request(command);
      this.#events.onProblem(null);
      if (Number.isSafeInteger(reply.unseen)) this.#events.onCounts(reply);
      return reply;
    } catch (refusal) {
      this.#events.onProblem(String(/** @type {any} */ (refusal).message ?? refusal));
      return null;
    }
  }
}

/** In an hour, and tomorrow morning by the clock on the wall. @param {Date} now */
export function snoozes(now) {
  const hour = new Date(now.getTime() + 3_600_000);
  const morning = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING);
  return { hour, morning };
}
