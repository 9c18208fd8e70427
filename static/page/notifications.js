/**
 * Toasts, bell, inbox and preferences: who hears of what.
 *
 *   OwnRoom ──entries──▶ Inbox ──▶ InboxView          ◀── a person marks, snoozes, archives
 *      │    ──entries──▶ Toasts ─▶ ToastsView         ◀── … closes, acknowledges
 *      └────counts─────▶ InboxCounts ─▶ Bell
 */

import { Bell } from "./bell.js";
import { byId, setText } from "./dom.js";
import { randomId } from "./ids.js";
import { InboxCounts } from "./inbox-counts.js";
import { isOpen } from "./inbox-list.js";
import { InboxView } from "./inbox-view.js";
import { Inbox } from "./inbox.js";
import { links } from "./levels.js";
import { OwnRoom } from "./own-room.js";
import { PreferencesForm } from "./preferences-form.js";
import { Toasts } from "./toasts.js";
import { ToastsView } from "./toasts-view.js";

/** On the screen at once; one less in a small window. */
const TOASTS_MOST = 3;

/**
 * @typedef {object} NotificationsOptions
 * @property {import("./connection.js").Connection} connection
 * @property {string} room the one that the page shows
 * @property {() => void} onChange something is to be kept for a reload
 */

export class Notifications {
  /** @type {NotificationsOptions} */
  #options;
  #counts = new InboxCounts();
  /** The newest offset that the server was told as seen. */
  #seen = 0;
  #knowsPreferences = false;
  /** @type {OwnRoom} */
  #room;
  /** @type {Inbox} */
  #inbox;
  /** @type {InboxView} */
  #view;
  /** @type {Toasts} */
  #toasts;
  /** @type {ToastsView} */
  #toastsView;
  /** @type {Bell} */
  #bell;
  /** @type {PreferencesForm} */
  #preferences;

