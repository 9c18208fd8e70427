/**
 * The demo page: two windows, two people, one room.
 *
 *   pointer, clicks, words ──▶ Room, Outbox ──▶ Connection ──▶ server
 *   views ◀── Members, Feed, Ledger ◀── Room ◀── Connection ◀──┘
 *
 * This file knows everyone and decides who hears of what; each of the others knows one thing.
 */

import { ActivityFeed } from "./activity.js";
import { Announcer } from "./announcer.js";
import { Connection } from "./connection.js";
import { Cursors, watchPointer } from "./cursors.js";
import { watchAway, watchTiles, watchTyping } from "./doing.js";
import { byId, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Identity } from "./identity.js";
import { randomId } from "./ids.js";
import { drawKpis, Kpis, watchSteps } from "./kpis.js";
import { avatar, MembersView } from "./members-view.js";
import { editName } from "./name-editor.js";
import { Notifications } from "./notifications.js";
import { LEFT_BEHIND_MS, Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { watchSamples } from "./samples.js";
import { watchScheme } from "./scheme-switch.js";
import { drawPill, drawProof, words } from "./status-view.js";
import { openStore } from "./storage.js";

const SAVE_AFTER_MS = 250;
const PEOPLE_KEPT_MAX = 300;
/** Words for why the old picture is void. */
const RESETS = {
  epoch_changed: "the room's log began anew",
  forked: "the room's log was restored from elsewhere",
  too_old: "too much happened meanwhile",
  ahead: "the room's log lost its end",
};

const query = new URLSearchParams(location.search);
const person = /^[a-z0-9]{1,16}$/i.test(query.get("person") ?? "") ? String(query.get("person")) : "1";
const roomName = query.get("room") || "dashboard:demo";

// One prefix a person: `?person=2` shares nothing with the first but the colours of the page.
const lasting = openStore(() => localStorage, `copresence.${person}.`);
const ofTab = openStore(() => sessionStorage, `copresence.${person}.`);

// Read and removed, and written back when the page goes: a duplicated tab copies this storage, and must neither fight
// for the session nor drain the same part of the outbox.
let secret = ofTab.take("secret");
const tab = String(ofTab.take("tab") ?? randomId(12));
const tabState = `room.${roomName}`;
/** What this tab knew before it was loaded again. */
const saved = /** @type {Record<string, any>} */ (ofTab.get(tabState) ?? {});

const me = { user: /** @type {string | null} */ (null), session: /** @type {string | null} */ (null), color: "#5b6470" };
/** @type {Map<string, { name: string, color: string }>} people who were here, for what they said before they left */
const seen = new Map(Array.isArray(saved.seen) ? saved.seen : []);
let reconnects = Number.isSafeInteger(saved.reconnects) ? saved.reconnects : 0;
let wasLive = false;
let wasJoined = false;
/** A loss that was wished for, such as to return under another name, is none. */
let isPlanned = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saveTimer;

const identity = new Identity(lasting);
const announcer = new Announcer(byId("announcer"));
const membersView = new MembersView();
const cursors = new Cursors(byId("cursors"));
const activity = new ActivityFeed(byId("activity"), byId("activity-empty"), who);
const feed = new Feed(who, () => byId("say-text").focus());

const connection = new Connection({
  url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/ws`,
  credentials: () => ({
    ...identity.credentials(),
    ...(typeof secret === "string" ? { secret } : {}),
    ...notifications.since(),
  }),
  onTokenRefused: () => identity.dropToken(),
  onState: showState,
  onMessage: hear,
});

const room = new Room(roomName, connection, {
  onJoined: joined,
  onPicture: newPicture,
  onEntry: showEntry,
  onState: (isChange) => drawKpis(byId("tiles"), room.state, isChange),
  onMembers: showMembers,
  onSignals: (signals) => cursors.take(signals, (user) => room.members.get(user)),
  onRefused: roomRefused,
  onCounts: changed,
});
room.restore(saved.room);
feed.restore(saved.messages);
activity.restore(saved.activities);
if (room.cursor) drawKpis(byId("tiles"), room.state, false);

const notifications = new Notifications({ connection, room: roomName, onChange: changed });
notifications.restore(ofTab.get("inbox"));

const kpis = new Kpis({
  see: (key) => ({ value: room.state.get(key), offset: room.cursor?.offset ?? 0 }),
  write: (key, value, ifOffset) =>
    connection.request({ type: "set", room: roomName, set: { [key]: value }, if_offset: ifOffset }),
  tell: (key, from, to) =>
    connection.request({ type: "track", room: roomName, action: "changed", target: `kpi:${key}`, metadata: { from, to } }),
  onProblem: (problem) => setText(byId("problem"), `The number was not changed: ${problem}`),
});

const outbox = new Outbox({
  store: lasting,
  start: `outbox.${roomName}.`,
  tab,
  newKey: randomId,
  now: Date.now,
  after(ms, wake) {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
  async send({ event, data, key }) {
    try {
      return await connection.request({ type: "publish", room: roomName, event, data, key });
    } catch (refusal) {
      if (/** @type {any} */ (refusal).code === "not_joined") {
        // The server lost sight of us in the room: in again, and the outbox goes on from there.
        outbox.close();
        room.join();
      }
      throw refusal;
    }
  },
  onChange(items) {
    feed.waiting(items);
    showProof();
  },
  onSettled: (item, outcome) => feed.settled(item, outcome, room.ledger.counts.last),
});

start();

function start() {
  setText(byId("room-name"), roomName);
  const next = /^\d{1,3}$/.test(person) ? Number(person) + 1 : 2;
  const others = new URLSearchParams({ person: String(next), ...(query.has("room") ? { room: roomName } : {}) });
  for (const id of ["second", "alone-second"]) byId(id).href = `/?${others}`;
  for (const control of document.querySelectorAll("[disabled]")) control.removeAttribute("disabled");
  showName();
  watchScheme(byId("scheme"));
  editName(() => identity.name, rename);
  byId("pill-retry").addEventListener("click", () => connection.start());
  byId("say").addEventListener("submit", say);
  watchPointer(byId("board"), (place) => room.signal("cursor", place));
  const doing = (/** @type {Record<string, unknown>} */ state) => room.show({ state: { ...room.presence.state, ...state } });
  watchTiles(byId("tiles"), (tile) => doing({ tile }));
  watchSteps(byId("tiles"), (key, by) => void kpis.change(key, by));
  watchTyping(byId("say-text"), byId("say"), (typing) => doing({ typing }));
  watchSamples(byId("notify-me"), roomName, notifyMe);
  watchAway((status) => room.show({ status }));
  watchLife();
  // Once for what is ours, and later for what tabs left behind that have gone a moment ago.
  outbox.adopt();
  setTimeout(() => outbox.adopt(), LEFT_BEHIND_MS + 1_000);
  setInterval(showPill, 250);
  connection.start();
}

/** What the page and the network do around us. */
function watchLife() {
  addEventListener("pagehide", (event) => {
    save();
    ofTab.set("tab", tab);
    if (typeof secret === "string") ofTab.set("secret", secret);
    // A page in the back/forward cache would hold its socket open, and others would see a ghost.
    if (event.persisted) connection.pause();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    // Gone from storage means that a later page of this tab took the session on.
    secret = ofTab.take("secret");
    ofTab.remove("tab");
    connection.start();
  });
  addEventListener("online", () => connection.wake());
  addEventListener("offline", () => connection.wake());
  document.addEventListener("resume", () => connection.wake());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) connection.wake();
  });
  addEventListener("storage", ({ key, newValue }) => {
    if (!key?.startsWith(`copresence.${person}.`)) return;
    if (newValue === null) outbox.forget(key.slice(`copresence.${person}.`.length));
    showName();
  });
}

/** @param {string} name */
function rename(name) {
  identity.rename(name);
  isPlanned = connection.state.phase === "live";
  showName();
  connection.restart();
}

/** @param {SubmitEvent} event */
function say(event) {
  event.preventDefault();
  const field = byId("say-text");
  const text = field.value.trim();
  if (text === "") return;
  const isTaken = outbox.add("message", { text }) !== null;
  setText(byId("problem"), isTaken ? "" : "Too much is waiting for the server already; try again when it is back.");
  if (isTaken) field.value = "";
}

/** @param {Record<string, unknown>} notification */
async function notifyMe(notification) {
  try {
    await notifications.notifyOneself(me.user ?? "", notification);
    setText(byId("problem"), "");
  } catch (refusal) {
    setText(byId("problem"), `You were not notified: ${/** @type {any} */ (refusal).message}`);
  }
}

/** @param {Record<string, any>} message */
function hear(message) {
  if (message.type !== "connected") {
    if (!notifications.receive(message)) room.receive(message);
    return;
  }
  const { user } = message;
  secret = message.secret;
  me.user = typeof user?.id === "string" ? user.id : null;
  me.session = typeof message.session === "string" ? message.session : null;
  if (/^#[0-9a-f]{3,8}$/i.test(user?.color)) me.color = user.color;
  identity.keep(message);
  showName();
  feed.refresh();
  notifications.connected(message);
  room.join();
}

/** @param {import("./connection.js").State} state */
function showState({ phase, reason }) {
  const isLive = phase === "live";
  // A session that ended for good is not taken up again, by nobody.
  if (phase === "failed") secret = undefined;
  if (isLive !== wasLive) {
    wasLive = isLive;
    byId("members").classList.toggle("is-stale", !isLive);
    if (!isLive) {
      room.lose();
      notifications.lose();
      outbox.close();
      cursors.clear();
    }
    if (wasJoined && !isPlanned) {
      if (isLive) reconnects += 1;
      announcer.say(isLive ? "Live again" : `The connection was lost: ${reason ?? "trying again"}`);
    }
    if (isLive) isPlanned = false;
  }
  showPill();
  showProof();
}

function joined() {
  wasJoined = true;
  byId("app").setAttribute("aria-busy", "false");
  feed.loaded("Nothing was said yet.");
  outbox.open();
  changed();
}

/** @param {string | null} problem */
function roomRefused(problem) {
  setText(byId("problem"), problem === null ? "" : `The room can't be joined: ${problem}`);
  if (problem === null) return;
  byId("app").setAttribute("aria-busy", "false");
  outbox.close();
  if (!wasJoined) {
    byId("members").replaceChildren();
    feed.loaded("Nothing to show.");
  }
}

/** @param {string | null} reason */
function newPicture(reason) {
  feed.clear();
  activity.clear();
  if (reason !== null) feed.note(`Started afresh: ${RESETS[/** @type {"ahead"} */ (reason)] ?? reason}`);
}

/** @param {Record<string, any>} entry */
function showEntry(entry) {
  const message = feed.take(entry);
  activity.take(entry);
  if (message && room.isJoined && wasLive && message.user !== me.user && isNews(message)) {
    announcer.say(`${who(message.user).name}: ${message.text.slice(0, 120)}`);
  }
  changed();
}

/** Earlier messages that come late are read by those who look, not read out. @param {import("./feed.js").Message} message */
function isNews(message) {
  return message.offset >= (room.cursor?.offset ?? 0);
}

/** @param {import("./members.js").Difference} difference */
function showMembers({ joined: came, left }) {
  let isNamedAnew = false;
  for (const { user, name, color } of room.members.list) {
    const known = seen.get(user);
    isNamedAnew ||= known?.name !== name || known.color !== color;
    seen.set(user, { name, color });
  }
  identity.called(room.members.get(me.user ?? "")?.name);
  if (isNamedAnew) {
    feed.refresh();
    activity.draw();
  }
  for (const [people, verb] of /** @type {const} */ ([[came, "joined"], [left, "left"]])) {
    for (const { user, name } of people) {
      if (user === me.user) continue;
      // Isolated, so that a name written from right to left turns nothing else around.
      feed.note(`\u2068${name}\u2069 ${verb}`);
      announcer.say(`${name} ${verb}`);
    }
  }
  membersView.draw(room.members, me);
  cursors.follow(room.members);
  showName();
  changed();
}

/** @param {string} user empty for ourselves */
function who(user) {
  const isMe = user === "" || user === me.user;
  if (isMe) return { name: identity.name, color: me.color, isMe };
  const known = seen.get(user);
  // Who left before we came has no name here; a short id is one that somebody chose.
  const fallback = user.length <= 20 ? user : `Guest ${user.slice(-4)}`;
  return { name: known?.name ?? fallback, color: known?.color ?? "#5b6470", isMe };
}

function showName() {
  setText(byId("me-text"), identity.name);
  const picture = avatar(identity.name, me.color);
  picture.id = "me-avatar";
  byId("me-avatar").replaceWith(picture);
  document.title = `${identity.name} · Copresence`;
}

function showPill() {
  drawPill(words(connection.state, navigator.onLine, performance.now()));
}

function showProof() {
  drawProof(room.ledger.counts, { waiting: outbox.items.length, reconnects, latencyMs: connection.state.latencyMs });
}

/** Something arrived: show the count, and keep it for a reload. */
function changed() {
  showProof();
  saveTimer ??= setTimeout(save, SAVE_AFTER_MS);
}

function save() {
  clearTimeout(saveTimer);
  saveTimer = undefined;
  const people = [...seen].slice(-PEOPLE_KEPT_MAX);
  ofTab.set("inbox", notifications.save());
  ofTab.set(tabState, { room: room.save(), messages: feed.messages, activities: activity.items, seen: people, reconnects });
}
