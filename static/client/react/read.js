/** How a component reads what changes outside of React: `useSyncExternalStore`, narrowed to what it is interested in. */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "./react.js";

/**
 * What can be read and watched. `getServerSnapshot` is what is shown on the server and by the first render over its HTML,
 * which must agree.
 *
 * @template S
 * @typedef {{ getSnapshot: () => S, getServerSnapshot: () => S, subscribe: (listener: () => void) => () => void }} Source
 */

/**
 * Renders again only when what `select` makes of the source is another thing.
 *
 * @template S
 * @template [R=S]
 * @param {Source<S>} source
 * @param {(snapshot: S) => R} [select] may be written inline
 * @param {(a: R, b: R) => boolean} [isEqual]
 * @returns {R} the same object as before where `isEqual` says so
 */
export function useSelected(source, select = itself, isEqual = Object.is) {
  /** What is on screen: an inline `select` is another function each time. */
  const shown = useRef(/** @type {{ value: R } | null} */ (null));
  const [read, readFirst] = useMemo(() => {
    /** @type {{ snapshot: S, value: R } | undefined} */
    let last;
    const narrowed = (/** @type {S} */ snapshot) => {
      if (last?.snapshot !== snapshot) {
        const value = select(snapshot);
        const before = last ?? shown.current;
        last = { snapshot, value: before && isEqual(before.value, value) ? before.value : value };
      }
      return /** @type {{ value: R }} */ (last).value;
    };
    return [() => narrowed(source.getSnapshot()), () => narrowed(source.getServerSnapshot())];
  }, [source, select, isEqual]);
  const subscribe = useCallback((/** @type {() => void} */ listener) => source.subscribe(listener), [source]);
  const value = useSyncExternalStore(subscribe, read, readFirst);
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
}

/** The newest of what each render brought, for handlers that live longer. @template T @param {T} value */
export function useLatest(value) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

/**
 * Methods as plain functions, free to be taken apart.
 *
 * @template {object} T
 * @template {keyof T} K
 * @param {T} object
 * @param {readonly K[]} names
 * @returns {Pick<T, K>}
 */
export function bound(object, names) {
  return /** @type {any} */ (Object.fromEntries(names.map((name) => [name, /** @type {any} */ (object[name]).bind(object)])));
}

/** Equal when all of their own fields are. @param {any} a @param {any} b */
export function shallowEqual(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]));
}

/** @param {any} value @returns {any} */
function itself(value) {
  return value;
}
