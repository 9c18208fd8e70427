/**
 * What wants somebody's attention: toasts on screen, the inbox behind them, preferences. No pixels here.
 *
 * A notification from the server is in the inbox of its user and stays there until it is archived; a local one is of this
 * page alone. Toasts come and go; to dismiss one marks nothing.
 */

import { newKey } from "./environment.js";
import { UsageError } from "./errors.js";
import { applyCounts, applyMark, applyPreferences, isLocal, isMeant, MAKERS, merge, NO_COUNTS, offsetsOf, PREFERENCES, readNotification } from "./inbox.js";
import { advance, isObject, judge, readEntry, readJoined, readList, readText } from "./recovery.js";
import { Store } from "./store.js";
import { Toasts } from "./toasts.js";
import { worryOf } from "./worry.js";

/** @typedef {import("./types.js").Notification} Notification */
/** @typedef {import("./types.js").NewNotification} NewNotification */
/** @typedef {import("./types.js").NotificationPreferences} NotificationPreferences */
/** @typedef {import("./types.js").EventMeta} EventMeta */
/** @typedef {{ notifications: readonly Notification[], history: readonly Notification[], unreadCount: number, unseenCount: number,
 *   preferences: NotificationPreferences, hasMore: boolean }} NotificationsSnapshot */
/** @typedef {Pick<import("./engine.js").Engine, "env" | "connection" | "outbox" | "isLive" | "emit" | "count" | "onError">} NotificationsHost */

const PAGE = 50;
/** Of this page alone, and toasts that tabs share. */
const KEPT_MAX = 100;
/** As long as a page may offer to take back that everything was archived. */
const UNDO_MS = 10_000;

export class Notifications {
  /** Multiplies how long toasts stay, over what the user prefers; Infinity lets them stay. */
  durationScale = 1;

  #host;
  #toasts;
  #counts = NO_COUNTS;
  /** Where this page is in `@me`. @type {import("./types.js").Cursor | null} */
  #cursor = null;
  /** The inbox as far as it is known, and what is of this page alone. @type {readonly Notification[]} */
  #history = [];
  #preferences = PREFERENCES;
  #hasMore = true;
  #isWanted = false;
  /** There are more entries of `@me` to ask for. */
  #isBehind = false;
  /** Our last mark, for `undo()`: where it is in `@me`, what was of this page alone, until when. @type {{ offset: number | null, local: Notification[], until: number } | null} */
  #last = null;
  /** @type {Map<string, (data: any, meta: EventMeta) => NewNotification | null>} */
  #makers = new Map(Object.entries(MAKERS));
  /** Whether this is the tab that people looked at last; until somebody says so, each is. */
  #isFront = true;
  /** Toasts that every tab has and the one in front shows, by id. @type {Map<string, Notification>} */
  #shared = new Map();
  /** @type {Store<NotificationsSnapshot>} */
  #shown;

  /** @param {NotificationsHost} host */
  constructor(host) {
    this.#host = host;
    this.#toasts = new Toasts(host.env, (id) => this.#shared.delete(id) && host.connection.tell({ toast: id }));
    this.#shown = new Store(this.#compose());
    this.getSnapshot = this.#shown.getSnapshot;
    this.getServerSnapshot = this.#shown.getServerSnapshot;
    this.#toasts.subscribe(() => this.#show());
    /** The client's, to say that the connection is lost. */
    this.worry = worryOf(host, this);
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
    const shown = this.#add(notification);
    this.#put(shown);
    return shown.id;
  }

