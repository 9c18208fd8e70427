/**
 * What lies outside: clocks, chance, the network, what the browser keeps. Each part may be missing (private windows, plain
 * http, Node), merely naming one may throw, and tests bring their own.
 */

/**
 * @typedef {object} Environment
 * @property {() => number} now milliseconds that never jump
 * @property {() => number} date milliseconds since 1970, which may jump
 * @property {() => number} random 0 to 1
 * @property {(ms: number, action: () => void) => () => void} after a timer; returns its cancel
 * @property {typeof WebSocket | null} WebSocket
 * @property {typeof fetch | null} fetch
 * @property {Storage | null} local
 * @property {Storage | null} session
 * @property {IDBFactory | null} indexedDB
 * @property {LockManager | null} locks
 * @property {typeof BroadcastChannel | null} BroadcastChannel
 * @property {typeof SharedWorker | null} SharedWorker
 * @property {(Document & EventTarget) | null} document
 * @property {EventTarget | null} window
 * @property {{ onLine?: boolean } | null} navigator
 * @property {{ origin: string, protocol: string } | null} location
 * @property {(array: Uint8Array) => Uint8Array} fill with bytes of chance
 */

/** Longer timers fire at once in browsers. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * @param {Partial<Environment>} given goes over what is there
 * @returns {Environment}
 */
export function environment(given = {}) {
  const world = /** @type {any} */ (globalThis);
  // Outside of pages there are no tabs, and an open channel keeps the process alive.
  const page = world.document ? world : {};
  return {
    now: () => performance.now(),
    date: () => Date.now(),
    random: Math.random,
    after(ms, action) {
      const timer = setTimeout(action, Math.min(ms, TIMER_MS_MAX));
      return () => clearTimeout(timer);
    },
    WebSocket: world.WebSocket ?? null,
    fetch: world.fetch?.bind(world) ?? null,
    local: attempt(() => world.localStorage),
    session: attempt(() => world.sessionStorage),
    indexedDB: attempt(() => world.indexedDB),
    locks: page.navigator?.locks ?? null,
    BroadcastChannel: page.BroadcastChannel ?? null,
    SharedWorker: page.SharedWorker ?? null,
    document: page.document ?? null,
    window: page.document ? page : null,
    navigator: page.navigator ?? null,
    location: page.location ?? null,
    fill: (bytes) => world.crypto.getRandomValues(bytes),
    ...given,
  };
}

/**
 * @param {Pick<Environment, "fill">} env
 * @returns {string} 128 bits of chance; `crypto.randomUUID` is missing on plain http
 */
export function newKey({ fill }) {
  return Array.from(fill(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @template T
 * @param {() => T} action
 * @returns {T | null} null when it threw, or there was nothing
 */
export function attempt(action) {
  try {
    return action() ?? null;
  } catch {
    return null;
  }
}
