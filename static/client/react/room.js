/** What a room holds: shared state, who is there, where they point, what they did. */

import { Store } from "../store.js";
import { RoomContext, useRoom } from "./context.js";
import { useCallback, useContext, useEffect, useMemo, useRef } from "./react.js";
import { shallowEqual, useSelected } from "./read.js";

/** @typedef {import("../types.js").Member} Member */
/** @typedef {import("../types.js").ActiveUser} ActiveUser */
/** @typedef {import("../types.js").UserAction} UserAction */
/** @typedef {import("../types.js").CursorPosition} CursorPosition */
/** @typedef {import("../types.js").Published} Published */

/** A state with nothing in it. @type {Readonly<Record<string, any>>} */
const NOTHING = {};
/** Whoever has not pressed a key for so long has stopped typing. */
const TYPING_MS = 3_000;

/**
 * One key of the shared state, or whatever a selector makes of all of it.
 *
 * @template [V=any]
 * @param {string | ((state: Readonly<Record<string, any>>) => V)} what
 * @param {(a: V, b: V) => boolean} [isEqual]
 * @returns {[value: V, set: (value: any) => Promise<Published>]} `set` takes the key's new value, with a selector a patch of
 *   keys; it is shown at once and taken back when it is refused
 */
export function useRoomState(what, isEqual) {
  const room = useRoom();
  const initial = useContext(RoomContext)?.initialState ?? NOTHING;
  const source = useMemo(() => ({
    // Before the first picture of the room there is nothing better than what the page came with.
    getSnapshot: () => {
      const all = room.state.all();
      return room.cursor || Object.keys(all).length > 0 ? all : initial;
    },
    getServerSnapshot: () => initial,
    subscribe: (/** @type {() => void} */ listener) => {
      const offs = [room.subscribe(listener), room.state.subscribe(listener)];
      return () => offs.forEach((off) => void off());
    },
  }), [room, initial]);
  const key = typeof what === "string" ? what : null;
  const value = useSelected(source, typeof what === "string" ? (state) => (Object.hasOwn(state, what) ? state[what] : undefined) : what, isEqual);
  const set = useCallback((/** @type {any} */ next) => quiet(room.state.set(key === null ? next : { [key]: next })), [room, key]);
  return [value, set];
}

/** @returns {Member | null} this user as others see them */
export function useSelf() {
  return useSelected(useRoom().presence, ({ self }) => self);
}

/**
 * @template [R=readonly Member[]]
 * @param {(others: readonly Member[]) => R} [select]
 * @param {(a: R, b: R) => boolean} [isEqual]
 * @returns {R}
 */
export function useOthers(select, isEqual = shallowEqual) {
  return useSelected(useRoom().presence, ({ others }) => (select ? select(others) : /** @type {any} */ (others)), isEqual);
}

/**
 * What this page shows of itself in the room, such as the tile that is selected.
 *
 * @template {object} [S=Record<string, any>]
 * @returns {[state: S, update: (patch: Partial<S>) => void]} a key of `undefined` takes it away
 */
export function useMyPresence() {
  const room = useRoom();
  const mine = ownState(room);
  const update = useCallback((/** @type {Partial<S>} */ patch) => {
    const next = Object.fromEntries(Object.entries({ ...mine.getSnapshot(), ...patch }).filter(([, value]) => value !== undefined));
    mine.set(next);
    room.presence.update({ state: next });
  }, [room, mine]);
  return [/** @type {S} */ (useSelected(mine)), update];
}

/**
 * Who else types in a field, and a function to call with each key that is pressed; three seconds later it has ended by itself.
 *
 * @param {string} field
 * @returns {[typists: readonly Member[], type: (isTyping?: boolean) => void]}
 */
export function useTyping(field) {
  const [state, update] = useMyPresence();
  const typists = useOthers((others) => others.filter((member) => member.sessions.some((each) => each.state.typing === field)));
  const timer = useRef(/** @type {any} */ (undefined));
  const isMine = useRef(false);
  isMine.current = state.typing === field;
  const type = useCallback((isTyping = true) => {
    clearTimeout(timer.current);
    if (isTyping !== isMine.current) update({ typing: isTyping ? field : undefined });
    isMine.current = isTyping;
    if (isTyping) timer.current = setTimeout(() => type(false), TYPING_MS);
  }, [field, update]);
  useEffect(() => () => {
    if (isMine.current) type(false);
  }, [type]);
  return [typists, type];
}

