/**
 * The proof strip: counted from what arrived here, and said by nobody else. The feed's entries carry numbers; a cut leaves a
 * hole in them or it does not.
 */

import { byId, setText } from "./dom.js";
import { count, duration } from "./format.js";
import { Ledger } from "./ledger.js";

/** The event that the server's colleague numbers. */
export const FEED = "feed";
const ROBOT = "bot:grace";

export class Proof {
  #client;
  #room;
  #delays;
  #store;
  #settings;
  #ledger = new Ledger();
  #recoveredBefore = 0;
  #lostBefore = 0;
  /** @type {{ downtime: number, recovered: number, lost: number } | null} */
  #gap = null;
  #isDue = false;
  /** Called after a connection came back, when everything that was missed is here. @type {(gap: { downtime: number, recovered: number, lost: number }) => void} */
  onHealed = () => {};

  /**
   * @param {import("/client/index.js").Client<any>} client
   * @param {import("/client/index.js").Room<any>} room
   * @param {import("./delays.js").Delays} delays
   * @param {import("./storage.js").Store} store of this tab
   * @param {import("./settings.js").Settings} settings
   */
  constructor(client, room, delays, store, settings) {
    this.#client = client;
    this.#room = room;
    this.#delays = delays;
    this.#store = store;
    this.#settings = settings;
    this.#restore();
    room.on(FEED, (data, { from, at }) => this.#take(data, from, at));
    // A new picture; `recovered` is everything that was missed.
    room.on("joined", ({ recovered }) => recovered || this.#begin());
    room.on("reset", () => this.#begin());
    client.on("connection:lost", () => {
      ({ recovered: this.#recoveredBefore, missing: this.#lostBefore } = this.#ledger.counts);
    });
    client.on("connection:restored", ({ downtime }) => this.#healed(downtime));
    client.subscribe(() => this.#draw());
    client.outbox.subscribe(() => this.#draw());
    addEventListener("pagehide", () => this.#save());
    this.#draw();
  }

  /** @param {any} data @param {import("/client/index.js").From | null} from @param {Date} at */
  #take(data, from, at) {
    // Anybody may write such an event; counted are the robot, whose id no guest can have, and backends.
    if (from?.user !== ROBOT && from?.api === undefined) return;
    const isLive = this.#room.status === "joined";
    this.#ledger.take(data?.run, data?.n, !isLive);
    if (isLive) this.#delays.take(at, Date.now());
    this.#draw();
  }

  #begin() {
    this.#ledger.begin();
    this.#draw();
  }

  /** @param {number} downtime ms */
  #healed(downtime) {
    const { recovered, missing } = this.#ledger.counts;
    this.#gap = { downtime, recovered: recovered - this.#recoveredBefore, lost: missing - this.#lostBefore };
    this.onHealed(this.#gap);
    this.#draw();
  }

  /** Once for all that comes within a frame. */
  #draw() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#write();
    });
  }

  #write() {
    const { received, missing, twice } = this.#ledger.counts;
    const { latency, queued, tab } = this.#client.status;
    const p95 = this.#delays.p95(latency);
    const roles = { leader: ", this one leads", follower: ", another one leads", alone: "" };
    const words = {
      received: count(received), missing: count(missing), twice: count(twice),
      p95: p95 === null ? "–" : duration(p95),
      gap: this.#gap ? `${duration(this.#gap.downtime)}, ${count(this.#gap.recovered)} recovered, ${count(this.#gap.lost)} lost` : "none yet",
      queue: count(queued),
      tabs: tab.count + (tab.count > 1 ? roles[tab.role] : ""),
      node: this.#client.inspect().node ?? this.#settings.node ?? "–",
    };
    for (const [name, text] of Object.entries(words)) setText(byId(`proof-${name}`), text);
    byId("proof-missing").classList.toggle("is-bad", missing > 0);
    byId("proof-twice").classList.toggle("is-bad", twice > 0);
    byId("proof-queue").classList.toggle("is-waiting", queued > 0);
  }

  #save() {
    this.#store.set(`proof.${this.#room.name}`, { at: this.#room.cursor, ledger: this.#ledger.save() });
  }

  /** The count goes on over a reload when the client does, from the same place in the log. */
  #restore() {
    const saved = /** @type {any} */ (this.#store.take(`proof.${this.#room.name}`));
    const { cursor } = this.#room;
    if (cursor && saved?.at?.epoch === cursor.epoch && saved.at.offset === cursor.offset) this.#ledger.restore(saved.ledger);
  }
}
