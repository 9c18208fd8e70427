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
 * @property {number} at milliseconds since 1970
 *
 * @typedef {object} OutboxStore
 * @property {() => Promise<Item[]>} load ascending by `seq`
 * @property {(item: Omit<Item, "seq">) => Promise<number>} add returns its `seq`
 * @property {(seq: number) => Promise<void>} remove
 * @property {() => void} close
 */

const DATABASE = "copresence";
const STORE = "outbox";

/** @returns {OutboxStore} */
export function memoryStore() {
  /** @type {Item[]} */
  let items = [];
  let last = 0;
  return {
    load: async () => [...items],
    async add(item) {
      last += 1;
      items.push({ ...item, seq: last });
      return last;
    },
    async remove(seq) {
      items = items.filter((item) => item.seq !== seq);
    },
    close() {},
  };
}

/**
 * @param {IDBFactory} indexedDB
 * @returns {Promise<OutboxStore>} rejects where the browser does not allow it
 */
export async function indexedStore(indexedDB) {
  const open = indexedDB.open(DATABASE, 1);
  open.onupgradeneeded = () => open.result.createObjectStore(STORE, { keyPath: "seq", autoIncrement: true });
  const database = await done(open);
  // Another version of the client wants to change it: it must not wait for this tab.
  database.onversionchange = () => database.close();
  /** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} ask @returns {Promise<T>} */
  const run = async (mode, ask) => {
    const transaction = database.transaction(STORE, mode);
    const result = await done(ask(transaction.objectStore(STORE)));
    if (mode === "readwrite") await committed(transaction);
    return result;
  };
  return {
    load: () => run("readonly", (store) => store.getAll()),
    add: async (item) => Number(await run("readwrite", (store) => store.add(item))),
    remove: async (seq) => void (await run("readwrite", (store) => store.delete(seq))),
    close: () => database.close(),
  };
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    if ("onblocked" in request) request.onblocked = () => reject(new Error("the database is held by another version"));
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}
