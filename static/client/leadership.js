/**
 * Which tab leads: the one that holds a Web Lock. The browser hands it on the moment its holder closes, crashes or lets go,
 * so there is never an election, and never two. By another lock of its own each tab shows that it is still there.
 */

/**
 * Stands in line for a lock, and holds it until it is let go or robbed.
 *
 * @param {LockManager} locks
 * @param {string} name
 * @param {() => void} onHeld
 * @param {() => void} [onLost] somebody robbed it, or with `ifAvailable` has it
 * @param {LockOptions} [how] `steal` takes it from whoever has it, ahead of the line
 * @returns {() => void} lets go, or stands in line no more
 */
export function hold(locks, name, onHeld, onLost = () => {}, how) {
  const line = new AbortController();
  let isHolding = false;
  let release = () => line.abort();
  // A browser takes no signal beside what never waits.
  const held = locks.request(name, how ?? { signal: line.signal }, (lock) => new Promise((resolve) => {
    if (line.signal.aborted) return resolve(null);
    if (!lock) return resolve(onLost());
    isHolding = true;
    release = () => {
      isHolding = false;
      resolve(null);
    };
    onHeld();
  }));
  held.catch(() => isHolding && onLost());
  return () => release();
}

/**
 * What who comes later has to know.
 *
 * @param {Record<string, any> | null} connected
 * @param {Record<string, any>} message any of the server's
 * @returns {Record<string, any> | null} with `@me` as it is after that
 */
export function nowOf(connected, { room, id, offset, unread, unseen }) {
  if (room !== "@me" || offset === undefined) return connected;
  return { ...connected, cursor: { ...connected?.cursor, offset, entry: id }, counts: { unread, unseen, offset } };
}
