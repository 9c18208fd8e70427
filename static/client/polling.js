/**
 * Data by `fetch`, while the user has realtime switched off: each used room asks for the entries behind its cursor, and
 * takes them as if they had been pushed; a room that has no cursor, or one that no longer holds, takes a new picture.
 * What the outbox has to send goes the same way, under the same keys.
 *
 * It is loaded when it is needed, and what it uses of the client it is handed: would it import that, bundlers would split
 * the client for it, which costs everybody more than this file has.
 */

/** @typedef {import("./room.js").Room<any>} Room */

/** @typedef {Pick<import("./engine.js").Engine, "env" | "url" | "options" | "identity" | "rooms" | "onError">} PollingHost */
/**
 * @typedef {object} Tools
 * @property {typeof import("./errors.js").errorOf} errorOf
 * @property {typeof import("./errors.js").fromWire} fromWire
 * @property {number} timeout ms, unless the options say
 */

const PAGE = 200;
const POLL_MS = 30_000;
/** @type {Readonly<Record<string, string>>} by command */
const RESOURCES = { publish: "events", set: "state", track: "activity" };

export class Polling {
  #host;
  #tools;
  #isOn = false;
  /** Raised with every start, so that a round of the one before is not followed by another beside ours. */
  #turn = 0;
  #cancel = () => {};

  /** @param {PollingHost} host @param {Tools} tools */
  constructor(host, tools) {
    this.#host = host;
    this.#tools = tools;
  }

  /** @returns {boolean} whether it was off until now, and can be on */
  start() {
    if (this.#isOn || !this.#host.env.fetch) return false;
    this.#isOn = true;
    void this.#round((this.#turn += 1));
    return true;
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

  /**
   * A write as HTTP has it; nobody joins or leaves there.
   *
   * @param {Record<string, any>} message
   * @returns {Promise<any>} its reply; rejects with a CopresenceError
   */
  async request({ type, room: name, ...body }) {
    const resource = RESOURCES[type];
    if (!resource) return {};
    const written = await this.#call(`/rooms/${encodeURIComponent(name)}/${resource}`, body);
    const room = this.#host.rooms.get(name);
    if (room?.isUsed) this.#ask(room).catch(this.#host.onError);
    return written;
  }

  /** @param {number} turn */
  async #round(turn) {
    await this.look();
    if (!this.#isOn || turn !== this.#turn) return;
    this.#cancel = this.#host.env.after(this.#host.options.pollInterval ?? POLL_MS, () => void this.#round(turn));
  }

  /** Two of these may be under way: what was asked from a cursor that has moved since is asked again. @param {Room} room */
  async #ask(room) {
    const path = `/rooms/${encodeURIComponent(room.name)}`;
    let isOld = false;
    while (this.#isOn) {
      const before = room.cursor;
      const isPicture = before === null || isOld;
      const page = await this.#call(isPicture ? path : `${path}/history?after=${before.offset}&limit=${PAGE}`);
      // Realtime is on again: what is pushed is ahead of this.
      if (!this.#isOn) return;
      if (room.cursor !== before) {
        isOld = false;
        continue;
      }
      if (isPicture) return room.takeFetched({ recovered: false, reason: before ? "too_old" : undefined, entries: [], ...page });
      const { epoch, offset } = page.cursor ?? {};
      // Another life of the log, or a start that is gone: no part of it is shown as the whole.
      isOld = epoch !== before.epoch || page.oldest > before.offset + 1 || offset < before.offset;
      const last = page.entries?.at?.(-1);
      if (isOld) continue;
      if (!last) return;
      room.takeFetched({ room: room.name, recovered: true, cursor: { epoch, offset: last.offset, entry: last.id }, entries: page.entries, more: true });
      // A page that leads nowhere says nothing, and a picture does.
      isOld = room.cursor?.offset === before.offset;
      if (page.more !== true && !isOld) return;
    }
  }

  /** @param {string} path @param {Record<string, unknown>} [body] of a write @returns {Promise<any>} */
  async #call(path, body) {
    const { env, url, identity, options } = this.#host;
    const { errorOf, fromWire, timeout } = this.#tools;
    const fetch = /** @type {typeof globalThis.fetch} */ (env.fetch);
    const stop = new AbortController();
    const cancel = env.after(options.timeout ?? timeout, () => stop.abort());
    let refusal;
    try {
      const bearer = await identity.fresh();
      const answer = await fetch(url + path, {
        signal: stop.signal,
        headers: { ...(bearer && { authorization: `Bearer ${bearer}` }), ...(body && { "content-type": "application/json" }) },
        ...(body && { method: "POST", body: JSON.stringify(body) }),
      });
      const said = await answer.json().catch(() => ({}));
      if (answer.ok) return said;
      refusal = said.code ? fromWire(said) : errorOf("unavailable", `${path} was answered with ${answer.status}`);
    } catch (/** @type {any} */ cause) {
      // What fetch itself says is a TypeError for everything; a token that is none has said so itself.
      refusal = "retryable" in cause ? cause : errorOf("closed", "the server can't be reached", { cause });
    } finally {
      cancel();
    }
    throw refusal;
  }
}
