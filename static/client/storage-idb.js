/**
 * What waits to be sent, in IndexedDB: it survives a reload, a crash and the night. Where there is none, or it throws
 * (private windows, a full disk), the items live as long as the page.
 *
 * @typedef {object} Item
 * @property {number} seq where it stands among all that wait; given by the store
 * @property {string} key under which it is written once
 * @property {string} url of the API that it is for
 * @property {string | null} user whose it is; null when nobody was known yet
 * @property {string} tab who said it
 * @property {string} room
 * @property {Record<string, unknown>} message `publish`, `set` or `track`, without room, key and id
 * @property {number} [bytes] of the message as JSON
 * @property {number} at milliseconds since 1970
 *
 * @typedef {object} OutboxStore
 * @property {() => Promise<Item[]>} load ascending by `seq`
 * @property {(item: Omit<Item, "seq">) => Promise<number>} add returns its `seq`
 * @property {(seq: number) => Promise<void>} remove
 * @property {() => void} close
 * @property {boolean} isShared whether other tabs see it
 */

import { waitFor } from "./requests.js";

const DATABASE = "copresence";
const STORE = "outbox";
const OPEN_MS = 2_000;

/** @param {IDBFactory | null} indexedDB @param {import("./environment.js").Environment["after"]} after @returns {Promise<OutboxStore>} in memory, where the browser does not allow more */
export async function openStore(indexedDB, after) {
  try {
    // Some never answer, and then nothing that waits would ever be sent.
    return await waitFor((end) => {
      indexedStore(/** @type {IDBFactory} */ (indexedDB)).then((store) => end(null, store), end);
    }, { after, timeout: OPEN_MS, late: () => Error() });
  } catch {
    return memoryStore();
  }
}

/** @returns {OutboxStore} */
function memoryStore() {
  /** @type {Map<number, Item>} */
  const items = new Map();
  let last = 0;
  return {
    isShared: false,
    load: async () => [...items.values()],
    async add(item) {
      last += 1;
      items.set(last, { ...item, seq: last });
      return last;
    },
    remove: async (seq) => void items.delete(seq),
    close() {},
  };
}

/** @param {IDBFactory} indexedDB @returns {Promise<OutboxStore>} */
async function indexedStore(indexedDB) {
  const open = indexedDB.open(DATABASE, 1);
  open.onupgradeneeded = () => open.result.createObjectStore(STORE, { keyPath: "seq", autoIncrement: true });
  const database = await new Promise((/** @type {(database: IDBDatabase) => void} */ resolve, reject) => {
    open.onsuccess = () => resolve(open.result);
    // Blocked: another version of the client has it open.
    open.onerror = open.onblocked = reject;
  });
  // Another version of the client wants to change it: it must not wait for this tab.
  database.onversionchange = () => database.close();
  /** Resolves when it is on the disk. @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} ask @returns {Promise<any>} */
  const run = (mode, ask) => new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = ask(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = reject;
  });
  return {
    isShared: true,
    load: () => run("readonly", (store) => store.getAll()),
    add: (item) => run("readwrite", (store) => store.add(item)),
    remove: (seq) => run("readwrite", (store) => store.delete(seq)),
    close: () => database.close(),
  };
}
