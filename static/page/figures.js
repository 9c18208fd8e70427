/**
 * The past of the room's numbers, out of its log: read once from history, and carried on by what is pushed. Every series is
 * by the server's clock, and so is `now()`.
 */

import { Series } from "./series.js";

/** The longest range of the chart. */
const PAST_MS = 15 * 60_000;
const PAGE = 200;
const PAGES_MAX = 6;

export class Figures {
  /** @type {Record<string, Series>} */
  series;
  #room;
  #delays;
  #onChange;
  #isReading = false;

  /**
   * @param {import("/client/index.js").Room<any>} room
   * @param {readonly string[]} keys
   * @param {import("./delays.js").Delays} delays
   * @param {() => void} onChange
   */
  constructor(room, keys, delays, onChange) {
    this.#room = room;
    this.#delays = delays;
    this.#onChange = onChange;
    this.series = Object.fromEntries(keys.map((key) => [key, new Series()]));
    room.on("state", ({ set }, meta) => {
      // A whole picture has no time of its own: its numbers hold from now on, and history tells what was before.
      this.#take(set, meta ? meta.at.getTime() : this.now());
      this.#onChange();
    });
    room.on("joined", ({ recovered }) => {
      if (!recovered || !this.#hasPast) void this.#read();
    });
  }

  /** ms since 1970 by the server's clock, about. */
  now() {
    return this.#delays.serverTime(Date.now());
  }

  get #hasPast() {
    return Object.values(this.series).some(({ points }) => points.length > 1);
  }

  async #read() {
    if (this.#isReading) return;
    this.#isReading = true;
    /** @type {number | undefined} */
    let before;
    try {
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const { entries, more } = await this.#room.history({ kinds: ["state"], limit: PAGE, ...(before !== undefined && { before }) });
        for (const { set, at } of entries) this.#take(set, at.getTime());
        const first = entries[0];
        if (!more || !first || first.at.getTime() < this.now() - PAST_MS) break;
        before = first.offset;
      }
    } catch {
      // Without the right to read history the lines begin now.
    } finally {
      this.#isReading = false;
    }
    this.#onChange();
  }

  /** @param {any} set @param {number} at */
  #take(set, at) {
    for (const [key, series] of Object.entries(this.series)) {
      if (set !== null && typeof set === "object" && Object.hasOwn(set, key)) series.add(set[key], at);
    }
  }
}
