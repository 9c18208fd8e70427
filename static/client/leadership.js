/**
 * Which tab leads: the one that holds a Web Lock. The browser hands it on the moment its holder closes, crashes or lets go,
 * so there is never an election, and never two. A leader that hangs is robbed by a tab that missed its beats.
 */

/**
 * @param {LockManager} locks
 * @param {string} name
 * @param {{ onLead: () => void, onRobbed: () => void }} hear
 */
export function standForLeader(locks, name, { onLead, onRobbed }) {
  let stop = new AbortController();
  /** @type {() => void} */
  let release = () => {};
  let isHolding = false;
  const hold = () => {
    if (stop.signal.aborted) return Promise.resolve();
    isHolding = true;
    onLead();
    return new Promise((/** @type {(nothing: void) => void} */ resolve) => {
      release = () => {
        isHolding = false;
        resolve();
      };
    });
  };
  /** @param {LockOptions} options */
  const request = (options) => {
    locks.request(name, options, hold).catch(() => {
      // Aborted while waiting, or robbed while holding.
      if (isHolding) {
        isHolding = false;
        onRobbed();
      }
    });
  };
  request({ signal: stop.signal });
  return {
    /** Takes it from a leader that hangs. */
    steal() {
      // Not twice in line: the place behind the one that is robbed is given up.
      stop.abort();
      stop = new AbortController();
      request({ steal: true });
    },
    /** Lets go, or stands in line no more. */
    leave() {
      stop.abort();
      release();
    },
  };
}

/**
 * A lock of a tab's own, by which the leader learns that the tab is gone, however it went.
 *
 * @param {LockManager} locks
 * @param {string} name
 * @param {() => void} onHeld not before may a leader know the tab: whoever watches a lock that nobody holds is told it is gone
 * @returns {() => void} lets go
 */
export function holdLock(locks, name, onHeld) {
  /** @type {() => void} */
  let release = () => {};
  let isOver = false;
  locks.request(name, () => new Promise((/** @type {(nothing: void) => void} */ resolve) => {
    release = resolve;
    if (isOver) resolve();
    else onHeld();
  })).catch(() => {});
  return () => {
    isOver = true;
    release();
  };
}

/** @param {LockManager} locks @param {string} name @param {() => void} onGone @param {AbortSignal} signal */
export function watchLock(locks, name, onGone, signal) {
  locks.request(name, { signal }, async () => onGone()).catch(() => {});
}
