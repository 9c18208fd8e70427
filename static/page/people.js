/** Who one is and who else is here: the own name, the page's title, comings and goings for those who listen. */

import { byId, setText } from "./dom.js";
import { editName } from "./name-editor.js";
import { ownName } from "./session.js";

/** A new name is said so often, at most, and so far apart, until it is seen. */
const RENEWALS_MAX = 5;
const RENEW_MS = 1_000;

/**
 * @param {import("/client/index.js").Client<any>} client
 * @param {import("/client/index.js").Room<any>} room
 * @param {import("./storage.js").Store} store
 * @param {import("./announcer.js").Announcer} announcer
 */
export function watchPeople(client, room, store, announcer) {
  const name = () => room.presence.self?.name ?? ownName(store);
  const show = () => {
    setText(byId("me-text"), name());
    document.title = `${name()} · Sales overview · Copresence`;
  };
  /**
   * The name goes along with the next connection; the session stays the same, so nobody sees us leave. Where another tab has
   * the connection it may read the name of before, for browsers bring from tab to tab what is stored in their own time.
   *
   * @param {number} times at most
   */
  const renew = (times) => {
    if (times === 0 || room.presence.self?.name === ownName(store)) return;
    if (client.isConnected) client.reconnect().catch(() => {});
    setTimeout(() => renew(times - 1), RENEW_MS);
  };
  editName(ownName.bind(null, store), (typed) => {
    store.set("name", typed);
    renew(RENEWALS_MAX);
    setText(byId("me-text"), typed);
  });
  // Another tab of ours may have changed it.
  addEventListener("storage", show);
  room.presence.subscribe(show);
  show();
  let isIn = false;
  room.on("joined", () => (isIn = true));
  room.on("presence", ({ joined, left }) => {
    const self = client.user?.id;
    if (!isIn) return;
    for (const member of joined) if (member.user !== self) announcer.person(member.name, "joined");
    for (const member of left) if (member.user !== self) announcer.person(member.name, "left");
  });
}
