/**
 * Data by `fetch`, while the user has realtime switched off: each used room asks for the entries behind its cursor, and
 * takes them as if they had been pushed; a room that has no cursor, or one that no longer holds, takes a new picture.
 */

import { errorOf, fromWire } from "./errors.js";
import { readCursor } from "./recovery.js";

/** @typedef {import("./room.js").Room<any>} Room */

/** @typedef {Pick<import("./engine.js").Engine, "env" | "url" | "options" | "identity" | "rooms" | "onError">} PollingHost */

const PAGE = 200;
const POLL_MS = 30_000;

export class Polling {
  #host;
  #isOn = false;
  #cancel = () => {};

  /** @param {PollingHost} host */
  constructor(host) {
    this.#host = host;
  }

  start() {
    if (this.#isOn || !this.#host.env.fetch) return;
    this.#isOn = true;
    void this.#round();
  }

  stop() {
    this.#isOn = false;
    this.#cancel();
  }

  /** Asks for all used rooms now. */
  async look() {
    for (const room of this.#host.rooms.values()) {
      if (!room.isUsed || !this.#isOn) continue;
      try {
        await this.#ask(room);
      } catch (error) {
        this.#host.onError(/** @type {import("./errors.js").CopresenceError} */ (error));
      }
    }
  }

  async #round() {
    await this.look();
    if (this.#isOn) this.#cancel = this.#host.env.after(this.#host.options.pollInterval ?? POLL_MS, () => void this.#round());
  }

  /** @param {Room} room */
  async #ask(room) {
    const path = `/rooms/${encodeURIComponent(room.name)}`;
    for (let isMore = room.cursor !== null; isMore; ) {
      const before = /** @type {import("./types.js").Cursor} */ (room.cursor);
      const page = await this.#get(`${path}/history?after=${before.offset}&limit=${PAGE}`);
      const cursor = readCursor(page.cursor);
      // Another life of the log, or a start that is gone: no part of it is shown as the whole.
      if (cursor?.epoch !== before.epoch || page.oldest > before.offset + 1 || cursor.offset < before.offset) break;
      const last = page.entries?.at?.(-1);
      if (!last) return;
      room.takeFetched({ room: room.name, recovered: true, cursor: { epoch: before.epoch, offset: last.offset, entry: last.id }, entries: page.entries, more: true });
      if (page.more !== true) return;
      isMore = room.cursor !== before;
    }
    room.takeFetched({ recovered: false, reason: room.cursor ? "too_old" : undefined, entries: [], ...(await this.#get(path)) });
  }

  /** @param {string} path @returns {Promise<any>} */
  async #get(path) {
    const { env, url, identity } = this.#host;
    const bearer = await identity.fresh();
    const fetch = /** @type {typeof globalThis.fetch} */ (env.fetch);
    const answer = await fetch(url + path, { headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` } });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw body.code ? fromWire(body) : errorOf("unavailable", `${path} was answered with ${answer.status}`);
    return body;
  }
}
