/** The shapes that the client takes and gives. Times are `Date`, lengths of time milliseconds, unless a name says more. */

import type { CopresenceError } from "./errors.js";

// --- What an application declares -------------------------------------------------------------------------------------

/** What an application's rooms carry. Declare it once: `declare module "copresence" { interface Register { types: MyTypes } }`. */
export interface Types {
  events: Record<string, any>;
  state: Record<string, any>;
  presence: object;
  signals: Record<string, any>;
  actions: string;
  topics: string;
}
// Empty on purpose: applications add `types` to it.
export interface Register {}
export type Registered = Register extends { types: infer T } ? T : Types;

/** Events that dashboards are written against. */
export interface WebSocketEvents {
  "collection:created": { collection: string; document: any };
  "collection:updated": { collection: string; id: string; document: any };
  "collection:deleted": { collection: string; id: string };
  "user:login": { userId: string; timestamp: Date };
  "user:logout": { userId: string; timestamp: Date };
  "user:activity": { userId: string; action: string; timestamp: Date; target?: string; metadata?: any };
  "system:maintenance": { message: string; scheduledTime: Date };
  "system:error": { error: string; severity: "low" | "medium" | "high" };
  "connection:established": { timestamp: Date };
  "connection:lost": { timestamp: Date; reason: string; code: number | null };
  "connection:restored": { timestamp: Date; downtime: number; recovered: boolean };
}

/** Everything the client itself tells, beside the application's events. */
export interface ClientEvents extends WebSocketEvents {
  "connection:state": { state: ConnectionState; previous: ConnectionState; reason: string | null; code: number | null };
  "connection:failed": { error: CopresenceError };
  connect: { timestamp: Date };
  disconnect: { timestamp: Date; reason: string; code: number | null };
  reconnect: { timestamp: Date; downtime: number; recovered: boolean };
  connect_error: { error: CopresenceError };
  transport: { name: string };
  latency: { ms: number };
  "token:expiring": { in: number };
  tabs: TabStatus;
  outbox: { size: number; oldest: Date | null };
  "notification:new": Notification;
  "notification:read": { ids: string[] | "all" };
  inbox: { unread: number; unseen: number };
  error: { error: CopresenceError };
  joined: Joined;
  reset: { reason: string };
  state: { set: Record<string, any>; removed: string[] };
  presence: { joined: Member[]; updated: Member[]; left: Member[] };
  activity: UserAction;
  signals: Signal[];
  dashboardDataUpdate: Record<string, any>;
  dashboardDataError: { message: string };
}

type EventsOf<T> = T extends { events: infer E } ? E : Record<string, any>;
/** What a handler of event `E` gets. */
export type EventData<T, E extends string> = E extends keyof ClientEvents
  ? ClientEvents[E]
  : E extends keyof EventsOf<T>
    ? EventsOf<T>[E]
    : any;
/** All facts about an entry, beside what it says. The client's own events have none. */
export interface EventMeta {
  room: string;
  offset: number;
  id: string;
  from: From | null;
  at: Date;
}
export type EventHandler<D = any> = (data: D, meta: EventMeta) => void;

// --- Connection -------------------------------------------------------------------------------------------------------

export type ConnectionState = "disconnected" | "connecting" | "connected" | "reconnecting" | "offline" | "failed";

export interface LinkStatus {
  readonly state: ConnectionState;
  readonly transport: string | null;
  /** ms of the last round trip. */
  readonly latency: number | null;
  /** Attempts since the connection was lost. */
  readonly attempt: number;
  readonly retryAt: Date | null;
  /** When this state began. */
  readonly since: Date;
  readonly lastConnected: Date | null;
  /** Why it is not connected, in words. */
  readonly reason: string | null;
  /** Of the close, where there was one. */
  readonly code: number | null;
  readonly error: CopresenceError | null;
  /** The server is switched off or full. */
  readonly paused: boolean;
  /** The node sent this client elsewhere, where it is connected already: nothing was lost. */
  readonly moving?: boolean;
}

export interface TabStatus {
  /** `alone`: this tab has a connection of its own. */
  readonly role: "leader" | "follower" | "alone";
  readonly count: number;
  /** Of all tabs people looked at this one last: where toasts are. */
  readonly front: boolean;
}

