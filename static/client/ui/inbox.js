/**
 * `<cp-inbox open filter="unread" page-size="20" badge="unseen">`: a bell with the server's number, and behind it everything
 * that was told. ↑ and ↓ go from one to the next, Enter opens, E archives, U makes unread again, Escape closes.
 */

import { ago, define, h, keyed, timeOf, Widget, write } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../notifications.js").Notifications} System */

const UNDO_MS = 10_000;

export class CpInbox extends Widget {
  static observedAttributes = ["open", "filter", "page-size", "badge"];
  static labels = {
    inbox: "Notifications", unread: "{count} unread", all: "All", onlyUnread: "Unread", filter: "Show", readAll: "Mark all read", close: "Close", settings: "Preferences",
    empty: "Nothing here", more: "Show older", read: "Mark read", markUnread: "Mark unread", archive: "Archive", menu: "More: {title}", acknowledge: "Acknowledge",
    hour: "Snooze for an hour", tomorrow: "Snooze until tomorrow, 9:00", week: "Snooze for a week", follow: "Follow {name}", unfollow: "Unfollow {name}", mute: "Mute {name}", unmute: "Unmute {name}",
    archived: "{count} put away", allRead: "All read", undo: "Undo",
  };
  static css = `
:host{display:inline-block}
.bell{position:relative;padding:0;width:36px;height:36px;anchor-name:--bell}
.shape{display:block;width:20px;height:20px;margin:auto;background:currentColor;clip-path:path("M10 1c-3.5 0-5.5 2.600-5.500 6v3.500L2.500 14v1h15v-1l-2-3.500V7c0-3.400-2-6-5.500-6zM7.500 16.500a2.500 2.500 0 0 0 5 0z")}
.badge{position:absolute;inset-block-start:-6px;inset-inline-end:-6px;min-width:20px;padding:0 5px;border-radius:10px;background:var(--_bad);color:var(--_surface);font:700 12px/20px var(--_font);outline:2px solid var(--_surface)}
.panel{position-anchor:--bell;width:420px;max-height:min(640px,85dvh);padding:0;overflow:hidden}
.panel:popover-open,.head,.tabs,.undo{display:flex;gap:var(--_gap)}
.panel:popover-open{flex-direction:column;gap:0}
.head,.tabs,.undo{align-items:center;padding:6px 8px 6px 16px}
.tabs{padding-inline:8px;border-block-end:1px solid var(--_line)}
.head .title,.undo span{flex:1}
.head .title{font-size:16px}
button{border:0;color:var(--_accent)}
.bell,.close,.open,.menu button{color:inherit}
.bell{border:1px solid var(--_line)}
[aria-pressed=true]{background:var(--_bg);font-weight:600}
.undo{background:var(--_bg)}.undo:has([hidden]){padding:0}
.shelf{overflow-y:auto;overscroll-behavior:contain}
.empty{padding:32px 16px;text-align:center}
.item{position:relative;padding:0 8px 4px 0;border-inline-start:3px solid #0000;border-block-end:1px solid var(--_line)}
.item.unread{border-inline-start-color:var(--_tone)}
.open{display:grid;grid-template-columns:auto 1fr auto;gap:0 8px;text-align:start;width:100%;padding:8px 0 4px 12px;border-radius:0}
.open:focus-visible{outline-offset:-2px}
.item:not(.unread) .open{color:var(--_muted)}
.item:not(.unread) .name{font-weight:400}
.message{grid-column:2/-1;white-space:pre-line}
.actions{padding-inline-start:28px}
.action,.actions>.tool:first-child{border:1px solid var(--_line)}.tools.tools>.tool{border:0}
.tools{gap:0}
.menu button{display:block;width:100%;text-align:start}
@media(hover:hover){.tools{position:absolute;inset-block-start:4px;inset-inline-end:4px;background:var(--_surface);border-radius:8px;padding:0;box-shadow:0 0 0 1px var(--_line)}.item:not(:hover,:focus-within,:has(:popover-open)) .tools{display:none}}
@media(max-width:600px){.panel{position-area:none;inset:auto 0 0;margin:0;width:100%;max-width:none;border-end-start-radius:0;border-end-end-radius:0}}`;