  /** @param {string} id @returns {number} ms that a toast has left, while nobody holds its clock; Infinity for what stays */
  timeLeft(id) {
    return this.#toasts.timeLeft(id);
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
    const { notifications, history } = this.getSnapshot();
    const found = [...notifications, ...history].find((each) => each.id === id);
    const action = found?.actions?.find((each) => each.id === actionId);
    action?.run?.();
    if (found?.critical) this.acknowledge(id).catch(() => {});
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

  /** Takes back what the last mark of this page did; what `clearHistory()` did for ten seconds. */
  async undo() {
    const last = this.#last;
    this.#last = null;
    if (!last || this.#host.env.now() > last.until) return;
    this.#history = merge(this.#history, last.local);
    this.#show();
    if (last.offset !== null) await this.#send({ type: "mark", undo: last.offset });
  }

  /** What is critical comes again until somebody says so. @param {string} id */
  async acknowledge(id) {
    const mark = { as: "acked", notifications: [id] };
    if (this.#history.some((each) => each.id === id && isLocal(each))) this.#fold(mark);
    else await this.#send({ type: "ack", notification: id }, () => this.#fold(mark));
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

  /** Archives everything that this page has shown; `undo()` brings it back, for ten seconds. */
  clearHistory() {
    const ids = this.#history.every(isLocal) ? this.#history.map(({ id }) => id) : "all";
    this.#mark(ids, "archived", {}, this.#host.env.now() + UNDO_MS).catch(() => {});
  }

  /** Older ones, which `history` has from then on. @returns {Promise<boolean>} whether there are even older ones */
  async loadMore() {
    const offsets = offsetsOf(this.#history);
    await this.#load(offsets.length > 0 ? Math.min(...offsets) : undefined);
    return this.#hasMore;
  }

  // --- Preferences ---

  /** Shown at once, and taken back when it is refused. @param {Partial<NotificationPreferences>} patch */
  updatePreferences({ follows: _, ...set }) {
    this.#send({ type: "preferences", set }, () => {
      this.#preferences = applyPreferences(this.#preferences, set);
    }).catch(() => {});
  }

  /** Hears of a room while away. @param {string} room */
  async follow(room) {
    await this.#send({ type: "follow", room });
  }

  /** @param {string} room */
  async unfollow(room) {
    await this.#send({ type: "unfollow", room });
  }

  /** @param {{ topic: string } | { room: string }} what its notifications come quietly and read */
  mute(what) {
    this.updatePreferences("topic" in what ? { topics: { [what.topic]: "mute" } } : { rooms: { [what.room]: "mute" } });
  }

  // --- What the client tells; nobody else calls these ---

  /** What `connect` says of `@me`. */
  since() {
    return { since: this.#cursor ?? undefined };
  }

  /** @param {Record<string, any>} connected */
  begin(connected) {
    this.#take(connected);
    this.#count(connected.counts ?? {});
  }

  /** From now on commands may go up. */
  live() {
    this.#goOn(true);
  }

  /** Another user: nothing of the one before stays. */
  forget() {
    this.#cursor = this.#last = null;
    this.#history = [];
    this.#counts = NO_COUNTS;
    this.#preferences = PREFERENCES;
    this.#hasMore = true;
    this.#shared.clear();
    this.#toasts.clear();
    this.#show();
  }

  /** @param {Record<string, any>} message of `@me` */
  receive(message) {
    if (message.type === "joined") return this.#take(message);
    if (message.type === "notification" && message.again === true) return this.#arrive(message, false);
    const entry = readEntry(message);
    entry ? this.#push(entry) : this.#host.count("nonsense");
  }

  /** An event of any room. @param {string} event @param {any} data @param {EventMeta} meta */
  tap(event, data, meta) {
    const notification = isObject(data) ? this.#makers.get(event)?.(data, meta) : null;
    if (notification) this.#toast(this.#add({ id: meta.id, ...notification }));
  }

  /** Toasts follow the focus: people look at this tab now, or at another. @param {boolean} isFront */
  front(isFront) {
    if (isFront === this.#isFront) return;
    this.#isFront = isFront;
    // A copy, for to toast one puts it in anew.
    for (const each of [...this.#shared.values()]) isFront ? this.#toast(each) : this.#toasts.remove(each.id);
  }

  /** The toast's time is over in the tab in front, or somebody put it away there. @param {string} id */
  ended(id) {
    this.#shared.delete(id);
    this.#toasts.hide(id);
  }

  // --- Inside ---

  /** @param {NewNotification} notification of this page alone @returns {Notification} as the history has it */
  #add(notification) {
    if (typeof notification?.title !== "string") throw new UsageError("a notification needs a title");
    const { env } = this.#host;
    const { id = newKey(env), timestamp = new Date(env.date()) } = notification;
    const offset = this.#history.find((each) => each.id === id)?.offset ?? null;
    const added = { type: /** @type {const} */ ("info"), message: "", read: false, ...notification, id, timestamp, offset };
    const history = merge(this.#history, [added]);
    const tooMany = history.filter(isLocal)[KEPT_MAX];
    this.#history = history.filter((each) => each !== tooMany);
    return added;
  }

  /** In the tab in front; in the others once they are. @param {Notification} notification @param {string} [replaces] */
  #toast(notification, replaces = notification.id) {
    this.#shared.delete(replaces);
    this.#shared.set(notification.id, notification);
    if (this.#shared.size > KEPT_MAX) this.#shared.delete(/** @type {string} */ (this.#shared.keys().next().value));
    if (this.#isFront) this.#put(notification, replaces);
  }

  /** @param {Notification} notification @param {string} [replaces] */
  #put(notification, replaces) {
    this.#toasts.put(notification, (this.#preferences.durations ?? Infinity) * this.durationScale, replaces);
  }

  /** `connected` and `joined` of `@me` say the same. @param {Record<string, any>} message */
  #take(message) {
    const joined = readJoined(message);
    if (!joined) return;
    const isAnew = !joined.recovered && this.#cursor !== null;
    if (joined.recovered) for (const entry of joined.entries) this.#push(entry);
    this.#cursor = joined.cursor;
    this.#isBehind = joined.more;
    if (this.#host.isLive()) this.#goOn(isAnew);
  }

  /** @param {boolean} isAnew what is known of the inbox may be out of date */
  #goOn(isAnew) {
    if (this.#isBehind) this.#request({ type: "join", room: "@me", ...this.since() }).catch(() => {});
    if (isAnew) this.#refresh();
  }

  /** @param {import("./types.js").Entry} entry */
  #push(entry) {
    if (judge(this.#cursor, entry) === "known") return;
    this.#cursor = this.#cursor && advance(this.#cursor, entry);
    if (entry.type === "notification") this.#arrive(entry, true);
    else if (entry.type === "marked") this.#marked(entry);
    else if (entry.type === "preferred") this.#prefer(entry);
    this.#count(entry);
  }

  /** @param {Record<string, any>} message @param {boolean} isNew */
  #arrive(message, isNew) {
    const notification = readNotification(message.notification, message.offset);
    if (notification === null) return this.#host.count("nonsense");
    const replaces = readText(message.replaces) ?? undefined;
    if (isNew) {
      this.#history = merge(this.#history.filter(({ id }) => id !== replaces), [notification]);
      this.#host.emit("notification:new", notification);
    }
    if (!notification.quiet && !this.#toasts.wasDismissed(replaces)) this.#toast(notification, replaces);
    this.#show();
  }

  /** @param {Record<string, any>} mark */
  #marked(mark) {
    this.#fold(mark);
    const { as, notifications: ids } = mark;
    if (["read", "archived", "acked"].includes(as)) {
      // Somebody saw to it, in whichever tab: no toast keeps asking. What is critical only an acknowledgement ends; the
      // server would bring it back.
      for (const each of this.#shared.values()) if (isMeant(each, mark) && (as === "acked" || !each.critical)) this.ended(each.id);
    }
    if (as === "read") this.#host.emit("notification:read", { ids });
    if (as === "surfaced") {
      this.#load().then(() => {
        for (const each of this.#history) if (isMeant(each, mark)) this.#toast(each);
      }).catch(this.#host.onError);
    }
  }

  /** @param {Record<string, any>} mark */
  #fold(mark) {
    const next = applyMark(this.#history, mark);
    if (next) this.#history = next;
    else this.#refresh();
    this.#show();
  }

  /** @param {string[] | "all"} ids @param {string} as @param {Record<string, unknown>} [more] @param {number} [until] when it is too late for `undo()` */
  async #mark(ids, as, more, until = Infinity) {
    const local = this.#history.filter(isLocal);
    const mark = { as, notifications: ids, upto: ids === "all" ? this.#newest() : undefined };
    const last = (this.#last = { offset: /** @type {number | null} */ (null), local, until });
    // The server knows nothing of what is of this page alone.
    const known = ids === "all" ? ids : ids.filter((id) => !local.some((each) => each.id === id));
    if (known.length === 0) return this.#fold(mark);
    const { offset } = await this.#send({ type: "mark", ...mark, notifications: known, ...more }, () => this.#fold(mark));
    last.offset = offset ?? null;
  }

  /** The newest offset that this page has shown: a later arrival is not swept along. */
  #newest() {
    return Math.max(0, ...offsetsOf(this.#history), this.#isWanted ? 0 : this.#counts.offset);
  }

  /** @param {Record<string, unknown>} message @returns {Promise<any>} */
  #request(message) {
    return this.#host.connection.request(message);
  }

  /** @param {Record<string, unknown>} message @param {() => void} [ahead] shows what is asked for; taken back when it is refused */
  async #send(message, ahead) {
    const [history, preferences] = [this.#history, this.#preferences];
    ahead?.();
    this.#show();
    try {
      const reply = await this.#request(message);
      this.#count(reply);
      this.#prefer(reply);
      return reply;
    } catch (error) {
      this.#history = merge(this.#history, history);
      this.#preferences = preferences;
      this.#show();
      this.#refresh();
      this.#host.onError(/** @type {any} */ (error));
      throw error;
    }
  }

  #want() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#refresh();
  }

  /** The first page and the preferences, as the server has them now; once there is a connection that is done anyway. */
  #refresh() {
    if (!this.#isWanted || !this.#host.isLive()) return;
    this.#history = this.#history.filter((each) => isLocal(each) || Number(each.offset) > this.#counts.offset);
    Promise.all([this.#load(), this.#request({ type: "preferences" }).then((reply) => this.#prefer(reply))])
      .catch((error) => error.code === "closed" || this.#host.onError(error));
  }

  /** @param {number} [before] */
  async #load(before) {
    const reply = await this.#request({ type: "inbox", limit: PAGE, before });
    this.#history = merge(this.#history, readList(reply.notifications).flatMap((each) => readNotification(each) ?? []));
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
    this.#counts = applyCounts(before, message, this.#cursor?.epoch);
    const { unread, unseen } = this.#counts;
    if (unread === before.unread && unseen === before.unseen) return;
    this.#host.emit("inbox", { unread, unseen });
    this.#show();
  }

  /** @returns {NotificationsSnapshot} */
  #compose() {
    const { unread: unreadCount, unseen: unseenCount } = this.#counts;
    const notifications = this.#toasts.getSnapshot();
    return { notifications, history: this.#history, unreadCount, unseenCount, preferences: this.#preferences, hasMore: this.#hasMore };
  }

  #show() {
    this.#shown.set(this.#compose());
  }
}