/** An immutable snapshot; another object whenever anything in it changed. */
export interface ConnectionStatus extends LinkStatus {
  /** On another transport than WebSocket. */
  readonly degraded: boolean;
  /** What waits in the outbox. */
  readonly queued: number;
  readonly tab: TabStatus;
  /** What the user chose. */
  readonly realtime: boolean;
}

export interface ReconnectOptions {
  enabled?: boolean;
  minDelay?: number;
  maxDelay?: number;
  factor?: number;
  /** 0 to 1: how much of a delay is chance. */
  jitter?: number;
  maxAttempts?: number;
  /** After so long without a loss the next one begins with short delays again. */
  stableAfter?: number;
}

export interface OutboxOptions {
  persist?: "indexeddb" | "memory";
  max?: number;
  maxBytes?: number;
  /** ms; by default what the server remembers keys for, less an hour. */
  maxAge?: number;
  /** Messages a second; by default half of what the server allows. */
  rate?: number;
}

export interface PresenceOptions {
  awayAfter?: number;
  awayWhenHidden?: number;
}

export interface TabOptions {
  /** ms without a word from the leader until it is asked. */
  watchdog?: number;
  /** ms that it then has to answer until it is replaced. */
  steal?: number;
  /** Has a SharedWorker lead instead of a tab; by default only where there are no Web Locks. */
  worker?: boolean;
}

export type TokenSource = string | ((why: { refused: boolean }) => string | null | Promise<string | null>);

export interface ClientOptions {
  /** The API's base, by default `/v1` of the page's origin. */
  url?: string;
  /** None is a guest. A function is called on connect, when it expires and when it was refused; null is signed out. */
  token?: TokenSource;
  /** A guest's name. */
  guest?: { name: string };
  /** The default room of `emit` and `subscribe`. */
  room?: string;
  /** Connect with the first use; by default in browsers. */
  autoConnect?: boolean;
  transports?: "websocket"[];
  connectTimeout?: number;
  reconnect?: ReconnectOptions;
  /** ms that a command waits for its reply. */
  timeout?: number;
  /** ms between pings of ours; 0 leaves it to the server. */
  heartbeat?: number;
  outbox?: OutboxOptions;
  tabs?: "auto" | "off" | TabOptions;
  presence?: PresenceOptions;
  /** ms between two signals of one name. */
  signals?: number;
  /** ms between two looks while realtime is off. */
  pollInterval?: number;
  /** A prefix for what is kept in the browser, such as to be two people in two frames. */
  storageKey?: string;
  logger?: (text: string, facts: Record<string, unknown>) => void;
  /** Parts of the outside world, for tests and for Node. */
  environment?: Partial<import("./environment.js").Environment>;
}

export interface User {
  id: string;
  name: string;
  avatar: string | null;
  color: string;
}

// --- Room -------------------------------------------------------------------------------------------------------------

