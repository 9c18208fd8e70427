/**
 * What the browser keeps for one person: JSON values under a prefix of their own.
 *
 * Storage may be missing, full or forbidden (private windows, blocked cookies). Then the values live as long as the
 * page does, and nobody above has to know.
 */

/**
 * @typedef {object} Store
 * @property {(key: string) => unknown} get the value, or undefined
 * @property {(key: string, value: unknown) => void} set
 * @property {(key: string) => void} remove
 * @property {(key: string) => unknown} take reads and removes
 * @property {(start: string) => string[]} keys those that begin with `start`, sorted
 */

/**
 * @param {() => Storage} area a function, because merely naming `localStorage` may throw
 * @param {string} prefix
 * @returns {Store}
 */
export function openStore(area, prefix) {
  /** @type {Map<string, string>} what the browser did not take */
  const memory = new Map();

  const store = {
    /** @param {string} key */
    get(key) {
      const text = memory.get(key) ?? attempt(() => area().getItem(prefix + key)) ?? undefined;
      return text === undefined ? undefined : attempt(() => JSON.parse(text));
    },
    /** @param {string} key @param {unknown} value */
    set(key, value) {
      const text = JSON.stringify(value);
      const isTaken = attempt(() => {
        area().setItem(prefix + key, text);
        return true;
      });
      if (isTaken) memory.delete(key);
      else memory.set(key, text);
    },
    /** @param {string} key */
    remove(key) {
      memory.delete(key);
      attempt(() => area().removeItem(prefix + key));
    },
    /** @param {string} key */
    take(key) {
      const value = store.get(key);
      store.remove(key);
      return value;
    },
    /** @param {string} start */
    keys(start) {
      const kept = attempt(() => Object.keys(area())) ?? [];
      const ours = kept.filter((key) => key.startsWith(prefix + start)).map((key) => key.slice(prefix.length));
      return [...new Set([...ours, ...[...memory.keys()].filter((key) => key.startsWith(start))])].sort();
    },
  };
  return store;
}

/**
 * @template T
 * @param {() => T} action
 * @returns {T | undefined}
 */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
