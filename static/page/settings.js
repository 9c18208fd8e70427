/** What this page was asked to be: by its address, and by the server's operator. */

/**
 * @typedef {object} Settings
 * @property {string} room
 * @property {string} person a key; each has a storage of their own in this browser
 * @property {boolean} isFrame the right half of a split view
 * @property {boolean} robot whether Grace comes to the demo's own room
 * @property {boolean} chaos whether the network may be made worse here
 * @property {string | null} node
 */

/** @returns {Promise<Settings>} */
export async function readSettings() {
  const query = new URLSearchParams(location.search);
  // A node without it has a page all the same.
  const offered = (await fetch("/demo.json").then((answer) => answer.json()).catch(() => null)) ?? {};
  const person = query.get("person") ?? "";
  const room = query.get("room") || (typeof offered.room === "string" ? offered.room : "dashboard:sales");
  return {
    room,
    person: /^[a-z0-9]{1,16}$/i.test(person) ? person : "1",
    isFrame: query.has("frame"),
    robot: offered.robot === true && room === offered.room,
    chaos: offered.chaos === true,
    node: typeof offered.node === "string" ? offered.node : null,
  };
}

/**
 * The address of this page for somebody else.
 *
 * @param {Settings} settings
 * @param {string} person
 * @param {Record<string, string>} [more]
 */
export function addressFor({ room }, person, more = {}) {
  const query = new URLSearchParams({ person, ...more });
  if (new URLSearchParams(location.search).has("room")) query.set("room", room);
  return `/?${query}`;
}
