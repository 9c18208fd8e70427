/** The badge: the server's own counts. Nothing here is counted up, so two tabs can't come to differ. */

export class InboxCounts {
  #epoch = "";
  #offset = -1;
  unread = 0;
  unseen = 0;

  /** The newest offset that counts are known at. */
  get offset() {
    return this.#offset;
  }

  /**
   * Takes counts from wherever they come. Those of an older offset are late and change nothing; another life of the
   * log replaces all.
   *
   * @param {{ unread: number, unseen: number, offset: number }} counts
   * @param {string} [epoch] the one known, where a reply doesn't name it
   * @returns {boolean} whether they were taken
   */
  take({ unread, unseen, offset }, epoch = this.#epoch) {
    if (epoch === this.#epoch && offset < this.#offset) return false;
    this.#epoch = epoch;
    this.#offset = offset;
    this.unread = unread;
    this.unseen = unseen;
    return true;
  }
}
