/** Checked by tsc and never run: the client is what was asked for, and wrong code does not compile. */

import { createClient, type EventHandler, type Notification, type WebSocketEvents } from "copresence";

import type * as asked from "./contract.js";

interface MyTypes {
  events: { note: { text: string } };
  state: { revenue: { value: number } };
  presence: { page: string };
  signals: { typing: boolean };
  actions: "filtered";
  topics: "kpi";
}

const client = createClient<MyTypes>({ room: "dashboard:sales" });

client satisfies asked.WebSocketClient;
client satisfies asked.RealtimeSwitch;
client.notifications satisfies asked.NotificationSystem;
client.room("r").collection<{ id: string }>("todos") satisfies asked.CollectionPart<{ id: string }>;
({}) as WebSocketEvents satisfies asked.WebSocketEvents;
({}) as Notification satisfies asked.Notification;

// What handlers get follows from the event's name.
client.subscribe("note", (data, meta) => {
  data.text satisfies string;
  meta.at satisfies Date;
  // @ts-expect-error: there is no such field
  data.txt;
});
client.subscribe("connection:restored", ({ downtime, recovered }) => {
  downtime satisfies number;
  recovered satisfies boolean;
  // @ts-expect-error: a number is no text
  downtime satisfies string;
});
client.room("r").on("state", ({ set }) => set satisfies Record<string, unknown>);
client.subscribe(() => {}) satisfies () => void;
const anything: EventHandler = () => {};
client.subscribe("approval:created", anything);
client.once("joined", ({ cursor }) => cursor.offset satisfies number);

client.room("r").publish("note", { text: "hello" }, { key: "k", signal: new AbortController().signal }).then(({ offset, duplicate }) => {
  offset satisfies number;
  duplicate satisfies boolean;
});
// @ts-expect-error: a room has a name
client.room(7);
// @ts-expect-error: a toast has a title
client.notifications.showNotification({ message: "no title" });
// @ts-expect-error: there is no such state
client.connectionState satisfies "online";
// @ts-expect-error: no such option
createClient({ rom: "r" });
