/**
 * `<cp-activity limit="20" kinds="opened saved" group>`: what people did, newest first, and older ones on demand. Not read
 * out: it is there to be looked up. `kinds` are the actions that are shown; with `group` the same one several times in a row
 * by the same person is one line with a count.
 */

import { button, define, h, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").UserAction} UserAction */

export class CpActivity extends Widget {
  static joins = true;
  static observedAttributes = ["room", "limit", "kinds", "group"];
  static labels = { list: "Activity", empty: "Nothing has happened yet", more: "Show older", someone: "Somebody", times: "× {count}" };
  static css = `
:host{display:block}
.entry{display:flex;flex-wrap:wrap;gap:0 6px;width:100%;border:0;text-align:start;padding:4px;overflow-wrap:anywhere}
.avatar{font-weight:600}
.time,.empty{color:var(--_muted)}
.time{margin-inline-start:auto;font-variant-numeric:tabular-nums}`;

  #pages = 1;
  #hasMore = true;
  #list = h("ul", "list");
  #empty = h("p", "empty");
  #more = button("more", () => this.#older());

  constructor() {
    super();
    this.root.append(this.#list, this.#empty, this.#more);
  }

  begin() {
    this.#pages = 1;
    this.#hasMore = true;
    this.watch(this.joined.activity, this.joined.presence);
  }

  render() {
    const { items } = this.joined.activity;
    const names = new Map(this.joined.presence.members.map(({ user, name }) => [user, name]));
    const lines = this.#lines(items);
    const shown = lines.slice(0, this.#limit * this.#pages);
    this.#list.ariaLabel = this.say("list");
    this.#empty.textContent = this.say("empty");
    this.#empty.hidden = lines.length > 0;
    this.#more.textContent = this.say("more");
    this.#more.hidden = items.length < this.#limit || (!this.#hasMore && shown.length === lines.length);
    // By the oldest of a line, which stays the same while newer ones join it.
    keyed(this.#list, shown, (line) => String(line.at(-1)?.id), () => h("li", "item"), (element, line) => {
      this.#draw(element, line, names);
    });
  }

  get #limit() {
    return Math.max(1, this.number("limit", 20));
  }

  /** @param {readonly UserAction[]} items @returns {[UserAction, ...UserAction[]][]} what stands in a line each */
  #lines(items) {
    const kinds = this.getAttribute("kinds")?.match(/\S+/g);
    /** @type {[UserAction, ...UserAction[]][]} */
    const lines = [];
    for (const item of items) {
      if (kinds && !kinds.includes(item.action)) continue;
      const last = lines.at(-1);
      if (this.hasAttribute("group") && last && last[0].userId === item.userId && last[0].action === item.action) last.push(item);
      else lines.push([item]);
    }
    return lines;
  }

  /** @param {any} element @param {[UserAction, ...UserAction[]]} line newest first @param {Map<string, string>} names */
  #draw(element, line, names) {
    const [entry] = line;
    const { id, userId, action, target, timestamp } = entry;
    // Who has left keeps the name under which they were seen.
    element.cpName = names.get(userId) ?? element.cpName;
    const name = element.cpName ?? this.say("someone");
    const state = `${id} ${line.length} ${name}`;
    if (element.cpShown === state) return;
    element.cpShown = state;
    const hadFocus = element.contains(this.root.activeElement);
    const what = line.length > 1 ? `${action} ${this.say("times", { count: line.length })}` : target ? `${action} ${target}` : action;
    const time = h("time", "time", { dateTime: timestamp.toISOString() }, timestamp.toLocaleTimeString([], { timeStyle: "short" }));
    element.replaceChildren(button("entry", () => this.tell("select", { entry }), h("span", "avatar", { dir: "auto" }, name), h("span", "", { dir: "auto" }, what), time));
    if (hadFocus) element.firstChild.focus();
  }

  async #older() {
    this.#pages += 1;
    this.update();
    this.#hasMore = await this.joined.activity.more(this.#limit).catch(() => true);
    this.update();
  }
}

define("cp-activity", CpActivity);