/**
 * Others' pointers, drawn without a render for each move.
 *
 * @returns `area`: the `ref` of the element that they move over; `others`: who points, another array only when somebody
 *   comes or goes; `pointer(session)`: the `ref` of the element that shows one, whose `left` and `top` follow in percent of
 *   its parent
 * @example
 * const { area, others, pointer } = useCursors();
 * h("div", { ref: area, style: { position: "relative" } }, others.map(({ session, user }) =>
 *   h("span", { key: session, ref: pointer(session), style: { position: "absolute" }, "aria-hidden": true }, user)));
 */
export function useCursors() {
  const { cursors } = useRoom();
  const others = useSelected(cursors, peopleOf, samePeople);
  const [place, refs] = useMemo(() => cursorView(cursors), [cursors]);
  useEffect(() => cursors.subscribe(place), [cursors, place]);
  return { others, ...refs };
}

/** Where one session points; renders with each of its moves, and with nobody else's. @param {string} session @returns {CursorPosition | null} */
export function useCursor(session) {
  return useSelected(useRoom().cursors, (all) => all.get(session) ?? null);
}

/** What people did, newest first. */
export function useActivity() {
  const { activity } = useRoom();
  const items = useSelected(activity);
  return useMemo(() => ({
    items,
    /** @param {string} action @param {string} [target] @param {unknown} [metadata] */
    track: (action, target, metadata) => quiet(activity.track(action, target, metadata)),
    /** @param {number} [limit] */
    more: (limit) => activity.more(limit),
  }), [activity, items]);
}

/** As it was asked for. @param {{ room?: string }} [options] */
export function useUserActivity({ room: name } = {}) {
  const room = useRoom(name);
  const { presence, activity } = room;
  const members = useSelected(presence, ({ members: all }) => all, shallowEqual);
  const activeUsers = useMemo(() => members.map(asked), [members]);
  const userActions = /** @type {UserAction[]} */ (useSelected(activity));
  return useMemo(() => ({
    activeUsers,
    userActions,
    /** @param {string} action @param {any} [metadata] */
    trackAction: (action, metadata) => void quiet(activity.track(action, undefined, metadata)),
    onUserJoined: (/** @type {(user: ActiveUser) => void} */ handler) => presence.on("join", (member) => handler(asked(member))),
    onUserLeft: (/** @type {(userId: string) => void} */ handler) => presence.on("leave", ({ user }) => handler(user)),
    onUserAction: (/** @type {(action: UserAction) => void} */ handler) => activity.on("action", handler),
  }), [presence, activity, activeUsers, userActions]);
}

/** Several components show parts of one state; the server knows only all of it. @type {WeakMap<object, Store<Readonly<Record<string, any>>>>} */
const ownStates = new WeakMap();

/** @param {object} room */
function ownState(room) {
  let own = ownStates.get(room);
  if (!own) ownStates.set(room, (own = new Store(NOTHING)));
  return own;
}

/** What is refused is taken back on screen and told by the client; whoever wants to know more awaits it. @template T @param {Promise<T>} promise */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

/** @param {Member} member @returns {ActiveUser} */
function asked(member) {
  return { ...member, userId: member.user };
}

/** @param {ReadonlyMap<string, CursorPosition>} cursors */
function peopleOf(cursors) {
  return [...cursors.values()].map(({ session, user }) => ({ session, user }));
}

/** @param {{ session: string }[]} a @param {{ session: string }[]} b */
function samePeople(a, b) {
  return a.length === b.length && a.every(({ session }, at) => session === b[at]?.session);
}

/** @param {import("../cursors.js").RoomCursors} cursors */
function cursorView(cursors) {
  /** @type {Map<string, HTMLElement>} */
  const elements = new Map();
  /** @type {Map<string, (element: HTMLElement | null) => void>} the same function each time, or React would call it anew */
  const refs = new Map();
  let detach = () => {};
  const place = () => {
    for (const [session, { style }] of elements) {
      const at = cursors.others.get(session);
      if (at) Object.assign(style, { left: `${at.x * 100}%`, top: `${at.y * 100}%` });
    }
  };
  const pointer = (/** @type {string} */ session) => {
    let ref = refs.get(session);
    if (!ref) {
      refs.set(session, (ref = (element) => {
        if (element) elements.set(session, element);
        else {
          elements.delete(session);
          refs.delete(session);
        }
        place();
      }));
    }
    return ref;
  };
  const area = (/** @type {HTMLElement | null} */ element) => {
    detach();
    detach = element ? cursors.attach(element) : () => {};
  };
  return /** @type {const} */ ([place, { area, pointer }]);
}
