/**
 * What was said, in the order of the log; below it what is on its way from here. Small lines tell who came and went.
 *
 * One list of rows is the truth, the DOM follows it: rows are kept by key, so nothing is built twice and a reader's
 * place and selection stay.
 */

import { byId, element, setText } from "./dom.js";

const MESSAGES_MAX = 200;
const NOTES_MAX = 100;
/** Closer to the end than this, the list follows what is new. */
const FOLLOW_WITHIN_PX = 48;

/**
 * @typedef {object} Message
 * @property {number} offset
 * @property {string} id of the entry
 * @property {string} user
 * @property {string} text
 * @property {string} at
 */

/** @typedef {{ serial: number, text: string, at: number, after: number }} Note `after`: the offset it stands below */
/** @typedef {{ key: string, text: string, at: number, state: "pending" | "sent" | "refused", entry: string | null, why: string, after: number }} Own */

export class Feed {
  /** @type {Message[]} by offset */
  #messages = [];
  /** @type {Note[]} */
  #notes = [];
  /** @type {Own[]} said here and not yet seen in the log */
  #own = [];
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #isDrawing = false;
  /** What an empty list says, once that is known. */
  #emptyWords = "Loading…";
  #noteSerial = 0;
  #scroll = byId("feed-scroll");
  #list = byId("feed");
  /** @type {(user: string) => { name: string, color: string, isMe: boolean }} */
  #who;
  /** @type {() => void} */
  #onDismiss;

  /**
   * @param {(user: string) => { name: string, color: string, isMe: boolean }} who
   * @param {() => void} onDismiss
   */
  constructor(who, onDismiss) {
    this.#who = who;
    this.#onDismiss = onDismiss;
    byId("newer").addEventListener("click", () => this.#toEnd());
    this.#scroll.addEventListener("scroll", () => {
      if (this.#isAtEnd()) byId("newer").hidden = true;
    }, { passive: true });
  }

  get messages() {
    return this.#messages;
  }

  /**
   * An entry of the log; others than messages are passed over.
   *
   * @param {Record<string, any>} entry
   * @returns {Message | null} what is new here
   */
  take(entry) {
    if (entry.type !== "event" || entry.event !== "message" || typeof entry.data?.text !== "string") return null;
    const { offset, id, data, from, at } = entry;
    return this.#insert({ offset, id, user: String(from?.user ?? from?.api ?? ""), text: data.text, at: String(at) });
  }

  /** @param {unknown} saved messages from before a reload */
  restore(saved) {
    for (const each of Array.isArray(saved) ? saved : []) {
      if (Number.isSafeInteger(each?.offset) && typeof each.text === "string") {
        this.#insert({ offset: each.offset, id: String(each.id), user: String(each.user), text: each.text, at: String(each.at) });
      }
    }
  }

  /** A new picture: what was shown may not be what the log holds now. */
  clear() {
    this.#messages = [];
    this.#own = this.#own.filter((own) => own.state !== "sent");
    this.#draw();
  }

  /** @param {string} emptyWords what it means, from now on, that there is nothing */
  loaded(emptyWords) {
    this.#emptyWords = emptyWords;
    this.#draw();
  }

  /** @param {string} text a small line */
  note(text) {
    this.#noteSerial += 1;
    const after = this.#messages.at(-1)?.offset ?? 0;
    this.#notes.push({ serial: this.#noteSerial, text, at: Date.now(), after });
    this.#notes = this.#notes.slice(-NOTES_MAX);
    this.#draw();
  }

  /** @param {readonly import("./outbox.js").Item[]} items what waits in the outbox */
  waiting(items) {
    const answered = this.#own.filter((own) => own.state !== "pending");
    const pending = items.map((item) => {
      const known = this.#own.find((own) => own.key === item.key);
      const after = known?.after ?? this.#messages.at(-1)?.offset ?? 0;
      return /** @type {Own} */ ({ ...row(item), state: "pending", entry: null, why: "", after });
    });
    this.#own = [...answered, ...pending];
    this.#draw();
  }

  /**
   * @param {import("./outbox.js").Item} item
   * @param {import("./outbox.js").Outcome} outcome
   * @param {number | null} seen the offset up to which everything arrived here
   */
  settled(item, outcome, seen) {
    if ("refused" in outcome) {
      this.#own.push({ ...row(item), state: "refused", entry: null, why: outcome.refused.message, after: 0 });
    } else if (outcome.published.offset > (seen ?? 0)) {
      // The answer overtook the entry: the row stays until that is here.
      this.#own.push({ ...row(item), state: "sent", entry: outcome.published.entry, why: "", after: 0 });
    }
    this.#draw();
  }

  /** Names or colours changed. */
  refresh() {
    this.#rows.clear();
    this.#draw();
  }

