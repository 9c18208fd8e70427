/**
 * A backend that needs no connection and no package: Node 20 or later.
 *
 *   COPRESENCE_KEY=… node backend.mjs
 */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const base = process.env.COPRESENCE_URL ?? "http://127.0.0.1:8080";
const key = process.env.COPRESENCE_KEY;

/**
 * Asks again for as long as that can help. Under its `Idempotency-Key` a call that was done without our hearing of it is not
 * done twice, so asking again is safe.
 */
async function post(path, body, attempts = 5) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": randomUUID() };
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) }).catch((error) => error);
    if (response.ok) return response.json();
    const isTemporary = response instanceof Error || response.status === 429 || response.status === 503;
    if (!isTemporary || attempt === attempts) throw response instanceof Error ? response : new Error(await response.text());
    const seconds = response instanceof Error ? attempt : Number(response.headers.get("retry-after") ?? attempt);
    await sleep(1_000 * seconds);
  }
}

// Everybody in the room hears it, and whoever is away when they are back.
const { offset } = await post("/v1/rooms/dashboard:sales/events", { event: "note", data: { text: "Order 4711 is paid" } });
console.log(`published at ${offset}`);

// A figure of the room's state, for whoever is there and whoever comes.
await post("/v1/rooms/dashboard:sales/state", { set: { target: 1_300_000 } });

// A toast for who is here, and in the inbox of all who follow the room.
const { recipients } = await post("/v1/notifications", {
  to: { room: "dashboard:sales" },
  notification: { level: "success", title: "Order 4711 is paid", message: "12,400 EUR", room: "dashboard:sales" },
});
console.log(`told ${recipients}`);