export interface Cursor {
  epoch: string;
  offset: number;
  entry: string | null;
}
export interface From {
  user?: string;
  session?: string;
  api?: string;
}
export type RoomStatus = "idle" | "joining" | "joined" | "rejoining" | "refused";
export interface RoomOptions {
  /** false watches without being a member. */
  presence?: boolean;
  receive?: ("entries" | "presence" | "signals")[];
}
export interface Joined {
  recovered: boolean;
  /** Why not, when there was something to recover. */
  reason: string | null;
  cursor: Cursor;
  count: number;
}
export interface RoomSnapshot {
  readonly status: RoomStatus;
  readonly cursor: Cursor | null;
  readonly error: CopresenceError | null;
  /** The room's source, where it has one. */
  readonly source: { ok: boolean; message: string | null; age: number | null } | null;
  /** When anything last arrived, by push or by fetch. */
  readonly updated: Date | null;
}
export interface Published {
  offset: number;
  entry: string;
  /** The key had been written before; this is where. */
  duplicate: boolean;
}
export interface WriteOptions {
  /** The sender's own name for it, under which it is written once. */
  key?: string;
  /** ms in all; without it a queued write waits until it is answered. */
  timeout?: number;
  /** false: now or not at all. */
  queue?: boolean;
  signal?: AbortSignal;
}
export interface MemberSession {
  session: string;
  status: MemberStatus;
  state: Record<string, any>;
  device: string | null;
  idleSince: Date | null;
}
export type MemberStatus = "online" | "busy" | "away";
export interface Member {
  user: string;
  name: string;
  avatar: string | null;
  color: string;
  status: MemberStatus;
  since: Date | null;
  idleSince: Date | null;
  /** The newest state of the member's sessions. */
  state: Record<string, any>;
  sessions: MemberSession[];
}
export interface PresenceSnapshot {
  readonly self: Member | null;
  readonly others: readonly Member[];
  readonly members: readonly Member[];
  readonly count: number;
  /** Too many for a list; `count` is all there is. */
  readonly large: boolean;
  /** Not connected for a while: true when it was last heard. */
  readonly stale: boolean;
}
/** A member, under the names that were asked for. */
export interface ActiveUser extends Member {
  userId: string;
}
export interface UserAction {
  id: string;
  offset: number;
  userId: string;
  action: string;
  target: string | null;
  metadata: any;
  timestamp: Date;
}
export interface Signal {
  session: string;
  user: string;
  event: string;
  data: any;
}
export interface CursorPosition {
  session: string;
  user: string;
  x: number;
  y: number;
  anchor: string | null;
  /** ms since the one before. */
  interval: number;
  at: number;
}
export interface Page {
  entries: Entry[];
  cursor: Cursor;
  oldest: number;
  more: boolean;
}
export interface Entry {
  type: string;
  room: string;
  offset: number;
  id: string;
  from: From | null;
  at: Date;
  [field: string]: any;
}
export interface Collection<T> {
  /** The same array until it changed. */
  readonly data: readonly T[];
  readonly lastUpdate: Date | null;
  readonly isLoading: boolean;
  readonly error: Error | null;
  getSnapshot(): CollectionSnapshot<T>;
  subscribe(listener: () => void): () => void;
  refetch(): Promise<void>;
  onCreated(handler: (item: T) => void): () => void;
  onUpdated(handler: (item: T) => void): () => void;
  onDeleted(handler: (id: string) => void): () => void;
  dispose(): void;
}
export interface CollectionSnapshot<T> {
  readonly data: readonly T[];
  readonly lastUpdate: Date | null;
  readonly isLoading: boolean;
  readonly error: Error | null;
}
export interface CollectionOptions<T> {
  getId?: ((item: T) => string) | undefined;
  fetch?: (() => Promise<T[]>) | undefined;
  initialData?: T[] | undefined;
  /** ms between two looks while realtime is off or down. */
  pollInterval?: number | undefined;
}

// --- Notifications ----------------------------------------------------------------------------------------------------

export interface NotificationAction {
  id: string;
  label: string;
  url?: string;
  run?: () => void;
}
export interface Notification {
  id: string;
  type: "info" | "success" | "warning" | "error";
  title: string;
  message: string;
  timestamp: Date;
  /** ms that the toast stays; Infinity until it is dismissed. */
  duration?: number;
  actions?: NotificationAction[];
  metadata?: any;
  topic?: string | null;
  room?: string | null;
  critical?: boolean;
  quiet?: boolean;
  read?: boolean;
  archived?: boolean;
  acked?: boolean;
  /** Where it surfaced in the inbox; null for one of this page. */
  offset?: number | null;
}
export interface NotificationPreferences {
  toasts: boolean;
  /** Multiplies durations; null for toasts that stay. */
  durations: number | null;
  levels: Record<string, boolean>;
  topics: Record<string, "all" | "critical" | "mute">;
  rooms: Record<string, "all" | "critical" | "mute">;
  quiet_hours: { from: string; to: string; zone: string } | null;
  digest: boolean;
  follows: string[];
}
export type NewNotification = Omit<Notification, "id" | "timestamp" | "type" | "message"> & Partial<Notification>;

// --- Looking inside ---------------------------------------------------------------------------------------------------

export interface Inspection {
  status: ConnectionStatus;
  session: string | null;
  node: string | null;
  user: User | null;
  rooms: Record<string, { status: RoomStatus; cursor: Cursor | null; members: number; received: number; twice: number; gaps: number; resets: number }>;
  outbox: { size: number; bytes: number; oldest: Date | null };
  /** What was passed over, by what it was. */
  counters: Record<string, number>;
}
