/**
 * `<cp-inbox open filter="unread" page-size="20" badge="unseen">`: a bell with the server's number, and behind it everything
 * that was told. ↑ and ↓ go from one to the next, Enter opens, E archives, U makes unread again, Escape closes.
 */

import { ago, define, h, iconOf, keyed, timeOf, Widget, write } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */

const UNDO_MS = 10_000;

export class CpInbox extends Widget {
  static observedAttributes = ["open", "filter", "page-size", "badge"];
  static labels = {
    inbox: "Notifications", unread: "{count} unread", filter: "Show", all: "All", onlyUnread: "Unread", readAll: "Mark all read", settings: "Preferences", close: "Close",
    empty: "Nothing here", older: "Show older", put: "{count} put away", read: "All read", back: "Undo",
    markRead: "Mark read", markUnread: "Mark unread", archive: "Archive", menu: "More: {x}", acknowledge: "Acknowledge",
    hour: "Snooze for an hour", tomorrow: "Snooze until tomorrow", week: "Snooze for a week",
    follow: "Follow {x}", unfollow: "Unfollow {x}", mute: "Mute {x}", unmute: "Unmute {x}",
    info: "Information", success: "Success", warning: "Warning", error: "Error",
  };
  static css = `
.bell{position:relative;padding:7px;height:36px;anchor-name:--bell}
.shape{display:block;width:20px;height:20px;background:currentColor;clip-path:path("M10 1c-3 0-5 2-5 6v4l-2 3v1h14v-1l-2-3V7c0-4-2-6-5-6zM8 16a2 2 0 0 0 4 0z")}
.badge{position:absolute;top:-6px;inset-inline-end:-6px;min-width:20px;padding:0 5px;border-radius:10px;background:var(--_bad);color:var(--_surface);font:700 12px/20px var(--_font)}
.panel{position-anchor:--bell;width:420px;max-height:min(640px,85dvh);padding:0;overflow:hidden;flex-direction:column}
.panel:popover-open{display:flex}
.row{padding:6px 8px 6px 16px}
.tabs{padding-inline:8px;border-block-end:1px solid var(--_line)}
.undo{background:var(--_bg)}
.undo:has([hidden]){padding:0}
.head .title,.undo span{flex:1;font-size:16px}
.tool,.tab,.open,.close,.settings{border:0}
.shelf{overflow-y:auto}
.empty{padding:32px;text-align:center}
.item{position:relative;padding-block-end:4px;border-inline-start:3px solid #0000;border-block-end:1px solid var(--_line)}
.unread{border-inline-start-color:var(--_tone)}
.open{display:grid;grid-template-columns:auto 1fr auto;justify-items:start;gap:0 8px;text-align:start;width:100%;padding:8px 12px 4px;border-radius:0;outline-offset:-2px}
.item:not(.unread) :is(.open,.name){color:var(--_muted);font-weight:400}
.message{grid-column:2/-1}
.actions{padding-inline-start:28px}
.menu .tool{display:block;width:100%;text-align:start}
.older{margin:8px}
@media(hover:hover){.tools .tool{font-size:12px;min-height:24px;padding:2px 6px}.tools{gap:0;position:absolute;top:4px;inset-inline-end:4px;background:var(--_surface);border-radius:8px;padding:0;outline:1px solid var(--_line)}.item:not(:hover,:focus-within,:has(:popover-open)) .tools{display:none}}
@media(max-width:600px){.panel{position-area:none;inset:auto 0 0;margin:0;width:auto;border-end-start-radius:0;border-end-end-radius:0}}`;

  #system = /** @type {import("../notifications.js").Notifications} */ (/** @type {unknown} */ (null));
  #isOpen = false;
  #pages = 1;
  /** What "unread" has shown stays there when it is read, so that nothing vanishes under somebody's hands. @type {Set<string>} */
  #kept = new Set();
  /** How what was done last is taken back, for as long as that is offered. @type {(() => unknown) | null} */
  #back = null;
  /** @type {string[]} put away since the offer began */
  #away = [];
  #timer = 0;
  #seen = 0;

