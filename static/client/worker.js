/**
 * The connection of all tabs in a SharedWorker: where there are no Web Locks (plain http off localhost), or by wish,
 * `tabs: { worker: true }`. Each user and each version of the client has one of their own, by its name.
 *
 * It knows no token and no storage: the tabs tell it who they are when it connects, the one that is looked at first. Once
 * the last tab is gone it says goodbye itself.
 */

import { CLOSE_FOR_NOW, GOODBYE, TAKEN_UP } from "./codes.js";
import { Connection } from "./connection.js";
import { environment, newKey } from "./environment.js";
import { Hub } from "./hub.js";
import { hold, nowOf } from "./leadership.js";
import { Timers } from "./timers.js";

/**
 * @param {any} scope of the worker
 * @param {Partial<import("./environment.js").Environment>} [given] for tests
 */
export function serve(scope, given = {}) {
  const { name, navigator, BroadcastChannel } = scope;
  const env = environment({ BroadcastChannel, navigator, locks: navigator.locks ?? null, ...given });
  const id = newKey(env);
  const channel = new BroadcastChannel(name);
  /** @type {Hub | null} */
  let hub = null;
  /** @type {string[]} as they were told last */
  let tabs = [];
  let turn = 0;
  let refused = false;
  let told = (/** @type {any} */ _credentials) => {};

  // The browser ends a worker that no page holds; one whose page comes back begins anew.
  const end = () => {
    hub?.stop(GOODBYE);
    hub = null;
  };

  channel.onmessage = (/** @type {MessageEvent} */ { data }) => {
    if (data.do === "told") told(data.given[0]);
    else if (data.do) hub?.hear(data);
    // Another one has our session, and says that it leads.
    else if (data.is === "state" && hub?.isInDoubt) end();
  };

  scope.onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
    /** @type {MessagePort} */ (port).onmessage = (/** @type {MessageEvent} */ { data: options }) => {
      if (hub) return;
      const route = /** @type {import("./connection.js").LinkEvents} */ ({});
      const connection = new Connection({
        ...options, env,
        // Who does not answer in time is passed over by the next attempt.
        credentials: () => new Promise((resolve) => {
          told = resolve;
          channel.postMessage({ is: "ask", from: id, to: tabs[turn++ % tabs.length], refused });
          refused = false;
        }),
        onRefused: () => (refused = true),
      }, route);
      hub = new Hub(Object.assign(connection, { route }), env, { CLOSE_FOR_NOW, TAKEN_UP, hold, nowOf, Timers }, {
        id, name, term: env.date(),
        post(word) {
          if (word.is === "state") ({ tabs } = /** @type {any} */ (word));
          channel.postMessage(word);
        },
        onEmpty: end,
      });
      hub.begin();
    };
  };
}

if ("onconnect" in globalThis) serve(globalThis);
