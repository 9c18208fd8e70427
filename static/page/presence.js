/** What this page shows of its person: the tile that is picked, the field that is edited. One state, told whole. */

export class Doing {
  #room;
  #state = { selected: /** @type {string | null} */ (null), editing: /** @type {string | null} */ (null) };

  /** @param {import("/client/index.js").Room<any>} room */
  constructor(room) {
    this.#room = room;
    room.presence.update({ state: this.#state });
  }

  /** @param {Partial<{ selected: string | null, editing: string | null }>} change */
  show(change) {
    this.#state = { ...this.#state, ...change };
    this.#room.presence.update({ state: this.#state });
  }
}
