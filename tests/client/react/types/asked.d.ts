/** What was asked of the hooks, word for word. */

import type { ActiveUser, ConnectionStatus, NotificationAction, NotificationPreferences, UserAction } from "copresence";

export interface UseRealtimeData<T> {
  data: T[];
  isConnected: boolean;
  lastUpdate: Date | null;
  enableRealtime: () => void;
  disableRealtime: () => void;
  isRealtimeEnabled: boolean;
  onDataCreated: (handler: (item: T) => void) => () => void;
  onDataUpdated: (handler: (item: T) => void) => () => void;
  onDataDeleted: (handler: (id: string) => void) => () => void;
  connectionStatus: ConnectionStatus;
  reconnect: () => Promise<void>;
}

export interface UseUserActivity {
  activeUsers: ActiveUser[];
  userActions: UserAction[];
  trackAction: (action: string, metadata?: any) => void;
  onUserJoined: (handler: (user: ActiveUser) => void) => () => void;
  onUserLeft: (handler: (userId: string) => void) => () => void;
  onUserAction: (handler: (action: UserAction) => void) => () => void;
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

export interface WebSocketClient {
  connect: () => Promise<void>;
  disconnect: () => void;
  reconnect: () => Promise<void>;
  isConnected: boolean;
  connectionState: import("copresence").ConnectionState;
  lastConnected: Date | null;
  subscribe: (event: string, handler: import("copresence").EventHandler) => () => void;
  unsubscribe: (event: string, handler: import("copresence").EventHandler) => void;
  emit: (event: string, data: any) => void;
  setReconnectOptions: (options: import("copresence").ReconnectOptions) => void;
  enableHeartbeat: (interval: number) => void;
}
