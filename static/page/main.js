/**
 * The demo: one dashboard, as several people see it at once. All that is live comes from the project's own client and
 * elements; the page adds numbers, a chart, and buttons that break things on purpose.
 *
 *   client ──▶ room.state, history ──▶ Figures ──▶ Tiles, Chart
 *          ──▶ feed ──▶ Proof          presence ──▶ rings, names          elements: pill, avatars, cursors, activity, inbox, toasts
 */

import { Announcer } from "./announcer.js";
import { Chart } from "./chart.js";
import { watchChaos } from "./chaos.js";
import { watchCode } from "./code.js";
import { Delays } from "./delays.js";
import { byId, setText } from "./dom.js";
import { Figures } from "./figures.js";
import { count, duration } from "./format.js";
import { watchNotify } from "./notify.js";
import { watchPeople } from "./people.js";
import { Doing } from "./presence.js";
import { Proof } from "./proof.js";
import { watchRealtime } from "./realtime.js";
import { watchScheme } from "./scheme-switch.js";
import { openSession } from "./session.js";
import { watchSettings } from "./settings-form.js";
import { readSettings } from "./settings.js";
import { watchSheet } from "./sheet.js";
import { watchSplit } from "./split.js";
import { openStore } from "./storage.js";
import { Target } from "./target.js";
import { KEYS, Tiles } from "./tiles.js";

/** What the closes mean after which nobody comes back, for whoever sits there. @type {Record<number, string>} */
const ENDS = {
  4401: "the server does not know this guest any more",
  4403: "the server does not let this guest in",
  4409: "another window took this session up",
};
/** A shorter cut is told by the strip alone. */
const WORTH_A_TOAST_MS = 1_000;
const EMPTY_AFTER_MS = 3_000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let emptyTimer;

const problem = (/** @type {string} */ words) => setText(byId("problem"), words);

watchScheme(byId("scheme"));
void readSettings().then(start);

/** @param {import("./settings.js").Settings} settings */
function start(settings) {
  document.documentElement.toggleAttribute("data-frame", settings.isFrame);
  document.documentElement.dataset.chaos = settings.chaos ? "on" : "off";
  const { client, room, network, store } = openSession(settings);
  // Behind the client, so that the provider has it when the elements wake up.
  void import("/client/ui/index.js");
  watchSplit(settings);
  watchSheet();
  watchCode();
  if (!room) return refuse(`There is no room "${settings.room}": a name is 1 to 200 of A-Z a-z 0-9 _ . : -`);

  const announcer = new Announcer(byId("announcer"));
  const delays = new Delays();
  const tab = openStore(() => sessionStorage, `copresence.${settings.person}.`);
  const proof = new Proof(client, room, delays, tab, settings);
  const doing = new Doing(room);
  const figures = new Figures(room, KEYS, delays, () => tiles.draw());
  const tiles = new Tiles(room, figures, { onSelect: (selected) => doing.show({ selected }), onProblem: problem });
  new Chart(room, figures);
  new Target(room, doing, () => client.isConnected, problem);
  watchPeople(client, room, store, announcer);
  watchRealtime(client, room, network, tiles);
  watchNotify(client, room.name, problem);
  watchSettings(client, room, store);
  if (settings.chaos) watchChaos(client, network, settings.person);

  room.subscribe(() => settle(room));
  room.state.subscribe(() => settle(room));
  client.on("connection:lost", ({ reason }) => announcer.say(`The connection was lost: ${reason}`));
  let isOver = false;
  client.subscribe(() => {
    const { state, code, error } = client.status;
    if ((state === "failed") === isOver) return;
    isOver = !isOver;
    problem(isOver ? `The connection ended: ${ENDS[code ?? 0] ?? error?.message ?? "the server says no more"}.` : "");
  });
  proof.onHealed = ({ downtime, recovered, lost }) => {
    const words = `${count(recovered)} recovered, ${count(lost)} lost`;
    announcer.say(`Live again: ${words}`);
    if (downtime < WORTH_A_TOAST_MS) return;
    client.notifications.showNotification({ id: "demo:healed", type: lost > 0 ? "error" : "success", title: `Back after ${duration(downtime)}`, message: words });
  };
  // After a reload the page begins with what it knew.
  tiles.draw();
  settle(room);
  // What becomes of it is told by the room's status.
  room.join().catch(() => {});
}

/** The first picture is here, by push or by fetch: what has no number yet says so. @param {import("/client/index.js").Room<any>} room */
function settle(room) {
  const { status, error } = room.getSnapshot();
  if (status === "refused") return refuse(`The room can't be joined: ${error?.message}.`);
  const isKnown = room.cursor !== null;
  byId("main").setAttribute("aria-busy", String(!isKnown));
  showEmpty(isKnown && KEYS.every((key) => room.state.get(key) === undefined));
  byId("approve").disabled = !isKnown;
}

/** The first numbers may be a moment behind the first picture, and a note that comes and goes makes the page jump. @param {boolean} isEmpty */
function showEmpty(isEmpty) {
  if (!isEmpty) {
    clearTimeout(emptyTimer);
    emptyTimer = undefined;
    byId("empty").hidden = true;
  } else if (emptyTimer === undefined) emptyTimer = setTimeout(() => (byId("empty").hidden = false), EMPTY_AFTER_MS);
}

/** @param {string} words */
function refuse(words) {
  problem(words);
  byId("main").setAttribute("aria-busy", "false");
}