  #pages = 1;
  /** What "unread" has shown stays there when it is read, so that nothing vanishes under somebody's hands. @type {Set<string>} */
  #kept = new Set();
  /** How what was done last is taken back, and how long that is offered. @type {(() => Promise<unknown>) | null} */
  #back = null;
  /** @type {string[]} put away since the offer began */
  #away = [];
  #timer = 0;
  #seen = 0;

  #badge = h("span", "badge", { ariaHidden: "true" });
  #bell = h("button", "bell", {}, h("slot", "", { name: "bell" }, h("span", "shape")), this.#badge);
  #title = h("span", "title", { role: "heading", ariaLevel: "2" });
  #readAll = h("button", "action", { onclick: () => this.#markAll() });
  #settings = h("button", "settings", { onclick: () => this.#turn(this.#form.hidden) }, "⚙");
  #close = h("button", "close", {}, "✕");
  #all = h("button", "tab", { onclick: () => this.#show("all") });
  #unread = h("button", "tab", { onclick: () => this.#show("unread") });
  #tabs = h("div", "tabs", { role: "group" }, this.#all, this.#unread);
  #done = h("span", "", { role: "status" });
  #undo = h("button", "action", { onclick: () => this.#takeBack() });
  #bar = h("div", "undo", {}, this.#done, this.#undo);
  #list = h("ul", "list", { onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
  #empty = h("div", "empty");
  #more = h("button", "more", { onclick: () => this.#older() });
  #shelf = h("div", "shelf", {}, this.#list, this.#empty, this.#more);
  #slot = h("slot", "", { name: "preferences", onslotchange: () => this.update() });
  #form = h("div", "shelf", { hidden: true }, this.#slot);
  #panel = h("div", "panel", { role: "dialog", popover: "auto", tabIndex: -1, ontoggle: (/** @type {any} */ event) => this.#toggled(event.newState === "open") },
    h("div", "head", {}, this.#title, this.#readAll, this.#settings, this.#close), this.#tabs, this.#bar, this.#shelf, this.#form);

  constructor() {
    super();
    this.#bell.popoverTargetElement = this.#close.popoverTargetElement = this.#panel;
    // Escape and a click elsewhere close what is a popover; whoever was inside goes on at the bell.
    this.#panel.addEventListener("beforetoggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed" && this.#panel.contains(this.root.activeElement)) this.#bell.focus();
    });
    this.root.append(this.#bell, this.#panel);
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "filter") {
      this.#kept.clear();
      this.#pages = 1;
    }
    if (name === "open" && this.isConnected) this.#panel.togglePopover(this.hasAttribute("open"));
    super.attributeChangedCallback(name);
  }

  get #system() {
    return this.client.notifications;
  }

  get #isOpen() {
    return this.#panel.matches(":popover-open");
  }

  get #isFiltered() {
    return this.getAttribute("filter") === "unread";
  }

  /** @param {import("./base.js").Client} client */
  begin(client) {
    this.watch(client.notifications);
    this.listen("visibilitychange", () => this.update());
    // "5 minutes ago" is six a minute later.
    const clock = setInterval(() => this.#isOpen && this.update(), 60_000);
    this.onEnd(() => clearInterval(clock));
    if (this.hasAttribute("open")) this.#panel.showPopover();
  }

  render() {
    const { history, unreadCount, unseenCount, hasMore } = this.#system.getSnapshot();
    const count = this.getAttribute("badge") === "unread" ? unreadCount : unseenCount;
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#bell.ariaLabel = [this.say("inbox"), unreadCount > 0 && this.say("unread", { count: unreadCount })].filter(Boolean).join(", ");
    const isFiltered = this.#isFiltered;
    const fits = isFiltered ? history.filter(({ id, read }) => !read || this.#kept.has(id)) : history;
    const shown = fits.slice(0, this.#pages * this.#size);
    if (!this.#isOpen) return;

    // Who has the list before them has seen what is in it, once for each number that there is.
    if (unseenCount !== this.#seen && !document.hidden) {
      this.#seen = unseenCount;
      if (unseenCount > 0) this.#do(this.#system.markSeen());
    }
    if (isFiltered) for (const { id } of shown) this.#kept.add(id);
    this.#panel.ariaLabel = this.#title.textContent = this.say("inbox");
    this.#tabs.ariaLabel = this.say("filter");
    this.#all.textContent = this.say("all");
    this.#unread.textContent = [this.say("onlyUnread"), unreadCount || ""].join(" ").trim();
    this.#all.ariaPressed = String(!isFiltered);
    this.#unread.ariaPressed = String(isFiltered);
    this.#readAll.textContent = this.say("readAll");
    this.#readAll.hidden = unreadCount === 0 && !history.some(({ read }) => !read);
    this.#settings.ariaLabel = this.#settings.title = this.say("settings");
    this.#settings.hidden = this.#slot.assignedElements().length === 0;
    this.#close.ariaLabel = this.say("close");
    this.#undo.textContent = this.say("undo");
    this.#undo.hidden = this.#back === null;
    this.#empty.textContent = this.say("empty");
    this.#empty.hidden = shown.length > 0;
    this.#more.textContent = this.say("more");
    this.#more.hidden = fits.length <= shown.length && !hasMore;

    const current = this.#lineOf(this.root.activeElement);
    const at = [...this.#list.children].indexOf(/** @type {Element} */ (current));
    keyed(this.#list, shown, ({ id }) => id, () => h("li", "item"), (line, notification) => this.#draw(line, notification));
    // What had the focus is gone: the next one has it, so that one E after the other works.
    if (current && !current.isConnected) this.#focus(Math.min(at, shown.length - 1));
  }

  get #size() {
    return Math.max(1, this.number("page-size", 20));
  }

  /** @param {any} line @param {Notification} notification */
  #draw(line, notification) {
    const { id, type, title, message, timestamp, read, critical, acked, room, topic } = notification;
    const { preferences } = this.#system.getSnapshot();
    const time = line.querySelector("time");
    if (time) write(time, ago(timestamp));
    const about = `${room && preferences.follows.includes(room)} ${topic && preferences.topics[topic]} ${JSON.stringify(this.labels)}`;
    if (line.cpShown === notification && line.cpAbout === about) return;
    Object.assign(line, { cpShown: notification, cpAbout: about });
    line.dataset.type = type;
    line.classList.toggle("unread", !read);
    /** @param {string} label @param {() => unknown} onclick @param {string} [name] */
    const button = (label, onclick, name) => h("button", "tool", { onclick }, this.say(label, { name }));
    const away = (/** @type {number | Date} */ until) => () => this.#putAway(id, () => this.#system.snooze([id], new Date(until)));
    const isFollowed = room && preferences.follows.includes(room);
    const isMuted = topic && preferences.topics[topic] === "mute";
    const isKept = notification.offset != null;
    const menu = h("div", "menu", { popover: "auto" },
      button("hour", () => away(Date.now() + 36e5)()),
      button("tomorrow", () => away(new Date().setHours(33, 0, 0, 0))()),
      button("week", () => away(Date.now() + 6048e5)()),
      room && button(isFollowed ? "unfollow" : "follow", () => this.#do(isFollowed ? this.#system.unfollow(room) : this.#system.follow(room)), room),
      topic && button(isMuted ? "unmute" : "mute", () => (isMuted ? this.#system.updatePreferences({ topics: { [topic]: "all" } }) : this.#system.mute({ topic })), topic));
    const more = h("button", "tool", { popoverTargetElement: menu, ariaLabel: this.say("menu", { title }) }, "⋯");
    const hadFocus = line.contains(this.root.activeElement);
    line.replaceChildren(
      h("button", "open", { onclick: () => this.#select(notification), ariaKeyShortcuts: "E U" },
        h("span", "icon", { role: "img", ariaLabel: type }, { info: "i", success: "✓", warning: "!", error: "×" }[type]),
        h("bdi", "name", {}, title), timeOf(timestamp), message && h("bdi", "message", {}, message)),
      h("div", "actions", {}, critical && !acked && button("acknowledge", () => this.#do(this.#system.acknowledge(id))), ...this.actions(notification)),
      h("div", "tools actions", {}, button(read ? "markUnread" : "read", () => this.#mark(id, !read)), button("archive", () => this.#archive(notification)), isKept && more, isKept && menu));
    if (hadFocus) line.firstChild.focus();
  }

  /** @param {Notification} notification */
  #select(notification) {
    if (this.tell("select", { notification }) && !notification.read) this.#mark(notification.id, true);
  }

  /** @param {string} id @param {boolean} isRead */
  #mark(id, isRead) {
    if (isRead) this.tell("read", { ids: [id] });
    this.#do(isRead ? this.#system.markRead([id]) : this.#system.markUnread([id]));
  }

  #markAll() {
    this.tell("read", { ids: "all" });
    // Up to the newest that this page has shown: what comes meanwhile stays unread.
    const marked = this.#system.markRead("all");
    this.#do(marked);
    this.#offer(this.say("allRead"), () => marked.then(() => this.#system.undo()));
  }

  /** @param {Notification} notification */
  #archive({ id, offset }) {
    // One of this page alone is gone; there is nothing to bring it back from.
    if (offset == null) this.#do(this.#system.archive([id]));
    else this.#putAway(id, () => this.#system.archive([id]));
  }

  /** @param {string} id @param {() => Promise<unknown>} put */
  #putAway(id, put) {
    const marked = put();
    this.#do(marked);
    if (this.#timer === 0) this.#away = [];
    const ids = this.#away = [...this.#away, id];
    this.#offer(this.say("archived", { count: ids.length }), () => marked.then(() => this.#system.unarchive(ids)));
  }

  /** @param {string} text @param {(() => Promise<unknown>) | null} back */
  #offer(text, back) {
    clearTimeout(this.#timer);
    if (!back && this.#undo === this.root.activeElement) this.#panel.focus();
    this.#back = back;
    write(this.#done, text);
    // Not taken away from under a pointer or the focus.
    const end = () => (this.#bar.matches(":hover,:focus-within") ? this.#offer(text, back) : this.#offer("", null));
    this.#timer = back ? setTimeout(end, UNDO_MS) : 0;
    this.update();
  }

  #takeBack() {
    const back = this.#back;
    this.#offer("", null);
    if (back) this.#do(back());
  }

  /** @param {string} filter */
  #show(filter) {
    this.setAttribute("filter", filter);
  }

  async #older() {
    this.#pages += 1;
    this.update();
    const { history, hasMore } = this.#system.getSnapshot();
    if (hasMore && history.length < this.#pages * this.#size) this.#do(this.#system.loadMore());
  }

  /** @param {boolean} isOpen */
  #toggled(isOpen) {
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
    const line = this.#lineOf(/** @type {Element} */ (event.target));
    const { key, altKey, ctrlKey, metaKey } = event;
    if (!line || altKey || ctrlKey || metaKey) return;
    const at = [...this.#list.children].indexOf(line);
    const { cpShown } = /** @type {any} */ (line);
    const deed = {
      arrowdown: () => this.#focus(at + 1), arrowup: () => this.#focus(at - 1), home: () => this.#focus(0), end: () => this.#focus(this.#list.children.length - 1),
      e: () => this.#archive(cpShown), u: () => this.#mark(cpShown.id, false),
    }[key.toLowerCase()];
    if (!deed) return;
    event.preventDefault();
    deed();
  }

  /** @param {number} at */
  #focus(at) {
    const line = this.#list.children[at];
    /** @type {HTMLElement} */ (line?.firstChild ?? (this.#list.children.length > 0 ? this.root.activeElement : this.#panel) ?? this.#panel).focus();
  }

  /** @param {Element | null} element @returns {Element | null} */
  #lineOf(element) {
    return element?.closest(".item") ?? null;
  }

  /** What went wrong the client has told as `error`, and has taken back on screen. @param {Promise<unknown>} promise */
  #do(promise) {
    promise.catch(() => {});
  }
}

define("cp-inbox", CpInbox);
