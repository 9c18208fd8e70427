/** The hooks give what was asked for; `tsc` is the test. */

import type { Member } from "copresence";
import { useConnectionStatus, useInbox, useMyPresence, useNotifications, useOthers, useRealtimeCollections, useRealtimeData, useRoomState, useUserActivity, useWebSocket } from "copresence/react";

import type { NotificationSystem, UseRealtimeData, UseUserActivity, WebSocketClient } from "./asked.js";

interface Order {
  id: string;
  total: number;
}

export const asked = () => {
  useWebSocket() satisfies WebSocketClient;
  useRealtimeData<Order>("orders") satisfies UseRealtimeData<Order>;
  useUserActivity() satisfies UseUserActivity;
  useNotifications() satisfies NotificationSystem;
  useRealtimeCollections(["orders"]).orders?.data satisfies readonly Order[] | undefined;
  useConnectionStatus().queued satisfies number;
};

export const narrowed = () => {
  useConnectionStatus(({ state }) => state === "connected") satisfies boolean;
  useOthers((others) => others.length) satisfies number;
  useOthers() satisfies readonly Member[];
  const [revenue, setRevenue] = useRoomState<number>("revenue");
  revenue satisfies number;
  void setRevenue(3);
  const [, update] = useMyPresence<{ tile: string }>();
  update({ tile: "revenue" });
  // @ts-expect-error: no such part of it
  update({ tail: "revenue" });
  // @ts-expect-error: orders have no name
  useRealtimeData<Order>("orders").data[0]?.name;
  // @ts-expect-error: neither "unread" nor a function
  useInbox({ filter: "red" });
};