  /** @param {NotificationsOptions} options */
  constructor(options) {
    this.#options = options;
    const { connection, room } = options;
    const onProblem = (/** @type {string | null} */ problem) => setText(byId("inbox-problem"), problem ?? "");
    this.#room = new OwnRoom(connection, {
      onEntry: (entry) => this.#take(entry),
      onCounts: (counts, epoch) => this.#count(counts, epoch),
      onAgain: (notification) => this.#again(notification),
      onPicture: (isVoid) => this.#picture(isVoid),
    });
    this.#inbox = new Inbox(connection, {
      onChange: () => this.#draw(),
      onCounts: (counts) => this.#count(counts),
      onProblem,
    });
    this.#view = new InboxView(this.#inbox);
    const isSmall = matchMedia("(max-width: 600px)");
    this.#toasts = new Toasts({
      most: () => (isSmall.matches ? TOASTS_MOST - 1 : TOASTS_MOST),
      now: () => performance.now(),
      after(ms, wake) {
        const timer = setTimeout(wake, ms);
        return () => clearTimeout(timer);
      },
      onChange: () => this.#toastsView.draw(),
    });
    this.#toastsView = new ToastsView(this.#toasts, {
      onDismiss: (id) => this.#toasts.dismiss(id),
      onAcknowledge: (id) => void this.#inbox.acknowledge(id),
      onFollow: (id) => void this.#inbox.mark(id, "read"),
      onMore: () => this.#bell.open(),
    });
    this.#preferences = new PreferencesForm({ connection, room, onProblem });
    this.#bell = new Bell((isOpen) => this.#turn(isOpen));
    byId("inbox-settings").addEventListener("click", () => this.#showPreferences(byId("preferences").hidden));
    isSmall.addEventListener("change", () => this.#toastsView.draw());
    document.addEventListener("visibilitychange", () => this.#see());
  }

  /** What `connect` says about the inbox. */
  since() {
    return this.#room.since();
  }

  /** What a reload needs to go on from here. */
  save() {
    return this.#room.cursor;
  }

  /** @param {unknown} saved */
  restore(saved) {
    this.#room.restore(saved);
  }

  /** @param {Record<string, any>} connected */
  connected(connected) {
    this.#room.connected(connected);
    // What was told as seen may have been lost on its way.
    this.#seen = 0;
    this.#inbox.resume();
    if (!this.#knowsPreferences) void this.#loadPreferences();
    this.#options.onChange();
  }

  lose() {
    this.#room.lose();
  }

  /** @param {Record<string, any>} message @returns {boolean} whether it was ours */
  receive(message) {
    return this.#room.receive(message);
  }

  /** Sends oneself a notification. @param {string} user @param {Record<string, unknown>} notification */
  async notifyOneself(user, notification) {
    const command = { type: "notify", to: { users: [user] }, notification, key: randomId() };
    await this.#options.connection.request(command);
  }

  /** @param {Record<string, any>} entry */
  #take(entry) {
    this.#inbox.take(entry);
    if (entry.type === "notification") this.#arrive(entry);
    else if (entry.type === "marked") this.#marked(entry);
    else if (entry.type === "preferred") this.#preferences.take(entry.preferences);
    this.#options.onChange();
  }

  /** @param {Record<string, any>} entry */
  #arrive({ notification, replaces, offset }) {
    const isQuiet = notification?.quiet === true || (notification?.read ?? null) !== null;
    if (typeof notification?.id !== "string") return;
    // In the open list it is seen already.
    const isInSight = this.#isLooking() && !isOpen(notification);
    if (isQuiet || isInSight) {
      this.#toasts.remove(({ id }) => id === replaces);
      if (!isQuiet) this.#toastsView.announce(notification);
      return;
    }
    this.#toast(notification, offset, replaces);
  }

  /** @param {Record<string, any>} notification @param {number} [offset] @param {unknown} [replaces] */
  #toast(notification, offset, replaces) {
    const isNews = this.#toasts.show(notification, { offset, replaces, durationMs: this.#duration(notification) });
    if (isNews) this.#toastsView.announce(notification);
  }

  /** @param {Record<string, any>} notification */
  #again(notification) {
    if (typeof notification.id === "string" && isOpen(notification)) this.#toast(notification);
  }

  /** What needs somebody to act stays. @param {Record<string, any>} notification @returns {number | null} */
  #duration({ duration, critical, actions }) {
    if (typeof duration !== "number" || critical === true || links(actions).length > 0) return null;
    return duration * this.#preferences.durations;
  }

  /** @param {Record<string, any>} entry */
  #marked({ as, notifications, upto, offset }) {
    const isAll = notifications === "all" || as === "seen";
    const ids = Array.isArray(notifications) ? notifications : [];
    const isMeant = (/** @type {import("./toasts.js").Toast} */ toast) =>
      isAll ? toast.offset > 0 && toast.offset <= upto : ids.includes(toast.id);
    if (["acked", "expired", "trimmed"].includes(as)) this.#toasts.remove(isMeant);
    // Only an acknowledgement ends a critical one.
    else if (["read", "archived", "snoozed", "seen"].includes(as)) {
      this.#toasts.remove((toast) => isMeant(toast) && !isOpen(toast.notification));
    } else if (as === "surfaced") void this.#surface(offset);
  }

  /** A snooze ended; its entry names it, and the inbox knows what it says. @param {number} offset */
  async #surface(offset) {
    const item = await this.#inbox.at(offset);
    if (item && (!this.#isLooking() || isOpen(item))) this.#toast(item, offset);
  }

  /** @param {{ unread: number, unseen: number, offset: number }} counts @param {string} [epoch] */
  #count(counts, epoch) {
    if (this.#counts.take(counts, epoch)) this.#bell.count(this.#counts.unseen);
  }

  /** @param {boolean} isVoid */
  #picture(isVoid) {
    if (isVoid) {
      this.#seen = 0;
      this.#toasts.remove(() => true);
      void this.#loadPreferences();
    }
    this.#inbox.forget(isVoid);
  }

  async #loadPreferences() {
    this.#knowsPreferences = true;
    await this.#preferences.load();
  }

  #draw() {
    this.#view.draw();
    this.#see();
  }

  /** @param {boolean} isOpen */
  #turn(isOpen) {
    this.#showPreferences(false);
    this.#inbox.show(isOpen);
  }

  /** @param {boolean} isShown */
  #showPreferences(isShown) {
    byId("preferences").hidden = !isShown;
    byId("inbox-content").hidden = isShown;
    byId("inbox-settings").setAttribute("aria-expanded", String(isShown));
    this.#see();
  }

  /** Whether somebody sees what arrives in the list. */
  #isLooking() {
    const { shelf } = this.#inbox.list;
    return this.#bell.isOpen && !document.hidden && byId("preferences").hidden && (shelf === "all" || shelf === "unread");
  }

  /** What is shown is seen; once is enough. */
  #see() {
    const { upto } = this.#inbox.list;
    if (!this.#isLooking() || upto <= this.#seen || this.#counts.unseen === 0) return;
    this.#seen = upto;
    void this.#inbox.seen();
  }
}
