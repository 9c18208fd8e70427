/** What people did, newest first: the picture's activities, and each that arrives. */

import { element } from "./dom.js";

const ITEMS_MAX = 20;

/** @typedef {{ offset: number, user: string, words: string, at: string }} Activity */

export class ActivityFeed {
  /** @type {Activity[]} by offset */
  #items = [];
  /** @type {HTMLElement} */
  #list;
  /** @type {HTMLElement} */
  #empty;
  /** @type {(user: string) => { name: string, color: string, isMe: boolean }} */
  #who;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} empty shown while there is nothing
   * @param {(user: string) => { name: string, color: string, isMe: boolean }} who
   */
  constructor(list, empty, who) {
    this.#list = list;
    this.#empty = empty;
    this.#who = who;
  }

  get items() {
    return this.#items;
  }

  /** An entry of the log; others than activities are passed over. @param {Record<string, any>} entry */
  take(entry) {
    if (entry.type !== "activity" || typeof entry.action !== "string") return;
    const { offset, from, at } = entry;
    this.#insert({ offset, user: String(from?.user ?? from?.api ?? ""), words: words(entry), at: String(at) });
  }

  /** @param {unknown} saved activities from before a reload */
  restore(saved) {
    for (const each of Array.isArray(saved) ? saved : []) {
      if (Number.isSafeInteger(each?.offset) && typeof each.words === "string") {
        this.#insert({ offset: each.offset, user: String(each.user), words: each.words, at: String(each.at) });
      }
    }
  }

  clear() {
    this.#items = [];
    this.draw();
  }

  /** Draws anew: somebody may have got a name. */
  draw() {
    this.#empty.hidden = this.#items.length > 0;
    this.#list.replaceChildren(...this.#items.map((item) => this.#line(item)).reverse());
  }

  /** @param {Activity} item */
  #insert(item) {
    if (this.#items.some((each) => each.offset === item.offset)) return;
    this.#items = [...this.#items, item].sort((a, b) => a.offset - b.offset).slice(-ITEMS_MAX);
    this.draw();
  }

  /** @param {Activity} item */
  #line({ user, words: text, at }) {
    const { name, color } = this.#who(user);
    const time = new Date(at);
    const clock = Number.isNaN(time.getTime()) ? "" : time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return element("li", { who: color }, [
      element("span", { class: "swatch" }),
      element("bdi", { text: name }),
      document.createTextNode(` ${text} `),
      element("time", { text: clock }),
    ]);
  }
}

/** @param {Record<string, any>} activity */
function words({ action, target, metadata }) {
  const what = typeof target === "string" ? target.replace(/^kpi:/, "") : "";
  const isMove = Number.isFinite(metadata?.from) && Number.isFinite(metadata?.to);
  const how = isMove ? `from ${metadata.from} to ${metadata.to}` : "";
  return [action, what, how].filter((word) => word !== "").join(" ");
}
