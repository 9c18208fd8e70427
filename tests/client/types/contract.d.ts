/**
 * The interfaces that dashboards are written against. The client satisfies them name for name; `contract.test.ts` holds it
 * to that. Types that are only named here are the client's own.
 */

import type {
  ActiveUser, ConnectionState, ConnectionStatus, EventHandler, NotificationAction, NotificationPreferences, ReconnectOptions, UserAction,
} from "copresence";

export interface WebSocketClient {
  connect: () => Promise<void>;
  disconnect: () => void;
  reconnect: () => Promise<void>;
  isConnected: boolean;
  connectionState: ConnectionState;
  lastConnected: Date | null;
  subscribe: (event: string, handler: EventHandler) => () => void;
  unsubscribe: (event: string, handler: EventHandler) => void;
  emit: (event: string, data: any) => void;
  setReconnectOptions: (options: ReconnectOptions) => void;
  enableHeartbeat: (interval: number) => void;
}

export interface WebSocketEvents {
  "collection:created": { collection: string; document: any };
  "collection:updated": { collection: string; id: string; document: any };
  "collection:deleted": { collection: string; id: string };
  "user:login": { userId: string; timestamp: Date };
  "user:logout": { userId: string; timestamp: Date };
  "user:activity": { userId: string; action: string; timestamp: Date };
  "system:maintenance": { message: string; scheduledTime: Date };
  "system:error": { error: string; severity: "low" | "medium" | "high" };
  "connection:established": { timestamp: Date };
  "connection:lost": { timestamp: Date; reason: string };
  "connection:restored": { timestamp: Date; downtime: number };
}

/** What a hook is to give; here for the parts that the client itself has. */
export interface RealtimeSwitch {
  isConnected: boolean;
  enableRealtime: () => void;
  disableRealtime: () => void;
  isRealtimeEnabled: boolean;
  reconnect: () => Promise<void>;
}

export interface CollectionPart<T> {
  data: readonly T[];
  lastUpdate: Date | null;
  onCreated: (handler: (item: T) => void) => () => void;
  onUpdated: (handler: (item: T) => void) => () => void;
  onDeleted: (handler: (id: string) => void) => () => void;
}

export interface NotificationSystem {
  showNotification: (notification: Notification) => string;
  hideNotification: (id: string) => void;
  clearAllNotifications: () => void;
  notifications: Notification[];
  unreadCount: number;
  preferences: NotificationPreferences;
  updatePreferences: (prefs: Partial<NotificationPreferences>) => void;
  history: Notification[];
  clearHistory: () => void;
}

export interface Notification {
  id: string;
  type: "info" | "success" | "warning" | "error";
  title: string;
  message: string;
  timestamp: Date;
  duration?: number;
  actions?: NotificationAction[];
  metadata?: any;
}

export type Named = [ActiveUser, UserAction, ConnectionStatus];
