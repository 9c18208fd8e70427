/** `<cp-activity limit="20">`: what people did, newest first, and older ones on demand. Not read out: it is there to be looked up. */

import { define, h, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").UserAction} UserAction */

export class CpActivity extends Widget {
  static joins = true;
  static observedAttributes = ["room", "limit"];
  static labels = { list: "Activity", empty: "Nothing has happened yet", more: "Show older", someone: "Somebody" };
  static css = `
:host { display: block; }
li button { display: flex; flex-wrap: wrap; gap: 0 6px; inline-size: 100%; border: 0; border-radius: 6px; text-align: start; padding: 4px; overflow-wrap: anywhere; }
.name { font-weight: 600; }
time, .empty { color: var(--_muted); }
time { margin-inline-start: auto; font-variant-numeric: tabular-nums; }`;

  /** @type {import("./base.js").Room | null} */
  #room = null;
  #pages = 1;
  #hasMore = true;

  build() {
    this.list = h("ul", { part: "list" });
    this.empty = h("p", { className: "empty", part: "empty" });
    this.more = h("button", { type: "button", part: "more", onclick: () => this.#more() });
    this.shadowRoot?.append(this.list, this.empty, this.more);
  }

  /** @param {import("./base.js").Client} _client @param {import("./base.js").Room | null} room */
  begin(_client, room) {
    this.#room = room;
    this.#pages = 1;
    this.#hasMore = true;
    if (!room) return;
    this.watch(room.activity);
    this.watch(room.presence);
  }

  render() {
    if (!this.#room || !this.list || !this.empty || !this.more) return;
    const { items } = this.#room.activity;
    const { labels } = this;
    const names = new Map(this.#room.presence.members.map(({ user, name }) => [user, name]));
    const shown = items.slice(0, this.#limit * this.#pages);
    this.list.ariaLabel = String(labels.list);
    this.empty.textContent = String(labels.empty);
    this.empty.hidden = items.length > 0;
    this.more.textContent = String(labels.more);
    this.more.hidden = items.length < this.#limit || (!this.#hasMore && shown.length === items.length);
    keyed(this.list, shown, ({ id }) => id, (entry) => this.#make(entry), (element, { userId }) => {
      // Who has left keeps the name under which they were seen.
      const name = names.get(userId);
      if (name !== undefined || element.cpName.textContent === "") element.cpName.textContent = name ?? labels.someone;
    });
  }

  get #limit() {
    return Math.max(1, this.number("limit", 20));
  }

  /** @param {UserAction} entry */
  #make(entry) {
    const { action, target, timestamp } = entry;
    const name = h("span", { className: "name", part: "avatar", dir: "auto" });
    const time = h("time", { part: "time", dateTime: timestamp.toISOString() }, timestamp.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    const text = h("span", { dir: "auto" }, target ? `${action} ${target}` : action);
    const button = h("button", { type: "button", onclick: () => this.tell("select", { entry }) }, name, text, time);
    return Object.assign(h("li", { part: "item" }, button), { cpName: name });
  }

  async #more() {
    this.#pages += 1;
    this.update();
    this.#hasMore = this.#room !== null && (await this.#room.activity.more(this.#limit).catch(() => true));
    this.update();
  }
}

define("cp-activity", CpActivity);
