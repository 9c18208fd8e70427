/** Collections, activity and notifications in React, and what a server renders. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CopresenceProvider, RoomProvider, useActivity, useConnectionStatus, useInbox, useNotifications, useRealtimeCollections, useRealtimeData, useRoomState, useUserActivity } from "../../../static/client/react/index.js";
import { act, h, hydrateRoot, presence, renderToString, scene, StrictMode } from "./support.mjs";

const inRoom = (client, ...children) => h(CopresenceProvider, { client, room: "board" }, ...children);

test("a collection is fetched once, follows its room's events, and ends with its component", async () => {
  const { server, client, container, show, calm, end } = scene();
  let fetches = 0;
  let orders;
  const heard = [];
  const Orders = () => {
    orders = useRealtimeData("orders", {
      fetch: async () => {
        fetches += 1;
        return [{ id: "a", total: 1 }];
      },
    });
    return orders.isLoading ? "loading" : orders.data.map(({ id, total }) => `${id}${total}`).join();
  };
  await show(h(StrictMode, null, inRoom(client, h(Orders))));
  assert.equal(fetches, 1);
  assert.equal(container.textContent, "a1");
  assert.equal(orders.isConnected, true);
  assert.ok(orders.lastUpdate instanceof Date);
  const offs = [orders.onDataCreated(({ id }) => heard.push(`+${id}`)), orders.onDataUpdated(({ id }) => heard.push(`~${id}`)), orders.onDataDeleted((id) => heard.push(`-${id}`))];
  const tell = (event, data) => server.append("board", { type: "event", event: `collection:${event}`, data: { collection: "orders", ...data } });
  tell("created", { document: { id: "b", total: 2 } });
  tell("updated", { id: "a", document: { id: "a", total: 3 } });
  tell("created", { collection: "others", document: { id: "x" } });
  await calm();
  assert.equal(container.textContent, "a3,b2");
  tell("deleted", { id: "a" });
  await calm();
  assert.equal(container.textContent, "b2");
  for (const off of offs) off();
  tell("deleted", { id: "b" });
  await calm();
  assert.deepEqual(heard, ["+b", "~a", "-a"]);
  await act(async () => orders.refetch());
  assert.equal(fetches, 2);
  await show(inRoom(client, null));
  await calm(120_000);
  assert.equal(fetches, 2, "nobody polls for what nobody sees");
  await end();
});

test("with realtime switched off a collection is asked for again and again, and on again it is pushed", async () => {
  const { server, client, show, calm, end } = scene();
  let fetches = 0;
  let orders;
  const Orders = () => {
    orders = useRealtimeData("orders", { pollInterval: 1_000, fetch: async () => [{ id: String((fetches += 1)) }] });
    return null;
  };
  await show(inRoom(client, h(Orders)));
  await act(async () => orders.disableRealtime());
  await calm(3_500);
  assert.equal(orders.isRealtimeEnabled, false);
  assert.equal(orders.isConnected, false);
  assert.ok(fetches >= 3, `${fetches} fetches`);
  assert.equal(orders.data[0].id, String(fetches));
  await act(async () => orders.enableRealtime());
  await calm(500);
  assert.equal(orders.isRealtimeEnabled, true);
  await act(async () => orders.reconnect());
  await calm(2_000);
  assert.equal(orders.isConnected, true);
  assert.ok(server.connections.length >= 2);
  await end();
});

test("several collections of a room, with names written inline", async () => {
  const { server, client, container, show, calm, end } = scene();
  const fetched = [];
  const All = () => {
    const lists = useRealtimeCollections(["orders", "__proto__"], {
      initialData: { orders: [{ key: "a" }] }, getId: ({ key }) => key, pollInterval: 60_000,
      fetch: async (name) => {
        fetched.push(name);
        return [{ key: "p" }];
      },
    });
    return Object.entries(lists).map(([name, { data }]) => `${name}:${data.map(({ key }) => key)}`).join(" ");
  };
  await show(inRoom(client, h(All)));
  assert.deepEqual(fetched, ["__proto__"], "what came with the page is not asked for");
  server.append("board", { type: "event", event: "collection:created", data: { collection: "orders", document: { key: "b" } } });
  await calm();
  assert.equal(container.textContent, "orders:a,b __proto__:p");
  await end();
});

test("people and what they do, under the names that were asked for", async () => {
  const { server, client, container, show, calm, end } = scene();
  let activity;
  let feed;
  const People = () => {
    activity = useUserActivity({ room: "board" });
    return `${activity.activeUsers.map(({ userId }) => userId)} ${activity.userActions.map(({ action }) => action)}`;
  };
  const Feed = () => {
    feed = useActivity();
    return ` ${feed.items.length}`;
  };
  await show(inRoom(client, h(People), h(Feed)));
  const heard = [];
  activity.onUserJoined(({ userId }) => heard.push(`+${userId}`));
  activity.onUserLeft((userId) => heard.push(`-${userId}`));
  activity.onUserAction(({ userId, action }) => heard.push(`${userId} ${action}`));
  presence(server, { joined: [server.member("grace")] });
  activity.trackAction("export", { rows: 3 });
  await act(async () => void feed.track("look", "chart"));
  await calm(1_000);
  assert.equal(container.textContent, "ada,grace look,export 2");
  const { activeUsers } = activity;
  server.append("board", { type: "event", event: "note", data: {} });
  await calm();
  assert.equal(activity.activeUsers, activeUsers, "the same people are the same list");
  presence(server, { left: ["grace"], count: 1 });
  await calm();
  assert.deepEqual(heard, ["+grace", "ada export", "ada look", "-grace"]);
  assert.deepEqual(server.heardOf("track").map(({ action, target, metadata }) => [action, target, metadata]), [["export", undefined, { rows: 3 }], ["look", "chart", undefined]]);
  assert.equal(await feed.more(5), false);
  await end();
});

test("notifications: shown, hidden, kept in the history, and free to be taken apart", async () => {
  const { client, container, show, calm, end } = scene();
  let system;
  let inbox;
  const Toasts = () => {
    system = useNotifications();
    inbox = useInbox({ filter: "unread" });
    return `${system.notifications.map(({ title }) => title)} ${inbox.items.length} ${system.unreadCount} ${useInbox().items.length}`;
  };
  await show(inRoom(client, h(Toasts)));
  const { showNotification, hideNotification, clearAllNotifications } = system;
  let id;
  await act(async () => (id = showNotification({ id: "n", type: "info", title: "<b>Saved</b>", message: "", timestamp: new Date() })));
  assert.equal(container.textContent, "<b>Saved</b> 1 0 1");
  assert.equal(container.querySelector("b"), null);
  await act(async () => hideNotification(id));
  assert.equal(container.textContent, " 1 0 1");
  await act(async () => void inbox.markRead([id]));
  await calm();
  assert.equal(container.textContent, " 0 0 1");
  await act(async () => clearAllNotifications());
  await end();
});

test("a server renders what the page came with and opens nothing, and the browser goes on from there", async () => {
  const { server, client, calm, end } = scene();
  const Page = () => {
    const [revenue] = useRoomState("revenue");
    const state = useConnectionStatus(({ state }) => state);
    const { data } = useRealtimeData("orders", { initialData: [{ id: "a" }] });
    const { activeUsers } = useUserActivity();
    const { unreadCount } = useNotifications();
    return `${revenue} ${state} ${data.length} ${activeUsers.length} ${unreadCount}`;
  };
  const page = h(CopresenceProvider, { client }, h(RoomProvider, { name: "board", initialState: { revenue: 4 } }, h(Page)));
  const html = renderToString(page);
  assert.equal(html, "4 disconnected 1 0 0");
  await calm();
  assert.equal(server.connections.length, 0);
  assert.equal(client.connectionState, "disconnected");
  server.append("board", { type: "state", set: { revenue: 9 }, removed: [] });
  const sent = document.createElement("div");
  sent.innerHTML = html;
  const mismatches = [];
  let root;
  await act(async () => {
    root = hydrateRoot(sent, page, { onRecoverableError: (error) => mismatches.push(error) });
  });
  await calm();
  assert.deepEqual(mismatches, []);
  assert.equal(sent.textContent, "9 connected 1 1 0");
  await act(async () => root.unmount());
  await end();
});
