/**
 * Whose turn it is to send what waits. Tabs of two versions of the client share nothing but the outbox in the browser's
 * storage, and talk about nothing else: one of them sends, by a lock whose name has no version, and tells the others what
 * became of each item. So these names and words stay as they are.
 */

import { hold } from "./leadership.js";

export class Turn {
  #env;
  #onWord;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #name = "";
  /** @type {(() => void) | null} */
  #release = null;
  isOurs = false;

  /** @param {import("./environment.js").Environment} env @param {(word: any) => void} onWord what another tab says */
  constructor(env, onWord) {
    this.#env = env;
    this.#onWord = onWord;
  }

  /** Hears the other tabs of a user. @param {string} name */
  listen(name) {
    if (name === this.#name) return;
    this.end();
    this.#name = name;
    const { BroadcastChannel } = this.#env;
    if (!BroadcastChannel) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#onWord(data);
  }

  /** @param {() => void} onTurn @param {() => void} onRobbed @param {boolean} steal from a tab that hangs */
  take(onTurn, onRobbed, steal) {
    if (this.isOurs) return;
    const { locks } = this.#env;
    const begin = () => {
      this.isOurs = true;
      onTurn();
    };
    if (!locks) return begin();
    this.#release ??= hold(locks, this.#name, begin, () => {
      this.give();
      onRobbed();
    }, steal ? { steal } : undefined);
  }

  give() {
    this.isOurs = false;
    this.#release?.();
    this.#release = null;
  }

  /** @param {Record<string, unknown>} word */
  tell(word) {
    this.#channel?.postMessage(word);
  }

  end() {
    this.give();
    this.#channel?.close();
    this.#channel = null;
    this.#name = "";
  }
}
