/**
 * `<cp-activity limit="20" kinds="opened closed" group>`: what people did, newest first, and older ones on demand. Not read
 * out: it is there to be looked up.
 */

import { ago, define, h, keyed, timeOf, Widget, write } from "./base.js";

/** @typedef {import("../types.js").UserAction} UserAction */
/** @typedef {UserAction & { times: number }} Line */

export class CpActivity extends Widget {
  static joins = true;
  static observedAttributes = ["room", "limit", "kinds", "group"];
  static labels = { list: "Activity", empty: "Nothing has happened yet", more: "Show older", someone: "Somebody", times: "{count} times" };
  static css = `
:host{display:block}
.select{display:flex;flex-wrap:wrap;gap:0 6px;width:100%;border:0;text-align:start;padding:4px}`;

  #pages = 1;
  #hasMore = true;
  #list = h("ul", "list", { ariaLabel: "" });
  #empty = h("div", "empty");
  #more = h("button", "more", { onclick: () => this.#older() });

  constructor() {
    super();
    this.root.append(this.#list, this.#empty, this.#more);
  }

  begin() {
    this.#pages = 1;
    this.#hasMore = true;
    this.watch(this.room.activity, this.room.presence);
  }

  render() {
    const { activity, presence } = this.room;
    const lines = this.#lines(activity.items);
    const shown = lines.slice(0, this.#limit * this.#pages);
    this.#empty.hidden = lines.length > 0;
    this.#more.hidden = activity.items.length < this.#limit || (!this.#hasMore && shown.length === lines.length);
    keyed(this.#list, shown, ({ id }) => id, (line) => this.#make(line), (element, { userId, times, timestamp }) => {
      // Who has left keeps the name under which they were seen.
      const { name } = presence.members.find(({ user }) => user === userId) ?? {};
      if (name || !element.cpName.textContent) write(element.cpName, name ?? this.say("someone"));
      write(element.cpTimes, times > 1 ? this.say("times", { count: times }) : "");
      write(element.cpTime, ago(timestamp));
    });
  }

  get #limit() {
    return Math.max(1, this.number("limit", 20));
  }

  /** Of the kinds that are wanted, with what somebody does again and again as one line. @param {readonly UserAction[]} items */
  #lines(items) {
    const kinds = this.getAttribute("kinds")?.match(/[^\s,]+/g);
    /** @type {Line[]} */
    const lines = [];
    for (const item of items) {
      if (kinds && !kinds.includes(item.action)) continue;
      const last = lines.at(-1);
      if (last && this.hasAttribute("group") && last.userId === item.userId && last.action === item.action && last.target === item.target) last.times += 1;
      else lines.push({ ...item, times: 1 });
    }
    return lines;
  }

  /** @param {Line} line */
  #make({ times: _, ...entry }) {
    const { action, target, timestamp } = entry;
    const cpName = h("bdi", "name avatar");
    const cpTimes = h("span", "muted");
    const cpTime = timeOf(timestamp);
    const button = h("button", "select", { onclick: () => this.tell("select", { entry }) }, cpName, h("bdi", "", {}, target ? `${action} ${target}` : action), cpTimes, cpTime);
    return Object.assign(h("li", "item", {}, button), { cpName, cpTimes, cpTime });
  }

  async #older() {
    this.#pages += 1;
    this.update();
    this.#hasMore = await this.room.activity.more(this.#limit).catch(() => true);
    this.update();
  }
}

define("cp-activity", CpActivity);