  /** @param {Message} message @returns {Message | null} */
  #insert(message) {
    let at = this.#messages.length;
    while (at > 0 && this.#messages[at - 1].offset > message.offset) at -= 1;
    if (this.#messages[at - 1]?.offset === message.offset) return null;
    this.#messages.splice(at, 0, message);
    if (this.#messages.length > MESSAGES_MAX) this.#messages.shift();
    this.#own = this.#own.filter((own) => own.state !== "sent" || own.entry !== message.id);
    this.#draw();
    return message;
  }

  /** Draws once for all that changed in this turn. */
  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    queueMicrotask(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    const isFollowing = this.#isAtEnd();
    const hadRows = this.#list.lastElementChild;
    const kept = new Map();
    const rows = this.#order().map(({ key, build }) => {
      const node = this.#rows.get(key) ?? build();
      kept.set(key, node);
      return node;
    });
    this.#rows = kept;
    /** @type {Element | null} */
    let next = this.#list.firstElementChild;
    for (const node of rows) {
      if (node === next) next = next.nextElementSibling;
      else this.#list.insertBefore(node, next);
    }
    while (next) {
      const gone = next;
      next = next.nextElementSibling;
      gone.remove();
    }
    const empty = byId("feed-empty");
    empty.hidden = rows.length > 0;
    setText(empty, this.#emptyWords);
    if (isFollowing) this.#toEnd();
    else if (this.#list.lastElementChild !== hadRows) byId("newer").hidden = false;
  }

  /** @returns {{ key: string, build: () => HTMLElement }[]} */
  #order() {
    const notes = [...this.#notes];
    const order = [];
    const noteRow = (/** @type {Note} */ note) => ({ key: `note ${note.serial}`, build: () => noteLine(note) });
    for (const message of this.#messages) {
      while (notes.length > 0 && notes[0].after < message.offset) order.push(noteRow(/** @type {Note} */ (notes.shift())));
      order.push({ key: `message ${message.offset} ${message.id}`, build: () => this.#messageLine(message) });
    }
    order.push(...notes.map(noteRow));
    const own = this.#hideEchoed();
    order.push(...own.map((each) => ({ key: `own ${each.key} ${each.state}`, build: () => this.#ownLine(each) })));
    return order;
  }

  /**
   * The entry may overtake its answer. While it does, the item on its way (the first) is in the log already and not
   * shown a second time; the words tell, for the wire names the key to the sender alone.
   */
  #hideEchoed() {
    const first = this.#own.findIndex((own) => own.state === "pending");
    const mine = this.#messages.findLast((message) => this.#who(message.user).isMe);
    const isEchoed = first >= 0 && mine?.text === this.#own[first].text && mine.offset > this.#own[first].after;
    return isEchoed ? this.#own.filter((_, at) => at !== first) : this.#own;
  }

  /** @param {Message} message */
  #messageLine(message) {
    const { name, color, isMe } = this.#who(message.user);
    const node = line(name, color, isMe, Date.parse(message.at), message.text, "");
    node.dataset.offset = String(message.offset);
    return node;
  }

  /** @param {Own} own */
  #ownLine(own) {
    const { name, color } = this.#who("");
    const words = { pending: "waiting for the server", sent: "sent", refused: `not sent: ${own.why}` }[own.state];
    const node = line(name, color, true, own.at, own.text, words);
    node.classList.add(own.state);
    if (own.state === "refused") {
      const dismiss = element("button", { class: "plain", text: "Dismiss" });
      dismiss.addEventListener("click", () => {
        this.#own = this.#own.filter((each) => each !== own);
        this.#draw();
        this.#onDismiss();
      });
      node.append(dismiss);
    }
    return node;
  }

  #isAtEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < FOLLOW_WITHIN_PX;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    byId("newer").hidden = true;
  }
}

/** @param {import("./outbox.js").Item} item */
function row({ key, data, at }) {
  return { key, at, text: String(/** @type {any} */ (data)?.text ?? "") };
}

/** @param {string} name @param {string} color @param {boolean} isMe @param {number} at @param {string} text @param {string} state */
function line(name, color, isMe, at, text, state) {
  return element("li", { class: "line", who: color }, [
    element("div", { class: "line-head" }, [
      element("span", { class: "swatch" }),
      element("bdi", { text: name }),
      isMe ? element("span", { text: "you" }) : null,
      clock(at),
      state ? element("span", { class: "line-state", text: state }) : null,
    ]),
    element("p", { class: "line-text", text }),
  ]);
}

/** @param {Note} note */
function noteLine(note) {
  return element("li", { class: "line note" }, [document.createTextNode(`${note.text} · `), clock(note.at)]);
}

/** @param {number} at milliseconds since 1970; nothing is shown for a date that is none */
function clock(at) {
  const date = new Date(at);
  const isDate = !Number.isNaN(date.getTime());
  const time = element("time", { text: isDate ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "" });
  if (isDate) time.setAttribute("datetime", date.toISOString());
  return time;
}
