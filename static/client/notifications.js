/**
 * What wants somebody's attention: toasts on screen, the inbox behind them, preferences. No pixels here.
 *
 * A notification from the server is in the inbox of its user and stays there until it is archived; a local one is of this
 * page alone. Toasts come and go; to dismiss one marks nothing.
 */

import { newKey } from "./environment.js";
import { UsageError } from "./errors.js";
import { applyCounts, applyMark, merge, readNotification } from "./inbox.js";
import { advance, isObject, judge, readCursor, readEntry } from "./recovery.js";
import { Store } from "./store.js";
import { Toasts } from "./toasts.js";

/** @typedef {import("./types.js").Notification} Notification */
/** @typedef {import("./types.js").NewNotification} NewNotification */
/** @typedef {import("./types.js").NotificationPreferences} NotificationPreferences */
/** @typedef {import("./types.js").EventMeta} EventMeta */
/** @typedef {{ notifications: readonly Notification[], history: readonly Notification[], unreadCount: number, unseenCount: number,
 *   preferences: NotificationPreferences, hasMore: boolean }} NotificationsSnapshot */

/**
 * @typedef {object} NotificationsHost
 * @property {import("./environment.js").Environment} env
 * @property {(message: Record<string, unknown>) => Promise<any>} request
 * @property {() => boolean} isLive
 * @property {() => boolean} isFront whether this is the tab that people look at, where toasts are shown
 * @property {(event: string, data: unknown) => void} emit
 * @property {(error: any) => void} onError
 * @property {(what: string) => void} count
 */

const PAGE = 50;
const LOCAL_MAX = 100;
/** @type {NotificationPreferences} what holds until the server says otherwise */
const PREFERENCES = { toasts: true, durations: 1, levels: {}, topics: {}, rooms: {}, quiet_hours: null, digest: false, follows: [] };

export class Notifications {
  #host;
  #toasts;
  /** @type {import("./inbox.js").Counts} */
  #counts = { unread: 0, unseen: 0, offset: 0, epoch: null };
  /** Where this page is in `@me`. @type {import("./types.js").Cursor | null} */
  #cursor = null;
  /** @type {readonly Notification[]} */
  #inbox = [];
  /** @type {readonly Notification[]} of this page alone */
  #local = [];
  #preferences = PREFERENCES;
  #hasMore = true;
  #isWanted = false;
  /** There are more entries of `@me` to ask for. */
  #isBehind = false;
  /** The last `marked` of ours, for {@link Notifications.undo}. @type {number | null} */
  #lastMark = null;
  /** @type {Map<string, (data: any, meta: EventMeta) => NewNotification | null>} */
  #makers = new Map();
  /** @type {Store<NotificationsSnapshot>} */
  #shown;

  /** @param {NotificationsHost} host */
  constructor(host) {
    this.#host = host;
    this.#toasts = new Toasts(host.env);
    this.#shown = new Store(this.#compose());
    this.getSnapshot = this.#shown.getSnapshot;
    this.#toasts.subscribe(() => this.#show());
    this.from("system:maintenance", ({ message, scheduledTime }) => ({ type: "warning", title: "Maintenance", message: String(message ?? ""), metadata: { scheduledTime } }));
    this.from("system:error", ({ error, severity }) => (
      { type: severity === "high" ? "error" : severity === "low" ? "info" : "warning", title: "Something went wrong", message: String(error ?? "") }));
  }

  // --- To read and to watch ---

  /** @param {() => void} listener @returns {() => void} */
  subscribe(listener) {
    this.#want();
    return this.#shown.subscribe(listener);
  }

  /** On screen now. */
  get notifications() {
    return [...this.getSnapshot().notifications];
  }

  /** The inbox and what this page showed, newest first. */
  get history() {
    this.#want();
    return [...this.getSnapshot().history];
  }

  get unreadCount() {
    return this.#counts.unread;
  }

  /** Those of the unread that came since somebody last looked: what a badge shows. */
  get unseenCount() {
    return this.#counts.unseen;
  }

  get preferences() {
    this.#want();
    return this.#preferences;
  }

  // --- Toasts ---

