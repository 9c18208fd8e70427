"use client";
/**
 * The hooks for what waits behind a `<Suspense>`: the same names, but what reads a room suspends until its first picture is
 * here, so nobody draws a room that is not there yet. A refusal goes to the error boundary. On a server each goes to the
 * boundary at once and opens nothing; with `initialState` the room's state is rendered there, too.
 */

import { UsageError } from "../errors.js";
import { RoomContext, useRoomObject } from "./context.js";
import * as hooks from "./index.js";
import { useContext } from "./react.js";

export * from "./index.js";

/** @typedef {import("../room.js").Room<any>} Room */
/** @typedef {import("../types.js").Member} Member */

/** Whoever waited is in the room for so long; by then what suspended is mounted and is in it by itself. */
const KEPT_MS = 5_000;
/** @type {WeakMap<Room, { error: unknown, promise: Promise<unknown> }>} */
const arrivals = new WeakMap();

/** @returns {Member} this user as others see them; null only where one merely watches, or the room is too large for a list */
export function useSelf() {
  usePicture();
  return /** @type {Member} */ (hooks.useSelf());
}

/** @type {typeof hooks.useOthers} */
export function useOthers(select, isEqual) {
  usePicture();
  return hooks.useOthers(select, isEqual);
}

/** @type {typeof hooks.useRoomState} */
export function useRoomState(what, isEqual) {
  const hasInitial = useContext(RoomContext)?.initialState !== undefined;
  usePicture(undefined, hasInitial);
  return hooks.useRoomState(what, isEqual);
}

/** @type {typeof hooks.useActivity} */
export function useActivity() {
  usePicture();
  return hooks.useActivity();
}

/** @type {typeof hooks.useUserActivity} */
export function useUserActivity(options) {
  usePicture(options?.room);
  return hooks.useUserActivity(options);
}

/** @param {string} [name] @param {boolean} [isEnough] there is something to show already */
function usePicture(name, isEnough = false) {
  const room = useRoomObject(name);
  if (isEnough || room.cursor) return;
  if (!globalThis.document) throw new UsageError("this part of the page is rendered in the browser");
  const arrival = arrivals.get(room) ?? arrive(room);
  throw arrival.error ?? arrival.promise;
}

/** @param {Room} room */
function arrive(room) {
  // Effects of what suspends don't run, so somebody else has to join; what goes wrong is told as long, and then tried again.
  const stay = () => setTimeout(() => {
    arrivals.delete(room);
    room.leave();
  }, KEPT_MS);
  const arrival = {
    error: /** @type {unknown} */ (null),
    promise: room.join().catch((error) => {
      arrival.error = error;
    }).then(stay),
  };
  arrivals.set(room, arrival);
  return arrival;
}