  #slot = h("slot", "", { name: "preferences", onslotchange: () => this.update() });
  #badge = h("span", "badge", { ariaHidden: "true" });
  #bell = h("button", "bell", {}, h("slot", "", { name: "bell" }, h("span", "shape")), this.#badge);
  #readAll = h("button", "readAll", { onclick: () => this.#markAll() });
  #settings = h("button", "settings", { ariaLabel: "", onclick: () => this.#turn(this.#form.hidden) }, "⚙");
  #close = h("button", "close", { ariaLabel: "" }, "✕");
  #all = h("button", "tab all", { onclick: () => this.setAttribute("filter", "all") });
  #unread = h("button", "tab onlyUnread", { onclick: () => this.setAttribute("filter", "unread") });
  #tabs = h("div", "tabs row filter", { role: "group", ariaLabel: "" }, this.#all, this.#unread);
  #done = h("span", "", { role: "status" });
  #undo = h("button", "back", { onclick: () => {
    this.#back?.();
    this.#offer("", null);
  } });
  #bar = h("div", "undo row", {}, this.#done, this.#undo);
  #list = h("ul", "list", { onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
  #empty = h("div", "empty");
  #more = h("button", "older", { onclick: () => this.#older() });
  #shelf = h("div", "shelf", {}, this.#list, this.#empty, this.#more);
  #form = h("div", "shelf", { hidden: true }, this.#slot);
  #panel = h("div", "panel inbox", {
    role: "dialog", ariaLabel: "", popover: "auto", tabIndex: -1,
    // Escape and a click elsewhere close what is a popover; whoever was inside goes on at the bell.
    onbeforetoggle: () => {
      if (this.#isOpen && this.root.activeElement?.closest(".panel")) this.#bell.focus();
    },
    ontoggle: (/** @type {ToggleEvent} */ { newState }) => this.#toggled(newState === "open"),
  }, h("div", "head row", {}, h("span", "title inbox", { role: "heading", ariaLevel: "2" }), this.#readAll, this.#settings, this.#close), this.#tabs, this.#bar, this.#shelf, this.#form);

  constructor() {
    super();
    this.#bell.popoverTargetElement = this.#close.popoverTargetElement = this.#panel;
    this.root.append(this.#bell, this.#panel);
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "filter") this.#kept.clear();
    if (name === "open" && this.isConnected) this.#panel.togglePopover(this.hasAttribute("open"));
    this.update();
  }

  /** @param {import("./base.js").Client} client */
  begin({ notifications }) {
    this.#system = notifications;
    this.#list.replaceChildren();
    this.watch(notifications);
    this.listen("visibilitychange", () => this.update());
    // "5 minutes ago" is six a minute later.
    const clock = setInterval(() => this.update(), 60_000);
    this.onEnd(() => clearInterval(clock));
    this.#panel.togglePopover(this.hasAttribute("open"));
  }

  render() {
    const { history, unreadCount, unseenCount, hasMore } = this.#system.getSnapshot();
    const count = this.getAttribute("badge") === "unread" ? unreadCount : unseenCount;
    this.#badge.hidden = !count;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#bell.ariaLabel = this.say("inbox") + (unreadCount ? `, ${this.say("unread", { count: unreadCount })}` : "");
    if (!this.#isOpen) return;

    // Who has the list before them has seen what is in it, once for each number that there is.
    if (unseenCount !== this.#seen && !document.hidden) {
      this.#seen = unseenCount;
      if (unseenCount) this.#call("markSeen");
    }
    const isFiltered = this.getAttribute("filter") === "unread";
    const fits = history.filter(({ id, read }) => !isFiltered || !read || this.#kept.has(id));
    const shown = fits.slice(0, this.#pages * this.#size);
    if (isFiltered) for (const { id } of shown) this.#kept.add(id);
    this.#all.ariaPressed = String(!isFiltered);
    this.#unread.ariaPressed = String(isFiltered);
    this.#readAll.hidden = history.every(({ read }) => read);
    this.#settings.hidden = !this.#slot.assignedElements()[0];
    this.#undo.hidden = !this.#back;
    this.#empty.hidden = !!shown[0];
    this.#more.hidden = !hasMore && !fits[shown.length];

    const current = this.root.activeElement?.closest(".item");
    const at = current ? [...this.#list.children].indexOf(current) : 0;
    keyed(this.#list, shown, ({ id }) => id, () => h("li", "item"), (line, notification) => this.#draw(line, notification));
    // What had the focus is gone: the next one has it, so that one E after the other works.
    if (current && !current.isConnected) this.#focus(Math.min(at, shown.length - 1));
  }

  get #size() {
    return this.number("page-size", 20) || 1;
  }

  /** @param {any} line @param {Notification} notification */
  #draw(line, notification) {
    const { id, type, title, message, timestamp, read, critical, acked, room, topic, offset } = notification;
    const { follows, topics } = this.#system.preferences;
    const follow = room && follows.includes(room) ? "unfollow" : "follow";
    const mute = topic && topics[topic] === "mute" ? "unmute" : "mute";
    if (line.cpShown === notification && line.cpAbout === follow + mute) return write(line.querySelector("time"), ago(timestamp));
    Object.assign(line, { cpShown: notification, cpAbout: follow + mute }).dataset.type = type;
    line.classList.toggle("unread", !read);
    /** @param {string} label @param {() => unknown} onclick @param {string} [x] */
    const tool = (label, onclick, x) => h("button", "tool", { onclick }, this.say(label, { x }));
    const snooze = (/** @type {string} */ label, /** @type {number} */ until) => tool(label, () => this.#putAway(notification, "snooze", new Date(until)));
    const menu = h("div", "menu", { popover: "auto" },
      snooze("hour", Date.now() + 36e5), snooze("tomorrow", new Date().setHours(33, 0, 0, 0)), snooze("week", Date.now() + 6048e5),
      room && tool(follow, () => this.#call(follow, room), room),
      topic && tool(mute, () => this.#call("updatePreferences", { topics: { [topic]: mute === "mute" ? mute : "all" } }), topic));
    const hadFocus = line.contains(this.root.activeElement);
    line.replaceChildren(
      h("button", "open", { onclick: () => this.tell("select", { notification }) && !read && this.#mark(id, "markRead"), ariaKeyShortcuts: "E U" },
        iconOf(type, this.say(type)), h("bdi", "name", {}, title), timeOf(timestamp), message && h("bdi", "message", {}, message)),
      h("div", "actions", {}, critical && !acked && h("button", "action", { onclick: () => this.#call("acknowledge", id) }, this.say("acknowledge")), ...this.actions(notification)),
      h("div", "tools actions", {}, tool(read ? "markUnread" : "markRead", () => this.#mark(id, read ? "markUnread" : "markRead")),
        tool("archive", () => this.#putAway(notification, "archive")),
        // What is of this page alone nobody can bring back, or keep for later.
        ...(offset == null ? [] : [h("button", "tool", { popoverTargetElement: menu, ariaLabel: this.say("menu", { x: title }) }, "⋯"), menu])));
    if (hadFocus) line.firstChild.focus();
  }

  /** @param {string} id @param {"markRead" | "markUnread"} as */
  #mark(id, as) {
    if (as === "markRead") this.tell("read", { ids: [id] });
    this.#call(as, [id]);
  }

  #markAll() {
    this.tell("read", { ids: "all" });
    // Up to the newest that this page has shown: what comes meanwhile stays unread.
    const marked = this.#call("markRead", "all");
    this.#offer(this.say("read"), () => marked?.then(() => this.#call("undo")));
  }

  /** @param {Notification} notification @param {string} how @param {Date} [until] */
  #putAway({ id, offset }, how, until) {
    this.#call(how, [id], until);
    if (offset == null) return;
    const ids = (this.#away = [...this.#away, id]);
    this.#offer(this.say("put", { count: ids.length }), () => this.#call("unarchive", ids));
    this.#away = ids;
  }

  /** @param {string} text @param {(() => unknown) | null} back */
  #offer(text, back) {
    clearTimeout(this.#timer);
    if (!back && this.#undo === this.root.activeElement) this.#panel.focus();
    this.#away = [];
    this.#back = back;
    write(this.#done, text);
    // Not taken away from under a pointer or the focus.
    if (back) this.#timer = setTimeout(() => (this.#bar.matches(":hover,:focus-within") ? this.#offer(text, back) : this.#offer("", null)), UNDO_MS);
    this.update();
  }

  #older() {
    this.#pages += 1;
    if (this.#system.history.length < this.#pages * this.#size) this.#call("loadMore");
    this.update();
  }

  /** @param {boolean} isOpen */
  #toggled(isOpen) {
    this.#isOpen = isOpen;
    this.toggleAttribute("open", isOpen);
    this.tell(isOpen ? "open" : "close");
    this.#kept.clear();
    this.#seen = 0;
    this.#pages = 1;
    this.#turn(false);
    if (isOpen) this.#panel.focus();
    this.update();
  }

  /** To the preferences that the page has put here, and back. @param {boolean} isForm */
  #turn(isForm) {
    this.#form.hidden = !isForm;
    this.#shelf.hidden = this.#tabs.hidden = isForm;
    this.#settings.ariaExpanded = String(isForm);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const line = /** @type {any} */ (event.target).closest(".item");
    const key = event.key.toLowerCase();
    const last = this.#list.children.length - 1;
    const at = [...this.#list.children].indexOf(line);
    const to = { arrowdown: Math.min(at + 1, last), arrowup: Math.max(at - 1, 0), home: 0, end: last }[key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (to !== undefined) this.#focus(to);
    else if (key === "e") this.#putAway(line.cpShown, "archive");
    else if (key === "u") this.#mark(line.cpShown.id, "markUnread");
    else return;
    event.preventDefault();
  }

  /** @param {number} at none is the panel */
  #focus(at) {
    /** @type {HTMLElement} */ (this.#list.children[at]?.firstChild ?? this.#panel).focus();
  }

  /** What goes wrong the client tells as `error`, and takes back on screen. @param {string} name @param {...unknown} given @returns {Promise<unknown> | undefined} */
  #call(name, ...given) {
    const answer = /** @type {any} */ (this.#system)[name](...given);
    answer?.catch(() => {});
    return answer;
  }
}

define("cp-inbox", CpInbox);