  /** A toast of this page alone. The same id updates it in place. @param {NewNotification} notification @returns {string} its id */
  showNotification(notification) {
    if (typeof notification?.title !== "string") throw new UsageError("a notification needs a title");
    const id = notification.id ?? newKey(this.#host.env);
    const shown = { type: /** @type {const} */ ("info"), message: "", read: false, ...notification, id, timestamp: notification.timestamp ?? new Date(this.#host.env.date()) };
    this.#local = merge(this.#local, [shown]).slice(0, LOCAL_MAX);
    this.#toasts.show(shown, this.#preferences.durations);
    return id;
  }

  /** @param {string} id */
  hideNotification(id) {
    this.#toasts.hide(id);
  }

  /** Dismisses toasts; the inbox keeps what the server sent. */
  clearAllNotifications() {
    this.#toasts.clear();
  }

  /** Stops the toasts' clocks while somebody looks. @param {string} reason such as `hover` or `focus` */
  hold(reason) {
    this.#toasts.hold(reason);
  }

  /** @param {string} reason */
  release(reason) {
    this.#toasts.release(reason);
  }

  /**
   * Makes toasts of an application's event.
   *
   * @param {string} event
   * @param {(data: any, meta: EventMeta) => NewNotification | null} make null shows nothing
   * @returns {() => void} ends it
   */
  from(event, make) {
    this.#makers.set(event, make);
    return () => void (this.#makers.get(event) === make && this.#makers.delete(event));
  }

  /** Somebody pressed a button of one; returns its action. @param {string} id @param {string} actionId */
  act(id, actionId) {
    const found = [...this.getSnapshot().notifications, ...this.getSnapshot().history].find((each) => each.id === id);
    const action = found?.actions?.find((each) => each.id === actionId);
    action?.run?.();
    if (found?.critical) void this.acknowledge(id);
    this.hideNotification(id);
    return action ?? null;
  }

  // --- The inbox ---

  /** @param {string[] | "all"} ids `"all"` is up to the newest that this page has shown */
  markRead(ids) {
    return this.#mark(ids, "read");
  }

  /** @param {string[]} ids */
  markUnread(ids) {
    return this.#mark(ids, "unread");
  }

  /** Somebody looked: the badge goes, what is unread stays so. */
  markSeen() {
    return this.#send({ type: "mark", as: "seen", upto: this.#newest() });
  }

  /** @param {string[] | "all"} ids */
  archive(ids) {
    return this.#mark(ids, "archived");
  }

  /** @param {string[]} ids */
  unarchive(ids) {
    return this.#mark(ids, "unarchived");
  }

  /** @param {string[]} ids @param {Date} until */
  snooze(ids, until) {
    return this.#mark(ids, "snoozed", { until: until.toISOString() });
  }

  /** Takes back what the last mark of this page did. */
  async undo() {
    if (this.#lastMark === null) return;
    const undo = this.#lastMark;
    this.#lastMark = null;
    await this.#send({ type: "mark", undo });
  }

  /** What is critical comes again until somebody says so. @param {string} id */
  async acknowledge(id) {
    this.#fold({ as: "acked", notifications: [id] });
    await this.#send({ type: "ack", notification: id });
  }

  /**
   * Orders one of the server, for whoever `to` reaches and this user may notify; oneself always.
   *
   * @param {{ users: string[] } | { room: string } | { role: string } | { everyone: true }} to
   * @param {Record<string, unknown>} notification as on the wire: `title`, `level`, `message` …
   * @returns {Promise<{ notification: string, recipients: number }>} its id, and whom it reaches
   */
  notify(to, notification) {
    return this.#send({ type: "notify", to, notification });
  }

  /** Archives everything; `undo()` brings it back. */
  clearHistory() {
    this.#local = [];
    this.#show();
    if (this.#inbox.length > 0) void this.archive("all");
  }

  /** Older ones, which `history` has from then on. @returns {Promise<boolean>} whether there are even older ones */
  async loadMore() {
    const before = this.#inbox.at(-1)?.offset;
    await this.#load(before ?? undefined);
    return this.#hasMore;
  }

  // --- Preferences ---

  /** @param {Partial<NotificationPreferences>} patch */
  updatePreferences(patch) {
    const before = this.#preferences;
    this.#preferences = { ...before, ...patch };
    // Merged as the server will: of what is by topic or room only what is named changes.
    for (const key of /** @type {const} */ (["levels", "topics", "rooms"])) {
      if (patch[key]) this.#preferences = { ...this.#preferences, [key]: { ...before[key], ...patch[key] } };
    }
    this.#show();
    const { follows: _, ...set } = patch;
    this.#host.request({ type: "preferences", set }).then((reply) => this.#prefer(reply), (error) => {
      this.#preferences = before;
      this.#show();
      this.#host.onError(error);
    });
  }

  /** Hears of a room while away. @param {string} room */
  async follow(room) {
    this.#prefer(await this.#send({ type: "follow", room }));
  }

  /** @param {string} room */
  async unfollow(room) {
    this.#prefer(await this.#send({ type: "unfollow", room }));
  }

  /** @param {{ topic: string } | { room: string }} what its notifications come quietly and read */
  mute(what) {
    this.updatePreferences("topic" in what ? { topics: { [what.topic]: "mute" } } : { rooms: { [what.room]: "mute" } });
  }

  // --- What the client tells; nobody else calls these ---

  /** What `connect` says of `@me`. @returns {{ since?: import("./types.js").Cursor }} */
  since() {
    return this.#cursor ? { since: this.#cursor } : {};
  }

  /** @param {Record<string, any>} connected */
  begin(connected) {
    this.#take(connected);
    if (isObject(connected.counts)) this.#count(connected.counts);
  }

  /** From now on commands may go up. */
  live() {
    if (this.#isBehind) this.#goOn();
    if (this.#isWanted) void this.#refresh();
  }

  /** Another user: nothing of the one before stays. */
  forget() {
    this.#cursor = null;
    this.#inbox = [];
    this.#counts = { unread: 0, unseen: 0, offset: 0, epoch: null };
    this.#preferences = PREFERENCES;
    this.#hasMore = true;
    this.#toasts.clear();
    this.#show();
  }

  /** @param {Record<string, any>} message of `@me` */
  receive(message) {
    if (message.type === "joined") return this.#take(message);
    if (message.type === "notification" && message.again === true) return this.#arrive(message, false);
    const entry = readEntry(message);
    if (entry === null) this.#host.count("nonsense");
    else this.#push(entry);
  }

  /** An event of any room. @param {string} event @param {any} data @param {EventMeta} meta */
  tap(event, data, meta) {
    const make = this.#makers.get(event);
    const notification = make && isObject(data) ? make(data, meta) : null;
    if (notification) this.showNotification({ id: meta.id, ...notification });
  }

  // --- Inside ---

  /** `connected` and `joined` of `@me` say the same. @param {Record<string, any>} message */
  #take(message) {
    const cursor = readCursor(message.cursor);
    if (cursor === null) return;
    const isAnew = message.recovered !== true && this.#cursor !== null;
    if (message.recovered === true) for (const raw of Array.isArray(message.entries) ? message.entries : []) {
      const entry = readEntry(raw);
      if (entry) this.#push(entry);
    }
    this.#cursor = cursor;
    this.#isBehind = message.more === true;
    if (!this.#host.isLive()) return;
    if (isAnew && this.#isWanted) void this.#refresh();
    if (this.#isBehind) this.#goOn();
  }

  /** The next page of what was missed. */
  #goOn() {
    this.#host.request({ type: "join", room: "@me", since: this.#cursor }).catch(() => {});
  }

  /** @param {import("./types.js").Entry} entry */
  #push(entry) {
    if (judge(this.#cursor, entry) === "known") return;
    if (this.#cursor) this.#cursor = advance(this.#cursor, entry);
    if (entry.type === "notification") this.#arrive(entry, true);
    else if (entry.type === "marked") this.#marked(entry);
    else if (entry.type === "preferred") this.#prefer(entry);
    this.#count(entry);
  }

  /** @param {Record<string, any>} message @param {boolean} isNew */
  #arrive(message, isNew) {
    const notification = readNotification(message.notification, message.offset ?? null);
    if (notification === null) return this.#host.count("nonsense");
    const { replaces } = message;
    if (isNew) {
      if (typeof replaces === "string") this.#inbox = this.#inbox.filter(({ id }) => id !== replaces);
      this.#inbox = merge(this.#inbox, [notification]);
      this.#host.emit("notification:new", notification);
    }
    const isSilent = notification.quiet || (typeof replaces === "string" && this.#toasts.wasDismissed(replaces));
    if (!isSilent && this.#host.isFront()) this.#toasts.show(notification, this.#preferences.durations, typeof replaces === "string" ? replaces : undefined);
    this.#show();
  }

  /** @param {Record<string, any>} entry */
  #marked(entry) {
    this.#fold(entry);
    const { as, notifications: ids } = entry;
    if (["read", "archived", "acked"].includes(as)) {
      // Somebody saw to it, in whichever tab: no toast keeps asking.
      for (const { id, critical } of this.#toasts.getSnapshot()) {
        // What is critical only an acknowledgement ends; the server would bring it back.
        if ((as === "acked" || !critical) && (ids === "all" || ids?.includes(id))) this.#toasts.hide(id);
      }
    }
    if (as === "read") this.#host.emit("notification:read", { ids });
    if (as === "surfaced") {
      void this.#refresh().then(() => {
        if (!this.#host.isFront()) return;
        for (const each of this.#inbox) if (Array.isArray(ids) && ids.includes(each.id)) this.#toasts.show(each, this.#preferences.durations);
      });
    }
  }

  /** @param {Record<string, any>} mark */
  #fold(mark) {
    const next = applyMark(this.#inbox, mark);
    if (next === null) return void (this.#isWanted && this.#refresh());
    this.#inbox = next;
    this.#show();
  }

  /** @param {string[] | "all"} ids @param {string} as @param {Record<string, unknown>} [more] */
  async #mark(ids, as, more = {}) {
    const upto = ids === "all" ? { upto: this.#newest() } : {};
    const local = this.#local.map((each) => (ids === "all" || ids.includes(each.id) ? { ...each, read: as !== "unread" } : each));
    this.#local = as === "archived" ? local.filter(({ id }) => ids !== "all" && !ids.includes(id)) : local;
    const known = new Set(this.#inbox.map(({ id }) => id));
    const isLocal = (/** @type {string} */ id) => this.#local.some((each) => each.id === id) && !known.has(id);
    const meant = ids === "all" ? ids : ids.filter((id) => !isLocal(id));
    this.#fold({ as, notifications: meant, ...upto });
    if (meant.length === 0) return;
    const reply = await this.#send({ type: "mark", notifications: meant, as, ...upto, ...more });
    if (typeof reply?.offset === "number") this.#lastMark = reply.offset;
  }

  /** The newest offset that this page has shown: a later arrival is not swept along. */
  #newest() {
    return Math.max(0, ...this.#inbox.map(({ offset }) => offset ?? 0), this.#isWanted ? 0 : this.#counts.offset);
  }

  /** @param {Record<string, unknown>} message */
  async #send(message) {
    try {
      const reply = await this.#host.request(message);
      this.#count(reply);
      return reply;
    } catch (error) {
      // What was shown ahead of the answer is taken back.
      if (this.#isWanted && this.#host.isLive()) void this.#refresh();
      this.#host.onError(error);
      throw error;
    }
  }

  #want() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (this.#host.isLive()) void this.#refresh();
  }

  /** The first page and the preferences, as the server has them now. */
  async #refresh() {
    this.#inbox = this.#inbox.filter(({ offset }) => (offset ?? 0) > this.#counts.offset);
    await Promise.all([
      this.#load(undefined),
      this.#host.request({ type: "preferences" }).then((reply) => this.#prefer(reply)),
    ]).catch((error) => error.code !== "closed" && this.#host.onError(error));
  }

  /** @param {number | undefined} before */
  async #load(before) {
    const reply = await this.#host.request({ type: "inbox", limit: PAGE, ...(before !== undefined && { before }) });
    const found = (Array.isArray(reply.notifications) ? reply.notifications : []).flatMap((/** @type {unknown} */ each) => readNotification(each) ?? []);
    this.#inbox = merge(this.#inbox, found);
    this.#hasMore = reply.more === true;
    this.#count(reply);
    this.#show();
  }

  /** @param {Record<string, any>} message */
  #prefer({ preferences }) {
    if (!isObject(preferences)) return;
    this.#preferences = { ...PREFERENCES, ...preferences };
    this.#show();
  }

  /** @param {Record<string, any>} message */
  #count(message) {
    const before = this.#counts;
    this.#counts = applyCounts(before, message, this.#cursor?.epoch ?? null);
    if (this.#counts === before) return;
    const { unread, unseen } = this.#counts;
    if (unread !== before.unread || unseen !== before.unseen) this.#host.emit("inbox", { unread, unseen });
    this.#show();
  }

  #compose() {
    return Object.freeze({
      notifications: this.#toasts.getSnapshot(), history: merge(this.#inbox, this.#local), unreadCount: this.#counts.unread,
      unseenCount: this.#counts.unseen, preferences: this.#preferences, hasMore: this.#hasMore,
    });
  }

  #show() {
    this.#shown.set(this.#compose());
  }
}
