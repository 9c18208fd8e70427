/** How a component reads what changes outside of React: `useSyncExternalStore`, narrowed to what it is interested in. */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

/** @template S @typedef {{ getSnapshot: () => S, subscribe: (listener: () => void) => () => void }} Source */

/**
 * Renders again only when what `select` makes of the source is another thing.
 *
 * @template S, R
 * @param {Source<S>} source
 * @param {S} initial on the server and for the first render over its HTML, which must agree
 * @param {(snapshot: S) => R} select may be written inline
 * @param {(a: R, b: R) => boolean} [isEqual]
 * @returns {R} the same object as before where `isEqual` says so
 */
export function useSelected(source, initial, select, isEqual = Object.is) {
  const shown = useRef(/** @type {{ value: R } | null} */ (null));
  const [read, readInitial] = useMemo(() => {
    const narrow = narrowed(select, isEqual, shown);
    return [() => narrow(source.getSnapshot()), () => narrow(initial)];
  }, [source, initial, select, isEqual]);
  const subscribe = useCallback((/** @type {() => void} */ listener) => source.subscribe(listener), [source]);
  const value = useSyncExternalStore(subscribe, read, readInitial);
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
}

/**
 * @template S
 * @param {Source<S>} source
 * @param {S} initial
 * @returns {S}
 */
export function useSnapshot(source, initial) {
  return useSelected(source, initial, itself);
}

/** The newest of what each render brought, for handlers that live longer. @template T @param {T} value */
export function useLatest(value) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

/** Equal when all of their own fields are. @param {any} a @param {any} b */
export function shallowEqual(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]));
}

/**
 * @template S, R
 * @param {(snapshot: S) => R} select
 * @param {(a: R, b: R) => boolean} isEqual
 * @param {{ current: { value: R } | null }} shown what is on screen: an inline `select` is another function each time
 */
function narrowed(select, isEqual, shown) {
  /** @type {{ snapshot: S, value: R } | null} */
  let last = null;
  return (/** @type {S} */ snapshot) => {
    if (last && Object.is(last.snapshot, snapshot)) return last.value;
    const next = select(snapshot);
    const before = last ?? shown.current;
    const value = before && isEqual(before.value, next) ? before.value : next;
    last = { snapshot, value };
    return value;
  };
}

/** @template T @param {T} value */
function itself(value) {
  return value;
}
