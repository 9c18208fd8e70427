/** What was asked of the hooks, word for word. */

import type { ActiveUser, ConnectionStatus, UserAction } from "copresence";

// What the client itself is held to as well.
export type { Notification, NotificationSystem, WebSocketClient } from "../../types/contract.js";

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
